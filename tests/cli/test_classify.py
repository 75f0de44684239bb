"""``dnatag classify``, from data to a trained model to its output."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

import dnatag
from dnatag.cli import main
from dnatag.errors import InputError
from dnatag.models.file import load_model, read_metadata, save_model

TEXTS = """
domain = "text"
task = "classification"

[[corpus]]
train = "train.txt"
validate = "validate.jsonl"
test = "test.tsv"

[network]
words = 12
shapes = 2
hidden = 12
units = 12
dropout = 0.2

[training]
epochs = 8
batch = 200
learning_rate = 0.02
"""
CLIPS = """
domain = "features"
task = "classification"

[[corpus]]
train = "train.tsv"
validate = "validate.tsv"
archive = "clips.npz"

[network]
hidden = 8
units = 8
noise = 0.1
speed = 0.2
dropout = 0.1

[training]
epochs = 20
batch = 200
learning_rate = 0.03
"""
pytestmark = pytest.mark.slow

GOOD, BAD = ("lovely", "great", "fine"), ("dull", "awful", "silly")
OTHER = ("film", "the", "a", "plot", "with", "and")


def run(*words: object, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, list(map(str, words)), input=stdin)


def texts(seed: int, number: int) -> Iterator[tuple[str, str]]:
    """A text is good if its last judgement is, and "not" before it turns it."""
    rng = random.Random(seed)
    for _ in range(number):
        words, good = rng.choices(OTHER, k=rng.randint(0, 4)), False
        for _ in range(rng.randint(1, 2)):
            good, turned = rng.random() < 0.5, rng.random() < 0.3
            words += ["not"] * turned + [rng.choice(GOOD if good else BAD)]
            words += rng.choices(OTHER, k=rng.randint(0, 3))
            good ^= turned
        yield " ".join(words), "good" if good else "bad"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("texts")
    with (folder / "train.txt").open("w") as file:
        file.writelines(f"__label__{label} {text}\n" for text, label in texts(1, 800))
    with (folder / "validate.jsonl").open("w") as file:
        file.writelines(
            json.dumps({"text": text, "label": label}) + "\n" for text, label in texts(2, 200)
        )
    with (folder / "test.tsv").open("w") as file:
        file.write("label\ttext\n")
        file.writelines(f"{label}\t{text}\n" for text, label in texts(3, 200))
    (folder / "r.toml").write_text(TEXTS)
    path = folder / "m.dnatag"
    done = run("train", folder / "r.toml", "--device", "cpu", "--threads", 1, "-o", path)
    assert done.exit_code == 0, done.stderr
    assert done.stderr.startswith("dnatag: 800 texts to train on; 200 texts to validate on; 200")
    assert "; 2 labels: good " in done.stderr
    assert f"dnatag: {path}: test: accuracy " in done.stderr
    return path


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rising and falling lines; the two others have a turn."""
    folder, rng = tmp_path_factory.mktemp("clips"), np.random.default_rng(1)
    arrays, rows = {}, []
    for i in range(200):
        n, way, turn = rng.integers(8, 20), rng.choice([-1, 1]), rng.random() < 0.5
        line = way * np.linspace(0, 1, n)
        line[n // 2 :] = line[n // 2 :][::-1] if turn else line[n // 2 :]
        arrays[f"c{i}"] = np.stack([line + rng.normal(0, 0.02, n), rng.normal(size=n)], 1)
        rows.append(f"c{i}\t{'up' if way > 0 else 'down'}{' and back' if turn else ''}\n")
    np.savez(folder / "clips.npz", **arrays)
    np.save(folder / "c0.npy", arrays["c0"])
    (folder / "train.tsv").write_text("name\tlabel\n" + "".join(rows[:150]))
    (folder / "validate.tsv").write_text("name\tlabel\n" + "".join(rows[150:]))
    (folder / "r.toml").write_text(CLIPS)
    done = run("train", folder / "r.toml", "--device", "cpu", "--threads", 1, "-q", "-o",
               folder / "clips.dnatag")  # fmt: skip
    assert done.exit_code == 0, done.stderr
    return folder / "clips.dnatag"


def test_training(model: Path) -> None:
    about = read_metadata(model)
    assert (about["domain"], about["task"]) == ("text", "classification")
    assert about["scores"]["test"]["accuracy"] > 0.95
    assert about["scores"]["validate"]["calibration_error"] < 0.1
    assert about["targets"]["labels"] == ["bad", "good"]
    log = model.with_name("m.dnatag.run") / "log.csv"
    assert log.read_text().splitlines()[0].endswith(",accuracy")
    shown = run("models", "show", model)
    assert "| test | " in shown.stdout
    assert "Probabilities are calibrated on the sequences to validate on." in shown.stdout
    assert f"apply it with 'dnatag classify --model {model}'" in shown.stdout


def test_texts_in_labels_out(model: Path) -> None:
    done = run(
        "classify", "--model", model, "-", "-q", stdin="a lovely film\n\nnot a fine , dull plot\n"
    )
    assert done.exit_code == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["text"] for row in rows] == ["a lovely film", "", "not a fine , dull plot"]
    assert [row["labels"][0]["label"] for row in rows[::2]] == ["good", "bad"]
    assert all(len(row["labels"]) == 1 for row in rows)
    assert rows[0]["labels"][0]["score"] > 0.9
    done = run("classify", "--model", model, "-", "--all", stdin='{"text": "dull", "id": 3}\n')
    (row,) = (json.loads(line) for line in done.stdout.splitlines())
    several = "__label__x __label__y dull\n"
    assert run("classify", "--model", model, "-", "-q", stdin=several).stdout == (
        run("classify", "--model", model, "-", "-q", stdin="__label__x dull\n").stdout
    )
    assert row["id"] == 3
    assert [one["label"] for one in row["labels"]] == ["bad", "good"]
    assert sum(one["score"] for one in row["labels"]) == pytest.approx(1)
    done = run("classify", "--model", model, "-", "--to", "fasttext", "--all", stdin="dull\n")
    label, score, other, rest = done.stdout.split()
    assert (label, other) == ("__label__bad", "__label__good")
    assert float(score) + float(rest) == pytest.approx(1, abs=1e-4)


def test_line_buffered(model: Path) -> None:
    """Each line is answered before the next one is asked, however short it is."""
    words = (sys.executable, "-m", "dnatag", "classify", "--model", str(model), "-q")
    with subprocess.Popen(
        [*words, "--line-buffered", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for line in ("a", "dull", "a lovely film"):
            process.stdin.write(f"{line}\n".encode())
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["text"] == line
        process.stdin.close()
        assert process.wait() == 0


def test_evaluation(model: Path, tmp_path: Path) -> None:
    truth = model.with_name("test.tsv")
    for target in ("jsonl", "fasttext"):
        done = run(
            "classify", "--model", model, truth, "--to", target, "-q", "-o", tmp_path / target
        )
        assert done.exit_code == 0, done.stderr
    done = run("evaluate", truth, tmp_path / "jsonl", tmp_path / "fasttext", "--json", "-")
    assert done.exit_code == 0, done.stderr
    scores = json.loads(done.stdout)["predictions"]
    expected = read_metadata(model)["scores"]["test"]
    for name in ("jsonl", "fasttext"):
        assert scores[name]["accuracy"] == pytest.approx(expected["accuracy"])
        assert scores[name]["calibration_error"] == pytest.approx(
            expected["calibration_error"], abs=1e-4
        )
    table = run("evaluate", truth, tmp_path / "jsonl").stdout
    assert table.startswith("reference: test.tsv, 200 sequences, 2 labels\n")
    assert "\nmacro-F1 % " in table
    short = tmp_path / "short"
    short.write_text("__label__bad\n")
    done = run("evaluate", "--domain", "classification", truth, short)
    assert done.exit_code == 2
    assert "short: has 1 label," in done.stderr


def test_from_python(model: Path) -> None:
    classifier = dnatag.load(model, device="cpu", threads=2)
    some = [text for text, _ in texts(5, 300)]
    found = list(classifier.classify_all(some))
    assert found == list(dnatag.load(model, device="cpu").classify_all(some))
    assert found[7] == classifier.classify(some[7])
    assert list(found[7].scores) == sorted(found[7].scores, key=lambda k: -found[7].scores[k])
    for given in (None, "a lovely film"):
        with pytest.raises(InputError, match="classify_all takes many sequences, not one"):
            classifier.classify_all(given)


@pytest.mark.parametrize(
    ("text", "about"),
    [("bad\tdull\ngood\tlovely\ngood\tgreat film\n",
      [{"text": "dull"}, {"text": "lovely"}, {"text": "great film"}]),
     ("id\ttext\n7\tdull\n8\tfine\n", [{"id": "7", "text": "dull"}, {"id": "8", "text": "fine"}]),
     ("fine film __label__good\ndull __label__bad\n", [{"text": "fine film"}, {"text": "dull"}])],
)  # fmt: skip
def test_forms_of_texts(model: Path, text: str, about: list[dict[str, str]]) -> None:
    done = run("classify", "--model", model, "-", "-q", stdin=text)
    assert done.exit_code == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [{k: v for k, v in row.items() if k != "labels"} for row in rows] == about


def test_features(clips: Path) -> None:
    about = read_metadata(clips)
    assert about["scores"]["validate"]["accuracy"] > 0.9
    truth = clips.with_name("train.tsv").read_text().splitlines()[1].split("\t")[1]
    done = run("classify", "--model", clips, clips.with_name("c0.npy"), "-q")
    row = json.loads(done.stdout)
    assert row["id"] == "c0"
    assert row["labels"][0]["label"] == truth
    done = run("classify", "--model", clips, clips.with_name("clips.npz"), "-q")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert (len(rows), rows[0]) == (200, row)
    listed = clips.with_name("list.tsv")
    listed.write_text("name\nc0.npy\n")
    done = run("classify", "--model", clips, listed, "-q")
    assert json.loads(done.stdout)["labels"] == row["labels"]


def test_without_torch(model: Path) -> None:
    code = (
        "import sys; sys.modules['torch'] = None; from dnatag.cli import main; main(sys.argv[1:])"
    )
    words = ("classify", "--model", str(model), "-", "-q")
    done = subprocess.run([sys.executable, "-c", code, *words], input="dull\n", text=True,
                          capture_output=True, check=True)  # fmt: skip
    assert done.stdout == run(*words, stdin="dull\n").stdout


def test_same_seed_same_file(clips: Path, tmp_path: Path) -> None:
    done = run("train", clips.with_name("r.toml"), "--device", "cpu", "--threads", 1, "-q",
               "-o", tmp_path / "clips.dnatag")  # fmt: skip
    assert done.exit_code == 0, done.stderr
    assert (tmp_path / "clips.dnatag").read_bytes() == clips.read_bytes()


@pytest.mark.parametrize(
    ("words", "stdin", "message"),
    [
        (("classify", "--model", "topology", "-"), "x", "apply it with 'dnatag tag --model"),
        (("tag", "--model", "MODEL", "-"), "x", "is a model for classification: apply it with"),
        (("classify", "--model", "MODEL", "-"), "", "is empty"),
        (("classify", "--model", "MODEL", "CLIP"), None, "c0.npy: is a NumPy array; only models"),
        (("classify", "--model", "CLIPS", "-"), "text", "a model of features reads NumPy arrays"),
        (
            ("classify", "--model", "CLIPS", "-", "--format", "lines"),
            "x",
            "--format lines does not",
        ),
        (("classify", "--model", "MODEL", "-"), "I said\thello there\n", "with --format lines"),
        (("classify", "--model", "MODEL", "-"), "bad\tdull\ngood\tfine\n", "with --format table"),
        (("classify", "--model", "MODEL", "none.txt"), None, "none.txt: cannot"),
        (
            ("classify", "--model", "CLIPS", "CLIP", "--to", "fasttext"),
            None,
            "the label 'down and back' has a space",
        ),
    ],
)
def test_refusals(
    model: Path, clips: Path, words: tuple[str, ...], stdin: str | None, message: str
) -> None:
    places = {"MODEL": model, "CLIPS": clips, "CLIP": clips.with_name("c0.npy")}
    done = run(*(places.get(word, word) for word in words), stdin=stdin)
    assert done.exit_code == 2, done.stderr
    assert done.stdout == ""
    assert message in done.stderr
    assert done.stderr.splitlines()[-1].startswith("dnatag: error: ")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('"train.txt"', '"none.txt"'), "there is no file"),
        (('train = "train.txt"', 'train = "one.txt"'), "all sequences to train on have one label"),
        (('train = "train.txt"', 'train = "swapped.tsv"'), "labels and texts have changed places"),
        (('"validate.jsonl"', '"titles.tsv"'), "titles.tsv: has nothing to validate on"),
        (
            ('"validate.jsonl"', '"capitals.txt"'),
            "2 of 2 sequences to validate on have labels that are not trained on, such as 'Bad'",
        ),
        (('train = "train.txt"', 'train = "bare.txt"'), "bare.txt: is of an unknown format"),
        (('"test.tsv"', '"test.tsv"\nlabels = ["good"]'), "'labels' must be written as"),
        (
            ('"test.tsv"', '"test.tsv"\nlabels = ["good=1", "Bad=0"]'),
            "names 'Bad', and no text to train on has that label; there are bad, good",
        ),
        (
            ('"train.txt"', '"train.txt"\nphrases = true'),
            "and 'phrases' in [[corpus]] is for trees",
        ),
        (("units = 12", 'units = 12\npooling = "sum"'), "'pooling' can be max, mean, attention"),
        (("units = 12", "units = 12\ntuned = true"), "'tuned' is for 'vectors', and none are"),
        (('"classification"', '"annotation"'), "the task of text can be tagging or classification"),
    ],
)
def test_recipes_that_cannot_be_used(
    model: Path, tmp_path: Path, change: tuple[str, str], message: str
) -> None:
    (tmp_path / "r.toml").write_text(TEXTS.replace(*change, 1))
    model.with_name("one.txt").write_text("__label__good a film\n" * 3)
    model.with_name("bare.txt").write_text("a film\n" * 3)
    model.with_name("capitals.txt").write_text("__label__Good a film\n__label__Bad dull\n")
    model.with_name("titles.tsv").write_text("label\ttext\n")
    swapped = "".join(f"film {number}\tgood\n" for number in range(20))
    model.with_name("swapped.tsv").write_text(f"label\ttext\n{swapped}")
    done = run("train", tmp_path / "r.toml", "--folder", model.parent, "--device", "cpu", "-o",
               tmp_path / "m.dnatag")  # fmt: skip
    assert done.exit_code == 2, done.stderr
    assert message in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["r.toml"]


def test_labels_to_test_on_that_are_not_trained_on(model: Path, tmp_path: Path) -> None:
    lines = ["label\ttext\n", "good\tfine\n", "odd\tdull\n"]
    model.with_name("odd.tsv").write_text("".join(lines))
    (tmp_path / "r.toml").write_text(TEXTS.replace("test.tsv", "odd.tsv").replace("= 8", "= 1", 1))
    done = run("train", tmp_path / "r.toml", "--folder", model.parent, "--device", "cpu", "-o",
               tmp_path / "m.dnatag")  # fmt: skip
    assert done.exit_code == 0, done.stderr
    warning = (
        "warning: 1 of 2 sequences to test on have labels that are not trained on, such as 'odd'"
    )
    assert f"dnatag: {warning}\n" in done.stderr
    assert "odd" not in read_metadata(tmp_path / "m.dnatag")["card"].partition("## Scores")[0]


def test_damaged_models(model: Path, tmp_path: Path) -> None:
    arrays, about = load_model(model)
    bad = tmp_path / "bad.dnatag"
    for changed in ({"targets": {"labels": ["a"], "temperature": 1.0}},
                    {"network": about["network"] | {"members": 2}}):  # fmt: skip
        save_model(bad, arrays, about | changed)
        done = run("classify", "--model", bad, "-", stdin="x")
        assert done.exit_code == 2
        assert "bad.dnatag does not hold a whole model of text" in done.stderr
