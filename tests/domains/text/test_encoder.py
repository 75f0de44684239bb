"""Vectors of words in context, of a tiny language model that is made here."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from safetensors.numpy import load_file, save_file

from dnatag import Tagger
from dnatag.cli import main
from dnatag.domains.text.contextual import ContextualFeaturizer
from dnatag.domains.text.encoder import open_encoder
from dnatag.domains.text.words import WordFeaturizer
from dnatag.errors import DnatagError, InputError
from dnatag.models.file import read_metadata

tokenizers = pytest.importorskip("tokenizers")

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "ada", "love", "##lace", "runs", ".", "tu", "##rin"]
WIDTH, PLACES = 8, 16
WORDS = ["Ada", "Lovelace", "runs", "."]


def make(folder: Path, prefix: str = "", seed: int = 1, **config: object) -> Path:
    """Make a language model with random weights."""
    folder.mkdir()
    rng = np.random.default_rng(seed)
    shapes = {
        "embeddings.word_embeddings.weight": (len(PIECES), WIDTH),
        "embeddings.position_embeddings.weight": (PLACES, WIDTH),
        "embeddings.token_type_embeddings.weight": (2, WIDTH),
    }
    linear = {
        "attention.self.query": (WIDTH, WIDTH), "attention.self.key": (WIDTH, WIDTH),
        "attention.self.value": (WIDTH, WIDTH), "attention.output.dense": (WIDTH, WIDTH),
        "intermediate.dense": (2 * WIDTH, WIDTH), "output.dense": (WIDTH, 2 * WIDTH),
    }  # fmt: skip
    for name, shape in linear.items():
        shapes[f"encoder.layer.0.{name}.weight"] = shape
        shapes[f"encoder.layer.0.{name}.bias"] = shape[:1]  # type: ignore[assignment]
    for name in ("embeddings", "encoder.layer.0.attention.output", "encoder.layer.0.output"):
        # As in the first releases of BERT.
        shapes |= dict.fromkeys((f"{name}.LayerNorm.gamma", f"{name}.LayerNorm.beta"), (WIDTH,))
    arrays = {prefix + k: rng.normal(0, 0.5, v).astype(np.float32) for k, v in shapes.items()}
    arrays["cls.predictions.bias"] = np.zeros(3, np.float32)
    save_file(arrays, folder / "model.safetensors")
    about = {"model_type": "bert", "num_attention_heads": 2, "layer_norm_eps": 1e-12} | config
    (folder / "config.json").write_text(json.dumps(about))
    model = tokenizers.models.WordPiece({p: i for i, p in enumerate(PIECES)}, unk_token="[UNK]")
    pieces = tokenizers.Tokenizer(model)
    pieces.normalizer = tokenizers.normalizers.Lowercase()
    pieces.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    pieces.post_processor = tokenizers.processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    pieces.enable_truncation(5)
    pieces.enable_padding(length=5)
    pieces.save(str(folder / "tokenizer.json"))
    return folder


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return make(tmp_path / "tiny")


def test_pieces_are_pooled_to_words(model: Path) -> None:
    encoder = open_encoder(model)
    (found,) = encoder([WORDS])
    pieces = encoder._network([np.array([2, 4, 5, 6, 7, 8, 3])])[0][1:-1]
    expected = [pieces[0], pieces[1:3].mean(0), pieces[3], pieces[4]]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    np.testing.assert_allclose(encoder([["Turin"], WORDS, []])[1], found, atol=1e-6)
    assert encoder([["Turin"], WORDS, []])[2].shape == (0, WIDTH)


def test_words_without_pieces_have_zeros(model: Path) -> None:
    encoder = open_encoder(model)
    (found,) = encoder([["Ada", "\u00a0", "runs"]])
    assert not found[1].any()
    np.testing.assert_allclose(found[[0, 2]], encoder([["Ada", "runs"]])[0], atol=1e-6)


def test_long_sentences_go_through_in_windows(model: Path) -> None:
    encoder, size = open_encoder(model), PLACES - 2
    words = [("Ada", "runs", ".", "love")[i * i % 4] for i in range(40)]  # a piece each
    (found,) = encoder([words])
    assert found.shape == (40, WIDTH)
    # Windows begin at each seventh word; the part that counts of each is in its middle.
    for start, first, last in ((0, 0, 10), (7, 10, 17), (14, 17, 24), (21, 24, 31), (28, 31, 40)):
        (window,) = encoder([words[start : start + size]])
        np.testing.assert_allclose(
            found[first:last], window[first - start : last - start], atol=1e-5
        )


@pytest.mark.parametrize("prefix", ["", "bert."])
def test_names_of_weights(tmp_path: Path, prefix: str) -> None:
    expected = open_encoder(make(tmp_path / "a"))([WORDS])[0]
    np.testing.assert_allclose(open_encoder(make(tmp_path / "b", prefix))([WORDS])[0], expected)


def test_models_that_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"tmp.*: has no config\.json, which a language model"):
        open_encoder(tmp_path)
    with pytest.raises(InputError, match="it is of type t5, and bert, roberta"):
        open_encoder(make(tmp_path / "t5", model_type="t5"))
    with pytest.raises(InputError, match="activation silu"):
        open_encoder(make(tmp_path / "silu", hidden_act="silu"))
    damaged = make(tmp_path / "damaged")
    arrays = load_file(damaged / "model.safetensors")
    arrays.pop("encoder.layer.0.output.dense.bias")
    arrays.pop("encoder.layer.0.attention.self.key.bias")
    save_file(arrays, damaged / "model.safetensors")
    with pytest.raises(InputError, match=r"cannot be read as a language model: .*self\.key\.bias"):
        open_encoder(damaged)
    (damaged / "tokenizer.json").write_text("{}")
    shutil.copy(make(tmp_path / "whole") / "model.safetensors", damaged)
    with pytest.raises(InputError, match=r"tokenizer\.json cannot be read"):
        open_encoder(damaged)
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(DnatagError, match=r"pip install 'dnatag\[encoder\]'"):
        open_encoder(tmp_path / "whole")


def test_the_featurizer_remembers_in_training(model: Path) -> None:
    words = WordFeaturizer.fit([WORDS], ["ada"], np.ones((1, 2), np.float16))
    featurizer = ContextualFeaturizer.fit(words, model)
    assert featurizer.features == 2 + WIDTH
    first, second = featurizer.encode_all([WORDS, WORDS[:1]])
    assert first.features.shape == (4, 2 + WIDTH)
    assert not np.allclose(first.features[0], second.features[0])
    calls: list[int] = []
    encoder = featurizer._encoder
    featurizer._encoder = lambda group: calls.append(len(group)) or encoder(group)  # type: ignore
    np.testing.assert_array_equal(featurizer.encode(WORDS).features, first.features)
    featurizer.encode(["Turin"])
    assert calls == [1]
    again = ContextualFeaturizer.from_arrays(featurizer.to_arrays())
    np.testing.assert_allclose(again.encode(WORDS).features, first.features, atol=1e-5)
    assert again.averaged == featurizer.averaged == 1


def test_layers_from_the_middle_one_on_count(model: Path) -> None:
    arrays = load_file(model / "model.safetensors")
    for layer in range(1, 6):
        arrays |= {
            name.replace("layer.0.", f"layer.{layer}."): array * (1 - layer / 10)
            for name, array in arrays.items()
            if "layer.0." in name
        }
    save_file(arrays, model / "model.safetensors")
    words = WordFeaturizer.fit([WORDS], ["ada"], np.ones((1, 2), np.float16))
    featurizer = ContextualFeaturizer.fit(words, model)
    assert featurizer.averaged == 4
    packed = featurizer.to_arrays()
    again = ContextualFeaturizer.from_arrays(packed)
    expected = featurizer.encode(WORDS).features
    np.testing.assert_allclose(again.encode(WORDS).features, expected, atol=1e-5)
    # Files of the first models, which had the last layer alone, do not say how many count.
    about = json.loads(packed["encoder"].tobytes())
    del about["averaged"]
    packed["encoder"] = np.frombuffer(json.dumps(about).encode(), np.uint8)
    first = ContextualFeaturizer.from_arrays(packed)
    assert first.averaged == 1
    assert not np.allclose(first.encode(WORDS).features, expected, atol=1e-3)


CORPUS = "Ada B-PER\nLovelace I-PER\nruns O\n. O\n\nTurin B-LOC\nruns O\n. O\n\n"
RECIPE = """domain = "text"
[[corpus]]
train = "train.conll"
validate = "train.conll"
[network]
encoder = "tiny"
hidden = 16
dropout = 0.1
[training]
epochs = 30
batch = 20
learning_rate = 0.02
"""


@pytest.mark.slow
def test_a_tagger_needs_its_language_model(model: Path, tmp_path: Path) -> None:
    (tmp_path / "train.conll").write_text(CORPUS * 4)
    (tmp_path / "r.toml").write_text(RECIPE)

    def run(*arguments: object) -> tuple[int, str, str]:
        options = ("--threads", 1, "--device", "cpu", "-q")
        result = CliRunner().invoke(main, [*map(str, (*arguments, *options))])
        return result.exit_code, result.stdout, result.stderr

    own = tmp_path / "own.dnatag"
    assert run("train", tmp_path / "r.toml", "-o", own)[0] == 0
    entities = Tagger.load(own).tag(["Ada", "Lovelace", "runs"]).entities
    assert [(e.type, e.start, e.end) for e in entities] == [("PER", 0, 2)]
    words = tmp_path / "words.txt"
    words.write_text("Ada Lovelace runs .\n")
    code, found, _ = run("tag", "--model", own, words)
    assert code == 0
    assert own.stat().st_size < 100_000
    assert "It needs the language model tiny (SHA-256" in read_metadata(own)["card"]
    (tmp_path / "from.toml").write_text(RECIPE.partition("[network]")[0] + "[training]\nepochs = 1")
    assert run("train", tmp_path / "from.toml", "--from", own, "-o", tmp_path / "b.dnatag")[0] == 0
    check = f"import sys, dnatag; dnatag.Tagger.load({str(own)!r}).tag('Ada'); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert "tokenizers" in done.stdout.split()
    assert not {"torch", "transformers"} & set(done.stdout.split())
    moved = model.rename(tmp_path / "moved")
    code, _, problem = run("tag", "--model", own, words)
    assert code == 2
    assert re.fullmatch(
        r"dnatag: error: .*tiny: is no folder; the model needs the language model tiny "
        r"\(SHA-256 of its weights: [0-9a-f]{64}\); name its folder with 'dnatag tag --encoder'\n",
        problem,
    )  # fmt: skip
    assert run("tag", "--model", own, "--encoder", moved, words) == (0, found, "")
    other = make(tmp_path / "other", seed=2)
    code, _, problem = run("tag", "--model", own, "--encoder", other, words)
    assert code == 2
    assert "other: is another language model (" in problem
    code, _, problem = run("tag", "--model", "biomedical", "--encoder", other, words)
    assert (code, problem.count("\n")) == (2, 1)
    assert "biomedical.dnatag was trained without a language model" in problem
