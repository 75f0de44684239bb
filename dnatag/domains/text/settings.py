"""Settings in recipes of text: the tables ``[[corpus]]`` and ``[network]``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dnatag.settings import setting
from dnatag.tasks.tagging.schemes import SCHEMES

__all__ = ["LEAST_THRESHOLD", "THRESHOLD", "TextCorpus", "TextNetwork"]

#: The F1 that is expected is highest with half of it as the threshold (Lipton, Elkan and
#: Naryanaswamy 2014, https://doi.org/10.1007/978-3-662-44851-9_15); so this is for one of 0.9.
THRESHOLD = 0.45
#: No threshold is lower: there are as many spans as pairs of tokens, nearly all of them like this.
LEAST_THRESHOLD = 0.01


@dataclass(frozen=True)
class TextCorpus:
    """Files of tagged sentences, in columns as in CoNLL.

    Parameters
    ----------
    train : tuple of Path
        Files to train on.
    validate : tuple of Path
        Files to validate on: they choose the best weights.
    test : tuple of Path
        Files to measure the model with at the end.
    token_column : int
        Column of the tokens, counted from 1 or, from the end, from -1.
    tag_column : int
        Column of the tags, counted likewise.
    scheme : str or None
        Scheme of the tags; ``plain`` is one tag for each token, without spans. By default the one
        that fits.
    encoding : str
        Character encoding of the files.
    types : tuple of str or None
        The only types that are tagged: where the files tag nothing, there may be spans of others.
    weight : float
        How often each sentence takes part in an epoch, on average.
    """

    train: tuple[Path, ...] = ()
    validate: tuple[Path, ...] = ()
    test: tuple[Path, ...] = ()
    token_column: int = setting(1, least=-1000)
    tag_column: int = setting(-1, least=-1000)
    scheme: str | None = setting(None, choices=SCHEMES)
    encoding: str = "utf-8"
    types: tuple[str, ...] | None = None
    weight: float = setting(1.0, most=1000)

    def __post_init__(self) -> None:
        """Check the columns."""
        for name in ("token_column", "tag_column"):
            if getattr(self, name) == 0:
                raise ValueError(f"'{name}' is counted from 1 or, from the end, from -1")


@dataclass(frozen=True)
class TextNetwork:
    """The features of words and the size of the network.

    Parameters
    ----------
    vectors : str
        File of word vectors to use beside the trained ones: GloVe or word2vec text, or ``.npz``.
    most_vectors : int
        How many of these vectors the model keeps, the first of the file, beside those of words
        that it is trained on; 0 keeps all. Fewer make a smaller model.
    words : int
        Length of the trained vectors of words.
    shapes : int
        Length of the trained vectors of shapes, such as capitalised or with a digit.
    characters : str
        Network that encodes the spelling of words.
    spelling : int
        Length of the vector of a spelling; even for ``lstm``.
    hidden : int
        Units of each direction of the LSTM.
    layers : int
        Layers of the LSTM.
    dropout : float
        Variational dropout while training.
    threshold : float
        Least posterior of an entity that is found; best is half of the F1 to be expected.
    """

    vectors: str = ""
    most_vectors: int = setting(0, least=0)
    words: int = setting(50)
    shapes: int = setting(8)
    characters: str = setting("lstm", choices=("cnn", "lstm"))
    spelling: int = setting(50)
    hidden: int = setting(128)
    layers: int = setting(1)
    dropout: float = setting(0.5, least=0, most=0.95)
    threshold: float = setting(THRESHOLD, least=LEAST_THRESHOLD, most=0.99)

    def __post_init__(self) -> None:
        """Check the length of spellings."""
        if self.characters == "lstm" and self.spelling % 2:
            raise ValueError(f"'spelling' must be even with an LSTM, not {self.spelling}")
