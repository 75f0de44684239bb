"""The training of gene models: the genomes of a recipe, and the model that is trained on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dnatag.domains.genes import model
from dnatag.domains.genes.evaluation.metrics import Counts, evaluate
from dnatag.domains.genes.finder import GeneFinder
from dnatag.domains.genes.selftraining.reference_panel import ReferencePanel
from dnatag.domains.genes.training.corpus import MIN_CUT, VALIDATION_WINDOWS, GenomeWindows
from dnatag.domains.genes.training.data import HELD_OUT, GenomeData, read_genomes
from dnatag.domains.genes.training.recoding import recoded_genomes
from dnatag.domains.genes.training.settings import GeneCorpus, GeneNetwork, GeneTraining
from dnatag.domains.genes.training.table import GenomeEntry, read_table
from dnatag.engine.networks.configs import KmerTaggerConfig
from dnatag.engine.networks.kmer_tagger import KmerTagger
from dnatag.engine.training.config import TrainingConfig
from dnatag.engine.training.loop import Outcome
from dnatag.errors import InputError
from dnatag.formats.sequences.annotation import read_annotated_genome
from dnatag.formats.sequences.regions import read_regions
from dnatag.models.card import make_card, markdown_table
from dnatag.report import Observer
from dnatag.tasks.base import Experiment, NetworkRun, Recipe

if TYPE_CHECKING:
    import torch

__all__ = ["GeneExperiment", "genome_entries"]

#: Default schedule: passes over the training data, fewest and most steps, learning rate.
FROM_SCRATCH = (10, 200, 8000, 3e-3)
FINE_TUNING = (4, 60, 4000, 1e-3)


class GeneExperiment(Experiment):
    """A gene model to be trained; see :class:`dnatag.tasks.base.Experiment`.

    Parameters
    ----------
    recipe : Recipe
        The recipe, of the task annotation.
    start : Path or None
        The model file to start from; None: from random weights.
    observer : Observer or None
        Receives each genome that has been read.
    data : GenomeData or None
        The genomes of the recipe, if they have been read already.

    Raises
    ------
    InputError
        If genomes cannot be read or do not fit their annotation, or the recipe gives a size to a
        network that has one.
    """

    def __init__(
        self,
        recipe: Recipe,
        start: Path | None = None,
        observer: Observer | None = None,
        data: GenomeData | None = None,
    ) -> None:
        if start is not None and recipe.network is not None:
            raise InputError(
                "the network has the size of the model to start from: leave [network] out of the "
                "recipe"
            )
        self.recipe = recipe
        self.start = start
        panel, earlier = ReferencePanel.none(), None
        if start is not None:
            weights, panel, _ = model.load_gene_model(start)
            earlier = weights.network()
        if data is None:
            data = read_genomes(
                genome_entries(recipe), observer, open_regions=_open_regions(recipe)
            )
        self.data = data
        self.summary = self.data.summary()
        self._earlier_panel = panel
        sizes = asdict(recipe.network or GeneNetwork())
        config = model.make_config(**sizes) if earlier is None else earlier.config
        schedule, windows = _schedule(recipe.training, self.data, fine_tuning=start is not None)
        self.runs = [
            NetworkRun(
                lambda: model.build(**sizes) if earlier is None else earlier, windows, schedule
            )
        ]
        self.about = self._describe(config, schedule, windows)

    def _describe(
        self, config: KmerTaggerConfig, schedule: TrainingConfig, windows: GenomeWindows
    ) -> dict[str, Any]:
        """Return what the model file keeps of the training."""
        drawn = ("window", "batch", "seed", "unadapted", "validation_batches")
        return {
            "licence": self.recipe.licence,
            "training": {
                "start": None if self.start is None else self.start.name,
                "network": config.to_dict(),
                "loop": asdict(schedule),
                "windows": {key: getattr(windows, key) for key in drawn},
                "recoded": self.recipe.training.recoded,
                "held_out": HELD_OUT if self.data.held_out else None,
                "genomes": [asdict(source) for source in self.data.sources],
            },
        }

    @cached_property
    def panel(self) -> ReferencePanel:
        """The genomes that are trained on, and those of the model to start from."""
        genomes = ((genome.name, genome.examples()) for genome in self.data.train)
        return ReferencePanel.estimate(genomes) | self._earlier_panel

    def save(
        self, path: Path, networks: Sequence[torch.nn.Module], about: Mapping[str, Any]
    ) -> None:
        """See :class:`dnatag.tasks.base.Experiment`."""
        (tagger,) = networks
        assert isinstance(tagger, KmerTagger)
        model.save_gene_model(path, tagger, dict(about), self.panel)

    def score(
        self,
        path: Path,
        outcomes: Sequence[Outcome],
        device: torch.device,
        threads: int,
    ) -> dict[str, Any]:
        """See :class:`dnatag.tasks.base.Experiment`."""
        loss = {"validation_loss": outcomes[0].validation_loss}
        return loss | _score(path, self.data, device.type, threads)

    def card(self, name: str, about: Mapping[str, Any]) -> str:
        """See :class:`dnatag.tasks.base.Experiment`."""
        scores = about["scores"]
        share = f"the last {HELD_OUT:.0%} of each contig" if self.data.held_out else "whole genomes"
        rows = [
            [row["name"], row["genes"], *(_percent(row[k]) for k in ("stop_f1", "exact_f1"))]
            for row in [*scores["genomes"], {"name": "all", "genes": "", **scores}]
        ]
        return make_card(
            about,
            self.recipe.card or f"# {name}\n\nA gene model.",
            [f"{self.summary[:1].upper()}{self.summary[1:]}."],
            [
                f"On what was held out ({share}): F1 in percent of genes by stop, and of exact "
                "genes.",
                "",
                *markdown_table(["genome", "genes", "stop F1", "exact F1"], rows),
            ],
            f", from the weights of {self.start.name}" if self.start else "",
        )


def genome_entries(recipe: Recipe) -> list[GenomeEntry]:
    """Return the genomes of a recipe; a table that cannot be used is an InputError."""
    entries: list[GenomeEntry] = []
    for corpus in recipe.corpora:
        if isinstance(corpus, GeneCorpus):
            folder = recipe.home / corpus.folder if recipe.folder is None else recipe.folder
            entries += read_table(recipe.home / corpus.table, folder)
        else:
            entries += corpus.entries
    if not any(entry.split == "train" for entry in entries):
        raise InputError("the recipe has no genome to train on")
    return entries


def _open_regions(recipe: Recipe) -> dict[str, list[tuple[int, int]]]:
    regions: dict[str, list[tuple[int, int]]] = {}
    for corpus in recipe.corpora:
        if isinstance(corpus, GeneCorpus) and corpus.open_regions:
            regions |= read_regions(recipe.home / corpus.open_regions)
    return regions


def _schedule(
    training: GeneTraining, data: GenomeData, fine_tuning: bool
) -> tuple[TrainingConfig, GenomeWindows]:
    """Choose what the recipe leaves open by the amount of data."""
    passes, fewest, most, rate = FINE_TUNING if fine_tuning else FROM_SCRATCH
    size = {split: sum(len(c.symbols) for g in genomes for c in g.contigs)
            for split, genomes in (("train", data.train), ("validate", data.validate))}  # fmt: skip
    per_step = training.batch * training.window
    steps = training.steps or min(max(passes * size["train"] // per_step, fewest), most)
    warmup = min(150, steps // 10) if training.warmup is None else training.warmup
    schedule = TrainingConfig(
        steps=steps,
        learning_rate=training.learning_rate or rate,
        weight_decay=training.weight_decay,
        warmup=warmup,
        clip=training.clip,
        average=training.average,
        validate_every=training.validate_every or min(max(steps // 15, 10), 250),
        patience=training.patience,
        seed=training.seed,
    )
    # Enough windows to see all that is held out, up to 3.5 Mbp.
    enough = -(-size["validate"] // (VALIDATION_WINDOWS * training.window))
    recoded = (
        recoded_genomes(data.train, training.recoded, training.seed) if training.recoded else []
    )
    windows = GenomeWindows(
        [*data.train, *recoded],
        data.validate,
        window=training.window,
        batch=training.batch,
        seed=training.seed,
        unadapted=training.unadapted,
        validation_batches=training.validation_batches or min(max(enough, 1), 24),
    )
    return schedule, windows


def _score(path: Path, data: GenomeData, device: str, threads: int) -> dict[str, Any]:
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


def _names(data: GenomeData) -> list[str]:
    split = "train" if data.held_out else "validate"
    return [source.name for source in data.sources if source.split == split]


def _rounded(counts: Counts) -> float | None:
    return counts.to_dict()["f1"] and round(counts.f1, 5)


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.2f}"
