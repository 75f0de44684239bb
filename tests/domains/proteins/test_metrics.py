"""Measures of topologies, on proteins whose scores are plain to see."""

from __future__ import annotations

import pytest

from dnatag.domains.proteins.metrics import TopologyScores, evaluate_topology

ALPHA = "1" * 10 + "H" * 20 + "2" * 10 + "H" * 20 + "1" * 10
BETA = "1" * 4 + "B" * 9 + "2" * 6 + "B" * 9 + "1" * 4


def score(*pairs: tuple[str, str]) -> TopologyScores:
    return evaluate_topology([a for a, _ in pairs], [b for _, b in pairs])


def shifted(labels: str, by: int) -> str:
    return labels[0] * by + labels[:-by]


def test_itself() -> None:
    scores = score((ALPHA, ALPHA), (BETA, BETA), ("1" * 30, "1" * 30))
    assert dict(scores.proteins) == {"alpha": 1, "beta": 1, "globular": 1}
    assert set(scores.summary().values()) == {1.0, 0.0}
    assert scores.summary()["globular false positives"] == 0


@pytest.mark.parametrize(("by", "right"), [(5, 2), (6, 0)])
def test_tolerance(by: int, right: int) -> None:
    """Both ends within 5 residues; the topology is right as long as segments overlap."""
    scores = score((ALPHA, shifted(ALPHA, by)))
    assert scores.segments["alpha"].right == right
    assert scores.q_ok["alpha"] == (right == 2)
    assert scores.topology_right["alpha"] == 1
    assert score((ALPHA, shifted(ALPHA, 16))).topology_right["alpha"] == 0


def test_sides() -> None:
    turned = ALPHA.translate(str.maketrans("12", "21"))
    scores = score((ALPHA, turned))
    assert scores.q_ok["alpha"] == 1
    assert scores.topology_right["alpha"] == 0
    # Where the sides are unknown, they are not wrong.
    unknown = ALPHA.translate(str.maketrans("12", "UU"))
    assert score((unknown, turned)).topology_right["alpha"] == 1


def test_missed_and_extra_segments() -> None:
    missed = ALPHA[:40] + "2" * 30
    scores = score((ALPHA, missed))
    assert (scores.segments["alpha"].recall, scores.segments["alpha"].precision) == (0.5, 1.0)
    scores = score((missed, ALPHA))
    assert (scores.segments["alpha"].recall, scores.segments["alpha"].precision) == (1.0, 0.5)
    # What lies where nothing is known does not count.
    scores = score((ALPHA[:35] + "U" * 35, ALPHA))
    assert (scores.segments["alpha"].true, scores.segments["alpha"].predicted) == (1, 1)


def test_kinds() -> None:
    scores = score((ALPHA, "1" * 70), ("1" * 70, ALPHA), (BETA, ALPHA[:32]))
    assert dict(scores.found) == {"alpha": 0, "globular": 1, "beta": 0}


def test_residues() -> None:
    scores = score(("11UU2h", "1222H" + "H"))
    assert (scores.residues, scores.residues_right) == (4, 2)
