"""Pages of HTML: whole, without scripts, and harmless whatever is shown."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnatag.formats.html.charts import bars, curve, logo
from dnatag.formats.html.page import Section, definitions, figures, page, table

EVIL = '<script>alert("x")</script>&\x1b[31m'


def elements(html: str) -> list[ElementTree.Element]:
    """Parse a page or a part of one as XML, whose rules are stricter."""
    head = "<meta "
    html = html.replace("<!DOCTYPE html>", "").replace(" class=number", ' class="number"')
    parts = html.split(head)
    closed = [parts[0], *(part.replace(">", "/>", 1) for part in parts[1:])]
    return list(ElementTree.fromstring(f"<root>{head.join(closed)}</root>").iter())


def test_nothing_that_is_shown_becomes_markup() -> None:
    html = page(
        EVIL,
        EVIL,
        [
            Section(EVIL, definitions([(EVIL, EVIL)]) + table((EVIL, "n"), [(EVIL, 3)], "lr")),
            Section("empty", ""),
            Section("charts", figures([(EVIL, bars({EVIL: 2.0, "b": 1}, EVIL), EVIL)])),
        ],
    )
    assert "\x1b" not in html
    tags = [element.tag for element in elements(html)]
    assert "script" not in tags
    assert tags.count("section") == 2
    assert tags.count("rect") == 2
    assert html.count("default-src 'none'") == 1
    assert "http" not in html.replace("http-equiv", "")


@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cn"]), max_size=5),
        st.floats(0, 1e9),
        max_size=30,
    )
)
def test_bars_are_as_high_as_their_values(values: dict[str, float]) -> None:
    picture = bars(values, "x")
    if not any(values.values()):
        assert picture == ""
        return
    found = (
        [e for e in elements(picture.replace("\0", "")) if e.tag == "rect"]
        if picture.isprintable()
        else []
    )
    highest = max(values.values())
    for rect, value in zip(found, values.values(), strict=bool(found)):
        assert float(rect.attrib["height"]) == pytest.approx(130 * value / highest, abs=0.06)


def test_curves_and_logos() -> None:
    (line,) = (e for e in elements(curve([0, 5, -5], ("a", "b"), "c")) if e.tag == "polyline")
    assert line.attrib["points"].split() == ["42,73", "202,8", "362,138"]
    assert curve([1], ("a", "b"), "c") == ""
    flat = curve([2, 2], ("a", "b"), "c")
    assert "nan" not in flat
    letters = [
        e.text for e in elements(logo([{"A": 1.5, "C": 0.1, "G": 0.0}], "m")) if e.tag == "text"
    ]
    # The higher letter is on top, and what has no height is left out.
    assert letters == ["2 bits", "0", "C", "A", "1"]
