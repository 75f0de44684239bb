"""A genome from its files to all its results."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from dnatag.domains.genes.finder import GeneFinder
from dnatag.domains.genes.output import GeneWriter
from dnatag.domains.genes.reading import Topology, read_contigs
from dnatag.domains.genes.selftraining.parameters import GenomeParameters, save_parameters
from dnatag.domains.genes.statistics import GenomeStatistics
from dnatag.domains.genes.suitability import remark_eukaryote, watch_reads
from dnatag.domains.genes.summary import write_summary
from dnatag.errors import InputError
from dnatag.formats.io.writing import OutputSet
from dnatag.formats.sequences.fasta import genome_name
from dnatag.formats.sequences.records import Contig
from dnatag.report import Observer, Skipped

if TYPE_CHECKING:
    from dnatag.domains.genes.report import GenomeReport

__all__ = ["Masks", "Pipeline"]

#: What is written of a genome as a whole, not contig by contig.
OF_GENOMES = frozenset({"adaptation", "report", "summary"})


class Masks(NamedTuple):
    """Regions without genes.

    Attributes
    ----------
    path : str
        The file they are from.
    regions : mapping of str to sequence of (int, int)
        Those of each contig, 0-based and half-open.
    """

    path: str
    regions: Mapping[str, Sequence[tuple[int, int]]]


class Pipeline:
    """Predicts genomes and writes what is asked for.

    Parameters
    ----------
    finder : GeneFinder
        With the masks, if there are any.
    topology : {"auto", "circular", "linear"}
        Whether contigs are circles, see :func:`dnatag.domains.genes.reading.read_contigs`.
    masks : Masks or None
        What the finder masks, to check that the contigs are there.
    """

    def __init__(
        self, finder: GeneFinder, *, topology: Topology = "auto", masks: Masks | None = None
    ) -> None:
        self.finder = finder
        self._topology = topology
        self._masks = masks or Masks("", {})

    def run(
        self,
        files: Sequence[str],
        paths: Mapping[str, str],
        *,
        command: str,
        observer: Observer,
    ) -> GenomeStatistics:
        """Predict the genes of the contigs in some files.

        Parameters
        ----------
        files : sequence of str
            FASTA files, or "-".
        paths : mapping of str to str
            Files to write, by what is in them: the formats of
            :class:`dnatag.domains.genes.output.GeneWriter`; ``adaptation``, the parameters of the
            genome; ``report``, a page of HTML; and ``summary``, its numbers for MultiQC.
        command : str
            The command line, for headers.
        observer : Observer
            Receives notes and the progress in bases.

        Returns
        -------
        GenomeStatistics

        Raises
        ------
        InputError
            If a file cannot be read or written, or there are no parameters to save.
        DnatagError
            If the disk is full.
        """
        name, model = genome_name(files[0]), self.finder.path.stem
        report = _new_report(name, model, command) if "report" in paths else None
        listener = _Listener(observer, report)
        statistics = GenomeStatistics()
        with OutputSet() as outputs:
            handles = {
                kind: outputs.open(path) for kind, path in paths.items() if kind != "adaptation"
            }
            genes = {kind: handle for kind, handle in handles.items() if kind not in OF_GENOMES}
            writer = GeneWriter(genes, model=model, command=command)
            contigs = self._contigs(files, listener)
            per_base = "labels" in paths
            for found in self.finder.predict(contigs, per_base=per_base, observer=listener):
                writer.write(found)
                statistics.add(found)
                if report is not None:
                    report.add(found)
            if (remark := remark_eukaryote(statistics)) is not None:
                listener.note(remark)
            if "summary" in handles:
                write_summary(handles["summary"], name, statistics)
            if report is not None:
                report.write(handles["report"], statistics)
            if "adaptation" in paths:
                if listener.parameters is None:
                    raise InputError(
                        "nothing to save: no parameters were estimated for the contigs as one "
                        "genome; try --adapt file"
                    )
                save_parameters(Path(paths["adaptation"]), listener.parameters)
        return statistics

    def _contigs(self, files: Sequence[str], observer: Observer) -> Iterator[Contig]:
        unseen, skipped = set(self._masks.regions), Skipped()
        contigs = read_contigs(files, self._topology, skipped=skipped)
        for contig in watch_reads(contigs, observer.note):
            unseen.discard(contig.id)
            end = max((end for _, end in self._masks.regions.get(contig.id, ())), default=0)
            if end > len(contig):
                observer.note(
                    f"warning: {self._masks.path}: masks '{contig.id}' to base {end}, and it has "
                    f"{len(contig)}"
                )
            yield contig
        skipped.report(observer)
        if unseen and len(unseen) == len(self._masks.regions):
            raise InputError(
                f"{self._masks.path}: has none of the contigs of the input, but {_some(unseen)}; "
                "both must name the contigs alike"
            )
        if unseen:
            observer.note(f"warning: {self._masks.path}: the input has no {_some(unseen)}")


def _new_report(name: str, model: str, command: str) -> GenomeReport:
    """Begin a page; what makes pages is imported only where one is wanted."""
    from dnatag.domains.genes.report import GenomeReport

    return GenomeReport(name, model, command)


class _Listener(Observer):
    """Passes reports on, also to a page, and keeps the parameters of the genome."""

    def __init__(self, observer: Observer, page: GenomeReport | None) -> None:
        self._observer = observer
        self._page = page
        self.parameters: GenomeParameters | None = None

    def note(self, message: str) -> None:
        self._observer.note(message)
        if self._page is not None:
            self._page.note(message)

    def advance(self, amount: int) -> None:
        self._observer.advance(amount)

    def estimated(self, parameters: GenomeParameters) -> None:
        self.parameters = parameters


def _some(contigs: Collection[str]) -> str:
    """Name some contigs."""
    names = ", ".join(f"'{name}'" for name in sorted(contigs)[:3])
    more = f" and {len(contigs) - 3} more" if len(contigs) > 3 else ""
    return f"contig{'s' * (len(contigs) > 1)} {names}{more}"
