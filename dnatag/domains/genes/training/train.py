"""Learning from annotated genomes: files to labelled genomes to a trained, scored model file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import torch
from Bio.Data import CodonTable

from dnatag import __version__
from dnatag.domains.genes import model
from dnatag.domains.genes.codes import GeneticCode
from dnatag.domains.genes.evaluation.metrics import Counts, evaluate
from dnatag.domains.genes.finder import GeneFinder
from dnatag.domains.genes.nucleotides import encode
from dnatag.domains.genes.selftraining.reference_panel import ReferencePanel
from dnatag.domains.genes.structures.labels import label_genes
from dnatag.domains.genes.training.corpus import (
    MIN_CUT,
    VALIDATION_WINDOWS,
    Corpus,
    LabelledContig,
    LabelledGenome,
)
from dnatag.domains.genes.training.recipe import GenomeEntry, Network, Recipe, Training
from dnatag.engine.networks.kmer_tagger import KmerTagger
from dnatag.engine.training.config import TrainingConfig
from dnatag.engine.training.loop import fit
from dnatag.engine.training.rundir import enter, leave, training_device
from dnatag.engine.training.workers import processes
from dnatag.errors import InputError
from dnatag.formats.sequences.annotation import read_annotated_genome
from dnatag.formats.sequences.records import CodingSequence, Contig
from dnatag.report import Observer
from dnatag.tasks.tagging.objective import label_likelihood

__all__ = ["Data", "Source", "read_data", "train"]

#: Share of each genome that is held out where no genome is named to validate on.
HELD_OUT = 0.1
#: Genomes of fewer bases are trained on without signals: prediction estimates none from them.
MIN_ADAPT = 60_000
#: Shorter contigs are left out.
MIN_CONTIG = 300
#: Longer contigs without any CDS are left out: they are rather not annotated than empty.
MAX_EMPTY = 10_000
#: Reasons for masking a CDS that speak against the genetic code or the coordinates.
CODE_FAULTS = (
    "stop codon inside",
    "no stop codon at its end",
    "no start codon at its beginning",
    "length no multiple of three",
)
#: A genome is refused if a larger share of its CDS breaks the genetic code.
MAX_FAULTY = 0.2
#: CDS looked at to find the right genetic code.
CODE_SAMPLE = 500

#: Default schedule: passes over the training data, fewest and most steps, learning rate.
FROM_SCRATCH = (10, 200, 8000, 3e-3)
FINE_TUNING = (4, 60, 4000, 1e-3)


@dataclass(frozen=True)
class Source:
    """What was read of a genome, for the model's card.

    Attributes
    ----------
    name, accessions, split, genetic_code
        As in the recipe; the accessions are the contig ids where it names none.
    bases, contigs, genes
        What there is to learn from (or to validate on).
    masked : dict of str to int
        CDS that are not learnt from, by reason.
    left_out : dict of str to int
        Contigs that are not used, by reason.
    """

    name: str
    accessions: str
    split: str
    genetic_code: str
    bases: int
    contigs: int
    genes: int
    masked: dict[str, int]
    left_out: dict[str, int]


@dataclass(frozen=True)
class Data:
    """Genomes ready for training.

    Attributes
    ----------
    train, validate : list of LabelledGenome
        To draw windows from.
    sources : list of Source
        One for each genome of the recipe.
    to_score : list of (GenomeEntry, GeneticCode)
        Genomes whose genes tell how good the model is: all, or where a tenth of each was held
        out, those in that tenth.
    held_out : bool
        Whether a part of each genome was held out.
    """

    train: list[LabelledGenome]
    validate: list[LabelledGenome]
    sources: list[Source]
    to_score: list[tuple[GenomeEntry, GeneticCode]]
    held_out: bool

    def summary(self) -> str:
        """Return a line on what is learnt from, what is masked and what is held out."""
        sources = [s for s in self.sources if s.split == "train"]
        masked, left_out = Counter[str](), Counter[str]()
        for source in self.sources:
            masked.update(source.masked)
            left_out.update(source.left_out)
        text = (
            f"{len(sources)} genome{'s' * (len(sources) != 1)} to train on, "
            f"{sum(s.bases for s in sources) / 1e6:.2f} Mbp, "
            f"{sum(s.genes for s in sources)} genes; "
        )
        if self.held_out:
            text += f"the last {HELD_OUT:.0%} of each contig is held out to validate on"
        else:
            text += f"{len(self.validate)} to validate on"
        for what, counts in (("CDS masked", masked), ("contigs left out", left_out)):
            if counts:
                text += f"; {what}: " + ", ".join(f"{n} {why}" for why, n in counts.most_common())
        return text


def read_data(
    entries: Sequence[GenomeEntry], done: Callable[[int], object] = lambda number: None
) -> Data:
    """Read, check and label genomes.

    Parameters
    ----------
    entries : sequence of GenomeEntry
        The genomes.
    done : callable
        Told of the number of genomes finished, one by one.

    Raises
    ------
    InputError
        If a file cannot be read, sequence and annotation do not fit, CDS break the genetic code,
        or nothing is left to learn from.
    """
    train: list[LabelledGenome] = []
    validate: list[LabelledGenome] = []
    sources, to_score = [], []
    held_out = not any(e.split == "validate" for e in entries)
    for number, entry in enumerate(entries):
        genome, source = _read_genome(entry)
        sources.append(source)
        seed = number if entry.seed is None else entry.seed
        if held_out:
            genome, rest = genome.hold_out(HELD_OUT)
        if source.bases >= MIN_ADAPT:
            genome.estimate_signals(seed)
        if held_out:
            validate.append(replace(rest, signals=genome.signals))
        (train if entry.split == "train" else validate).append(genome)
        if held_out or entry.split == "validate":
            to_score.append((entry, genome.code))
        done(1)
    return Data(train, validate, sources, to_score, held_out)


def _read_genome(entry: GenomeEntry) -> tuple[LabelledGenome, Source]:
    pairs = read_annotated_genome(entry.genome, entry.annotation)
    where = str(entry.annotation or entry.genome)
    if entry.genetic_code is not None:
        code = GeneticCode.parse(entry.genetic_code)
    else:
        named = Counter(g.genetic_code for _, genes in pairs for g in genes if g.genetic_code)
        code = GeneticCode.ncbi(named.most_common(1)[0][0] if named else 11)
    contigs, masked, left_out = [], Counter[str](), Counter[str]()
    for contig, genes in pairs:
        if len(contig) < MIN_CONTIG:
            left_out[f"shorter than {MIN_CONTIG} bp"] += 1
        elif len(contig) > MAX_EMPTY and not genes:
            left_out["without CDS"] += 1
        else:
            symbols = encode(contig.sequence)
            labels = label_genes(symbols, genes, code, open_starts=entry.starts == "open")
            masked += labels.masked
            contigs.append(LabelledContig(symbols, code.properties(symbols), labels))
    n_genes = sum(len(c.labels.genes) for c in contigs)
    _check_code(where, code, pairs, n_genes, masked)
    if not n_genes:
        reasons = ", ".join(f"{n} {why}" for why, n in (masked or left_out).most_common())
        raise InputError(f"{where}: has no gene to learn from ({reasons})")
    bases = sum(len(c.symbols) for c in contigs)
    name = entry.organism or Path(entry.genome).name.partition(".")[0]
    weight = bases**0.5 if entry.weight is None else entry.weight
    accessions = entry.accessions or ",".join(contig.id for contig, _ in pairs[:100])
    source = Source(
        name, accessions, entry.split, code.label, bases, len(contigs), n_genes,
        dict(masked), dict(left_out),
    )  # fmt: skip
    return LabelledGenome(name, tuple(contigs), code, weight), source


def _check_code(
    where: str,
    code: GeneticCode,
    pairs: Sequence[tuple[Contig, list[CodingSequence]]],
    n_genes: int,
    masked: Mapping[str, int],
) -> None:
    """Refuse a genome whose CDS break the genetic code."""
    faults = {why: n for why in CODE_FAULTS if (n := masked.get(why, 0))}
    faulty, total = sum(faults.values()), n_genes + sum(faults.values())
    if faulty <= MAX_FAULTY * total:
        return
    reasons = ", ".join(f"{n} {why}" for why, n in faults.items())
    text = f"{where}: of {total} CDS {faulty} break genetic code {code.label} ({reasons}); "
    every = max(total // CODE_SAMPLE, 1)
    sample = [(contig, genes[::every]) for contig, genes in pairs]
    # Of equals the first: the codes of bacteria and archaea come first.
    tables = dict.fromkeys([11, 4, 25, *sorted(CodonTable.unambiguous_dna_by_id)])
    best = min(map(GeneticCode.ncbi, tables), key=lambda c: _count_faulty(sample, c))
    left = _count_faulty(pairs, best)
    if left <= MAX_FAULTY * total:
        passed = f"all but {left} pass" if left else "all pass"
        raise InputError(
            f"{text}with code {best.label} {passed}: give --genetic-code {best.label}, or in a "
            f"recipe {best.label} in the column genetic_code"
        )
    raise InputError(f"{text}no other code fits; are genome and annotation of the same version?")


def _count_faulty(pairs: Sequence[tuple[Contig, list[CodingSequence]]], code: GeneticCode) -> int:
    masked = Counter[str]()
    for contig, genes in pairs:
        if genes:
            masked += label_genes(contig.sequence, genes, code).masked
    return sum(masked[why] for why in CODE_FAULTS)


def train(
    recipe: Recipe,
    data: Data,
    output: Path,
    *,
    start: Path | None = None,
    resume: bool = False,
    device: str = "auto",
    threads: int = 1,
    observer: Observer | None = None,
) -> dict[str, Any]:
    """Train a model and write its file.

    Beside the file, in the folder named like it with ``.run`` added, a run keeps its log and its
    checkpoint; the checkpoint goes when the model is written.

    Parameters
    ----------
    recipe : Recipe
        The settings.
    data : Data
        Its genomes, as :func:`read_data` read them.
    output : Path
        The model file to write.
    start : Path or None
        Model file to start from (fine-tuning); None: from random weights.
    resume : bool
        Go on with the run that was interrupted.
    device : str
        auto, cpu, cuda or mps.
    threads : int
        CPU threads of this process.
    observer : Observer or None
        Receives each step.

    Returns
    -------
    dict
        The model's metadata. Of several processes the first one's has ``scores``, and only that
        one writes the file.

    Raises
    ------
    InputError
        If there is nothing to resume, something else to resume, or a run that would be lost.
    DnatagError
        If training fails.
    """
    place = training_device(device)
    if start is not None and recipe.network is not None:
        raise InputError(
            "the network has the size of the model to start from: leave [model] out of the recipe"
        )
    config, corpus = _schedule(recipe.training, data, fine_tuning=start is not None)
    tagger, panel = _tagger(recipe, start)
    about = _describe(recipe, data, config, corpus, tagger, start)
    folder = enter(output, about["training"], resume)
    outcome = fit(
        tagger,
        corpus,
        label_likelihood,
        config,
        folder,
        device=place,
        threads=threads,
        resume=resume,
        observer=observer,
    )
    about["training"] |= {"steps": outcome.steps, "date": date.today().isoformat()}
    if processes()[0] > 0:
        return about
    tagger.cpu()
    unscored = folder / "unscored.dnatag"
    panel = ReferencePanel.estimate((g.name, g.examples()) for g in data.train) | panel
    model.save(unscored, tagger, about, panel)
    about["scores"] = {"validation_loss": outcome.validation_loss} | _score(
        unscored, data, device, threads
    )
    about["card"] = _card(output.stem, recipe, data, about, start)
    model.save(output, tagger, about, panel)
    leave(folder)
    return about


def _schedule(training: Training, data: Data, fine_tuning: bool) -> tuple[TrainingConfig, Corpus]:
    """Choose what the recipe leaves open by the amount of data."""
    passes, fewest, most, rate = FINE_TUNING if fine_tuning else FROM_SCRATCH
    size = {split: sum(len(c.symbols) for g in genomes for c in g.contigs)
            for split, genomes in (("train", data.train), ("validate", data.validate))}  # fmt: skip
    per_step = training.batch * training.window
    steps = training.steps or min(max(passes * size["train"] // per_step, fewest), most)
    warmup = min(150, steps // 10) if training.warmup is None else training.warmup
    config = TrainingConfig(
        steps=steps,
        learning_rate=training.learning_rate or rate,
        weight_decay=training.weight_decay,
        warmup=warmup,
        clip=training.clip,
        validate_every=training.validate_every or min(max(steps // 15, 10), 250),
        patience=training.patience,
        seed=training.seed,
    )
    # Enough windows to see all that is held out, up to 3.5 Mbp.
    enough = -(-size["validate"] // (VALIDATION_WINDOWS * training.window))
    corpus = Corpus(
        data.train,
        data.validate,
        window=training.window,
        batch=training.batch,
        seed=training.seed,
        unadapted=training.unadapted,
        validation_batches=training.validation_batches or min(max(enough, 1), 24),
    )
    return config, corpus


def _tagger(recipe: Recipe, start: Path | None) -> tuple[KmerTagger, ReferencePanel]:
    if start is not None:
        return model.load(start)[:2]
    torch.manual_seed(recipe.training.seed)
    return model.build(**asdict(recipe.network or Network())), ReferencePanel.none()


def _describe(
    recipe: Recipe,
    data: Data,
    config: TrainingConfig,
    corpus: Corpus,
    tagger: KmerTagger,
    start: Path | None,
) -> dict[str, Any]:
    """Metadata of a model that is yet to be trained."""
    drawn = ("window", "batch", "seed", "unadapted", "validation_batches")
    return {
        "licence": recipe.licence,
        "training": {
            "start": None if start is None else start.name,
            "network": tagger.config.to_dict(),
            "loop": asdict(config),
            "windows": {key: getattr(corpus, key) for key in drawn},
            "held_out": HELD_OUT if data.held_out else None,
            "genomes": [asdict(source) for source in data.sources],
        },
    }


def _score(path: Path, data: Data, device: str, threads: int) -> dict[str, Any]:
    """Find genes as users will, and count those that are right."""
    genomes = []
    pooled = {"stop": [0, 0, 0], "exact": [0, 0, 0]}
    for (entry, code), name in zip(data.to_score, _names(data), strict=True):
        finder = GeneFinder(path, genetic_code=code, device=device, threads=threads)
        pairs = read_annotated_genome(entry.genome, entry.annotation)
        begin = {
            contig.id: round(len(contig) * (1 - HELD_OUT)) if data.held_out else 0
            for contig, _ in pairs
            if not data.held_out or len(contig) >= MIN_CUT
        }
        # The genes whose stop is in the part that was held out; the finder sees all.
        found = {p.contig.id: p.genes for p in finder.predict(contig for contig, _ in pairs)}
        truth = {contig.id: genes for contig, genes in pairs}
        reference, prediction = (
            {
                c: [g for g in genes.get(c, []) if g.three_prime >= first]
                for c, first in begin.items()
            }
            for genes in (truth, found)
        )
        scores = evaluate(reference, prediction, {contig.id: len(contig) for contig, _ in pairs})
        row: dict[str, Any] = {"name": name, "genes": scores.stop.reference}
        for what, counts in (("stop", scores.stop), ("exact", scores.exact)):
            row[f"{what}_f1"] = _rounded(counts)
            for i, number in enumerate((counts.reference, counts.predicted, counts.found)):
                pooled[what][i] += number
        genomes.append(row)
    totals = {f"{what}_f1": _rounded(Counts(n[0], n[1], n[2], n[2])) for what, n in pooled.items()}
    return totals | {"genomes": genomes}


def _names(data: Data) -> list[str]:
    split = "train" if data.held_out else "validate"
    return [source.name for source in data.sources if source.split == split]


def _rounded(counts: Counts) -> float | None:
    return counts.to_dict()["f1"] and round(counts.f1, 5)


def _card(name: str, recipe: Recipe, data: Data, about: dict[str, Any], start: Path | None) -> str:
    """Markdown: what the recipe says of the model, then what it was trained on and its scores."""
    scores, loop = about["scores"], about["training"]
    share = f"the last {HELD_OUT:.0%} of each contig" if data.held_out else "whole genomes"
    from_model = f", from the weights of {start.name}" if start else ""
    lines = [
        recipe.card.strip() or f"# {name}\n\nA gene model.",
        "",
        "## Training",
        f"Trained by dnatag {__version__} on {loop['date']}: {loop['steps']} steps{from_model}.",
        f"{data.summary()[:1].upper()}{data.summary()[1:]}.",
        "",
        "## Scores",
        f"On what was held out ({share}): F1 in percent of genes by stop, and of exact genes.",
        "",
        "| genome | genes | stop F1 | exact F1 |",
        "|---|---|---|---|",
    ]
    for row in [*scores["genomes"], {"name": "all", "genes": "", **scores}]:
        percent = [
            f"{100 * row[k]:.2f}" if row[k] is not None else "" for k in ("stop_f1", "exact_f1")
        ]
        lines.append(f"| {row['name']} | {row['genes']} | {percent[0]} | {percent[1]} |")
    lines += ["", "## Licence", f"{recipe.licence}."]
    return "\n".join(lines) + "\n"
