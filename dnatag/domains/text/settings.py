"""Settings in recipes of text: the tables ``[[corpus]]`` and ``[network]``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dnatag.settings import setting
from dnatag.tasks.classification.settings import ClassifierNetwork
from dnatag.tasks.tagging.schemes import SCHEMES

__all__ = [
    "LEAST_THRESHOLD",
    "THRESHOLD",
    "LabelledTextCorpus",
    "LabelledTextNetwork",
    "TextCorpus",
    "TextNetwork",
]

#: The F1 that is expected is highest with half of it as the threshold (Lipton, Elkan and
#: Naryanaswamy 2014, https://doi.org/10.1007/978-3-662-44851-9_15); so this is for one of 0.9.
THRESHOLD = 0.45
#: No threshold is lower: there are as many spans as pairs of tokens, nearly all of them like this.
LEAST_THRESHOLD = 0.01


@dataclass(frozen=True)
class TextCorpus:
    """Files of tagged sentences: in columns as in CoNLL, or of annotation tools.

    Parameters
    ----------
    train : tuple of Path
        Files to train on, or folders of brat's.
    validate : tuple of Path
        Files to validate on: they choose the best weights.
    test : tuple of Path
        Files to measure the model with at the end.
    token_column : int or None
        Column of the tokens, counted from 1 or, from the end, from -1. By default the first, of
        CoNLL-U the second.
    tag_column : int or None
        Column of the tags, counted likewise. By default the last, of CoNLL-U the fourth (UPOS).
    scheme : str or None
        Scheme of the tags; ``plain`` is one tag for each token, without spans. By default the one
        that fits.
    encoding : str
        Character encoding of the files.
    types : tuple of str or None
        The only types that are tagged, such as ``"PER"`` or, with a new name, ``"PER=person"``:
        where the files tag nothing, there may be spans of others.
    weight : float
        How often each sentence takes part in an epoch, on average.
    """

    train: tuple[Path, ...] = ()
    validate: tuple[Path, ...] = ()
    test: tuple[Path, ...] = ()
    token_column: int | None = setting(None, least=-1000)
    tag_column: int | None = setting(None, least=-1000)
    scheme: str | None = setting(None, choices=SCHEMES)
    encoding: str = "utf-8"
    types: tuple[str, ...] | None = None
    weight: float = setting(1.0, most=1000)

    def __post_init__(self) -> None:
        """Check the columns."""
        for name in ("token_column", "tag_column"):
            if getattr(self, name) == 0:
                raise ValueError(f"'{name}' is counted from 1 or, from the end, from -1")
        if self.types is not None and len(self.names or ()) < len(self.types):
            raise ValueError("'types' names a type twice")
        if any(text.endswith("=") for text in self.types or ()):
            raise ValueError('\'types\' are written as "PER" or, with a new name, "PER=person"')

    @property
    def names(self) -> dict[str, str] | None:
        """The name that each type gets; None: all, as they are."""
        return _names(self.types)


@dataclass(frozen=True)
class TextNetwork:
    """The features of words and the size of the network.

    Parameters
    ----------
    vectors : str
        File of word vectors to use beside the trained ones: GloVe or word2vec text, or ``.npz``.
    most_vectors : int
        How many of these vectors the model keeps, the first of the file, beside those of words
        that it knows; 0 keeps all. Fewer make a smaller model.
    least_seen : int
        How often a word must occur in the files to train on for the model to know it. With 2 the
        model is smaller, and hardly worse where words have vectors.
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
    tokens : str
        How the model splits raw text, which should be how the files to train on are split:
        ``words``, runs of letters and digits, and single other characters; ``penn``, as in the
        Penn Treebank; at ``spaces``; or into ``characters``, for scripts without spaces.
    threshold : float
        Least posterior of an entity that is found; best is half of the F1 to be expected.
    encoder : str
        Folder of a language model (BERT, RoBERTa) in Hugging Face's layout, whose vectors of words
        in context are used too; it is not trained. The model file does not hold it, so that
        tagging needs the folder as well.
    """

    vectors: str = ""
    most_vectors: int = setting(0, least=0)
    least_seen: int = setting(1)
    words: int = setting(50)
    shapes: int = setting(8)
    characters: str = setting("lstm", choices=("cnn", "lstm"))
    spelling: int = setting(50)
    hidden: int = setting(128)
    layers: int = setting(1)
    dropout: float = setting(0.5, least=0, most=0.95)
    tokens: str = setting("words", choices=("words", "penn", "spaces", "characters"))
    threshold: float = setting(THRESHOLD, least=LEAST_THRESHOLD, most=0.99)
    encoder: str = ""

    def __post_init__(self) -> None:
        """Check the length of spellings."""
        if self.characters == "lstm" and self.spelling % 2:
            raise ValueError(f"'spelling' must be even with an LSTM, not {self.spelling}")


@dataclass(frozen=True)
class LabelledTextCorpus:
    """Files of texts with one label each: fastText lines, tables, JSON Lines, or trees.

    Parameters
    ----------
    train : tuple of Path
        Files to train on.
    validate : tuple of Path
        Files to validate on: they choose the best weights and the temperature.
    test : tuple of Path
        Files to measure the model with at the end.
    encoding : str
        Character encoding of the files.
    labels : tuple of str or None
        Labels to use, such as ``"0=negative"``, each with the name it gets; texts with others are
        left out. By default all, as they are.
    phrases : bool
        Whether all phrases of trees are trained on, and not the whole texts alone.
    weight : float
        How often each text takes part in an epoch, on average.
    """

    train: tuple[Path, ...] = ()
    validate: tuple[Path, ...] = ()
    test: tuple[Path, ...] = ()
    encoding: str = "utf-8"
    labels: tuple[str, ...] | None = None
    phrases: bool = False
    weight: float = setting(1.0, most=1000)

    def __post_init__(self) -> None:
        """Check the labels."""
        for pair in self.labels or ():
            if "=" not in pair:
                raise ValueError(f"'labels' must be written as \"0=negative\", not {pair!r}")

    @property
    def names(self) -> dict[str, str] | None:
        """The name of each label to use; None: all, as they are."""
        return _names(self.labels)


def _names(texts: tuple[str, ...] | None) -> dict[str, str] | None:
    """Return the names that others get by texts such as "0=negative", or "PER" for the same."""
    if texts is None:
        return None
    parts = (text.partition("=") for text in texts)
    return {old: new if equals else old for old, equals, new in parts}


@dataclass(frozen=True)
class LabelledTextNetwork(ClassifierNetwork):
    """The features of words and the size of the network.

    Parameters
    ----------
    hidden : int
        Units of each direction of the LSTM.
    layers : int
        Layers of the LSTM.
    dropout : float
        Dropout while training: variational around the LSTM, and of the vector of the text.
    units : int
        Length of the vector of a text.
    pooling : str
        How the vectors of all words become that of the text: the largest number of each unit,
        their mean, or their mean weighted by attention.
    tokens : str
        How texts are split: into ``words``, runs of letters and digits and single other
        characters; at ``spaces``, for texts that are split already; or into ``characters``, for
        scripts without spaces, and where spelling decides, as of names.
    vectors : str
        File of word vectors to use beside the trained ones: GloVe or word2vec text, or ``.npz``.
    most_vectors : int
        How many of these vectors the model keeps, the first of the file, beside those of words
        that it is trained on; 0 keeps all. Fewer make a smaller model.
    tuned : bool
        Whether the trained vectors of words begin as those of the file, and have their length.
    words : int
        Length of the trained vectors of words, unless they are tuned.
    shapes : int
        Length of the trained vectors of shapes, such as capitalised or with a digit.
    """

    tokens: str = setting("words", choices=("words", "spaces", "characters"))
    vectors: str = ""
    most_vectors: int = setting(0, least=0)
    tuned: bool = False
    words: int = setting(50)
    shapes: int = setting(8)
