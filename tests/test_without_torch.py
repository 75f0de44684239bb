"""Prediction on the CPU needs no torch, and finds what torch finds."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dnatag.domains.genes.decoding.assemble import Prediction
from dnatag.domains.genes.finder import GeneFinder
from dnatag.engine.crf import chain
from dnatag.engine.crf.grammar import Grammar, Transition
from dnatag.engine.inference import networks
from dnatag.errors import DnatagError
from dnatag.formats.sequences.fasta import read_fasta
from dnatag.native.library import why_missing
from dnatag.tasks.generation.generator import PieceGenerator
from dnatag.tasks.seq2seq.translator import TextTranslator
from dnatag.tasks.tagging.tagger import Tagger

pytestmark = pytest.mark.skipif(why_missing() is not None, reason=str(why_missing()))

EXAMPLES = Path(__file__).parents[1] / "examples"
PHAGE = EXAMPLES / "lambda.fna.gz"
#: The command line where neither torch nor numba can be imported.
COMMAND = """
import sys
sys.modules |= {"torch": None, "numba": None}
from dnatag.cli import main
main(sys.argv[1:])
"""


WITHOUT_LIBRARY = """
from pathlib import Path
from dnatag.native import library
library._PATH = Path("nowhere", library._PATH.name)
"""


def run(*words: str | Path, command: str = COMMAND) -> subprocess.CompletedProcess[str]:
    words_of_command = [sys.executable, "-c", command, *map(str, words)]
    return subprocess.run(words_of_command, check=False, capture_output=True, text=True)


@pytest.mark.parametrize("device", ["cpu", "auto"])
def test_genes_are_predicted_and_evaluated(tmp_path: Path, device: str) -> None:
    found = tmp_path / "found.gff3"
    done = run("predict", "--device", device, PHAGE, "-o", found)
    assert done.returncode == 0, done.stderr
    assert "device cpu" in done.stderr
    done = run("evaluate", found, found)
    assert done.returncode == 0, done.stderr


def test_words_are_tagged(tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("Aspirin can cause ulcers .\n")
    done = run("tag", "--model", "biomedical", text)
    assert done.returncode == 0, done.stderr
    assert '"Chemical"' in done.stdout
    assert run("models", "show", "biomedical").returncode == 0


@pytest.mark.parametrize(
    ("model", "call"),
    [("prokaryotes", "find(b'ATGC' * 500)"), ("biomedical", "tag(['Aspirin'])")],
)
def test_nothing_heavy_is_imported(model: str, call: str) -> None:
    code = (
        f"import sys, dnatag; dnatag.load({model!r}, device='cpu').{call}; "
        "sys.exit('torch' in sys.modules or 'numba' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_needs_torch_says_so(tmp_path: Path) -> None:
    """In one line that names the extra."""
    done = run("predict", "--device", "cuda", PHAGE)
    assert done.returncode == 2
    assert "torch, which device cuda needs, is not installed; use the device cpu" in done.stderr
    recipe = tmp_path / "recipe.toml"
    recipe.write_text('domain = "genes"')
    for words in ([recipe], ["--genome", PHAGE, "--annotation", PHAGE]):
        done = run("train", *words, "-o", tmp_path / "my.dnatag")
        assert done.returncode == 1
        assert done.stderr.startswith("dnatag: error: training needs torch")
        assert "pip install 'dnatag[train]'" in done.stderr
        assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("predictor", "extra"), [(PieceGenerator, "music"), (TextTranslator, "translation")]
)
def test_the_extra_is_that_of_the_task(
    monkeypatch: pytest.MonkeyPatch, predictor: Any, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(DnatagError, match=rf"needs torch, .*pip install 'dnatag\[{extra}\]'"):
        predictor(None, {}, "cpu")


@pytest.mark.parametrize(
    "words", [["predict", PHAGE], ["tag", "--model", "biomedical", EXAMPLES / "abstract.txt"]]
)
def test_neither_torch_nor_the_native_library(words: list[str | Path]) -> None:
    done = run(*words, command=WITHOUT_LIBRARY + COMMAND)
    assert done.returncode == 1
    warning, error = done.stderr.splitlines()
    assert "installed without its native library" in warning
    assert error.startswith("dnatag: error: dnatag without its native library needs torch")


def test_no_chain_without_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain, "available", lambda: False)
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "dnatag.engine.crf.converted", raising=False)
    grammar = Grammar(("s",), ("a",), {"s": ("a",)}, (Transition("s", "s"),))
    one = chain.Chain(
        grammar, np.zeros((1, 3, 1)), np.zeros(0), np.zeros((1, 3), np.uint8), np.array([3])
    )
    with pytest.raises(DnatagError, match="without its native library needs torch"):
        one.viterbi()


def genes(threads: int = 1) -> Prediction:
    return next(GeneFinder(device="cpu", threads=threads).predict(read_fasta(PHAGE), per_base=True))


def test_genes_as_with_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = genes(), genes(threads=2)
    assert one.genes == two.genes
    assert one.posteriors().tobytes() == two.posteriors().tobytes()
    monkeypatch.setattr(networks, "available", lambda: False)
    expected = genes()
    assert places(one) == places(expected)
    np.testing.assert_allclose(one.posteriors(), expected.posteriors(), atol=1e-4)


def places(prediction: Prediction) -> list[tuple[int, int, int]]:
    return [(gene.start, gene.end, gene.strand) for gene in prediction.genes]


@pytest.mark.parametrize(
    ("name", "tokens"),
    [
        (
            "biomedical",
            ["Aspirin", "can", "cause", "ulcers", ",", "and", "BRCA1", "breast", "cancer", "."],
        ),
        ("topology", "MKTLLLALLLVIVALLSGGRKKDELVVFFAILLGIIVGLLAYWRRKK"),
    ],
)
def test_tags_as_with_torch(
    monkeypatch: pytest.MonkeyPatch, name: str, tokens: Sequence[str]
) -> None:
    found = Tagger.load(name, device="cpu").posteriors(tokens)
    monkeypatch.setattr(networks, "available", lambda: False)
    expected = Tagger.load(name, device="cpu").posteriors(tokens)
    np.testing.assert_allclose(found, expected, atol=1e-4)
