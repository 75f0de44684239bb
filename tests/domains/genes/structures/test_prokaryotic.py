"""The gene grammar against all sets of genes, enumerated from the definition of a gene."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnatag.domains.genes.codes import GeneticCode
from dnatag.domains.genes.nucleotides import encode, reverse_complement
from dnatag.domains.genes.structures.labels import genes_of_path
from dnatag.domains.genes.structures.prokaryotic import prokaryotic
from dnatag.engine.crf.chain import Chain
from dnatag.formats.sequences.records import CodingSequence

STRUCTURE = prokaryotic()
GRAMMAR, FRAMES = STRUCTURE.grammar, STRUCTURE.frames
CODE = GeneticCode.ncbi(11)
Path = tuple[str, ...]

# Random sequences have few genes; these are made of what begins and ends them.
WORDS = ["ATG", "GTG", "CAT", "CAC", "TAA", "TGA", "TTA", "TCA", "A", "C", "G", "T", "N", "TAR"]
sequences = st.lists(st.sampled_from(WORDS), max_size=6).map("".join).map(lambda s: s[:10])


def legal_paths(sequence: str) -> dict[Path, list]:
    """Return the transitions of every path that the grammar allows."""
    flags = CODE.properties(encode(sequence.encode())).tolist()
    paths: dict[Path, list] = {(s,): [] for s in GRAMMAR.states}
    for before, here in pairwise(flags):
        paths = {
            (*path, step.target): [*steps, step]
            for path, steps in paths.items()
            for step in GRAMMAR.transitions
            if step.source == path[-1] and step.requirement.allows(before, here)
        }
    return paths if sequence else {(): []}


def legal_sets(genes: list[CodingSequence]) -> Iterator[list[CodingSequence]]:
    """All sets of genes with at most two open at a base, and one for each stop or open end."""
    bases = [sum(1 << t for t in range(g.start, g.end)) for g in genes]
    frames = [(g.strand, (g.five_prime + g.strand * g.phase) % 3) for g in genes]

    def extend(chosen: list[int], once: int, twice: int, i: int) -> Iterator[list[CodingSequence]]:
        if i == len(genes):
            yield [genes[c] for c in chosen]
            return
        yield from extend(chosen, once, twice, i + 1)
        # Genes of one frame overlap only if they share their stop.
        clash = any(frames[c] == frames[i] and bases[c] & bases[i] for c in chosen)
        if not clash and not twice & bases[i]:
            yield from extend([*chosen, i], once | bases[i], twice | once & bases[i], i + 1)

    return extend([], 0, 0, 0)


@settings(max_examples=40, deadline=None)
@given(sequences)
def test_legal_paths_are_the_legal_sets_of_genes(naive, sequence: str) -> None:
    paths = legal_paths(sequence)
    sets = {
        naive.path(genes, len(sequence)): genes for genes in legal_sets(naive.genes(sequence, CODE))
    }
    assert set(paths) == set(sets)
    flags = CODE.properties(encode(sequence.encode()))
    for path, genes in sets.items():
        states = np.array([GRAMMAR.states.index(s) for s in path], dtype=np.int16)
        found = genes_of_path(states, flags, STRUCTURE)
        assert set(found) == set(genes)
        assert len(found) == len(genes)
        assert found == sorted(found, key=lambda g: (g.start, g.end))


def test_two_sets_never_share_a_path(naive) -> None:
    """Neither do genes of one frame, one directly behind the other."""
    for sequence in ("ATGTAAATGTAA", "TTACATTTACAT", "ATGTAACATTAGTG"):
        genes = naive.genes(sequence, CODE)
        paths = [naive.path(s, len(sequence)) for s in legal_sets(genes)]
        assert len(paths) == len(set(paths)) == len(legal_paths(sequence)) > 22


def test_all_paths_by_the_crf(naive) -> None:
    """With all scores zero the partition function counts the sets of genes."""
    for sequence in ("ATGAAATGAT", "TTACATGTAAG", "NATGNNTAGTT"):
        count = sum(1 for _ in legal_sets(naive.genes(sequence, CODE)))
        symbols = encode(sequence.encode())
        chain = Chain[np.ndarray](
            GRAMMAR,
            np.zeros((1, len(symbols), len(GRAMMAR.scores))),
            np.zeros(len(GRAMMAR.weights)),
            CODE.properties(symbols)[None],
            np.array([len(symbols)]),
        )
        assert chain.log_partition().item() == pytest.approx(np.log(count), abs=1e-12)


def mirror_state(state: str) -> str:
    turned = {f: ("-" if f[0] == "+" else "+") + f[1] for f in FRAMES}
    return "none" if state == "none" else "&".join(sorted(turned[f] for f in state.split("&")))


@settings(max_examples=30, deadline=None)
@given(sequences)
def test_paths_of_the_other_strand_carry_the_same_weights(sequence: str) -> None:
    other = reverse_complement(encode(sequence.encode()))
    letters = {1: "A", 2: "C", 4: "G", 8: "T", 15: "N", 5: "R", 10: "Y"}
    here, there = legal_paths(sequence), legal_paths("".join(letters[s] for s in other))
    assert {tuple(map(mirror_state, reversed(path))) for path in here} == set(there)
    for path, steps in here.items():
        turned = there[tuple(map(mirror_state, reversed(path)))]
        assert Counter(s.weight for s in steps) == Counter(s.weight for s in turned)
        # Events are read at the same bases: entering from one end is leaving from the other.
        for step, back in zip(steps, reversed(turned), strict=True):
            assert (step.enter, step.leave) == (opposite(back.leave), opposite(back.enter))


def opposite(channel: str | None) -> str | None:
    return None if channel is None else ("-" if channel[0] == "+" else "+") + channel[1:]


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_scores_of_the_other_strand(seed: int) -> None:
    rng = np.random.default_rng(seed)
    symbols = rng.choice(
        np.array([1, 2, 4, 8, 15], dtype=np.uint8), 300, p=[0.3, 0.2, 0.2, 0.28, 0.02]
    )
    scores = rng.normal(0, 2, (300, 8))
    transition_weights = rng.normal(0, 1, len(GRAMMAR.weights))
    turned = np.concatenate([scores[::-1, 4:], scores[::-1, :4]], 1)
    here, there = (
        Chain[np.ndarray](
            GRAMMAR, c[None], transition_weights, CODE.properties(s)[None], np.array([300])
        ).log_partition()
        for s, c in ((symbols, scores), (reverse_complement(symbols), turned))
    )
    assert np.isfinite(here).all()
    np.testing.assert_allclose(there, here, rtol=1e-12, atol=1e-9)


def test_tables() -> None:
    assert len(GRAMMAR.states) == 22
    assert GRAMMAR.flags == 4
    first, second = STRUCTURE.start_scores
    assert GRAMMAR.scores == (*FRAMES[:3], first, *FRAMES[3:], second)
    for i, state in enumerate(GRAMMAR.states):
        frames = {
            f for f, is_open in zip(FRAMES, STRUCTURE.frame_of_state[i], strict=True) if is_open
        }
        assert frames == ({*state.split("&")} - {"none"})
        assert set(GRAMMAR.emission[state]) == frames
        assert STRUCTURE.state_of_frames[sum(1 << FRAMES.index(f) for f in frames)] == i
    assert (STRUCTURE.state_of_frames >= 0).sum() == 22


def test_weights_keep_their_order() -> None:
    """Models on file store the weights by this order."""
    assert GRAMMAR.weights == (
        "start",
        "stop",
        "start & stop",
        "start in same",
        "stop in opposite",
        "stop & stop",
        "start & stop & stop",
        "start in opposite",
        "start & start",
        "start & start & stop",
        "stop in same",
        "start in same & stop in same",
        "stop in opposite & stop in same",
        "start in opposite & start in same",
        "start in opposite & stop in opposite",
        "start & start & stop & stop",
    )
