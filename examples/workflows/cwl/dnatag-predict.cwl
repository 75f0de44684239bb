cwlVersion: v1.2
class: CommandLineTool
label: Genes of bacteria, archaea and their viruses
doc: Finds the genes of a genome, or of the contigs of a metagenome, with dnatag.
baseCommand: [dnatag, predict]
hints:
  SoftwareRequirement:
    packages:
      dnatag:
        version: ["0.2.0"]
requirements:
  ResourceRequirement:
    coresMin: 1
    ramMin: 3000
  InlineJavascriptRequirement: {}
inputs:
  genome:
    type: File[]
    doc: FASTA files of one genome, plain or compressed.
    inputBinding: {position: 1}
  name:
    type: string
    default: genome
    doc: What the results are called.
  genetic_code:
    type: string?
    doc: NCBI's number of the genetic code; chosen by default.
    inputBinding: {prefix: --genetic-code}
  closed_ends:
    type: boolean
    default: false
    doc: Whether genes may not run off the ends of contigs.
arguments:
  - {prefix: --threads, valueFrom: $(runtime.cores)}
  - {prefix: --ends, valueFrom: "$(inputs.closed_ends ? 'closed' : 'open')"}
  - {prefix: -o, valueFrom: $(inputs.name).gff3}
  - {prefix: --faa, valueFrom: $(inputs.name).faa}
  - {prefix: --gbk, valueFrom: $(inputs.name).gbk}
  - {prefix: --report, valueFrom: $(inputs.name).html}
  - {prefix: --summary, valueFrom: $(inputs.name)_mqc.json}
outputs:
  genes:
    type: File
    outputBinding: {glob: $(inputs.name).gff3}
  proteins:
    type: File
    outputBinding: {glob: $(inputs.name).faa}
  genbank:
    type: File
    outputBinding: {glob: $(inputs.name).gbk}
  report:
    type: File
    outputBinding: {glob: $(inputs.name).html}
  summary:
    type: File
    outputBinding: {glob: $(inputs.name)_mqc.json}
