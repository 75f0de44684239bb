process DNATAG_PREDICT {
    tag "$meta.id"
    label 'process_single'

    conda "${moduleDir}/environment.yml"
    container "dnatag:0.2.0"

    input:
    tuple val(meta), path(fasta)

    output:
    tuple val(meta), path("${prefix}.gff3")    , emit: gff
    tuple val(meta), path("${prefix}.faa.gz")  , emit: faa
    tuple val(meta), path("${prefix}.ffn.gz")  , emit: ffn
    tuple val(meta), path("${prefix}.html")    , emit: report
    tuple val(meta), path("${prefix}_mqc.json"), emit: mqc
    tuple val("${task.process}"), val('dnatag'), eval("dnatag --version | sed 's/dnatag //'"), topic: versions, emit: versions_dnatag

    when:
    task.ext.when == null || task.ext.when

    script:
    def args = task.ext.args ?: ''
    prefix   = task.ext.prefix ?: "${meta.id}"
    """
    dnatag predict \\
        $args \\
        --threads $task.cpus \\
        -o ${prefix}.gff3 \\
        --faa ${prefix}.faa.gz \\
        --ffn ${prefix}.ffn.gz \\
        --report ${prefix}.html \\
        --summary ${prefix}_mqc.json \\
        $fasta
    """

    stub:
    prefix = task.ext.prefix ?: "${meta.id}"
    """
    touch ${prefix}.gff3 ${prefix}.html ${prefix}_mqc.json
    echo "" | gzip > ${prefix}.faa.gz
    echo "" | gzip > ${prefix}.ffn.gz
    """
}
