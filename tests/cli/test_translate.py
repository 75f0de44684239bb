"""``dnatag translate``, from pairs of lines to a trained model to translations."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

import dnatag
from dnatag.cli import main
from dnatag.errors import InputError
from dnatag.models.file import load_model, read_metadata, save_model

pytest.importorskip("sentencepiece")
pytestmark = pytest.mark.slow

RECIPE = """
domain = "translation"

[[corpus]]
train = ["train.en", "train.xx"]
validate = ["validate.en", "validate.xx"]
test = ["validate.en", "validate.xx"]

[network]
subwords = 60
lower = true
embedding = 32
hidden = 32
dropout = 0.1

[training]
epochs = 30
batch = 300
learning_rate = 0.01
average = 0.9
beam = 3
"""
WORDS = {"a": "un", "dog": "perro", "cat": "gato", "big": "grande", "small": "chico", "red": "rojo"}


def run(*words: object, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, list(map(str, words)), input=stdin)


def pairs(seed: int, number: int) -> list[tuple[str, str]]:
    """Words are others, and adjectives come behind their noun."""
    rng = random.Random(seed)
    found = []
    for _ in range(number):
        one, two = [], []
        for _ in range(rng.randint(1, 2)):
            adjectives = rng.sample(["big", "small", "red"], rng.randint(0, 2))
            noun = rng.choice(["dog", "cat"])
            one += ["a", *adjectives, noun]
            two += [WORDS[w] for w in ["a", noun, *adjectives]]
        found.append((" ".join(one).capitalize(), " ".join(two)))
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("translation")
    for seed, (name, number) in enumerate((("train", 500), ("validate", 40))):
        for side, ending in enumerate(("en", "xx")):
            lines = [pair[side] + "\n" for pair in pairs(seed, number)]
            (folder / f"{name}.{ending}").write_text("".join(lines))
    (folder / "r.toml").write_text(RECIPE)
    done = run("train", folder / "r.toml", "--device", "cpu", "--threads", 1, "-o",
               folder / "m.dnatag")  # fmt: skip
    assert done.exit_code == 0, done.stderr
    assert "dnatag: 500 pairs to train on; 40 pairs to validate on" in done.stderr
    return folder


def test_training(folder: Path) -> None:
    scores = read_metadata(folder / "m.dnatag")["scores"]
    assert scores["test"]["bleu"] > 0.95
    shown = run("models", "show", folder / "m.dnatag").stdout
    assert "apply it with 'dnatag translate --model" in shown


def test_lines_in_lines_out(folder: Path) -> None:
    done = run("translate", "--model", folder / "m.dnatag", "-q",
               stdin="A big red dog\n\na cat a small dog\n")  # fmt: skip
    assert done.exit_code == 0, done.stderr
    assert done.stdout == "un perro grande rojo\n\nun gato un perro chico\n"
    long = "a red dog " * 330
    done = run("translate", "--model", folder / "m.dnatag", "-q", stdin=long + "\n")
    assert done.exit_code == 0, done.stderr
    assert done.stdout.count("\n") == 1
    assert (
        "dnatag: 1 line\n" in run("translate", "--model", folder / "m.dnatag", stdin="a\n").stderr
    )
    assert done.stdout.startswith("un perro rojo un")
    done = run("translate", "--model", folder / "m.dnatag", "-q", stdin=f"a dog\n{long * 20}\n")
    assert (done.exit_code, done.stdout) == (2, "")
    assert re.search(r"line 2: a text of \d\d,\d{3} subwords is too long", done.stderr)


def test_line_buffered(folder: Path) -> None:
    """Each line is answered before the next one is asked, however short it is."""
    words = (sys.executable, "-m", "dnatag", "translate", "--model", str(folder / "m.dnatag"), "-q")
    with subprocess.Popen(
        [*words, "--line-buffered"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for line, right in (("", ""), ("a cat", "un gato"), ("a big dog", "un perro grande")):
            process.stdin.write(f"{line}\n".encode())
            process.stdin.flush()
            assert process.stdout.readline().decode() == right + "\n"
        process.stdin.close()
        assert process.wait() == 0


def test_n_best_and_json_lines(folder: Path) -> None:
    done = run("translate", "--model", folder / "m.dnatag", "--n-best", 2, "-q",
               stdin="a big dog\na cat\n")  # fmt: skip
    rows = [line.split(" ||| ") for line in done.stdout.splitlines()]
    assert [row[0] for row in rows] == ["0", "0", "1", "1"]
    assert rows[0][1] == "un perro grande"
    assert float(rows[0][2]) > float(rows[1][2])
    done = run("translate", "--model", folder / "m.dnatag", "--n-best", 50, "-q", stdin="a cat\n")
    every = [line.split(" ||| ")[1] for line in done.stdout.splitlines()]
    assert len(every) == len(set(every)) > 1
    done = run(
        "translate", "--model", folder / "m.dnatag", "--to", "jsonl", "-q", stdin="a big dog\n"
    )
    item = json.loads(done.stdout)
    assert item["text"] == "a big dog"
    (best,) = item["translations"]
    assert best["text"] == "un perro grande"
    assert {1, 2} >= {a for a, b in best["alignment"] if b > 0} > set()


def test_evaluation(folder: Path, tmp_path: Path) -> None:
    forms = {"found": (), "n": ("--n-best", 2), "json": ("--n-best", 2, "--to", "jsonl")}
    for name, options in forms.items():
        done = run("translate", "--model", folder / "m.dnatag", folder / "validate.en", "-q", "-o",
                   tmp_path / name, *options)  # fmt: skip
        assert done.exit_code == 0, done.stderr
    found = tmp_path / "found"
    words = ("evaluate", "--domain", "seq2seq", folder / "validate.xx", found)
    done = run(*words, "--json", "-")
    assert done.exit_code == 0, done.stderr
    scores = json.loads(done.stdout)["predictions"]["found"]
    expected = read_metadata(folder / "m.dnatag")["scores"]["test"]
    assert scores["bleu"] == pytest.approx(expected["bleu"], abs=1e-4)
    assert "tok:13a" in scores["signature"]
    assert "nc:6" in scores["chrf_signature"]
    title = run(*words, "--tokenize", "none").stdout.splitlines()[0]
    assert re.search(
        r"validate.xx, 40 lines, BLEU nrefs:1\S*\|tok:none\S*, chrF nrefs:1\S*nc:6", title
    )
    done = run(*words, tmp_path / "n", tmp_path / "json", "--json", "-")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["predictions"] == dict.fromkeys(forms, scores)
    for name in ("n", "json"):
        done = run("evaluate", "--domain", "seq2seq", tmp_path / name, folder / "validate.xx")
        assert (done.exit_code, done.stdout) == (2, "")
        assert f"{name}: has translations with scores, as a model writes them" in done.stderr


def test_from_python(folder: Path) -> None:
    translator = dnatag.load(folder / "m.dnatag", device="cpu")
    assert translator.translate("a small cat") == "un gato chico"
    texts = [one for one, _ in pairs(5, 30)]
    together = [found[0].text for found in translator.translate_all(texts)]
    assert together == [translator.translate(text) for text in texts]
    for given, what in ((None, "NoneType"), (5, "int"), (b"a", "bytes"), (["a", "b"], "list")):
        with pytest.raises(InputError, match=f"cannot translate a {what}: give a text"):
            translator.translate(given)
    with pytest.raises(InputError, match=r"the text: a text of .* subwords is too long"):
        translator.translate("a " * 20_001)
    for given in (None, "a cat", 5):
        with pytest.raises(InputError, match="translate_all takes many sequences, not one"):
            translator.translate_all(given)
    with pytest.raises(InputError, match="of a dict it would take the names"):
        translator.translate_all({"text": "a cat"})
    with pytest.raises(InputError, match="the text: has half of a surrogate pair"):
        translator.translate("a \ud800 cat")
    assert len(next(translator.translate_all(["a cat"], n_best=np.int64(2)))) == 2
    for n_best in (0, -1, 101, 1.5, None):
        with pytest.raises(InputError, match="n_best must be a whole number from 1 to 100"):
            translator.translate_all(["a cat"], n_best=n_best)


def test_blank_sides(folder: Path, tmp_path: Path) -> None:
    """They are left out of what is trained on, and it is said."""
    for name, lines in (("some", "\na dog\n \n\n"), ("none", "\n \n\n\n")):
        (folder / f"{name}.en").write_text(lines)
        (folder / f"{name}.xx").write_text("un perro\nun perro\nun gato\n\n")
    recipe = RECIPE.replace("epochs = 30", "epochs = 1")
    for name in ("some", "none"):
        both = f'train = ["{name}.en", "{name}.xx"]'
        text = recipe.replace('train = ["train.en", "train.xx"]', both)
        (folder / f"{name}.toml").write_text(text)
    done = run("train", folder / "some.toml", "--device", "cpu", "-o", tmp_path / "m.dnatag")
    assert done.exit_code == 0, done.stderr
    assert "dnatag: 1 pair to train on; 40 pairs to validate on" in done.stderr
    assert "warning: left out of training: 3 pairs with a blank text or" in done.stderr
    assert read_metadata(tmp_path / "m.dnatag")["training"]["corpora"][0]["train_pairs"] == 1
    done = run("train", folder / "none.toml", "--device", "cpu", "-o", tmp_path / "n.dnatag")
    assert done.exit_code == 2, done.stderr
    assert "all pairs to train on have a blank text or a blank translation" in done.stderr


def test_refusals(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "short").write_text("un\n")
    (tmp_path / "empty").write_text("")
    (tmp_path / "x.jsonl").write_text('{"text": "a dog"}\n')
    for words, message in (
        (("translate", "--model", "topology", folder / "train.en"), "apply it with 'dnatag tag"),
        (("translate", "--model", folder / "m.dnatag", tmp_path / "empty"), "empty: is empty"),
        (("translate", "--model", folder / "m.dnatag", tmp_path / "x.jsonl"),
         "x.jsonl: line 1: is an object of JSON, and a text in each line is wanted"),
        (("evaluate", "--domain", "seq2seq", folder / "train.xx", tmp_path / "short"),
         "short: has 1 line, "),
    ):  # fmt: skip
        done = run(*words)
        assert (done.exit_code, done.stdout) == (2, "")
        assert message in done.stderr
    for change, message in (
        (('["train.en", "train.xx"]', '"train.en"'), "'train' must be two files"),
        (('"train.xx"', '"validate.xx"'), "validate.xx: has 40 lines, "),
        (
            ('train = ["train.en", "train.xx"]', ""),
            "to train on ('train'), or all are empty",
        ),
    ):
        (folder / "bad.toml").write_text(RECIPE.replace(*change, 1))
        done = run("train", folder / "bad.toml", "-o", tmp_path / "m.dnatag")
        assert done.exit_code == 2, done.stderr
        assert message in done.stderr


def test_damaged_models(folder: Path, tmp_path: Path) -> None:
    arrays, about = load_model(folder / "m.dnatag")
    bad = tmp_path / "bad.dnatag"
    network = about["network"]
    for changed in (
        {"targets": {"beam": 0}},
        {"network": network | {"config": network["config"] | {"tokens": 61}}},
        {"network": network | {"config": network["config"] | {"hidden": 33}}},
    ):
        save_model(bad, arrays, about | changed)
        done = run("translate", "--model", bad, stdin="x\n")
        assert done.exit_code == 2
        assert "bad.dnatag does not hold a whole model" in done.stderr


def test_what_measures_is_missed_before_training(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sacrebleu", None)
    done = run("train", folder / "r.toml", "-o", tmp_path / "m.dnatag")
    assert done.exit_code == 1
    assert done.stderr.endswith("get it with: pip install 'dnatag[translation]'\n")
    assert not list(tmp_path.iterdir())


def test_a_missing_library(folder: Path) -> None:
    code = "import sys; sys.modules['sentencepiece'] = None\n"
    code += "from dnatag.cli import main; main(sys.argv[1:])"
    words = ("translate", "--model", str(folder / "m.dnatag"), str(folder / "train.en"), "-q")
    done = subprocess.run([sys.executable, "-c", code, *words], text=True, capture_output=True,
                          check=False)  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "dnatag: error: a model of subwords needs sentencepiece, which is not installed; "
        "get it with: pip install 'dnatag[translation]'\n"
    )
