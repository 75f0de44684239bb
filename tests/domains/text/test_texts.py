"""Texts as numbers, for the classification task."""

from __future__ import annotations

import pytest

from dnatag.domains.text.texts import TextFeaturizer
from dnatag.domains.text.words import WordFeaturizer
from dnatag.errors import InputError


@pytest.mark.parametrize("spaces", [False, True])
@pytest.mark.parametrize("what", [None, 5, ["a", "b"], b"x"])
def test_only_texts_are_encoded(what: object, spaces: bool) -> None:
    featurizer = TextFeaturizer(WordFeaturizer.fit([["a", "b"]], (), None, 0), spaces)
    assert len(featurizer.encode("a b")) == 2
    with pytest.raises(InputError, match=f"cannot classify a {type(what).__name__}: give a text"):
        featurizer.encode(what)
