"""Structures of genes: a grammar, and which reading frames are open in each of its states."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from dnatag.engine.crf.grammar import Grammar

__all__ = ["GeneStructure"]

#: The widest integers have as many bits.
MAX_STATES = 64


@dataclass(frozen=True, eq=False)
class GeneStructure:
    """Which genes are legal, and what the states of their grammar stand for.

    Parameters
    ----------
    grammar : Grammar
        The legal paths through S states; state 0 is that between genes. Its flags are those of
        :meth:`dnatag.domains.genes.codes.GeneticCode.properties`.
    frames : tuple of str
        Names of the F reading frames, strand and codon position; the first half are those of the
        forward strand. Each is a score of the grammar.
    frames_of_states : tuple of frozenset of str
        The frames that are open in each state; no two states have the same.
    start_scores : tuple of str
        The scores of the grammar for starts on the forward and on the reverse strand.

    Raises
    ------
    ValueError
        If there are more than 64 states.
    """

    grammar: Grammar
    frames: tuple[str, ...]
    frames_of_states: tuple[frozenset[str], ...]
    start_scores: tuple[str, str]

    def __post_init__(self) -> None:
        """Check the number of states."""
        if len(self.grammar.states) > MAX_STATES:
            raise ValueError(f"a gene structure has at most {MAX_STATES} states")

    @cached_property
    def frame_of_state(self) -> np.ndarray:
        """Whether each frame is open in each state: bool (S, F)."""
        return np.array([[f in s for f in self.frames] for s in self.frames_of_states])

    @cached_property
    def mask_of_state(self) -> np.ndarray:
        """The open frames of each state as the bits of a number: int64 (S,)."""
        masks: np.ndarray = self.frame_of_state @ (1 << np.arange(len(self.frames)))
        return masks

    @cached_property
    def state_of_frames(self) -> np.ndarray:
        """The state of each set of open frames, -1 where there is none: int8 (2**F,)."""
        states = np.full(1 << len(self.frames), -1, dtype=np.int8)
        states[self.mask_of_state] = np.arange(len(self.mask_of_state))
        return states

    @cached_property
    def set_type(self) -> np.dtype:
        """The smallest unsigned integers that have a bit for each state."""
        return np.min_scalar_type((1 << len(self.grammar.states)) - 1)

    @cached_property
    def any_state(self) -> np.unsignedinteger:
        """The set of all states, of :attr:`set_type`."""
        every: np.unsignedinteger = self.set_type.type((1 << len(self.grammar.states)) - 1)
        return every

    def set_of(self, states: np.ndarray) -> np.ndarray:
        """Return the sets that hold one state each.

        Parameters
        ----------
        states : numpy.ndarray
            Integers, of any shape.

        Returns
        -------
        numpy.ndarray
            Of :attr:`set_type` and the same shape.
        """
        sets: np.ndarray = self.set_type.type(1) << states.astype(self.set_type)
        return sets

    def members(self, sets: np.ndarray) -> np.ndarray:
        """Return which states are in sets of states.

        Parameters
        ----------
        sets : numpy.ndarray
            Of :attr:`set_type`, of any shape.

        Returns
        -------
        numpy.ndarray
            bool (..., S).
        """
        states = np.arange(len(self.grammar.states), dtype=self.set_type)
        held: np.ndarray = (sets[..., None] >> states & self.set_type.type(1)).astype(bool)
        return held

    @cached_property
    def with_and_without(self) -> np.ndarray:
        """The states that differ from a state in nothing but whether a frame is open.

        Sets of states (F, S), of :attr:`set_type`.
        """
        state = self.state_of_frames
        return np.array(
            [
                [
                    sum(1 << s for s in {int(state[m & ~f]), int(state[m | f])} - {-1})
                    for m in map(int, self.mask_of_state)
                ]
                for f in (1 << i for i in range(len(self.frames)))
            ],
            dtype=self.set_type,
        )
