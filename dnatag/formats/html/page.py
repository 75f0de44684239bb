"""A page of HTML that needs nothing but itself: no script, no font, no picture from elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import NamedTuple

from dnatag.errors import visible

__all__ = ["Section", "definitions", "figures", "key", "page", "table", "text"]

STYLE = """
:root { color-scheme: light dark; --ink: #1b2430; --soft: #5b6675; --line: #d5dbe3;
  --paper: #ffffff; --panel: #f5f7fa; --main: #2b6cb0; --second: #c05621; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6ebf2; --soft: #9aa7b8; --line: #38424f;
  --paper: #14191f; --panel: #1d242c; --main: #63a4e8; --second: #ed9a63; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 72rem; padding: 1rem 1.2rem 3rem; background: var(--paper);
  color: var(--ink); font: 16px/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
h1 { font-size: 1.6rem; margin: .6rem 0 0; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 2.2rem 0 .5rem; border-bottom: 1px solid var(--line); }
p { margin: .4rem 0; max-width: 48rem; }
.soft, figcaption, caption { color: var(--soft); font-size: .9rem; }
.warning { border-left: 4px solid var(--second); padding: .3rem .8rem; background: var(--panel); }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(9rem, 1fr)); gap: .6rem; }
dl div { background: var(--panel); border-radius: .4rem; padding: .5rem .7rem; }
dt { color: var(--soft); font-size: .82rem; }
dd { margin: 0; font-size: 1.15rem; overflow-wrap: anywhere; }
.figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(21rem, 100%), 1fr));
  gap: 1.2rem; }
figure { margin: 0; break-inside: avoid; }
figure svg { width: 100%; height: auto; display: block; }
figure b { font-weight: 600; }
.key span { white-space: nowrap; margin-right: .9rem; }
.key i { display: inline-block; width: .8rem; height: .8rem; border-radius: .2rem;
  margin-right: .3rem; -webkit-print-color-adjust: exact; print-color-adjust: exact; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; }
th, td { padding: .15rem .7rem .15rem 0; text-align: left; vertical-align: top; }
th { border-bottom: 1px solid var(--line); font-weight: 600; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
svg text { font: 11px system-ui, sans-serif; fill: var(--soft); }
svg .bar { fill: var(--main); } svg .other { fill: var(--second); }
svg .axis { stroke: var(--line); } svg .curve { fill: none; stroke: var(--main); }
@media print { body { max-width: none; font-size: 10.5pt; } h2 { break-after: avoid; }
  .screen { display: none; } }
"""


class Section(NamedTuple):
    """A part of a page.

    Attributes
    ----------
    title : str
        Its heading.
    content : str
        HTML.
    """

    title: str
    content: str


def text(value: object) -> str:
    """Return a text for HTML; control characters become visible."""
    return escape(visible(str(value)))


def page(title: str, about: str, sections: Iterable[Section], style: str = "") -> str:
    """Return a page.

    Parameters
    ----------
    title, about
        Text of the heading and of the line below it.
    sections
        Those without content are left out.
    style
        CSS that is added.

    Returns
    -------
    str
        HTML.
    """
    parts = [
        f"<section><h2>{text(s.title)}</h2>{s.content}</section>" for s in sections if s.content
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'\">\n"
        f"<title>{text(title)}</title>\n<style>{STYLE}{style}</style></head>\n"
        f'<body><h1>{text(title)}</h1><p class="soft">{text(about)}</p>\n'
        + "\n".join(parts)
        + "\n</body></html>\n"
    )


def definitions(values: Iterable[tuple[str, object]]) -> str:
    """Return names and values as tiles."""
    tiles = (f"<div><dt>{text(name)}</dt><dd>{text(value)}</dd></div>" for name, value in values)
    return f"<dl>{''.join(tiles)}</dl>"


def key(colours: Iterable[tuple[str, str]]) -> str:
    """Return what colours mean.

    Parameters
    ----------
    colours
        Each in CSS, and its meaning.
    """
    parts = (f'<span><i style="background:{c}"></i>{text(name)}</span> ' for c, name in colours)
    return f'<p class="key soft">{"".join(parts)}</p>'


def table(header: Sequence[str], rows: Iterable[Sequence[object]], right: str = "") -> str:
    """Return a table.

    Parameters
    ----------
    header
        Names of the columns.
    rows
        Their cells.
    right
        For each column "r" if it has numbers, aligned right, else any other letter; all left if
        it is empty.
    """
    classes = [" class=number" if letter == "r" else "" for letter in right.ljust(len(header))]

    def cells(kind: str, values: Sequence[object]) -> str:
        pairs = zip(classes, values, strict=True)
        return "".join(f"<{kind}{own}>{text(value)}</{kind}>" for own, value in pairs)

    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    head = f"<thead><tr>{cells('th', header)}</tr></thead>"
    return f'<div class="wide"><table>{head}{body}</table></div>'


def figures(pictures: Iterable[tuple[str, str, str]]) -> str:
    """Return pictures beside each other.

    Parameters
    ----------
    pictures
        Title, SVG, and what is to be seen.
    """
    parts = (
        f"<figure><b>{text(title)}</b>{svg}<figcaption>{text(caption)}</figcaption></figure>"
        for title, svg, caption in pictures
        if svg
    )
    return f'<div class="figures">{"".join(parts)}</div>'
