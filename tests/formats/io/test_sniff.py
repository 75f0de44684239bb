"""How a text is written down, told from its beginning."""

from __future__ import annotations

import pytest

from dnatag.formats.io.sniff import text_kind_of


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        ('{"text": "One."}\n', "jsonl"),
        ('\ufeff\n  {"tokens": ["One"]}\n', "jsonl"),
        ("One\tO\nTwo\tO\n", "conll"),
        ("\n\nOne\tO\n", "conll"),
        ("-DOCSTART- -X- O O\n\nEU NNP B-ORG\n", "conll"),
        ("-DOCSTART-\n\nEU\n", "conll"),
        ("# sent_id = 1\n# text = One.\n1\tOne\t_\n", "conll"),
        ("# sent_id = 1\r\n\r\n1\tOne\t_\r\n", "conll"),
        ("#\tO\n", "conll"),
        ("One sentence.\nAnother.\n", "lines"),
        ("One sentence.\nAnother\twith a tab.\n", "lines"),
        ("# A heading\n\nOne sentence.\n", "lines"),
        ("# Only a heading\n", "lines"),
        ("[1] One.\n", "lines"),
        ("", "lines"),
        (" \n\n", "lines"),
    ],
)
def test_text_kind_of(head: str, kind: str) -> None:
    assert text_kind_of(head) == kind
