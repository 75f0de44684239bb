"""Tables of sequences, as classification and tagging read them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dnatag.domains.features.domain import DOMAIN
from dnatag.domains.features.settings import FeaturesCorpus, FrameNetwork
from dnatag.domains.features.tagging import FrameTagging
from dnatag.errors import InputError


@pytest.mark.parametrize("read", [FrameTagging().records, DOMAIN.items])
def test_the_encoding_of_tables(tmp_path: Path, read: Any) -> None:
    np.save(tmp_path / "é.npy", np.ones((3, 2)))
    (tmp_path / "list.tsv").write_bytes("name\né.npy\n".encode("latin-1"))
    assert len(list(read(str(tmp_path / "list.tsv"), "sequences", "latin-1"))) == 1
    assert len(list(read(str(tmp_path / "é.npy"), "npy", "latin-1"))) == 1
    with pytest.raises(InputError, match="line 2"):
        list(read(str(tmp_path / "list.tsv"), "sequences", "utf-8"))


@pytest.mark.parametrize(
    ("given", "message"),
    [(np.zeros((0, 3)), "has no frames"), (None, "cannot tag a NoneType"), ("x", "a str")],
)
def test_what_cannot_be_tagged(given: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        FrameTagging().given(given, None)


@pytest.mark.parametrize("read", [lambda c: FrameTagging().read(c, FrameNetwork()), DOMAIN.read])
@pytest.mark.parametrize("label", ["", " "])
def test_empty_labels(tmp_path: Path, read: Any, label: str) -> None:
    np.save(tmp_path / "a.npy", np.ones((3, 2)))
    (tmp_path / "list.tsv").write_text(f"name\tlabel\na.npy\t{label}\n")
    with pytest.raises(InputError, match=r"list\.tsv: line 2: a\.npy has no label"):
        read([FeaturesCorpus(train=(tmp_path / "list.tsv",))])
