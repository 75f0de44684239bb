"""Cards: what all have, and tables in them."""

from __future__ import annotations

from dnatag import __version__
from dnatag.models.card import make_card, markdown_table, title

ABOUT = {"licence": "MIT", "training": {"date": "2026-11-28", "steps": 12}}


def test_card() -> None:
    card = make_card(ABOUT, "# Mine\n", ["On much."], ["Good."], ", from nothing")
    assert card == (
        f"# Mine\n\n## Training\nTrained by dnatag {__version__} on 2026-11-28: 12 steps, from "
        "nothing.\nOn much.\n\n## Scores\nGood.\n\n## Licence\nMIT.\n"
    )
    assert "## Scores" not in make_card(ABOUT, "# Mine", [], [])


def test_table_and_title() -> None:
    assert markdown_table(["a", "b"], [[1, "x"], ["", 2.5]]) == [
        "| a | b |",
        "|---|---|",
        "| 1 | x |",
        "|  | 2.5 |",
    ]
    assert title({"card": "\n## Mine\n\nMore."}) == "Mine"
    assert title({}) == "(no card)"
