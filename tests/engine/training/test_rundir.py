"""The folder of a run: what is resumed, refused, and left when all is done."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from dnatag.engine.training.rundir import leave, run_folder, training_device
from dnatag.errors import InputError

SETTINGS = {"loop": {"steps": 3}, "data": ["a.tsv"]}


def enter(output: Path, settings: dict[str, Any], resume: bool) -> Path:
    """Return the folder of a run, which is left again at once."""
    with run_folder(output, settings, resume) as folder:
        return folder


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "my.dnatag"


def interrupted(output: Path) -> Path:
    """Return the folder of a run that has saved its state."""
    folder = enter(output, SETTINGS, resume=False)
    (folder / "checkpoint.safetensors").write_bytes(b"state")
    return folder


def test_a_new_run(output: Path) -> None:
    folder = enter(output, SETTINGS, resume=False)
    assert folder == output.with_name("my.dnatag.run")
    assert json.loads((folder / "run.json").read_text()) == SETTINGS
    # One that was interrupted before it had saved anything begins anew.
    other = {"loop": {"steps": 4}}
    assert enter(output, other, resume=False) == folder
    assert json.loads((folder / "run.json").read_text()) == other


def test_a_run_to_resume(output: Path) -> None:
    folder = interrupted(output)
    before = sorted(folder.iterdir())
    assert enter(output, SETTINGS, resume=True) == folder
    assert sorted(folder.iterdir()) == before


def test_tuples_are_lists_in_json(output: Path) -> None:
    interrupted(output)
    same = {**SETTINGS, "data": ("a.tsv",)}
    assert enter(output, same, resume=True).is_dir()


def test_refusals(output: Path) -> None:
    with pytest.raises(InputError, match=r"nothing to resume: .*leave out --resume"):
        enter(output, SETTINGS, resume=True)
    assert list(output.parent.iterdir()) == []
    folder = interrupted(output)
    named = re.escape(str(folder))
    with pytest.raises(InputError, match=f"^{named} holds a run that has not ended; continue"):
        enter(output, SETTINGS, resume=False)
    other = {"loop": {"steps": 4}, "data": ["b.tsv"]}
    message = rf"the run in {named} has other settings \(loop\.steps, data\)"
    with pytest.raises(InputError, match=message):
        enter(output, other, resume=True)
    with pytest.raises(InputError, match=r"has other settings \(loop\.steps\)"):
        enter(output, {**SETTINGS, "loop": {}}, resume=True)
    for damaged in ("", "[]", '{"loop": ', "[" * 100_000):
        (folder / "run.json").write_text(damaged)
        with pytest.raises(InputError, match=r"run\.json: cannot resume: .*begin anew"):
            enter(output, SETTINGS, resume=True)


def test_one_training_at_a_time(output: Path) -> None:
    other = (
        "import sys\nfrom pathlib import Path\n"
        "from dnatag.engine.training.rundir import run_folder\n"
        "with run_folder(Path(sys.argv[1]), {}, False):\n"
        "    print('inside', flush=True)\n"
        "    sys.stdin.read()"
    )
    command = [sys.executable, "-c", other, str(output)]
    folder, pipe = output.with_name("my.dnatag.run"), subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "inside\n"
        named = re.escape(str(folder))
        with pytest.raises(InputError, match=f"another training is writing into {named}; wait"):
            enter(output, SETTINGS, resume=False)
        (folder / "checkpoint.safetensors").write_bytes(b"state")
        with pytest.raises(InputError, match="another training is writing"):
            enter(output, {}, resume=True)
        assert (folder / "run.json").read_text() == "{}"
        process.kill()
    # What was killed holds nothing any more.
    assert enter(output, {}, resume=True) == folder
    assert not (folder / "lock").exists()


def test_only_the_first_process_writes(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert not enter(output, SETTINGS, resume=False).exists()


def test_what_is_left(output: Path) -> None:
    folder = interrupted(output)
    for name in ("log.csv", "unscored.dnatag"):
        (folder / name).write_text("")
    leave(folder)
    assert [path.name for path in folder.iterdir()] == ["log.csv"]
    leave(folder)
    assert enter(output, SETTINGS, resume=False) == folder


def test_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    assert training_device("cpu") == torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="torch finds no cuda device here; use the device cpu"):
        training_device("cuda")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert training_device("auto") == torch.device("cpu")


def test_each_process_of_a_machine_has_its_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    monkeypatch.setenv("LOCAL_RANK", "2")
    assert training_device("cuda") == torch.device("cuda", 2)
    assert chosen == [torch.device("cuda", 2)]
