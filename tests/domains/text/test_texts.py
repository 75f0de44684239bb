"""Texts as numbers, for the classification task."""

from __future__ import annotations

from pathlib import Path

import pytest

from dnatag.domains.text.sentences import LabelledTexts
from dnatag.domains.text.settings import LabelledTextCorpus, LabelledTextNetwork
from dnatag.domains.text.texts import TextFeaturizer
from dnatag.domains.text.words import WordFeaturizer
from dnatag.errors import InputError


@pytest.mark.parametrize("tokens", ["words", "spaces", "characters"])
@pytest.mark.parametrize("what", [None, 5, ["a", "b"], b"x"])
def test_only_texts_are_encoded(what: object, tokens: str) -> None:
    featurizer = TextFeaturizer(WordFeaturizer.fit([["a", "b"]], tokens=tokens))
    assert len(featurizer.encode("a b")) == 2
    with pytest.raises(InputError, match=f"cannot classify a {type(what).__name__}: give a text"):
        featurizer.encode(what)


def test_a_text_is_split_as_the_recipe_says() -> None:
    for tokens, number in (("words", 7), ("spaces", 2), ("characters", 8)):
        network = LabelledTextNetwork(tokens=tokens)
        featurizer = LabelledTexts().featurizer(["it's \u5f71!b."], network, Path())
        again = TextFeaturizer.from_arrays(featurizer.to_arrays())
        assert len(featurizer.encode("it's \u5f71!b.")) == len(again.encode("it's x!b.")) == number


@pytest.mark.parametrize(
    "text", ["Irish\tBrady\nDutch\tSmit\n", "Brady __label__Irish\nSmit __label__Dutch\n"]
)
def test_short_texts_to_train_on(tmp_path: Path, text: str) -> None:
    """Two columns are label and text, though they look like tokens and tags."""
    path = tmp_path / "names"
    path.write_text(text)
    (corpus,) = LabelledTexts().read([LabelledTextCorpus(train=(path,))])
    assert corpus.splits["train"] == [("Brady", "Irish"), ("Smit", "Dutch")]
