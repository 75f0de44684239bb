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

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import save_file

from dnatag import __version__
from dnatag.errors import DnatagError, InputError
from dnatag.models.file import FORMAT_VERSION, load_model, read_metadata, save_model

METADATA = {"domain": "genes", "licence": "MIT", "card": "# Größe\n", "configuration": {"k": [1]}}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "small.dnatag"
    arrays = {"weight": np.arange(6.0, dtype=np.float32).reshape(2, 3), "bias": np.zeros(2)}
    save_model(path, arrays, METADATA)
    return path


def one_line(error: pytest.ExceptionInfo[InputError], path: Path) -> str:
    message = str(error.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message


def test_tensors_come_back_as_they_were(tmp_path: Path) -> None:
    base = np.random.default_rng(0).normal(size=(4, 6)).astype(np.float32)
    arrays = {
        "half": base.astype(np.float16),
        "single": base,
        "double": base.astype(np.float64),
        "bytes": np.arange(-3, 3, dtype=np.int8),
        "counts": np.array([2**40, -1]),
        "flags": np.array([True, False]),
        "scalar": np.array(0.1),
        "empty": np.zeros((0, 3)),
        "transposed": base.T,
        "a view of the same memory": base[1:, ::2],
        "the same memory": base,
    }
    save_model(tmp_path / "m.dnatag", arrays, {})
    loaded, _ = load_model(tmp_path / "m.dnatag")
    assert set(loaded) == set(arrays)
    for name, array in arrays.items():
        assert loaded[name].dtype == array.dtype
        assert loaded[name].shape == array.shape
        assert np.array_equal(loaded[name], array), name


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
    found = read_metadata(path)
    assert found == load_model(path)[1]
    assert len(found.pop("sha256")) == 64
    metadata.pop("sha256", None)
    assert found == {**metadata, **versions}


def test_equal_models_make_equal_files(tmp_path: Path, model: Path) -> None:
    tensors, metadata = load_model(model)
    save_model(tmp_path / "again.dnatag", tensors, metadata)
    assert (tmp_path / "again.dnatag").read_bytes() == model.read_bytes()


def test_other_tools_can_read_a_model(model: Path) -> None:
    with safe_open(model, "numpy") as file:
        assert json.loads(file.metadata()["dnatag"])["licence"] == "MIT"
        assert file.get_tensor("weight").tolist() == [[0, 1, 2], [3, 4, 5]]


def test_reading_metadata_needs_neither_torch_nor_numpy(model: Path) -> None:
    code = (
        "import sys; from dnatag.models.file import read_metadata;"
        f"assert read_metadata({str(model)!r})['licence'] == 'MIT';"
        "print(sorted({'torch', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_loading_needs_no_torch(model: Path) -> None:
    code = (
        "import sys; from dnatag.models.file import load_model, save_model;"
        f"save_model({str(model)!r}, *load_model({str(model)!r}));"
        "print(sorted({'torch'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def refusal(path: Path) -> str:
    """Return why a file is refused, "" if it is not."""
    try:
        load_model(path)
    except InputError as error:
        return str(error)
    return ""


def test_every_flipped_bit_is_found(model: Path) -> None:
    """Wherever it is: in the weights, their names and shapes, or the metadata."""
    whole, found = model.read_bytes(), 0
    arrays, metadata = load_model(model)
    for place in range(len(whole)):
        for bit in (0, 2, 5, 7):
            damaged = bytearray(whole)
            damaged[place] ^= 1 << bit
            model.write_bytes(damaged)
            message = refusal(model)
            assert message.startswith(f"{model}: ") or not message
            found += bool(message)
            if not message:
                # An escaped character may have its number in upper or lower case.
                others, about = load_model(model)
                assert about == metadata
                assert all(np.array_equal(array, others[key]) for key, array in arrays.items())
    assert found > 4 * len(whole) - 10


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite(model: Path, value: float) -> None:
    whole = model.read_bytes()
    with pytest.raises(DnatagError, match="not written: 'bias' has values that are not finite"):
        save_model(model, {"bias": np.array([0, value])}, METADATA)
    assert model.read_bytes() == whole
    write_format1(model, {"bias": np.array([0, value], np.float32)}, {"domain": "other"})
    with pytest.raises(InputError, match="damaged model file: 'bias' has values that are not"):
        load_model(model)


def write_format1(path: Path, arrays: dict[str, np.ndarray], metadata: dict) -> None:
    """Write a file as dnatag 0.1 did."""
    about = {**metadata, "format_version": 1, "dnatag_version": "0.1.0"}
    save_file(arrays, path, {"dnatag": json.dumps(about)})


def test_format_1_is_read(tmp_path: Path) -> None:
    """A gene model, a tagger and the parameters of a genome, by the names of format 2."""
    path, ones = tmp_path / "old", np.ones(2, np.float32)
    grammar = {"states": ["a"], "channels": ["x", "y"], "bits": 2, "begin": None}
    write_format1(
        path,
        {"theta": ones, "head.bias": ones, "relatives.codons": ones},
        {
            "domain": "genes",
            "configuration": {"hidden": 8, "site": {"bit": 4, "before": 40}},
            "grammar": grammar,
            "relatives": ["E. coli"],
            "card": "# Genes",
        },
    )
    arrays, metadata = load_model(path)
    assert set(arrays) == {"transition_weights", "head.bias", "panel.start_codons"}
    assert metadata == read_metadata(path)
    assert metadata == {
        "domain": "genes",
        "task": "annotation",
        "network": {
            "type": "kmer_tagger",
            "config": {"hidden": 8, "site": {"flag": 4, "before": 40}},
        },
        "featurizer": {"panel": ["E. coli"]},
        "targets": {"states": ["a"], "scores": ["x", "y"], "flags": 2, "begin": None},
        "card": "# Genes",
        "format_version": 1,
        "dnatag_version": "0.1.0",
    }
    write_format1(
        path,
        {"0.theta": ones, "encoder_of_tokens.words": ones},
        {"domain": "text", "configuration": {}, "networks": 1, "labels": {"kind": "plain"}},
    )
    arrays, metadata = load_model(path)
    assert set(arrays) == {"0.transition_weights", "featurizer.words"}
    assert metadata["task"] == "tagging"
    assert metadata["network"] == {"type": "token_tagger", "config": {}, "members": 1}
    assert metadata["targets"] == {"kind": "plain"}
    write_format1(path, {"motif.weights": ones}, {"domain": "genome", "genetic_code": ["F" * 64]})
    arrays, metadata = load_model(path)
    assert set(arrays) == {"rbs.weights"}
    assert metadata["domain"] == "genes"
    assert metadata["parameters"] == {"genetic_code": ["F" * 64]}


@pytest.mark.parametrize(
    "metadata",
    [
        {"domain": "genes", "configuration": 1},
        {"domain": "genes", "configuration": {"site": 1}},
        {"domain": "genes", "grammar": [1]},
        {"domain": "text", "labels": "plain"},
        {"domain": []},
    ],
)
def test_damaged_format_1(tmp_path: Path, metadata: dict) -> None:
    path = tmp_path / "old"
    write_format1(path, {}, metadata)
    for read in (load_model, read_metadata):
        with pytest.raises(InputError, match="not a dnatag model file"):
            read(path)


def test_every_cut_is_reported(tmp_path: Path, model: Path) -> None:
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
        gzip.compress(b"ACGT" * 1000, mtime=0),
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
    save_file({"weight": np.zeros(2)}, path, {"format": "pt"})
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
        save_model(model, {"weight": np.ones(5)}, {})
    assert model.read_bytes() == before
    assert list(tmp_path.iterdir()) == [model]


def test_what_json_cannot_hold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        save_model(tmp_path / "m.dnatag", {}, {"scores": {"loss": float("nan")}})
    assert not list(tmp_path.iterdir())
