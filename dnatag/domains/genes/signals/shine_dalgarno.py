"""Ribosome binding sites by the names that Prodigal gives them (Hyatt et al. 2010)."""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["REACH", "name_site"]

#: Bases before a start codon that a site may lie in: 15 of a spacer and 6 of a motif.
REACH = 21
_NEAR, _USUAL, _FAR, _FARTHEST = (3, 4), (5, 10), (11, 12), (13, 15)
#: Six and five bases of AGGAGG with a wrong one among them.
_SIX_WRONG, _FIVE_WRONG = "AG[ACT]AGG|AGG[CGT]GG", "GG[CGT]GG|AG[ACT]AG"
#: Names, spacers and sites, the stronger ones first.
_SITES = (
    ("AGGAGG", _USUAL, "AGGAGG"),
    ("AGGAGG", _NEAR, "AGGAGG"),
    ("AGGAGG", _FAR, "AGGAGG"),
    ("GGAGG", _USUAL, "GGAGG"),
    ("GGAGG", _NEAR, "GGAGG"),
    ("AGGAG", _USUAL, "AGGAG"),
    ("AGGAG", _NEAR, "AGGAG"),
    ("AGGAG/GGAGG", _FAR, "AGGAG|GGAGG"),
    ("AGxAGG/AGGxGG", _USUAL, _SIX_WRONG),
    ("GGAG/GAGG", _USUAL, "GGAG|GAGG"),
    ("AGxAGG/AGGxGG", _NEAR, _SIX_WRONG),
    ("AGxAGG/AGGxGG", _FAR, _SIX_WRONG),
    ("AGGA", _USUAL, "AGGA"),
    ("GGxGG", _USUAL, "GG[CGT]GG"),
    ("GGA/GAG/AGG", _USUAL, "GGA|GAG|AGG"),
    ("AGGA/GGAG/GAGG", _FAR, "AGGA|GGAG|GAGG"),
    ("AGGA/GGAG/GAGG", _NEAR, "AGGA|GGAG|GAGG"),
    ("AGGAG(G)/GGAGG", _FARTHEST, "AGGAG|GGAGG"),
    ("AGxAG", _USUAL, "AG[ACT]AG"),
    ("GGxGG", _NEAR, "GG[CGT]GG"),
    ("GGxGG", _FAR, "GG[CGT]GG"),
    ("GGA/GAG/AGG", _FAR, "GGA|GAG|AGG"),
    ("AGxAG", _NEAR, "AG[ACT]AG"),
    ("AGxAG", _FAR, "AG[ACT]AG"),
    ("4Base/6BMM", _FARTHEST, f"AGGA|GGAG|GAGG|{_SIX_WRONG}"),
    ("3Base/5BMM", _FARTHEST, f"GGA|GAG|AGG|{_FIVE_WRONG}"),
    ("GGA/GAG/AGG", _NEAR, "GGA|GAG|AGG"),
)


def _compiled() -> Iterator[tuple[str, str, re.Pattern[str]]]:
    for name, (low, high), site in _SITES:
        pattern = re.compile(f"(?={'|'.join(f'{s}.{{{low},{high}}}$' for s in site.split('|'))})")
        yield name, f"{low}-{high}bp", pattern


_PATTERNS = tuple(_compiled())


def name_site(before: str) -> tuple[str, str]:
    """Name the ribosome binding site before a start codon, and its spacer.

    Parameters
    ----------
    before : str
        The bases before it, in capitals; the last 21 count.

    Returns
    -------
    motif, spacer : str
        As ``AGGAG`` and ``5-10bp``; both ``None`` if there is none.

    Examples
    --------
    >>> name_site("TTTTTAGGAGGTTTTTTT")
    ('AGGAGG', '5-10bp')
    >>> name_site("TTTTTTTTTTTTTTT")
    ('None', 'None')
    """
    before = before[-REACH:]
    for name, spacer, pattern in _PATTERNS:
        if pattern.search(before):
            return name, spacer
    return "None", "None"
