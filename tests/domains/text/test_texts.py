"""Texts as numbers, for the classification task."""

from __future__ import annotations

from pathlib import Path

import pytest

from dnatag.domains.text.sentences import LabelledTexts
from dnatag.domains.text.settings import LabelledTextCorpus
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


@pytest.mark.parametrize(
    "text", ["Irish\tBrady\nDutch\tSmit\n", "Brady __label__Irish\nSmit __label__Dutch\n"]
)
def test_short_texts_to_train_on(tmp_path: Path, text: str) -> None:
    """Two columns are label and text, though they look like tokens and tags."""
    path = tmp_path / "names"
    path.write_text(text)
    (corpus,) = LabelledTexts().read([LabelledTextCorpus(train=(path,))])
    assert corpus.splits["train"] == [("Brady", "Irish"), ("Smit", "Dutch")]
