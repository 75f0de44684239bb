"""The gene finder: sequences in, genes out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dnatag.domains.genes.codes import GeneticCode
from dnatag.domains.genes.decoding.assemble import Prediction
from dnatag.domains.genes.decoding.decoder import Decoder
from dnatag.domains.genes.decoding.settings import DecodingSettings
from dnatag.domains.genes.model import load_gene_model
from dnatag.domains.genes.selftraining.parameters import GenomeParameters
from dnatag.domains.genes.selftraining.plan import Adapt, Planner
from dnatag.domains.genes.selftraining.settings import SelfTrainingSettings
from dnatag.domains.genes.structures.prokaryotic import prokaryotic
from dnatag.engine.devices import choose_device
from dnatag.errors import InputError
from dnatag.formats.sequences.fasta import check_dna
from dnatag.formats.sequences.records import CodingSequence, Contig
from dnatag.models.names import DEFAULT_MODEL, find_model
from dnatag.report import Observer

if TYPE_CHECKING:
    from Bio.SeqRecord import SeqRecord

__all__ = ["GeneFinder"]


class GeneFinder:
    """Finds the genes of bacteria, archaea, their phages and plasmids.

    An object may be used by several threads at once.

    Parameters
    ----------
    model : str or Path
        A model by name or file.
    genetic_code : int, str or GeneticCode
        NCBI's number, a custom code (see :meth:`GeneticCode.parse`), or "auto" to choose among
        11, 4, 25 and 15.
    adapt : {"auto", "file", "contig", "off"}
        What is taken as one genome, whose codon usage and start signals are estimated from its
        own sure genes: all contigs together, each long contig by itself, or nothing. "auto" is
        "file" if the contigs seem to be of one genome; else it is "contig", but short contigs that
        belong together are taken as one genome. What has too few genes is given the codon usage
        and start signals of similar genomes that the model was trained on.
    parameters : GenomeParameters or None
        Parameters that were estimated before (see :meth:`estimate_parameters`), for all contigs.
    closed_ends : bool
        Whether genes may not run off the ends of contigs and the edges of gaps.
    min_length : int
        Shortest gene, in bases.
    alternative_starts : bool
        Whether to give genes their alternative starts.
    masks : mapping of str to sequence of (int, int)
        Regions of contigs without genes, 0-based and half-open.
    device : str
        auto, cpu, cuda or mps.
    threads : int
        Number of CPU threads.
    decoding : DecodingSettings
        Sizes and weights of decoding.
    self_training : SelfTrainingSettings
        Sizes and thresholds of the estimation of parameters.

    Attributes
    ----------
    path : Path
        The model file.
    metadata : dict
        Its metadata.

    Raises
    ------
    InputError
        If there is no such model, genetic code or device.

    Examples
    --------
    >>> from dnatag import GeneFinder
    >>> finder = GeneFinder()
    >>> genes = finder.find(open("genome.txt").read())  # doctest: +SKIP
    """

    def __init__(
        self,
        model: str | Path = DEFAULT_MODEL,
        *,
        genetic_code: int | str | GeneticCode = "auto",
        adapt: Adapt = "auto",
        parameters: GenomeParameters | None = None,
        closed_ends: bool = False,
        min_length: int = 60,
        alternative_starts: bool = False,
        masks: Mapping[str, Sequence[tuple[int, int]]] | None = None,
        device: str = "auto",
        threads: int = 1,
        decoding: DecodingSettings | None = None,
        self_training: SelfTrainingSettings | None = None,
    ) -> None:
        self.path = find_model(model)
        weights, panel, self.metadata = load_gene_model(self.path)
        code: GeneticCode | None = None
        if isinstance(genetic_code, GeneticCode):
            code = genetic_code
        elif genetic_code != "auto":
            code = GeneticCode.parse(str(genetic_code))
        self._decoder = Decoder(
            weights,
            prokaryotic(),
            choose_device(device),
            threads,
            closed_ends=closed_ends,
            min_length=min_length,
            alternatives=alternative_starts,
            masks=masks,
            settings=decoding or DecodingSettings(),
        )
        self._planner = Planner(
            self._decoder,
            panel,
            adapt=adapt,
            code=code,
            parameters=parameters,
            settings=self_training or SelfTrainingSettings(),
        )

    @property
    def device(self) -> str:
        """Where the network runs: cpu, cuda or mps."""
        return self._decoder.device

    def find(self, sequence: str | bytes | SeqRecord | Contig) -> list[CodingSequence]:
        """Find the genes of one sequence.

        Parameters
        ----------
        sequence : str, bytes, Bio.Seq, Bio.SeqRecord or Contig
            IUPAC letters, either case.

        Returns
        -------
        list of CodingSequence
            Sorted by start; 0-based half-open coordinates.

        Raises
        ------
        InputError
            If it is not DNA.
        """
        return next(self.predict([as_contig(sequence)])).genes

    def predict(
        self,
        contigs: Iterable[Contig],
        *,
        per_base: bool = False,
        observer: Observer | None = None,
    ) -> Iterator[Prediction]:
        """Find the genes of contigs.

        Contigs are taken from the iterable as they are needed: at first all of a genome, or of a
        mixture of up to 200 Mbp, then group by group.

        Parameters
        ----------
        contigs : iterable of Contig
            With distinct ids, in any order.
        per_base : bool
            Whether to give labels and posteriors of each base.
        observer : Observer or None
            Receives notes, the progress in bases, and the parameters of the genome if all contigs
            are taken as one.

        Yields
        ------
        Prediction
            In the order of the contigs.

        Raises
        ------
        InputError
            If something else than contigs is given.
        """
        observer = Observer() if observer is None else observer
        for planned in self._planner.plan(_only_contigs(contigs), observer):
            if planned.cut is not None:
                yield from self._decoder.call(planned.cut, per_base=per_base, observer=observer)
            else:
                yield from self._decoder.predict(
                    planned.contigs, planned.parameters, per_base=per_base, observer=observer
                )

    def estimate_parameters(
        self, contigs: Sequence[Contig], *, observer: Observer | None = None
    ) -> GenomeParameters:
        """Estimate the parameters of a genome: genetic code, codon usage and start signals.

        Codon usage is estimated from open reading frames, start signals from the genes that the
        network finds, again and again until starts hardly change.

        Parameters
        ----------
        contigs : sequence of Contig
            The genome; their order does not matter.
        observer : Observer or None
            Receives notes.

        Returns
        -------
        GenomeParameters
            Those of similar genomes that the model was trained on, if there are too few genes.
        """
        return self._planner.estimate(contigs, Observer() if observer is None else observer)


def _only_contigs(contigs: Iterable[Any]) -> Iterator[Contig]:
    for contig in contigs:
        if not isinstance(contig, Contig):
            raise InputError(f"no contig: {type(contig).__name__}; find takes one sequence")
        yield contig


def as_contig(sequence: Any) -> Contig:
    """Turn a sequence of any supported type into a contig: str, bytes, Seq, SeqRecord, Contig.

    Raises
    ------
    InputError
        If it is no sequence, empty, or has letters that DNA does not have.
    """
    if isinstance(sequence, Contig):
        contig = sequence
    else:
        name, description, circular = "sequence", "", None
        if hasattr(sequence, "seq"):
            topology = sequence.annotations.get("topology")
            circular = {"circular": True, "linear": False}.get(topology)
            name, description, sequence = sequence.id, sequence.description, sequence.seq
        if isinstance(sequence, str):
            letters = bytes(sequence, "ascii", "replace")
        elif isinstance(sequence, (bytes, bytearray)) or hasattr(sequence, "reverse_complement"):
            letters = bytes(sequence)
        else:
            raise InputError(f"no sequence: {type(sequence).__name__}; give text or a record")
        contig = Contig(name, b"".join(letters.split()), description, circular)
    if not contig.sequence:
        raise InputError(f"{contig.id}: has no sequence")
    check_dna(contig.sequence, contig.id)
    return contig
