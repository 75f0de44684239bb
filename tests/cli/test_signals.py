"""Signals end a command in good order: no file is left half-written, whatever the moment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dnatag.cli.signals import Terminated, signals_as_exceptions

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
WORK = """
import sys, time
from dnatag.cli.common import report
from dnatag.cli.signals import signals_as_exceptions
from dnatag.formats.io.writing import OutputSet
try:
    with signals_as_exceptions(), OutputSet() as outputs:
        for name in ("a", "b.gz"):
            outputs.open(name).write("x" * 3_000_000)
        print("ready", flush=True)
        try:
            time.sleep(60)
        finally:
            time.sleep(0.5)  # cleaning up takes its time, and must not be interrupted
except BaseException as error:
    sys.exit(report(error))
"""


def wait_for(condition: Callable[[], bool]) -> None:
    for _ in range(1200):
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError("it never came to this")


@pytest.mark.parametrize("number", SIGNALS)
def test_nothing_is_left(tmp_path: Path, number: signal.Signals) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", WORK], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    assert len(os.listdir(tmp_path)) == 2
    process.send_signal(number)
    time.sleep(0.2)
    process.send_signal(signal.SIGTERM)  # the second one changes nothing
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    name = "interrupted" if number == signal.SIGINT else f"ended by {number.name}"
    assert errors.decode() == f"dnatag: {name}\n"
    assert os.listdir(tmp_path) == []


def test_a_command(tmp_path: Path) -> None:
    """It waits for more input when the signal comes."""
    outputs = ["-o", "x.gff3", "--faa", "x.faa", "--labels", "x.gz"]
    process = subprocess.Popen(
        [sys.executable, "-m", "dnatag", "predict", "-", *outputs, "--threads", "1", "-q"],
        cwd=tmp_path, stdin=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    wait_for(lambda: len(os.listdir(tmp_path)) == 3)
    process.terminate()
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (143, b"dnatag: ended by SIGTERM\n")
    assert os.listdir(tmp_path) == []


def test_what_is_ignored_stays_so() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with signals_as_exceptions():
            os.kill(os.getpid(), signal.SIGHUP)
            with pytest.raises(Terminated, match="SIGTERM"):
                os.kill(os.getpid(), signal.SIGTERM)
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    finally:
        signal.signal(signal.SIGHUP, before)
