"""Model files: what is saved comes back; what is no model is refused in one line."""

from __future__ import annotations

import gzip
import json
import os
import pickle
import struct
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import save_file

from dnatag import __version__
from dnatag.errors import InputError
from dnatag.models.file import FORMAT_VERSION, load_model, read_metadata, save_model

METADATA = {"domain": "genes", "licence": "MIT", "card": "# Größe\n", "configuration": {"k": [1]}}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "small.dnatag"
    save_model(path, {"weight": torch.arange(6.0).reshape(2, 3), "bias": torch.zeros(2)}, METADATA)
    return path


def one_line(error: pytest.ExceptionInfo[InputError], path: Path) -> str:
    message = str(error.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message


def test_tensors_come_back_as_they_were(tmp_path: Path) -> None:
    base = torch.randn(4, 6, generator=torch.Generator().manual_seed(0))
    tensors = {
        "half": base.half(),
        "bfloat": base.bfloat16(),
        "double": base.double(),
        "counts": torch.tensor([2**40, -1]),
        "flags": torch.tensor([True, False]),
        "scalar": torch.tensor(0.1),
        "empty": torch.zeros(0, 3),
        "transposed": base.T,
        "a view of the same memory": base[1:, ::2],
        "the same memory": base,
        "with gradient": torch.nn.Parameter(base),
    }
    save_model(tmp_path / "m.dnatag", tensors, {})
    loaded, _ = load_model(tmp_path / "m.dnatag")
    assert set(loaded) == set(tensors)
    for name, tensor in tensors.items():
        assert loaded[name].dtype == tensor.dtype
        assert loaded[name].shape == tensor.shape
        assert torch.equal(loaded[name], tensor.detach()), name


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), JSON, max_size=4))
def test_metadata_come_back_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, metadata: dict[str, object]
) -> None:
    path = tmp_path_factory.mktemp("metadata") / "m.dnatag"
    save_model(path, {}, metadata)
    versions = {"format_version": FORMAT_VERSION, "dnatag_version": __version__}
    assert read_metadata(path) == {**metadata, **versions} == load_model(path)[1]


def test_equal_models_make_equal_files(tmp_path: Path, model: Path) -> None:
    tensors, metadata = load_model(model)
    save_model(tmp_path / "again.dnatag", tensors, metadata)
    assert (tmp_path / "again.dnatag").read_bytes() == model.read_bytes()


def test_other_tools_can_read_a_model(model: Path) -> None:
    with safe_open(model, "pt") as file:
        assert json.loads(file.metadata()["dnatag"])["licence"] == "MIT"
        assert file.get_tensor("weight").tolist() == [[0, 1, 2], [3, 4, 5]]


def test_reading_metadata_needs_neither_torch_nor_numpy(model: Path) -> None:
    code = (
        "import sys; from dnatag.models.file import read_metadata;"
        f"assert read_metadata({str(model)!r})['licence'] == 'MIT';"
        "print(sorted({'torch', 'numpy', 'numba'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_every_cut_is_told(tmp_path: Path, model: Path) -> None:
    whole = model.read_bytes()
    cut = tmp_path / "cut.dnatag"
    for length in range(len(whole)):
        cut.write_bytes(whole[:length])
        for read in (load_model, read_metadata):
            with pytest.raises(InputError) as error:
                read(cut)
            # Less than the first ten bytes could be anything.
            expected = "truncated" if length >= 10 else "not a dnatag model file"
            assert expected in one_line(error, cut), length


def test_surplus_bytes_are_told(model: Path) -> None:
    model.write_bytes(model.read_bytes() + b"x")
    with pytest.raises(InputError) as error:
        load_model(model)
    assert "damaged" in one_line(error, model)


def safetensors_file(metadata: str) -> bytes:
    header = json.dumps({"__metadata__": {"dnatag": metadata}}).encode()
    return struct.pack("<Q", len(header)) + header


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b">contig\nACGT\n" * 100,
        gzip.compress(b"ACGT" * 1000),
        pickle.dumps({"weight": list(range(1000))}),
        struct.pack("<Q", 4) + b'{"a"',
        struct.pack("<Q", 9) + b'{"a": []}',
        struct.pack("<Q", 2**63),
        safetensors_file("no JSON"),
        safetensors_file("[1]"),
        safetensors_file("{}"),
        safetensors_file('{"format_version": null}'),
        safetensors_file('{"format_version": "one"}'),
    ],
)
def test_other_files_are_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.dnatag"
    path.write_bytes(content)
    for read in (load_model, read_metadata):
        with pytest.raises(InputError) as error:
            read(path)
        assert "not a dnatag model file" in one_line(error, path)


def test_weights_of_another_tool_are_told(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_file({"weight": torch.zeros(2)}, path, {"format": "pt"})
    with pytest.raises(InputError, match="not a dnatag model file"):
        load_model(path)


@given(st.binary(max_size=300))
def test_no_bytes_crash_the_reader(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.mktemp("bytes") / "m.dnatag"
    path.write_bytes(content)
    with pytest.raises(InputError):
        load_model(path)


def test_a_newer_format_is_told(tmp_path: Path) -> None:
    path = tmp_path / "newer.dnatag"
    path.write_bytes(safetensors_file(json.dumps({"format_version": FORMAT_VERSION + 1})))
    with pytest.raises(InputError) as error:
        load_model(path)
    assert one_line(error, path).endswith(
        f"made by a newer dnatag: format {FORMAT_VERSION + 1} > supported {FORMAT_VERSION}, "
        "update dnatag"
    )


@pytest.mark.parametrize("name", ["missing.dnatag", "."])
def test_an_unreadable_file_is_told(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with pytest.raises(InputError) as error:
        load_model(path)
    assert "cannot read" in one_line(error, path)


def test_a_failed_write_leaves_the_old_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, model: Path
) -> None:
    before = model.read_bytes()

    def full_disk(_: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        save_model(model, {"weight": torch.ones(5)}, {})
    assert model.read_bytes() == before
    assert list(tmp_path.iterdir()) == [model]


def test_what_json_cannot_hold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        save_model(tmp_path / "m.dnatag", {}, {"scores": {"loss": float("nan")}})
    assert not list(tmp_path.iterdir())
