"""Model files whose parts do not fit each other are refused, also with a right checksum."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dnatag.errors import InputError
from dnatag.models.file import load_model, save_model
from dnatag.models.names import find_model
from dnatag.tasks.tagging.model import load_token_model

Arrays = dict[str, Any]
PREFIX = "featurizer."


def more_characters(arrays: Arrays) -> None:
    arrays["characters"] = np.concatenate(
        [arrays["characters"], np.frombuffer(b"\xc3\xa9\0", "u1")]
    )


def fewer_words(arrays: Arrays) -> None:
    arrays["words"], arrays["counts"] = arrays["words"][:0], arrays["counts"][:0]


def flat_vectors(arrays: Arrays) -> None:
    arrays["vectors"] = arrays["vectors"].ravel()


def words_without_vectors(arrays: Arrays) -> None:
    arrays["vector_words"] = np.frombuffer(b"word\0", "u1")
    arrays["vectors"] = np.zeros((0, arrays["vectors"].shape[1]), np.float16)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (more_characters, "its network takes other tokens"),
        (fewer_words, "its network takes other tokens"),
        (flat_vectors, "not every word that should have a vector"),
        (words_without_vectors, "not every word that should have a vector"),
    ],
)
def test_parts_that_do_not_fit(
    change: Callable[[Arrays], None], reason: str, tmp_path: Path
) -> None:
    arrays, metadata = load_model(find_model("biomedical"))
    own = {name.removeprefix(PREFIX): array for name, array in arrays.items()}
    change(own)
    changed = {name: own[name.removeprefix(PREFIX)] for name in arrays}
    save_model(tmp_path / "m.dnatag", changed, metadata)
    with pytest.raises(InputError, match=f"does not hold a whole model of text: {reason}"):
        load_token_model(tmp_path / "m.dnatag")


@pytest.mark.parametrize(
    "change", [{"scheme": True}, {"scheme": "plain"}, {"threshold": 2}, {"threshold": "x"}]
)
def test_targets_that_are_none(change: dict[str, Any], tmp_path: Path) -> None:
    arrays, metadata = load_model(find_model("biomedical"))
    save_model(tmp_path / "m.dnatag", arrays, metadata | {"targets": metadata["targets"] | change})
    with pytest.raises(InputError, match="does not hold a whole model of text"):
        load_token_model(tmp_path / "m.dnatag")
