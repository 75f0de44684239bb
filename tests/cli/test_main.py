"""The command line as a whole: help, exit codes, and how failures are reported."""

from __future__ import annotations

import errno
import fcntl
import io
import os
import pty
import re
import resource
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import click
import pytest
from click.testing import CliRunner, Result

from dnatag import __version__
from dnatag.cli import SUMMARIES, main
from dnatag.cli.common import (
    CliObserver,
    device_option,
    model_option,
    note,
    output_option,
    progress,
    quiet_option,
    threads_option,
)
from dnatag.errors import DnatagError, InputError
from dnatag.models.file import save_model
from dnatag.models.names import DEFAULT_MODEL

DNATAG = [sys.executable, "-m", "dnatag"]
COMMANDS = ("predict", "tag", *SUMMARIES)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], None]], Result]:
    """Run ``dnatag predict`` with a body of the test's own."""

    def run_body(body: Callable[[], None]) -> Result:
        command = click.Command("predict", callback=body)
        monkeypatch.setitem(sys.modules, "dnatag.cli.predict", SimpleNamespace(command=command))
        return CliRunner().invoke(main, ["predict"])

    return run_body


def raising(error: BaseException) -> Callable[[], None]:
    def body() -> None:
        raise error

    return body


def test_help_imports_nothing_heavy_and_is_quick() -> None:
    command = [sys.executable, "-X", "importtime", "-m", "dnatag", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    for name in COMMANDS:
        assert f"\n  {name} " in done.stdout
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "dnatag.cli" in imported
    assert not imported & {"torch", "numpy", "Bio", "tqdm", "safetensors"}

    # Of the processor, so that it does not matter what else it does.
    times = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([*DNATAG, "--help"], stdout=subprocess.DEVNULL, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(times) < 0.3


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_instant_help(name: str) -> None:
    command = [sys.executable, "-X", "importtime", "-m", "dnatag", name, "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"Usage: dnatag {name} ")
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert not imported & {"torch", "numpy", "Bio"}


def test_version() -> None:
    result = CliRunner().invoke(main, ["--version"])
    assert (result.exit_code, result.output) == (0, f"dnatag {__version__}\n")


def test_no_command_shows_the_help() -> None:
    result = CliRunner().invoke(main, [])
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "Commands:" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "reported"),
    [
        (["find"], r"No such command 'find'\..* Try 'dnatag --help'\."),
        (["--colour"], r"No such option:? '?--colour'?\..* Try 'dnatag --help'\."),
        (["models", "show"], r"Missing argument 'NAME[|]FILE'\. Try 'dnatag models show --help'\."),
    ],
)
def test_usage_errors_are_one_line(arguments: list[str], reported: str) -> None:
    result = CliRunner().invoke(main, arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert re.fullmatch(f"dnatag: error: {reported}\n", result.stderr)


@pytest.mark.parametrize(
    ("error", "code", "reported"),
    [
        (InputError("a.fna: line 3: no DNA"), 2, "error: a.fna: line 3: no DNA"),
        (DnatagError("two\n  lines"), 1, "error: two lines"),
        (MemoryError("Unable to allocate 9 TiB"), 1, "error: not enough memory. Unable to"),
        (FileNotFoundError(errno.ENOENT, "No such file", "x"), 1, "error: x: No such file"),
        (OSError(errno.ENOSPC, "No space left on device"), 1, "error: No space left on device"),
        (click.ClickException("of click"), 1, "error: of click"),
        (KeyError("x"), 1, "error: unexpected KeyError: 'x'. Please report this"),
        (EOFError("ended early"), 1, "error: unexpected EOFError: ended early."),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_failures_are_one_line(
    run: Callable[..., Result], error: BaseException, code: int, reported: str
) -> None:
    result = run(raising(error))
    assert (result.exit_code, result.stdout) == (code, "")
    assert result.stderr.startswith(f"dnatag: {reported}")
    assert result.stderr.count("\n") == 1


def test_a_trace_is_for_debugging_only(
    run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Traceback" not in run(raising(KeyError("x"))).stderr
    monkeypatch.setenv("DNATAG_DEBUG", "1")
    assert "Traceback" in run(raising(KeyError("x"))).stderr


def test_success_and_chosen_codes_pass(run: Callable[..., Result]) -> None:
    assert run(lambda: click.echo("done")).output == "done\n"
    assert run(lambda: None).exit_code == 0
    assert run(lambda: click.get_current_context().exit(3)).exit_code == 3


@pytest.fixture
def models(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    save_model(tmp_path / "small.dnatag", {}, {"card": "# Small\n"})
    monkeypatch.setenv("DNATAG_MODELS", str(tmp_path))


@pytest.mark.usefixtures("models")
def test_a_closed_pipe_is_quiet() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [*DNATAG, "models", "list"], stdout=writer, stderr=subprocess.PIPE, check=False
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.usefixtures("models")
def test_a_full_disk_is_one_line() -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [*DNATAG, "models", "list"], stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert (done.returncode, done.stderr) == (1, b"dnatag: error: No space left on device\n")


def test_shared_options(tmp_path: Path) -> None:
    seen: dict[str, object] = {}

    @click.command()
    @model_option
    @threads_option
    @device_option
    @output_option
    @quiet_option
    def command(**options: object) -> None:
        seen.update(options)

    assert CliRunner().invoke(command, []).exit_code == 0
    threads = seen.pop("threads")
    assert isinstance(threads, int)
    assert 1 <= threads <= (os.cpu_count() or 1)
    assert seen == {"model": DEFAULT_MODEL, "device": "auto", "output": "-", "quiet": False}
    given = ["--threads", "3", "-o", str(tmp_path / "x"), "-q", "--device", "cpu", "--model", "m"]
    assert CliRunner().invoke(command, given).exit_code == 0
    assert seen == {
        "model": "m",
        "device": "cpu",
        "output": str(tmp_path / "x"),
        "quiet": True,
        "threads": 3,
    }
    for wrong in (["--threads", "0"], ["--device", "tpu"], ["-o", str(tmp_path)]):
        assert CliRunner().invoke(command, wrong).exit_code == 2


@pytest.mark.parametrize(
    ("columns", "quiet", "shown"), [(80, False, True), (80, True, False), (0, False, False)]
)
def test_progress_is_for_terminals(
    monkeypatch: pytest.MonkeyPatch, columns: int, quiet: bool, shown: bool
) -> None:
    """Those of no width, as batch systems make them, are none: lines are printed there."""
    reader, other = pty.openpty()
    fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with os.fdopen(reader, "rb", 0) as read, os.fdopen(other, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        with progress(2_000_000, quiet=quiet) as bar:
            bar.update(1_000_000)
        terminal.write("end")
        terminal.flush()
        printed = read.read(4096).decode()
    assert ("/2.00M [" in printed) is shown
    assert (printed != "end") is shown


def test_progress_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with progress(2_000_000, quiet=False) as bar:
        bar.update(1_000_000)
    assert capsys.readouterr().err == ""


def test_notes_are_on_stderr_unless_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    note("runs on cpu", quiet=False)
    note("never seen", quiet=True)
    assert capsys.readouterr() == ("", "dnatag: runs on cpu\n")


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="needs two processors")
def test_long_work_is_not_silent_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with progress(quiet=False) as bar:
        observer = CliObserver(quiet=False, bar=bar)
        with observer.heartbeat(every=0.05):
            observer.advance(1234)
            time.sleep(0.2)
        with CliObserver(quiet=True, bar=bar).heartbeat(every=0.01):
            time.sleep(0.05)
    lines = capsys.readouterr().err.splitlines()
    assert 1 <= len(lines) <= 4
    assert set(lines) == {"dnatag: at work for 0:00:00, 1,234 bp done"}


def test_the_clock_of_the_bar_runs_on(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stderr", terminal)
    with progress(quiet=False) as bar:
        observer = CliObserver(quiet=False, bar=bar)
        before = terminal.getvalue()
        with observer.heartbeat(every=0.6):
            time.sleep(0.2)
        drawn = terminal.getvalue().removeprefix(before)
    assert drawn.count("bp [") >= 2
    assert "at work" not in drawn
