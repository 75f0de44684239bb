"""Evidence for starts against genes that are listed one by one."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dnatag.domains.genes.codes import STOP
from dnatag.domains.genes.loops import centre_starts


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(6, 60), st.floats(0, 0.5), st.floats(0.3, 2))
def test_genes_are_as_probable_as_before(
    seed: int, length: int, stops: float, scale: float
) -> None:
    rng = np.random.default_rng(seed)
    is_stop = rng.random(length) < stops
    is_stop[:2] = False
    # No start begins where a stop codon does.
    may_start = ~np.append(is_stop[2:], [True, True])
    places = rng.permutation(np.flatnonzero(may_start & (rng.random(length) < 0.5)))
    frame_scores = rng.normal(0, 1, (3, length)).astype(np.float32)
    start_scores, evidence = rng.normal(0, 2, (2, len(places))).astype(np.float32)
    centred = centre_starts(
        np.ascontiguousarray(frame_scores.T), (STOP * is_stop).astype(np.uint8),
        np.array([0, length]), np.array([0, 1, 2, 0, 1, 2]), places, np.zeros(len(places), bool),
        start_scores, evidence, scale,
    )  # fmt: skip
    genes: dict[tuple[int, int], list[int]] = {}
    before, after = np.zeros(len(places)), np.zeros(len(places))
    for i, place in enumerate(places.tolist()):
        last = next((at for at in range(place + 2, length, 3) if is_stop[at]), -1)
        genes.setdefault((place % 3, last), []).append(i)
        end = last + 1 or length - (length - place) % 3
        inside = sum(frame_scores[(at - place) % 3, at] for at in range(place, end))
        before[i] = scale * (inside + start_scores[i])
        after[i] = before[i] + scale * centred[i]
    for starts in genes.values():
        np.testing.assert_allclose(
            np.logaddexp.reduce(after[starts]), np.logaddexp.reduce(before[starts]), atol=1e-3
        )
        shift = centred[starts] - evidence[starts]
        np.testing.assert_allclose(shift, shift[0], atol=1e-4)


def test_two_starts_of_a_gene_and_the_only_one_of_another() -> None:
    flags = np.zeros(30, np.uint8)
    flags[[14, 27]] = STOP
    centred = centre_starts(
        np.zeros((30, 3), np.float32), flags, np.array([0, 30]), np.array([0, 1, 2, 0, 1, 2]),
        np.array([0, 6, 16]), np.zeros(3, bool), np.zeros(3), np.log([3, 1, 5]), 1.0,
    )  # fmt: skip
    np.testing.assert_allclose(np.exp(centred), [1.5, 0.5, 1], rtol=1e-6)
