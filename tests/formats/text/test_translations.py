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
     # The highest score counts, wherever it stands; Moses has it behind features.
     ("0 ||| un x ||| -3.0\n0 ||| un perro ||| -0.5\n1 ||| un gato ||| -0.1 ||| \n",
      ["un perro", "un gato"]),
     ("0 ||| x ||| LM= -1 WP= -2 ||| -3e1 ||| 0-0\n0 ||| y ||| LM= -3 WP= -4 ||| -7.5 ||| 0-0\n",
      ["y"]),
     ('{"translations": [{"text": "x", "score": -2}, {"text": "y", "score": -1.5}]}\n', ["y"]),
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
     ('{"text": "a dog", "translation": "un perro"}\n', 'line 1: has no "translations" with'),
     ('{"translations": "un perro"}\n', 'line 1: has no "translations" with "text"'),
     (N_BEST + "3 ||| un perro ||| good\n", "line 5: is not 'number"),
     (JSON + "un perro\n", "line 5: is not JSON")],
)  # fmt: skip
def test_lines_that_are_none(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=f"file: {message}"):
        read(tmp_path, text)
