"""Which genetic code a genome has: a look at its reading frames, then at likelihoods."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dnatag.domains.genes.codes import STOP, STOP_REVERSE, GeneticCode
from dnatag.domains.genes.nucleotides import encode
from dnatag.formats.sequences.records import Contig

__all__ = [
    "CODE_LEAST",
    "CODE_MARGINS",
    "OTHER_CODES",
    "code_margin",
    "likeliest_code",
    "may_be_recoded",
]

#: Genetic codes with other stop codons than code 11; 25 has those of 4.
OTHER_CODES = (4, 15)
#: Nats per 1000 bases by which another code must be better than code 11, from so many bases on:
#: fewer than one in a thousand stretches of the genomes of code 11 that were trained on has as
#: much. On fewer bases no margin keeps both kinds of error rare (benchmarks/codes.py).
CODE_MARGINS = {10_000: 1.5, 5_000: 2.25, 3_000: 3.5}
CODE_LEAST = min(CODE_MARGINS)
#: Reading frames of so many bases without a stop are long, and another code comes into question
#: if it has such frames in so much more of the sequence. That is so of all stretches of code 4
#: that likelihood tells, but for 1 of 35 at 3 kb, and of less than half of those of code 11 (52
#: genomes that were trained on).
LONG_FRAME, MORE_OPEN = 450, 0.05


def may_be_recoded(stretches: Sequence[Contig]) -> bool:
    """Whether it is worth asking for the likelihood of another genetic code than 11.

    Under code 11 the genes of another code are in pieces, from one to the next of its stops that
    are none. So another code opens many long reading frames where it is the right one.

    Parameters
    ----------
    stretches : sequence of Contig
        Of a genome.

    Returns
    -------
    bool
        False if there are too few bases to tell.
    """
    size = sum(map(len, stretches))
    if size < CODE_LEAST:
        return False
    open_bases = np.zeros(1 + len(OTHER_CODES))
    for stretch in stretches:
        symbols = encode(stretch.sequence)
        for i, table in enumerate((11, *OTHER_CODES)):
            open_bases[i] += _open_bases(GeneticCode.ncbi(table).properties(symbols))
    return bool(open_bases[1:].max() - open_bases[0] >= MORE_OPEN * size)


def _open_bases(flags: np.ndarray) -> int:
    """Count the bases in long reading frames of either strand, from flags (L,)."""
    length = len(flags)
    depth = np.zeros(length + 1, np.int64)
    for bit in (STOP, STOP_REVERSE):
        stops = np.flatnonzero(flags & bit)
        for frame in range(3):
            edges = np.concatenate([[-1], stops[stops % 3 == frame], [length]])
            long = np.diff(edges) > LONG_FRAME
            depth[edges[:-1][long] + 1] += 1
            depth[edges[1:][long]] -= 1
    return int(np.count_nonzero(np.cumsum(depth[:-1])))


def likeliest_code(scores: np.ndarray, stretches: Sequence[Contig]) -> tuple[int, str]:
    """Choose the genetic code with the highest likelihood, if it is by enough.

    Parameters
    ----------
    scores : numpy.ndarray
        Floats (3,), log-likelihoods of stretches of a genome under code 11 and ``OTHER_CODES``.
    stretches : sequence of Contig
        These stretches.

    Returns
    -------
    table : int
        NCBI's number.
    remark : str
        Why.
    """
    size = sum(map(len, stretches))
    if size < CODE_LEAST:
        return 11, f"{size} bp are too few to tell"
    gains = dict(zip(OTHER_CODES, (scores[1:] - scores[0]) * 1000 / size, strict=True))
    best = max(gains, key=lambda table: gains[table])
    margin = code_margin(size)
    if gains[best] < margin:
        return 11, f"code {best} is next, {gains[best]:+.1f} nats/kb; it would need {margin:+.1f}"
    return best, f"{gains[best]:+.1f} nats/kb against code 11"


def code_margin(size: int) -> float:
    """Nats per 1000 bases by which a genetic code must be better than code 11 to be chosen.

    Parameters
    ----------
    size : int
        Bases to choose from, at least ``CODE_LEAST``.
    """
    return next(margin for least, margin in CODE_MARGINS.items() if size >= least)
