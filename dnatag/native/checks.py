"""Whether arguments of the CRF fit together, which the loops do not check."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from dnatag.native.tables import Tables

__all__ = ["Segment", "check_segments", "check_sequences"]


class Segment(NamedTuple):
    """An interval of a sequence of a batch and the states that a path may take in it.

    Attributes
    ----------
    sequence : int
        Index in the batch.
    start : int
        First position, 0-based.
    sets : numpy.ndarray
        Integers (n,); for each of the n positions a row of a table of sets of states.
    """

    sequence: int
    start: int
    sets: np.ndarray


def check_sequences(tables: Tables, sequences: Any) -> None:
    """Check the arguments of a batch.

    Parameters
    ----------
    tables : Tables
        The grammar.
    sequences : dnatag.native.crf.Sequences
        Of numpy arrays, or of torch tensors.

    Raises
    ------
    ValueError
        If a shape, a length or a property word does not fit.
    """
    shape = tuple(sequences.scores.shape)
    if len(shape) != 3:
        raise ValueError(f"scores has shape {shape}, expected (B, L, C)")
    n_batch, n_positions, _ = shape
    for name, expected in (
        ("scores", (n_batch, n_positions, tables.n_scores)),
        ("weights", (tables.n_weights,)),
        ("flags", (n_batch, n_positions)),
        ("lengths", (n_batch,)),
        ("allowed", (n_batch, n_positions, tables.n_states)),
        ("begin", (n_batch, tables.n_states)),
        ("end", (n_batch, tables.n_states)),
    ):
        values = getattr(sequences, name)
        if values is not None and values.shape != expected:
            raise ValueError(f"{name} has shape {tuple(values.shape)}, expected {expected}")
    if not n_batch or not n_positions:
        raise ValueError("a batch needs at least one sequence and one position")
    lengths = sequences.lengths
    if not 0 <= int(lengths.min()) <= int(lengths.max()) <= n_positions:
        raise ValueError(f"lengths must lie between 0 and {n_positions}")
    if (word := int(sequences.flags.max())) >= 1 << tables.flags:
        raise ValueError(f"property word {word} needs more than {tables.flags} flags")


def check_segments(tables: Tables, lengths: Any, segments: Sequence[Segment], sets: Any) -> None:
    """Check segments of a batch.

    Parameters
    ----------
    tables : Tables
        The grammar.
    lengths : array
        Integers (B,), the lengths of the sequences.
    segments : sequence of Segment
        What is checked.
    sets : array
        bool (P, S).

    Raises
    ------
    ValueError
        If a segment leaves its sequence, or refers to a set that is not there.
    """
    if sets.ndim != 2 or sets.shape[1] != tables.n_states:
        raise ValueError(f"sets has shape {tuple(sets.shape)}, expected (P, {tables.n_states})")
    sizes = lengths.tolist()
    for i, (sequence, start, members) in enumerate(segments):
        if not 0 <= sequence < len(sizes):
            raise ValueError(f"segment {i} names sequence {sequence} of {len(sizes)}")
        if not (len(members) and 0 <= start <= start + len(members) <= sizes[sequence]):
            raise ValueError(f"segment {i} is empty or leaves its sequence")
        if not 0 <= int(members.min()) <= int(members.max()) < len(sets):
            raise ValueError(f"segment {i} names a set of states that is not there")
