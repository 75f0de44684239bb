"""Labels of residues: what is open, what is most probable, and which labels are a topology."""

from __future__ import annotations

import json

import numpy as np
import pytest

from dnatag.domains.proteins.labels import ResidueLabels, labelling_of_residues, load_labelling
from dnatag.domains.proteins.residue_metrics import evaluate_residues
from dnatag.domains.proteins.topology import Topology
from dnatag.engine.crf.chain import Chain
from dnatag.errors import InputError
from dnatag.formats.text.tokens import Span
from dnatag.tasks.tagging.posterior import Posterior

LABELS = ResidueLabels("CEH", "x")


def test_what_is_unknown_is_open() -> None:
    allowed = LABELS.allowed(tuple("HxC"), None)
    assert allowed.tolist() == [[False, False, True], [True] * 3, [True, False, False]]


def test_tags_and_spans_are_inverse() -> None:
    spans = LABELS.spans(np.array([0, 0, 2, 1, 1]))
    assert spans == [Span(0, 2, "C"), Span(2, 3, "H"), Span(3, 5, "E")]
    assert "".join(LABELS.tags(spans, 5)) == "CCHEE"
    assert "".join(LABELS.tags(spans[:1], 4)) == "CCxx"


def test_each_residue_has_its_most_probable_label() -> None:
    rng = np.random.default_rng(1)
    scores = rng.normal(0, 2, (1, 30, 3)).astype(np.float32)
    chain = Chain[np.ndarray](
        LABELS.grammar, scores, rng.normal(0, 1, 9), np.zeros((1, 30), np.uint8), np.array([30])
    )
    posterior = Posterior(chain, LABELS.stretch)
    (best,) = LABELS.best(posterior, None)
    (shares,) = posterior.marginals()
    tags = LABELS.tags([entity.span for entity in best], 30)
    assert tags == ["CEH"[i] for i in shares.argmax(1)]
    for entity in best:
        least = shares[entity.start : entity.end, "CEH".index(entity.type)].min()
        if entity.end - entity.start < 3:  # its ends have no room
            assert entity.score <= least + 1e-5
        assert 0 < entity.score <= 1


def test_a_model_file_has_them() -> None:
    for labelling in (LABELS, Topology()):
        again = load_labelling(json.loads(json.dumps(labelling.to_dict())))
        assert again.to_dict() == labelling.to_dict()
        assert again.labels == labelling.labels
    with pytest.raises(ValueError, match="unknown labels of proteins: words"):
        load_labelling({"kind": "words"})


@pytest.mark.parametrize(
    ("labels", "kind", "found"),
    [
        ("11HHH22UU", "auto", "topology"),
        ("11hhh22SS", "auto", "topology"),
        ("HHHCCEE", "auto", "residues"),
        ("HBEGITSC", "auto", "residues"),
        ("0110", "auto", "residues"),
        ("112211", "auto", "residues"),
        ("11HHH22", "residues", "residues"),
        ("HHHSS", "topology", "topology"),
    ],
)
def test_which_labels_are_a_topology(labels: str, kind: str, found: str) -> None:
    assert labelling_of_residues([("a", labels)], kind, "U").to_dict()["kind"] == found


def test_refusals() -> None:
    with pytest.raises(InputError, match=r"b: labels of a topology are .* also 'Q' "):
        labelling_of_residues([("a", "1H2"), ("b", "11Q2")], "auto", "U")
    with pytest.raises(InputError, match="have 1 label but for the unknown"):
        labelling_of_residues([("a", "HHUU")], "auto", "U")


def test_measures() -> None:
    """Counted by hand: what is unknown does not count."""
    scores = evaluate_residues(["HHHCCxEE"], ["HHCCCHEC"], "x")
    assert scores["q3"] == pytest.approx(5 / 7)
    assert list(scores) == ["q3", "sov", "mcc", "mcc C", "mcc E", "mcc H"]
    # Of H 2 are found, 1 is missed, and nothing else is called H.
    assert scores["mcc H"] == pytest.approx((2 * 4 - 0) / np.sqrt(2 * 3 * 4 * 5))
    assert next(iter(evaluate_residues(["HC"], ["HC"]))) == "accuracy"
    same = evaluate_residues(["HHHCCEE"], ["HHHCCEE"])
    assert same["q3"] == same["sov"] == same["mcc"] == 1
    assert np.isnan(evaluate_residues(["xx"], ["HH"], "x")["sov"])
