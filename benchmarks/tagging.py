"""Train and measure the taggers of text and proteins, several seeds each.

Every run is the command that is printed beside its number, so each can be made alone. Models that
are in the folder of the runs already are not trained again, and interrupted runs go on.
"""

from __future__ import annotations

import argparse
import lzma
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from dnatag import Tagger
from dnatag.domains.proteins.homologs import ProteinHomologs
from dnatag.domains.proteins.metrics import evaluate_topology
from dnatag.domains.proteins.topology import SEGMENTS
from dnatag.engine.training.checkpoint import has_checkpoint
from dnatag.formats.io.writing import open_output
from dnatag.formats.sequences.residues import read_residues, write_residues
from dnatag.formats.text.tokens import Sentence, Span
from dnatag.models.file import read_metadata
from dnatag.models.names import find_model
from dnatag.recipe import read_recipe
from dnatag.tasks.tagging import schemes
from dnatag.tasks.tagging.domain import Homolog, Homologs, TaggedCorpus
from dnatag.tasks.tagging.given import Given
from dnatag.tasks.tagging.metrics import UNKNOWN
from dnatag.tasks.tagging.model import load_token_model

HERE = Path(__file__).parent
RECIPES = HERE.parent / "recipes"
#: Bins of the expected calibration error.
BINS = 10
FOLDS = range(5)
KINDS = {"alpha": "Hh", "beta": "Bb"}
TMBED = "transmembrane/tmbed"
#: From this posterior on the predictions of the first model of topologies train the second one.
SURE = 0.7
#: Of TMbed, recomputed from the predictions in its repository.
PUBLISHED = {
    "alpha proteins": "557 of 571",
    "beta proteins": "53 of 57",
    "false positives, globular proteins": "30 of 5654",
    "residues H, recall / precision": "0.903 / 0.897",
    "residues B, recall / precision": "0.857 / 0.870",
    "residues S, recall / precision": "0.965 / 0.975",
    "residues, accuracy": "99.58 %",
}


@dataclass(frozen=True)
class Task:
    """A recipe and what it is measured by.

    Parameters
    ----------
    name
        Of the recipe.
    measure
        Name of a score in the model file, and what it is called in the table.
    published
        The best that is published without a language model, in percent.
    goal
        What is to be reached, in percent.
    """

    name: str
    measure: tuple[str, str]
    published: str
    goal: float


TASKS = (
    Task("conll2003", ("f1", "CoNLL-2003 English, span F1"), "91.64", 91.2),
    Task("bc5cdr", ("f1", "BC5CDR, span F1"), "88.78 (several corpora), 86.92", 88.0),
    Task("ncbi-disease", ("f1", "NCBI-disease, span F1"), "88.6 (a dictionary), 87.26", 86.2),
    Task("wnut17", ("f1", "WNUT-17, span F1"), "45.55 (extra features), 41.86", 42.0),
    Task("ewt", ("accuracy", "UD English EWT, UPOS accuracy"), "95.4", 96.0),
)
#: With vectors in context by MiniLM, which must be in the folder as ``minilm``; run if named.
ENCODED = (
    Task("conll2003-minilm", ("f1", "CoNLL-2003 English with MiniLM, span F1"), "-", 91.8),
    Task("bc5cdr-minilm", ("f1", "BC5CDR with MiniLM, span F1"), "-", 0),
    Task("ncbi-disease-minilm", ("f1", "NCBI-disease with MiniLM, span F1"), "-", 0),
    Task("wnut17-minilm", ("f1", "WNUT-17 with MiniLM, span F1"), "-", 46.0),
    Task("ewt-minilm", ("accuracy", "UD English EWT with MiniLM, UPOS accuracy"), "-", 96.5),
)
#: The taggers of text that ship; the recipe of each has the same name.
SHIPPED = ("biomedical", "entities", "parts-of-speech")


def train(recipe: Path, data: Path, seed: int, output: Path) -> str:
    """Train a model unless it is there, on one thread; return the command, without paths."""
    # fmt: off
    words = ["train", str(recipe), "--folder", str(data), "--seed", str(seed), "--threads", "1",
             "-o", str(output)]
    # fmt: on
    if not output.exists():
        environment = os.environ | {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"}
        resume = ["--resume"] * has_checkpoint(output.with_name(output.name + ".run"))
        command = [sys.executable, "-m", "dnatag", *words, *resume]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{' '.join(words)}: {done.stderr}")
        logs = output.with_name(output.name + ".run").rglob("log.csv")
        seconds = sum(float(log.read_text().splitlines()[-1].split(",")[1]) for log in logs)
        print(f"{output.stem}: trained in {seconds:.0f} s", file=sys.stderr, flush=True)
    shown = recipe.relative_to(HERE.parent) if recipe.parent == RECIPES else recipe.name
    return f"dnatag train {shown} --folder DIR --seed {seed} -o {output.name}"


def corpora_of(name: str, data: Path) -> Sequence[TaggedCorpus]:
    """Read what a recipe names."""
    recipe = read_recipe(RECIPES / f"{name}.toml", data)
    corpora: Sequence[TaggedCorpus] = recipe.domain.read(recipe.corpora, recipe.network)[0]
    return corpora


def members(path: Path, task: Task, data: Path) -> list[float]:
    """Return the score of each network of a model alone on the test set, in percent."""
    model, about = load_token_model(path)
    sentences = corpora_of(task.name, data)[0].splits["test"]
    truth = [s.tags or () for s in sentences]
    values = []
    for network in model.networks:
        tagger = Tagger(replace(model, networks=(network,)), about, "cpu")
        found = [tagged.tags for tagged in tagger.tag_all(Given(s.tokens) for s in sentences)]
        values.append(100 * model.domain.scores(truth, found, model.labelling)[task.measure[0]])
    return values


def chosen_tasks(options: argparse.Namespace) -> list[Task]:
    """Return the tasks of text that are asked for: those that are named, or all."""
    named = [task for task in (*TASKS, *ENCODED) if task.name in (options.task or ())]
    return named or list(TASKS)


def text_tables(options: argparse.Namespace, pool: ThreadPoolExecutor) -> Iterator[str]:
    """Yield the lines of the table of texts."""
    chosen = chosen_tasks(options)
    jobs = {
        (task.name, seed): pool.submit(
            train,
            RECIPES / f"{task.name}.toml",
            options.data,
            seed,
            options.runs / f"{task.name}-{seed}.dnatag",
        )
        for task in chosen
        for seed in options.seeds
    }
    yield "| task, test set | published | wanted | one network | all (networks) | seeds |"
    yield "|---|---|---|---|---|---|"
    for task in chosen:
        values, alone = [], list[float]()
        for seed in options.seeds:
            jobs[task.name, seed].result()
            path = options.runs / f"{task.name}-{seed}.dnatag"
            values.append(100 * read_metadata(path)["scores"]["test"][task.measure[0]])
            alone += members(path, task, options.data)
        each = ", ".join(f"{v:.2f}" for v in values)
        yield (
            f"| {task.measure[1]} | {task.published} | {task.goal:.1f} | {np.mean(alone):.2f} | "
            f"{np.mean(values):.2f} ({len(alone) // len(values)}) | {each} |"
        )
    yield ""
    for task in chosen:
        yield f"    {jobs[task.name, options.seeds[0]].result()}"


def calibration(model: Path, corpus: TaggedCorpus) -> tuple[float, list[str]]:
    """Return the expected calibration error of the spans found, and a table of the bins."""
    pairs, sentences = [], corpus.splits["test"]
    tagged = Tagger.load(model, threads=1).tag_all(Given(s.tokens) for s in sentences)
    scheme = schemes.detect([s.tags or () for s in sentences])
    for sentence, found in zip(sentences, tagged, strict=True):
        true = {tuple(span) for span in schemes.spans(sentence.tags or (), scheme)}
        pairs += [
            (e.score, (e.start, e.end, e.type) in true)
            for e in found.entities
            if corpus.types is None or e.type in corpus.types
        ]
    score, right = np.array(pairs, float).T
    bins = np.minimum((score * BINS).astype(int), BINS - 1)
    error, lines = 0.0, ["| posterior | spans | mean posterior | right |", "|---|---|---|---|"]
    for number in range(BINS):
        if (here := bins == number).any():
            error += here.mean() * abs(score[here].mean() - right[here].mean())
            lines.append(
                f"| {number / BINS:.1f} to {(number + 1) / BINS:.1f} | {here.sum()} | "
                f"{score[here].mean():.3f} | {right[here].mean():.3f} |"
            )
    return error, lines


def calibration_table(options: argparse.Namespace) -> Iterator[str]:
    """Yield the lines on the posteriors of spans, of each task that has any."""
    for task in chosen_tasks(options):
        if task.measure[0] != "f1":
            continue
        corpus = corpora_of(task.name, options.data)[0]
        errors, table = [], list[str]()
        for seed in options.seeds:
            error, table = calibration(options.runs / f"{task.name}-{seed}.dnatag", corpus)
            errors.append(error)
        each = ", ".join(f"{e:.4f}" for e in errors)
        name = task.measure[1].partition(",")[0]
        yield f"Expected calibration error of spans, {name}: mean {np.mean(errors):.4f} ({each})."
        yield f"Bins of seed {options.seeds[-1]}:"
        yield ""
        yield from table
        yield ""


def shipped_table(options: argparse.Namespace) -> Iterator[str]:
    """Yield the lines on the models that ship: their scores, and how calibrated they are."""
    for name in SHIPPED:
        path, corpora = find_model(name), corpora_of(name, options.data)
        scores = read_metadata(path)["scores"]
        for number, corpus in enumerate(corpora, 1):
            own = scores["test" if len(corpora) == 1 else f"test {number}"]
            each = ", ".join(f"{key} {100 * value:.2f}" for key, value in own.items())
            error, table = calibration(path, corpus)
            yield f"`{name}`, test set {number}: {each}; expected calibration error {error:.4f}."
            yield ""
            yield from table
            yield ""


def write_folds(data: Path, folder: Path) -> None:
    """Sort the proteins of TMbed's folds by kind; those on its blacklist are not measured with."""
    folder.mkdir(exist_ok=True, parents=True)
    blacklist = {
        line.strip().removeprefix(">").partition("|")[0]
        for line in (data / TMBED / "blacklist.txt").read_text().splitlines()
    }
    for fold in FOLDS:
        parts: dict[str, list[str]] = {"alpha": [], "beta": [], "globular": [], "test": []}
        path = data / TMBED / f"cv_{fold:02d}_a.fasta.xz"
        with lzma.open(path, "rt") as file:
            rows = file.read().split("\n")
        for record in zip(rows[::3], rows[1::3], rows[2::3], strict=False):
            kinds = [kind for kind, letters in KINDS.items() if set(letters) & set(record[2])]
            text = "\n".join(record) + "\n"
            parts[kinds[0] if kinds else "globular"].append(text)
            if record[0].removeprefix(">").partition("|")[0] not in blacklist:
                parts["test"].append(text)
        for kind, texts in parts.items():
            (folder / f"{kind}{fold}.fasta").write_text("".join(texts))


class Once:
    """Looks for the homologs of a protein once, for all models that see a segment in it."""

    def __init__(self, homologs: Homologs) -> None:
        self.homologs = homologs
        self.found: dict[tuple[Sequence[str], bool], list[Homolog]] = {}

    def find(self, tokens: Sequence[str], spans: Sequence[Span]) -> list[Homolog]:
        """See :class:`dnatag.tasks.tagging.domain.Homologs`."""
        key = tuple(tokens), any(span.type in SEGMENTS for span in spans)
        if key not in self.found:
            self.found[key] = self.homologs.find(tokens, spans)
        return self.found[key]


def fold_recipe(name: str, fold: int, model: Path, first: Path, families: Path) -> Path:
    """Write the recipe of a model beside the families, but without a fold to test it on."""
    text = (RECIPES / f"{name}.toml").read_text()
    text = text.replace('"families.fasta"', f'"{families.name}"')
    text = text.replace('"topology-first.dnatag"', f'"{first.resolve()}"')
    for kind in ("alpha", "beta", "globular"):
        text = text.replace(f'"{kind}{fold}.fasta", ', "").replace(f', "{kind}{fold}.fasta"', "")
    path = families.with_name(f"{model.stem}.toml")
    path.write_text(text)
    return path


def predict(proteins: Sequence[Sentence], tagger: Tagger, path: Path) -> None:
    """Write proteins with their topologies where they are sure."""
    with open_output(path) as file:
        found = tagger.tag_all((p.tokens for p in proteins), min_score=SURE)
        for protein, tagged in zip(proteins, found, strict=True):
            write_residues(file, protein, tagged.tags)


def measures(
    truth: Sequence[Sequence[str]], found: Sequence[Sequence[str]]
) -> dict[str, tuple[float, ...]]:
    """Return the scores of topologies, by name; shares are in percent, but for residues."""
    scores = evaluate_topology(truth, found)
    pairs = Counter(
        (t.upper(), p)
        for true, predicted in zip(truth, found, strict=True)
        for t, p in zip(true, predicted, strict=True)
        if t != UNKNOWN
    )
    result: dict[str, tuple[float, ...]] = {}
    for kind in ("alpha", "beta", "globular"):
        name = "false positives, globular proteins" if kind == "globular" else f"{kind} proteins"
        result[name] = scores.found[kind], scores.proteins[kind]
    for label in "HBS":
        right = pairs[label, label]
        recall = right / sum(n for (t, _), n in pairs.items() if t == label)
        precision = right / sum(n for (_, p), n in pairs.items() if p == label)
        result[f"residues {label}, recall / precision"] = recall, precision
    summary = scores.summary()
    result["residues, accuracy"] = (100 * summary.pop("residues"),)
    for name, value in summary.items():
        if name.partition(" ")[2] not in ("found", "false positives"):
            result[name] = (100 * value,)
    return result


def cell(name: str, runs: Sequence[tuple[float, ...]]) -> str:
    """Write the mean of a measure over runs."""
    values = np.mean(runs, 0)
    if len(values) == 1:
        return f"{values[0]:.2f} %"
    if name.startswith("residues"):
        return f"{values[0]:.3f} / {values[1]:.3f}"
    return f"{values[0]:.{int(len(runs) > 1)}f} of {values[1]:.0f}"


class Folds:
    """Cross-validation of topologies with one seed.

    Two models are trained for each fold: the second is also trained on what the first predicts for
    families, and has its networks.

    Parameters
    ----------
    options
        Of the command line.
    seed
        Of the models.
    homologs
        Where homologs are looked for.
    """

    def __init__(self, options: argparse.Namespace, seed: int, homologs: Homologs) -> None:
        self.options, self.seed, self.homologs = options, seed, homologs
        self.folder: Path = options.runs / "tmbed"
        self.families = [self.folder / f"families{fold}-{seed}.fasta" for fold in FOLDS]

    def models(self, name: str) -> list[Path]:
        """Return the model files of a recipe, by fold."""
        return [self.options.runs / f"{name}-without-{fold}-{self.seed}.dnatag" for fold in FOLDS]

    def train(self, name: str, pool: ThreadPoolExecutor) -> list[str]:
        """Train the models of a recipe; return the commands."""
        firsts, models = self.models("topology-first"), self.models(name)
        recipes = [
            fold_recipe(name, *row)
            for row in zip(FOLDS, models, firsts, self.families, strict=True)
        ]
        return list(pool.map(lambda r, m: train(r, self.folder, self.seed, m), recipes, models))

    def load(self, model: Path) -> Tagger:
        """Load a model, which does not look for homologs yet."""
        return Tagger.load(model, threads=self.options.jobs)

    def run(self, pool: ThreadPoolExecutor, proteins: Sequence[Sentence]) -> list[str]:
        """Train all models; return the commands of the first fold."""
        commands = self.train("topology-first", pool)[:1]
        for model, path in zip(self.models("topology-first"), self.families, strict=True):
            if not path.exists():
                tagger = self.load(model)
                tagger.homologs = self.homologs
                predict(proteins, tagger, path)
        commands.append(
            f"dnatag tag --model {self.models('topology-first')[0].name} "
            f"--homologs homologs.faa --min-score {SURE} families.faa -o DIR/"
            f"{self.families[0].name}"
        )
        return commands + self.train("topology", pool)[:1]

    def test(self) -> dict[str, dict[str, tuple[float, ...]]]:
        """Return the measures of each way to use the models."""
        truth: list[tuple[str, ...]] = []
        found: dict[str, list[list[str]]] = {"dnatag": [], "with homologs": []}
        for fold, model in enumerate(self.models("topology")):
            proteins = list(read_residues(self.folder / f"test{fold}.fasta", labelled=True))
            truth += [p.tags or () for p in proteins]
            tagger = self.load(model)
            for tags in found.values():
                tags += [tagged.tags for tagged in tagger.tag_all(p.tokens for p in proteins)]
                tagger.homologs = self.homologs
        return {way: measures(truth, tags) for way, tags in found.items()}


def topology_table(options: argparse.Namespace, pool: ThreadPoolExecutor) -> Iterator[str]:
    """Yield the lines of the cross-validation of topologies."""
    write_folds(options.data, options.runs / "tmbed")
    homologs = Once(ProteinHomologs(options.homologs))
    families = list(read_residues(options.families, labelled=False))
    seeds = [Folds(options, seed, homologs) for seed in options.seeds]
    commands = [folds.run(pool, families) for folds in seeds]
    results = [folds.test() for folds in seeds]
    columns = list(results[0])
    yield f"| measure | {' | '.join(columns)} | TMbed (with the language model ProtT5) |"
    yield "|---" * (len(columns) + 2) + "|"
    for name in results[0]["dnatag"]:
        cells = [cell(name, [result[way][name] for result in results]) for way in columns]
        yield f"| {name} | {' | '.join(cells)} | {PUBLISHED.get(name, '')} |"
    yield ""
    for way in columns:
        each = ", ".join(f"{result[way]['alpha topology'][0]:.2f}" for result in results)
        yield f"alpha topology of each seed, {way}: {each}"
    yield ""
    for command in commands[0]:
        yield f"    {command}"


def main() -> None:
    """Run what is asked for, and print it in Markdown."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="the folder with ner, pos, …")
    parser.add_argument("--runs", type=Path, required=True, help="where the models are kept")
    parser.add_argument(
        "--task", action="append", help="only this one; or calibration, shipped, topology"
    )
    parser.add_argument("--homologs", type=Path, help="for topology: what proteins.py writes")
    parser.add_argument("--families", type=Path, help="for topology: what families.py writes")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--jobs", type=int, default=1, help="runs at once, a thread each")
    options = parser.parse_args()
    topology = not options.task or "topology" in options.task
    if topology and not (options.homologs and options.families):
        parser.error("topology needs --homologs and --families; or name other tasks with --task")
    options.runs.mkdir(exist_ok=True, parents=True)
    names = {task.name for task in (*TASKS, *ENCODED)}
    with ThreadPoolExecutor(options.jobs) as pool:
        if not options.task or names & set(options.task):
            print("\n".join(text_tables(options, pool)) + "\n", flush=True)
        if not options.task or "calibration" in options.task:
            print("\n".join(calibration_table(options)) + "\n", flush=True)
        if not options.task or "shipped" in options.task:
            print("\n".join(shipped_table(options)) + "\n", flush=True)
        if topology:
            print("\n".join(topology_table(options, pool)), flush=True)


if __name__ == "__main__":
    main()
