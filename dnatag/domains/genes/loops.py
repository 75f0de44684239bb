"""Loops over the bases of a genome: those in C, or in NumPy where there is no native library."""

from __future__ import annotations

from dnatag.native.library import available

if available():
    from dnatag.native.binning import best_bins, move_contigs
    from dnatag.native.frames import coding_frames
    from dnatag.native.loops import (
        among_others,
        count_hexamers,
        drop_starts,
        genes_log_odds,
        hexamers,
        least_rotation,
        mark_repeats,
        open_bases,
        open_frames,
        properties,
    )
    from dnatag.native.signals import count_starts, features, rbs_log_odds
    from dnatag.native.starts import centre_starts, score_lengths
else:
    from dnatag.native.plain_loops import (
        among_others,
        best_bins,
        centre_starts,
        coding_frames,
        count_hexamers,
        count_starts,
        drop_starts,
        features,
        genes_log_odds,
        hexamers,
        least_rotation,
        mark_repeats,
        move_contigs,
        open_bases,
        open_frames,
        properties,
        rbs_log_odds,
        score_lengths,
    )

__all__ = [
    "among_others",
    "best_bins",
    "centre_starts",
    "coding_frames",
    "count_hexamers",
    "count_starts",
    "drop_starts",
    "features",
    "genes_log_odds",
    "hexamers",
    "least_rotation",
    "mark_repeats",
    "move_contigs",
    "open_bases",
    "open_frames",
    "properties",
    "rbs_log_odds",
    "score_lengths",
]
