"""Translations in all the forms that ``dnatag translate`` writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from dnatag.errors import InputError
from dnatag.formats.text.translations import read_translations

N_BEST = """0 ||| un perro ||| -0.1 ||| 0-0 1-1
0 ||| un gato ||| -0.9 ||| 0-0 1-1
1 |||  ||| 0.0000 |||\x20
2 ||| un ||| gato ||| -0.3 ||| 0-0
"""
JSON = """{"text": "a dog", "translations": [{"text": "un perro", "score": -1}, {"text": "x"}]}
{"text": "", "translations": [{"text": ""}]}

{"text": "a cat", "translations": [{"text": "un gato"}]}
"""


def read(folder: Path, text: str) -> list[str]:
    (folder / "file").write_text(text)
    return list(read_translations(folder / "file"))


@pytest.mark.parametrize(
    ("text", "found"),
    [(N_BEST.replace("un ||| gato", "un gato"), ["un perro", "", "un gato"]),
     (JSON, ["un perro", "", "un gato"]),
     ("un perro\n\nun gato\n", ["un perro", "", "un gato"]),
     ('{"text": 3} is an object\n1 ||| x\n', ['{"text": 3} is an object', "1 ||| x"]),
     ("", [])],
)  # fmt: skip
def test_forms(tmp_path: Path, text: str, found: list[str]) -> None:
    assert read(tmp_path, text) == found


@pytest.mark.parametrize(
    ("text", "message"),
    [(N_BEST.replace("1 |||", "2 |||"), "line 3: is of text 2, and text 1 is missing"),
     (N_BEST + "un perro\n", "line 5: is not 'number"),
     (JSON + '{"text": "x"}\n', 'line 5: has no "translations" with "text"'),
     (JSON + '{"translations": []}\n', 'line 5: has no "translations" with "text"'),
     (JSON + "un perro\n", "line 5: is not JSON")],
)  # fmt: skip
def test_lines_that_are_none(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=f"file: {message}"):
        read(tmp_path, text)
