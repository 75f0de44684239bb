"""Outputs: all or nothing, links, pipes, standard output."""

from __future__ import annotations

import gzip
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from dnatag.errors import DnatagError, InputError
from dnatag.formats.io.writing import OutputSet, open_output, refuse_overwriting, write_whole


def leftovers(folder: Path) -> list[str]:
    return [name for name in os.listdir(folder) if name.endswith(".part")]


def write_both(first: str | Path, second: str | Path) -> None:
    """Write a text that stays in the buffers until the end."""
    with OutputSet() as outputs:
        outputs.open(first).write("new")
        outputs.open(second).write("new")


def test_appears_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with open_output(path) as handle:
        handle.write("one\n")
        assert not path.exists()
    assert path.read_bytes() == b"one\n"
    assert not leftovers(tmp_path)


def test_umask_and_mode(tmp_path: Path) -> None:
    new, old = tmp_path / "new", tmp_path / "old"
    old.touch()
    old.chmod(0o640)
    before = os.umask(0o027)
    try:
        with OutputSet() as outputs:
            outputs.open(new)
            outputs.open(old)
    finally:
        os.umask(before)
    assert stat.S_IMODE(new.stat().st_mode) == 0o640
    assert stat.S_IMODE(old.stat().st_mode) == 0o640


def test_failure_leaves_what_was_there(tmp_path: Path) -> None:
    old, new = tmp_path / "old.gz", tmp_path / "new"
    old.write_text("precious")
    with pytest.raises(KeyboardInterrupt), OutputSet() as outputs:  # noqa: PT012
        outputs.open(old).write("x" * 3_000_000)
        outputs.open(new).write("y")
        raise KeyboardInterrupt
    assert os.listdir(tmp_path) == ["old.gz"]
    assert old.read_text() == "precious"


def test_all_or_nothing(tmp_path: Path) -> None:
    """The second output fails when it is completed, after the first was."""
    first = tmp_path / "first"
    first.write_text("precious")
    with pytest.raises(DnatagError, match="/dev/full: cannot write: No space left"):
        write_both(first, "/dev/full")
    assert first.read_text() == "precious"
    assert os.listdir(tmp_path) == ["first"]


def test_full_disk_while_writing() -> None:
    with (
        pytest.raises(DnatagError, match="No space left") as caught,
        open_output("/dev/full") as handle,
    ):
        handle.write("x" * 5_000_000)
    assert caught.value.exit_code == 1


def test_gzip_by_name_is_reproducible(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, now in (("a.gz", 1.0), ("b.gz", 1e9)):
        monkeypatch.setattr("time.time", lambda now=now: now)
        with open_output(tmp_path / name) as handle:
            handle.write("one\n" * 1000)
    data = (tmp_path / "a.gz").read_bytes()
    assert gzip.decompress(data) == b"one\n" * 1000
    assert data == (tmp_path / "b.gz").read_bytes()


def test_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    real, link = tmp_path / "folder" / "real", tmp_path / "link"
    real.write_text("old")
    link.symlink_to(real)
    with open_output(link) as handle:
        handle.write("new")
    assert link.is_symlink()
    assert real.read_text() == "new"


def test_null_device() -> None:
    with open_output("/dev/null") as handle:
        handle.write("x")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_named_pipe(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    received: list[bytes] = []
    reader = threading.Thread(target=lambda: received.append(path.read_bytes()))
    reader.start()
    with open_output(path) as handle:
        handle.write("through the pipe")
    reader.join(10)
    assert received == [b"through the pipe"]
    assert stat.S_ISFIFO(path.stat().st_mode)


@pytest.mark.parametrize("target", ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
def test_standard_output_appends_to_a_redirection(tmp_path: Path, target: str) -> None:
    code = (
        "import sys; from dnatag.formats.io.writing import open_output\n"
        "print('first')\n"
        f"with open_output({target!r}) as handle: handle.write('second\\n')\n"
        "print('third')"
    )
    path = tmp_path / "out"
    path.write_text("before\n")
    with open(path, "a") as handle:
        subprocess.run([sys.executable, "-c", code], stdout=handle, check=True)
    if target in ("-", "/dev/stdout"):
        assert path.read_text() == "before\nfirst\nsecond\nthird\n"
    assert sorted(path.read_text().split()) == ["before", "first", "second", "third"]
    assert not leftovers(tmp_path)


def test_standard_output_in_process(capsys: pytest.CaptureFixture[str]) -> None:
    with open_output("-") as handle:
        handle.write("é\n")
    print("still open")
    assert capsys.readouterr().out == "é\nstill open\n"


def test_closed_pipe(tmp_path: Path) -> None:
    code = (
        "import sys; from dnatag.formats.io.writing import OutputSet\n"
        "try:\n"
        "    with OutputSet() as outputs:\n"
        "        outputs.open(sys.argv[1]).write('x')\n"
        "        handle = outputs.open('-')\n"
        "        for _ in range(100_000): handle.write('y' * 100)\n"
        "except BrokenPipeError: sys.exit(141)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "other")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.read(10)
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait() == 141
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("target", ["a", "link", "./a"])
def test_same_file_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path("link").symlink_to("a")
    with pytest.raises(InputError, match="two outputs"):
        write_both("a", target)
    assert os.listdir(tmp_path) == ["link"]


def test_standard_output_twice() -> None:
    with pytest.raises(InputError, match="standard output: two outputs"):
        write_both("-", "-")


def test_no_such_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no/a: cannot write: No such file or directory"):
        OutputSet().open(tmp_path / "no" / "a")


def test_directory(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot write: Is a directory"):
        OutputSet().open(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anything")
def test_write_protected(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.touch(mode=0o444)
    with pytest.raises(InputError, match="write-protected"):
        OutputSet().open(path)


def test_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "a"
    for content in (b"one", b"two"):
        write_whole(path, content)
        assert path.read_bytes() == content
    with pytest.raises(TypeError):
        write_whole(path, "no bytes")  # type: ignore[arg-type]
    assert path.read_bytes() == b"two"
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize("output", ["in", "./in", "link", "hard", "folder/../in"])
def test_an_output_that_is_an_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("in").write_text("precious")
    Path("folder").mkdir()
    Path("link").symlink_to("in")
    os.link("in", "hard")
    with pytest.raises(InputError, match=f"{output}: is an input as well; name another file"):
        refuse_overwriting([None, "new", output], ["other", None, tmp_path / "in"])


def test_outputs_and_inputs_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("in").write_text("")
    refuse_overwriting([None, "new", "-", "/dev/null", "/dev/null"], ["in", "-", "/dev/null"])
    with pytest.raises(InputError, match="new: two outputs cannot go to the same file"):
        refuse_overwriting(["new", "./new"], ["in"])


@pytest.mark.parametrize(
    ("output", "input", "redirection"),
    [
        ("-", "in", ">> in"),
        ("in", "-", "< in"),
        ("/dev/stdout", "in", ">> in"),
        ("-", "-", "<> in"),
    ],
)
def test_redirections_are_followed(
    tmp_path: Path, output: str, input: str, redirection: str
) -> None:
    (tmp_path / "in").write_text("precious")
    code = "from dnatag.formats.io.writing import refuse_overwriting as refuse"
    code += f"; refuse([{output!r}], [{input!r}])"
    if redirection.startswith("<>"):
        redirection += " >> in"
    done = subprocess.run(
        f'"{sys.executable}" -c "{code}" {redirection}',
        shell=True, cwd=tmp_path, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert "is an input as well" in done.stderr
    assert (tmp_path / "in").read_text() == "precious"


@pytest.mark.parametrize("ending", [".bz2", ".xz", ".zst"])
def test_names_of_other_compressions(tmp_path: Path, ending: str) -> None:
    with pytest.raises(InputError, match=r"compressed as \.gz only"), OutputSet() as outputs:
        outputs.open(tmp_path / f"a.gff3{ending}")
    assert not list(tmp_path.iterdir())
