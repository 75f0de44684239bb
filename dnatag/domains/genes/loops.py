"""Loops over the bases of a genome: those in C, or in NumPy where there is no native library."""

from __future__ import annotations

from dnatag.native.library import available

if available():
    from dnatag.native.loops import (
        among_others,
        count_hexamers,
        count_starts,
        drop_starts,
        features,
        genes_log_odds,
        hexamers,
        least_rotation,
        mark_repeats,
        open_bases,
        open_runs,
        properties,
        rbs_log_odds,
    )
else:
    from dnatag.native.plain_loops import (
        among_others,
        count_hexamers,
        count_starts,
        drop_starts,
        features,
        genes_log_odds,
        hexamers,
        least_rotation,
        mark_repeats,
        open_bases,
        open_runs,
        properties,
        rbs_log_odds,
    )

__all__ = [
    "among_others",
    "count_hexamers",
    "count_starts",
    "drop_starts",
    "features",
    "genes_log_odds",
    "hexamers",
    "least_rotation",
    "mark_repeats",
    "open_bases",
    "open_runs",
    "properties",
    "rbs_log_odds",
]
