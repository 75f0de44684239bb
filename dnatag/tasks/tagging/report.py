"""A report on tagged sequences: a page of HTML with the spans marked in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TextIO

from dnatag import __version__
from dnatag.formats.html.charts import bars
from dnatag.formats.html.page import Section, definitions, figures, key, page, table, text
from dnatag.formats.text.tokens import Entity, Sentence

__all__ = ["TaggingReport"]

#: Sequences that are shown, characters of each, and words of the table.
SHOWN, LONGEST, LISTED = 500, 4000, 50
BINS = 20
#: Backgrounds of types, in their order; dark ink is read on all of them.
COLOURS = ("#aed4f5", "#f7c8a0", "#b9e3b4", "#e3c1ee", "#f4e19a", "#f5b7b1", "#b5e3e0", "#d5d5d5")

STYLE = (
    ".tagged{line-height:2.1;overflow-wrap:anywhere;break-inside:avoid;max-width:none}"
    ".letters{font-family:ui-monospace,Menlo,Consolas,monospace;font-size:.85rem}"
    "mark{color:#1b2430;padding:.15rem .25rem;border-radius:.3rem;"
    "-webkit-print-color-adjust:exact;print-color-adjust:exact}"
    "mark small{white-space:nowrap;font:600 .68rem system-ui,sans-serif;margin-left:.3rem;"
    "opacity:.75}" + "".join(f".c{i}{{background:{colour}}}" for i, colour in enumerate(COLOURS))
)


class TaggingReport:
    """Collects what a report shows, sequence by sequence.

    Parameters
    ----------
    name : str
        Of the input.
    model : str
        Name of the model.
    labels : sequence of str
        Types of spans, which have colours in this order.
    names : mapping of str to str
        What types mean, if these are letters.
    counted : (str, str, str)
        What sequences, tokens and spans are called.
    """

    def __init__(
        self,
        name: str,
        model: str,
        labels: Sequence[str],
        names: Mapping[str, str],
        counted: tuple[str, str, str],
    ) -> None:
        self._name = name
        self._model = model
        self._colours = {label: i % len(COLOURS) for i, label in enumerate(labels)}
        self._names = names
        self._counted = counted
        self._sequences = self._tokens = 0
        self._shown: list[str] = []
        self._scores = [0] * BINS
        self._types: Counter[str] = Counter()
        self._words: Counter[tuple[str, str]] = Counter()

    def add(self, sentence: Sentence, entities: Sequence[Entity]) -> None:
        """Take a tagged sequence."""
        self._sequences += 1
        self._tokens += len(sentence)
        letters = all(len(token) == 1 for token in sentence.tokens)
        whole, offsets = _letters(sentence) if letters else sentence.located()
        for entity in entities:
            self._scores[min(int(entity.score * BINS), BINS - 1)] += 1
            self._types[entity.type] += 1
            if not letters:
                self._words[
                    whole[offsets[entity.start][0] : offsets[entity.end - 1][1]], entity.type
                ] += 1
        if len(self._shown) < SHOWN:
            self._shown.append(self._marked(sentence.id, whole, offsets, entities, letters))

    def write(self, handle: TextIO) -> None:
        """Write the page, after the last sequence."""
        sequences, tokens, spans = self._counted
        numbers = [
            (sequences, f"{self._sequences:,}"),
            (tokens, f"{self._tokens:,}"),
            (spans, f"{sum(self._types.values()):,}"),
        ]
        types = {self._names.get(label, label): n for label, n in self._types.most_common(8)}
        pictures = [
            ("Types", bars(types, "Types"), f"Number of {spans}."),
            (
                "Posteriors",
                bars({f"{i / BINS:.2f}": n for i, n in enumerate(self._scores)}, "Posteriors", 4),
                f"Posterior probabilities of {spans}.",
            ),
        ]
        words = [(word, kind, f"{n:,}") for (word, kind), n in self._words.most_common(LISTED)]
        meanings = [
            (COLOURS[self._colours[label]], f"{label} {name}")
            for label, name in self._names.items()
            if label in self._types
        ]
        title = sequences.capitalize()
        if self._sequences > len(self._shown):
            title += f" (the first {len(self._shown)})"
        sections = [
            Section("What was found", definitions(numbers) + figures(pictures)),
            Section(title, (key(meanings) if meanings else "") + "".join(self._shown)),
            Section("Most frequent", table(("", "type", "times"), words, "llr") if words else ""),
        ]
        about = f"Tagged by dnatag {__version__} with the model {self._model}"
        handle.write(page(self._name, about, sections, STYLE))

    def _marked(
        self,
        id: str,
        whole: str,
        offsets: Sequence[tuple[int, int]],
        entities: Sequence[Entity],
        letters: bool,
    ) -> str:
        """Return a sequence with its spans marked."""
        parts, at = [], 0
        for entity in entities:
            start, end = offsets[entity.start][0], offsets[entity.end - 1][1]
            if end > LONGEST:
                break
            colour = self._colours.get(entity.type, 0)
            kind = text(entity.type)
            parts.append(
                f"{text(whole[at:start])}"
                f'<mark class="c{colour}" title="{kind}, posterior {entity.score:.4f}">'
                f"{text(whole[start:end])}<small>{kind} {entity.score:.2f}</small></mark>"
            )
            at = end
        parts.append(text(whole[at : max(at, LONGEST)]) + "…" * (len(whole) > LONGEST))
        name = f"<b>{text(id)}</b> " if id else ""
        kind = "tagged letters" if letters else "tagged"
        return f'<p class="{kind}">{name}{"".join(parts)}</p>'


def _letters(sentence: Sentence) -> tuple[str, list[tuple[int, int]]]:
    """Join tokens of one letter each; return also where they are."""
    return "".join(sentence.tokens), [(i, i + 1) for i in range(len(sentence))]
