"""From files to a model: it learns the rule, resumes exactly, and describes itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dnatag.errors import InputError
from dnatag.formats.text.conll import read_conll
from dnatag.models.file import load_model, read_metadata
from dnatag.recipe import Recipe, read_recipe
from dnatag.report import Observer, Progress
from dnatag.tasks.tagging.metrics import evaluate_tags
from dnatag.tasks.tagging.model import load_token_model
from dnatag.tasks.tagging.tagger import Tagger
from dnatag.tasks.tagging.training.experiment import TaggedData, TaggingExperiment
from dnatag.training import run_experiment

pytestmark = pytest.mark.slow

Toy = tuple[Path, Path, str]


class Steps(Observer):
    """Hands each step of a run to a function."""

    def __init__(self, function: Callable[[Progress], object]) -> None:
        self.function = function

    def step(self, progress: Progress) -> None:
        self.function(progress)


def train(recipe: Recipe, data: TaggedData, output: Path, **options: Any) -> dict[str, Any]:
    """Train a model of data that have been read already."""
    return run_experiment(TaggingExperiment(recipe, data), output, **options)


@pytest.fixture(scope="module")
def recipe(toy: Toy) -> Recipe:
    """The toy's recipe, for less time; dropout draws from the same generator in every run."""
    whole = read_recipe(toy[0])
    return replace(whole, training=replace(whole.training, epochs=2), card="")


@pytest.fixture(scope="module")
def data(recipe: Recipe) -> TaggedData:
    return TaggedData(recipe)


@pytest.fixture(scope="module")
def trained(
    recipe: Recipe, data: TaggedData, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, list[Progress]]:
    """The model of a short run, and its losses."""
    output = tmp_path_factory.mktemp("trained") / "short.dnatag"
    seen: list[Progress] = []
    train(recipe, data, output, device="cpu", observer=Steps(seen.append))
    return output, seen


def f1(model: Path, test: Path) -> float:
    """Score a model on a file, from scratch."""
    sentences = [s for s in read_conll(test, 1, 2) if s.tokens]
    found = Tagger.load(model, "cpu").tag_all(s.tokens for s in sentences)
    return evaluate_tags(
        [s.tags or () for s in sentences], [t.tags for t in found], "BIO", "BIO"
    ).all.f1  # fmt: skip


def test_what_is_read(data: TaggedData) -> None:
    counts = {split: data.split(split) for split in ("train", "validate", "test")}
    assert {split: len(sentences) for split, sentences in counts.items()} == {
        "train": 60, "validate": 20, "test": 40
    }  # fmt: skip
    tokens = {split: sum(map(len, sentences)) for split, sentences in counts.items()}
    assert data.summary() == (
        f"60 sequences of {tokens['train']} tokens to train on; 20 sequences of "
        f"{tokens['validate']} tokens to validate on; 40 sequences of {tokens['test']} tokens to "
        "test on"
    )
    assert data.labelling.to_dict()["types"] == ["PER", "QTY"]
    known = data.featurizer.to_arrays()["words"].tobytes().decode().split("\0")
    # Only words of the training data are known.
    assert counts["train"][0].tokens[0].lower() in known
    names = {w.lower() for s in counts["test"] for w in s.tokens if w.istitle()}
    assert not names & set(known)


def test_the_rule_is_learnt(toy: Toy) -> None:
    """Words not seen in training are labelled by their shape and their context."""
    assert f1(toy[1], toy[0].with_name("test.tsv")) > 0.9
    one = Tagger.load(toy[1], "cpu")
    entities = one.tag(
        ["dr", "Xavqu", "and", "dr", "Miklo", "Hertz", "was", "in", "Tonul", "with", "77", "mg"]
    ).entities
    assert [(e.type, e.start, e.end) for e in entities] == [
        ("PER", 1, 2), ("PER", 4, 6), ("QTY", 10, 12)
    ]  # fmt: skip
    assert all(e.score > 0.5 for e in entities)


def test_what_a_model_says_of_itself(toy: Toy) -> None:
    about = read_metadata(toy[1])
    assert json.loads(json.dumps(about, allow_nan=False)) == about
    assert (about["domain"], about["licence"]) == ("text", "CC0-1.0")
    assert about["scores"]["test"]["f1"] == pytest.approx(
        f1(toy[1], toy[0].with_name("test.tsv")), abs=1e-5
    )
    assert set(about["scores"]) == {"validate", "test"}
    (corpus,) = about["training"]["corpora"]
    assert corpus["train"] == ["train.tsv"]
    assert corpus["types"] is None
    assert about["training"]["network"]["hidden"] == 16
    assert about["training"]["loop"]["seed"] == 1
    card = about["card"]
    assert card.startswith("# Toy\n")
    assert f": {about['training']['steps']} steps." in card
    assert "| test | " in card
    assert card.endswith("## Licence\nCC0-1.0.\n")
    left = sorted(path.name for path in toy[1].with_name("toy.dnatag.run").iterdir())
    assert left == ["curve.svg", "log.csv"]


def test_losses(trained: tuple[Path, list[Progress]]) -> None:
    seen = trained[1]
    assert [now.step for now in seen] == list(range(1, seen[0].steps + 1))
    assert np.mean([now.loss for now in seen[-5:]]) < 0.5 * seen[0].loss
    # Once in an epoch.
    assert sum(now.validation_loss is not None for now in seen) == 2


def test_interrupted(
    trained: tuple[Path, list[Progress]], recipe: Recipe, data: TaggedData, tmp_path: Path
) -> None:
    """It goes on with --resume only, with the same settings only, to the same file."""
    output = tmp_path / "short.dnatag"
    stop = len(trained[1]) - 3

    def interrupt(now: Progress) -> None:
        if now.step == stop:
            raise KeyboardInterrupt

    with pytest.raises(InputError, match=r"nothing to resume: .*leave out --resume"):
        train(recipe, data, output, device="cpu", resume=True)
    with pytest.raises(KeyboardInterrupt):
        train(recipe, data, output, device="cpu", observer=Steps(interrupt))
    with pytest.raises(InputError, match="has not ended; continue it with --resume, or remove"):
        train(recipe, data, output, device="cpu")
    other = replace(recipe, training=replace(recipe.training, seed=2))
    with pytest.raises(InputError, match=r"other settings \(loop\.seed\)"):
        train(other, data, output, device="cpu", resume=True)
    assert not output.exists()
    seen: list[Progress] = []
    train(recipe, data, output, device="cpu", resume=True, observer=Steps(seen.append))
    assert 3 < len(seen) < len(trained[1])
    assert seen == trained[1][-len(seen) :]
    assert output.read_bytes() == trained[0].read_bytes()


def test_same_seed_same_file(
    trained: tuple[Path, list[Progress]], recipe: Recipe, data: TaggedData, tmp_path: Path
) -> None:
    output = tmp_path / "short.dnatag"
    train(recipe, data, output, device="cpu")
    assert output.read_bytes() == trained[0].read_bytes()
    # Read anew, too.
    train(recipe, TaggedData(recipe), output, device="cpu")
    assert output.read_bytes() == trained[0].read_bytes()
    other = replace(recipe, training=replace(recipe.training, seed=2))
    train(other, data, output, device="cpu")
    one, two = (load_model(path)[0]["0.head.weight"] for path in (output, trained[0]))
    assert not np.array_equal(one, two)


def test_several_networks(recipe: Recipe, data: TaggedData, tmp_path: Path) -> None:
    """The first is what one alone would be; a run goes on where it stopped, within any of them."""
    alone = replace(recipe, training=replace(recipe.training, epochs=2))
    train(alone, data, tmp_path / "alone.dnatag", device="cpu")
    several = replace(alone, training=replace(alone.training, networks=2))
    seen: list[Progress] = []
    output = tmp_path / "several.dnatag"
    about = train(several, data, output, device="cpu", observer=Steps(seen.append))
    assert [now.step for now in seen] == list(range(1, seen[-1].steps + 1))
    assert about["training"]["steps"] == len(seen)
    one, both = (load_model(path)[0] for path in (tmp_path / "alone.dnatag", output))
    assert all(np.array_equal(both[key], one[key]) for key in one)
    assert not np.array_equal(both["0.head.weight"], both["1.head.weight"])
    files = {p.relative_to(tmp_path) for p in tmp_path.rglob("several.dnatag.run/**/*.*")}
    assert files == {
        Path("several.dnatag.run", n, name) for n in "12" for name in ("log.csv", "curve.svg")
    }

    again = tmp_path / "several-again.dnatag"
    for stop in (len(seen) // 2 - 1, len(seen) - 1):

        def interrupt(now: Progress, stop: int = stop) -> None:
            if now.step == stop:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            train(several, data, again, device="cpu", resume=stop > len(seen) // 2,
                  observer=Steps(interrupt))  # fmt: skip
    train(several, data, again, device="cpu", resume=True)
    assert load_model(again)[0].keys() == both.keys()
    assert all(np.array_equal(weights, both[key]) for key, weights in load_model(again)[0].items())


def test_join(
    recipe: Recipe, data: TaggedData, trained: tuple[Path, list[Progress]], tmp_path: Path
) -> None:
    """The networks of the earlier model come first, then those that are trained as without it."""

    def model(name: str, **changes: Any) -> dict[str, np.ndarray]:
        output = tmp_path / f"{name}.dnatag"
        changed = replace(recipe, training=replace(recipe.training, **changes))
        about = train(changed, data, output, device="cpu")
        assert ("beside the networks of" in about["card"]) == ("join" in changes)
        return load_model(output)[0]

    first, alone = load_model(trained[0])[0], model("alone", seed=2)
    both = model("both", seed=2, join=str(trained[0]))
    assert both.keys() == alone.keys() | {f"1{key[1:]}" for key in alone if key[:2] == "0."}
    for key, weights in alone.items():
        assert np.array_equal(both[key], first[key])
        if key.startswith("0."):
            assert np.array_equal(both[f"1{key[1:]}"], weights)


def test_what_cannot_be_joined(
    recipe: Recipe, data: TaggedData, trained: tuple[Path, list[Progress]], tmp_path: Path
) -> None:
    def join(path: Path, changed: Recipe) -> Recipe:
        return replace(changed, training=replace(changed.training, join=str(path)))

    output = tmp_path / "model.dnatag"
    larger = replace(recipe, network=replace(recipe.network, hidden=recipe.network.hidden + 2))
    with pytest.raises(InputError, match=r"short\.dnatag: has other features, sizes or labels"):
        train(join(trained[0], larger), data, output, device="cpu")
    fewer = TaggedData(recipe)
    fewer.featurizer.words.popitem()
    with pytest.raises(InputError, match=r"short\.dnatag: has other features, sizes or labels"):
        train(join(trained[0], recipe), fewer, output, device="cpu")
    with pytest.raises(InputError, match=r"missing\.dnatag"):
        train(join(tmp_path / "missing.dnatag", recipe), data, output, device="cpu")
    assert list(tmp_path.iterdir()) == []


def test_threads_and_no_dropout(recipe: Recipe, data: TaggedData, tmp_path: Path) -> None:
    """Threads share batches, and have the same losses as one."""
    still = replace(recipe, network=replace(recipe.network, dropout=0))
    runs = []
    for threads in (1, 3):
        seen: list[Progress] = []
        output = tmp_path / f"{threads}.dnatag"
        train(still, data, output, device="cpu", threads=threads, observer=Steps(seen.append))
        runs.append([now.loss for now in seen])
    assert runs[0] == pytest.approx(runs[1], abs=1e-3)


def test_nothing_to_validate_on(recipe: Recipe, tmp_path: Path) -> None:
    (files,) = recipe.corpora
    alone = replace(recipe, corpora=(replace(files, validate=(), test=()),))
    seen: list[Progress] = []
    about = train(
        alone, TaggedData(alone), tmp_path / "m.dnatag", device="cpu", observer=Steps(seen.append)
    )
    assert about["scores"] == {}
    assert all(now.validation_loss is None for now in seen)
    assert "## Scores" not in read_metadata(tmp_path / "m.dnatag")["card"]
    assert f1(tmp_path / "m.dnatag", files.test[0]) > 0.3


def test_scores_that_are_not_defined(recipe: Recipe, tmp_path: Path) -> None:
    """There is no precision of nothing, and a model file says so by leaving it out."""
    (tmp_path / "none.tsv").write_text("we\tO\n\nsaw\tO\n")
    (files,) = recipe.corpora
    files = replace(files, validate=(tmp_path / "none.tsv",), test=())
    untrained = replace(
        recipe, corpora=(files,), training=replace(recipe.training, epochs=1, learning_rate=1e-9)
    )
    about = train(untrained, TaggedData(untrained), tmp_path / "m.dnatag", device="cpu")
    assert "recall" not in about["scores"]["validate"]


def test_the_best_epoch_is_kept(toy: Toy, tmp_path: Path) -> None:
    """It has the best F1, as the model reports it; training ends when none gets better."""
    whole = read_recipe(toy[0])
    recipe = replace(whole, training=replace(whole.training, epochs=60, patience=2))
    seen: list[Progress] = []
    output = tmp_path / "m.dnatag"
    about = train(recipe, TaggedData(recipe), output, device="cpu", observer=Steps(seen.append))
    measured = [now.metric for now in seen if now.metric is not None]
    best = max(measured)
    assert about["scores"]["validate"]["f1"] == pytest.approx(best, abs=2e-3)
    assert len(measured) < 60
    assert seen[-1].step < seen[-1].steps
    assert "<polyline" in (tmp_path / "m.dnatag.run" / "curve.svg").read_text()


def test_from_a_model(toy: Toy, recipe: Recipe, tmp_path: Path) -> None:
    """A step from a good model is better than the first from nothing; a label is added."""
    start = load_token_model(toy[1])[0]
    (files,) = recipe.corpora
    (tmp_path / "new.tsv").write_text("we\tB-NEW\nsaw\tO\n")
    files = replace(files, train=(*files.train, tmp_path / "new.tsv"))
    short = replace(recipe.training, epochs=1, learning_rate=1e-4)
    own = replace(recipe, corpora=(files,), training=short, network=None)
    output = tmp_path / "m.dnatag"
    found = []
    for data in (TaggedData(own, start=start), TaggedData(own)):
        about = train(own, data, output, device="cpu")
        found.append(about["scores"]["test"]["f1"])
        assert Tagger.load(output).model.labelling.labels == ("O", "NEW", "PER", "QTY")
    assert found[0] > 0.9 > found[1]
    with pytest.raises(InputError, match=r"leave \[network\] out of the recipe"):
        recipe.task.experiment(recipe, toy[1], Observer())
    card = recipe.task.experiment(own, toy[1], Observer()).card("m", about)
    assert "from the weights of toy" in card


Without = Callable[[str, str], Path]


@pytest.fixture
def without(toy: Toy, tmp_path: Path) -> Without:
    """Write a file of the toy without the tags of a type."""

    def write(split: str, type_: str) -> Path:
        lines = toy[0].with_name(f"{split}.tsv").read_text().split("\n")
        kept = [line.split("\t")[0] + "\tO" if line.endswith(type_) else line for line in lines]
        path = tmp_path / f"{split}.{type_}.tsv"
        path.write_text("\n".join(kept))
        return path

    return write


def test_corpora_of_different_types(toy: Toy, without: Without, tmp_path: Path) -> None:
    """Two corpora that each tag one type teach both, if what they do not tag is left open."""
    whole = read_recipe(toy[0])
    whole = replace(whole, training=replace(whole.training, epochs=6))
    (files,) = whole.corpora
    scores = []
    for types in ((("PER",), ("QTY",)), (None, None)):
        corpora = [
            replace(files, train=(without("train", other),), validate=(), test=(), types=own)
            for other, own in zip(("QTY", "PER"), types, strict=True)
        ]
        recipe = replace(whole, corpora=(*corpora, replace(files, train=(), validate=())))
        about = train(recipe, TaggedData(recipe), tmp_path / "m.dnatag", device="cpu")
        assert set(about["scores"]) == {"test 3"}
        scores.append(about["scores"]["test 3"]["f1"])
    assert scores[0] > 0.9
    assert scores[1] < scores[0] - 0.1


def test_types_of_validation_only(recipe: Recipe, data: TaggedData, tmp_path: Path) -> None:
    """What cannot be trained on still counts as not found."""
    (files,) = recipe.corpora
    (tmp_path / "new.tsv").write_text("we\tB-NEW\nsaw\tO\n\n" + files.test[0].read_text())
    other = replace(recipe, corpora=(replace(files, validate=(tmp_path / "new.tsv",)),))
    about = train(other, TaggedData(other), tmp_path / "m.dnatag", device="cpu")
    assert about["scores"]["validate"]["f1 NEW"] == 0
    assert Tagger.load(tmp_path / "m.dnatag").model.labelling.to_dict()["types"] == ["PER", "QTY"]
