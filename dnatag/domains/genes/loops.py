"""Loops over the bases of a genome: those in C, or in NumPy where there is no native library."""

from __future__ import annotations

from dnatag.native.library import available

if available():
    from dnatag.native.loops import (
        add_by_length,
        among_others,
        count_hexamers,
        drop_starts,
        genes_log_odds,
        hexamers,
        least_rotation,
        mark_repeats,
        open_bases,
        open_runs,
        properties,
    )
    from dnatag.native.signals import count_starts, features, rbs_log_odds
else:
    from dnatag.native.plain_loops import (
        add_by_length,
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
    "add_by_length",
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
