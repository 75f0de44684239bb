"""Residues as numbers: letters, properties of the surroundings, substitutions."""

from __future__ import annotations

import numpy as np
import pytest

from dnatag.domains.proteins.residues import FEATURES, LETTERS, PROPERTIES, ResidueFeaturizer

PROTEIN = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGDGTQDNLSGAEKAVQVKVKALPDAQFEVV"


def test_letters() -> None:
    encoded = ResidueFeaturizer(0.1).encode(LETTERS + "acX*?UB")
    numbers = encoded.categories[:, 0].tolist()
    assert numbers[:20] == list(range(1, 21))
    assert numbers[20:] == [1, 2, 0, 0, 0, 2, 3]


def test_properties_are_means_of_windows() -> None:
    """Against the definition, residue by residue."""
    features = ResidueFeaturizer(0).encode(PROTEIN).features
    assert features.shape == (len(PROTEIN), FEATURES)
    each = np.array([PROPERTIES[LETTERS.index(c)] for c in PROTEIN])
    for i in range(len(PROTEIN)):
        for number, half in enumerate((0, 3, 9)):
            mean = each[max(i - half, 0) : i + half + 1].mean(0)
            assert features[i, 5 * number : 5 * number + 5] == pytest.approx(mean, abs=1e-5)


def test_known_properties() -> None:
    table = dict(zip(LETTERS, 4 * PROPERTIES, strict=True))
    assert table["I"][:2] == pytest.approx([4.5, 0.6])
    assert table["R"][:3] == pytest.approx([-4.5, -2.58, 4.0])
    assert table["D"][3] == table["E"][3] == table["W"][4] == table["Y"][4] == 4.0


def test_substitutions() -> None:
    """So many residues change as was asked for, more often to those that are like them."""
    featurizer = ResidueFeaturizer(0.3)
    encoded = featurizer.encode("I" * 20000 + "X")
    varied = featurizer.vary(encoded, np.random.default_rng(1))
    new = varied.categories[:-1, 0]
    assert varied.categories[-1, 0] == 0
    assert (encoded.categories[:-1, 0] == 1 + LETTERS.index("I")).all()
    assert (new != 1 + LETTERS.index("I")).mean() == pytest.approx(0.3, abs=0.02)
    counts = dict(zip(LETTERS, np.bincount(new, minlength=21)[1:].tolist(), strict=True))
    assert counts["V"] > 2 * counts["F"] > 2 * counts["G"] > 0
    again = featurizer.encode([*(LETTERS[i - 1] for i in new), "X"])
    assert (varied.features == again.features).all()


def test_arrays() -> None:
    assert ResidueFeaturizer.from_arrays(ResidueFeaturizer(0.25).to_arrays()).mutate == 0.25
