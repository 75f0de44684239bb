"""Texts with a label each, as classification reads them."""

from __future__ import annotations

from pathlib import Path

import pytest

from dnatag.domains.text.domain import DOMAIN
from dnatag.domains.text.settings import LabelledTextCorpus
from dnatag.errors import InputError


@pytest.mark.parametrize(
    "content",
    [
        "label\ttext\ngood\ta film\n\tanother\n",
        "text\tlabel\na film\tgood\nanother\t \n",
        '{"text": "a", "label": "x"}\n{"text": "b", "label": "x"}\n{"text": "c", "label": ""}\n',
        "__label__good a\n__label__good b\n__label__ another\n",
    ],
)
def test_empty_labels(tmp_path: Path, content: str) -> None:
    (tmp_path / "a").write_text(content)
    with pytest.raises(InputError, match="a: line 3: has no label"):
        DOMAIN.for_task("classification").read([LabelledTextCorpus(train=(tmp_path / "a",))])
