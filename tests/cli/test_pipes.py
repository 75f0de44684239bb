"""Inputs from pipes (``<(...)`` in a shell), which can be read only once."""

from __future__ import annotations

import json
import os
import threading
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from dnatag.cli.common import open_input
from dnatag.domains.features.tagging import FrameTagging
from dnatag.domains.speech.domain import Speech
from dnatag.formats.text.lines import numbered_lines

ARRAY = np.arange(6.0).reshape(3, 2)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.save(tmp_path / "one.npy", ARRAY)
    monkeypatch.chdir(tmp_path)


def pipe(content: bytes) -> str:
    reading, writing = os.pipe()
    os.write(writing, content)
    os.close(writing)
    return f"/dev/fd/{reading}"


@pytest.mark.parametrize("start", [b"hi", b"B", b"BZ"])
def test_short_lines_are_not_waited_behind(start: bytes) -> None:
    """What begins like compressed data is not, and more has not come yet."""
    reading, writing = os.pipe()
    os.write(writing, start + b"\n")
    lines: list[str] = []

    def read() -> None:
        lines.extend(line for _, line in islice(numbered_lines(f"/dev/fd/{reading}"), 1))

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    thread.join(20)
    os.close(writing)
    assert lines == [start.decode()]


def test_a_list_of_sequences() -> None:
    domain = FrameTagging()
    source, kind = open_input(pipe(b"name\none.npy\n"), "auto", domain, "utf-8")
    (one,) = domain.records(source, kind, "utf-8")
    assert one.tokens.name == "one.npy"
    assert np.array_equal(one.tokens.features, ARRAY)


def test_a_manifest() -> None:
    items = [{"audio_filepath": f"/somewhere/{i}.wav", "text": "x"} for i in range(20)]
    content = "".join(json.dumps(item) + "\n" for item in items).encode()
    source, kind = open_input(pipe(content), "auto", Speech(), "utf-8")
    found = list(Speech().items(source, kind, "utf-8"))
    assert [one.path for one in found] == [item["audio_filepath"] for item in items]


def test_a_recording() -> None:
    content = b"fLaC and what follows"
    source, kind = open_input(pipe(content), "auto", Speech(), "utf-8")
    (one,) = Speech().items(source, kind, "utf-8")
    assert one.path == content
    Path("x.flac").write_bytes(content)
    source, kind = open_input("x.flac", "auto", Speech(), "utf-8")
    (one,) = Speech().items(source, kind, "utf-8")
    assert one.path == "x.flac"
