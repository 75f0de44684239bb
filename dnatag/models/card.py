"""Cards of models: what they are, in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dnatag import __version__

__all__ = ["NO_CARD", "make_card", "markdown_table", "title"]

NO_CARD = "(no card)"


def make_card(
    about: Mapping[str, Any],
    text: str,
    training: Iterable[str],
    scores: Iterable[str],
    start: str = "",
) -> str:
    """Write the card of a model that has been trained.

    Parameters
    ----------
    about
        Its metadata.
    text
        Markdown that begins with a title: what the model is.
    training
        Lines on the data that it was trained on.
    scores
        Lines of the section on its scores; none: there is no such section.
    start
        What the first line on the training adds to the number of steps.
    """
    loop = about["training"]
    lines = [
        text.strip(),
        "",
        "## Training",
        f"Trained by dnatag {__version__} on {loop['date']}: {loop['steps']} steps{start}.",
        *training,
    ]
    if rows := list(scores):
        lines += ["", "## Scores", *rows]
    lines += ["", "## Licence", f"{about['licence']}."]
    return "\n".join(lines) + "\n"


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Return the lines of a table."""
    cells = [head, ["---"] * len(head), *rows]
    lines = [f"| {' | '.join(map(str, row))} |" for row in cells]
    lines[1] = lines[1].replace(" ", "")
    return lines


def title(metadata: Mapping[str, Any]) -> str:
    """Return the title of a card: its first line, without the mark of a heading."""
    card: str = metadata.get("card", NO_CARD)
    return card.strip().partition("\n")[0].lstrip("# ")
