"""Settings in recipes of genes: ``[[corpus]]``, ``[network]`` and ``[training]``."""

from __future__ import annotations

from dataclasses import dataclass

from dnatag.settings import setting

__all__ = ["GeneCorpus", "GeneNetwork", "GeneTraining"]


@dataclass(frozen=True)
class GeneCorpus:
    """A table of annotated genomes.

    Parameters
    ----------
    table : str
        TSV file beside the recipe: a header, and a row for each genome. Its columns are the
        fields of :class:`dnatag.domains.genes.training.table.GenomeEntry`.
    folder : str
        Folder of the genomes' files, relative to the recipe; ``--folder`` takes precedence.
    open_regions : str
        BED or GFF file, relative to the recipe, of regions where annotations may lack genes: that
        they are silent there teaches nothing.
    """

    table: str = ""
    folder: str = ""
    open_regions: str = ""

    def __post_init__(self) -> None:
        """Check that there is a table."""
        if not self.table:
            raise ValueError("the key 'table' is missing: the TSV file with the genomes")


@dataclass(frozen=True)
class GeneNetwork:
    """The size of the network.

    Parameters
    ----------
    hidden : int
        Units of each direction of the LSTM.
    layers : int
        Layers of the LSTM.
    embedding : int
        Length of the hexamer vectors.
    dropout : float
        Variational dropout while training.
    """

    hidden: int = setting(96)
    embedding: int = setting(24)
    layers: int = setting(1)
    dropout: float = setting(0.0, least=0, most=1)


@dataclass(frozen=True)
class GeneTraining:
    """How to train; what is None is chosen by the amount of data.

    Parameters
    ----------
    steps : int or None
        Steps of the optimizer.
    batch : int
        Windows of a step.
    window : int
        Bases of a window: a multiple of 3, at least 300.
    learning_rate : float or None
        Highest learning rate.
    weight_decay : float
        Weight decay of AdamW.
    clip : float
        Largest norm of the gradient.
    average : float
        Decay of the moving average of the weights, which is what is validated and kept; 0 for none.
    warmup : int or None
        Steps of the warm-up.
    validate_every : int or None
        Steps between validations.
    patience : int
        Validations without a better loss until training stops.
    unadapted : float
        Share of windows of which the network sees nothing of the genome's other genes.
    recoded : float
        Share of windows of recoded genomes, see :mod:`dnatag.domains.genes.training.recoding`:
        against codon usage that no genome to train on has.
    validation_batches : int or None
        Batches of 64 windows to validate on.
    seed : int
        Seed of all random choices.
    """

    steps: int | None = setting(None)
    batch: int = setting(32)
    window: int = setting(2304)
    learning_rate: float | None = setting(None)
    weight_decay: float = setting(0.01, least=0)
    clip: float = setting(1.0)
    average: float = setting(0.0, least=0, most=0.99999)
    warmup: int | None = setting(None, least=0)
    validate_every: int | None = setting(None)
    patience: int = setting(8)
    unadapted: float = setting(0.33, least=0, most=1)
    recoded: float = setting(0.0, least=0, most=0.9)
    validation_batches: int | None = setting(None)
    seed: int = setting(1, least=0)

    def __post_init__(self) -> None:
        """Check the size of windows."""
        if self.window % 3 or self.window < 300:
            raise ValueError(
                f"'window' must be a multiple of 3 of 300 or more bases, not {self.window}"
            )
