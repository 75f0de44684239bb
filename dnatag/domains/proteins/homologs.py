"""Homologs of a protein: what evolution conserved shows more of its topology than one sequence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from dnatag.domains.proteins.residues import LETTERS
from dnatag.domains.proteins.topology import SEGMENTS
from dnatag.extras import require
from dnatag.formats.io.reading import Source
from dnatag.formats.sequences.residues import read_residues
from dnatag.formats.text.tokens import Span
from dnatag.tasks.tagging.domain import Homolog

if TYPE_CHECKING:
    from pyhmmer.easel import DigitalSequence
    from pyhmmer.plan7 import Alignment

__all__ = ["ProteinHomologs", "aligned_residues"]

#: Homologs of which as many, or better ones, are expected by chance in a search. How much of them
#: is aligned does not matter: each residue has witnesses of its own.
E_VALUE = 1e-3
#: Homologs that are read, from the nearest to the most distant.
MOST = 30
#: HMMER searches in no longer sequences.
LONGEST = 100_000


class ProteinHomologs:
    """Looks for homologs of membrane proteins; see :class:`dnatag.tasks.tagging.domain.Homologs`.

    The search is phmmer's (Eddy 2011, https://doi.org/10.1371/journal.pcbi.1002195), by pyhmmer
    (Larralde and Zeller 2023, https://doi.org/10.1093/bioinformatics/btad214).

    Parameters
    ----------
    path : str, path or binary file
        FASTA of proteins, see :func:`dnatag.formats.sequences.residues.read_residues`. All are
        held in memory.

    Raises
    ------
    InputError
        If the file cannot be read.
    DnatagError
        If pyhmmer is not installed.
    """

    def __init__(self, path: Source) -> None:
        easel = require("pyhmmer.easel", "homologs", "looking for homologs")
        self._alphabet = easel.Alphabet.amino()
        sequences = (_letters(protein.tokens) for protein in read_residues(path, labelled=False))
        # The same protein twice is no second witness.
        self._sequences = [s for s in dict.fromkeys(sequences) if len(s) <= LONGEST]
        self._targets = easel.DigitalSequenceBlock(
            self._alphabet, [self._digital(str(i), s) for i, s in enumerate(self._sequences)]
        )

    def find(self, tokens: Sequence[str], spans: Sequence[Span]) -> list[Homolog]:
        """See :class:`dnatag.tasks.tagging.domain.Homologs`; of what crosses no membrane, none."""
        from pyhmmer.plan7 import Pipeline

        query = _letters(tokens)
        if len(query) > LONGEST or not any(span.type in SEGMENTS for span in spans):
            return []
        pipeline = Pipeline(self._alphabet, E=E_VALUE)
        found = []
        for hit in pipeline.search_seq(self._digital("query", query), self._targets).reported:
            sequence = self._sequences[int(hit.name)]
            if sequence != query:
                found.append((-hit.score, sequence, hit.best_domain.alignment))
        found.sort(key=lambda row: row[:2])
        chosen = np.unique(np.linspace(0, len(found) - 1, MOST).round().astype(int))
        rows = [found[i] for i in chosen] if found else []
        return [Homolog(tuple(sequence), *aligned_residues(row)) for _, sequence, row in rows]

    def _digital(self, name: str, sequence: str) -> DigitalSequence:
        """Return a sequence as HMMER takes it."""
        from pyhmmer.easel import TextSequence

        return TextSequence(name=name, sequence=sequence).digitize(self._alphabet)


def _letters(tokens: Sequence[str]) -> str:
    """Return a letter for each residue, X for those that are none of the twenty."""
    known = set(LETTERS)
    return "".join(token if token in known else "X" for token in map(str.upper, tokens))


def aligned_residues(alignment: Alignment) -> tuple[np.ndarray, np.ndarray]:
    """Find residues that are aligned to each other.

    Parameters
    ----------
    alignment : pyhmmer.plan7.Alignment
        That of a query and a target.

    Returns
    -------
    query, target : numpy.ndarray
        Integers (n,), 0-based places in each.
    """
    query, target = (
        np.array([letter not in "-." for letter in row])
        for row in (alignment.hmm_sequence, alignment.target_sequence)
    )
    both = query & target
    return (
        (alignment.hmm_from - 2 + np.cumsum(query))[both],
        (alignment.target_from - 2 + np.cumsum(target))[both],
    )
