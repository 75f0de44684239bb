"""Recipes: one schema for all domains, defaults, where files are, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from dnatag.domains.text.domain import DOMAIN
from dnatag.domains.text.settings import TextCorpus, TextNetwork
from dnatag.errors import InputError
from dnatag.recipe import Recipe, read_recipe
from dnatag.tasks.tagging.settings import TaggingTraining
from dnatag.tasks.tagging.task import TASK

CORPUS = 'domain = "text"\n[[corpus]]\ntrain = "a.tsv"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.tsv", "b.tsv", "c.tsv"):
        (tmp_path / name).write_text("Ada\tB-PER\n")
    return tmp_path


def read(folder: Path, text: str, elsewhere: Path | None = None) -> Recipe:
    (folder / "r.toml").write_text(text)
    return read_recipe(folder / "r.toml", elsewhere)


def test_defaults(folder: Path) -> None:
    recipe = read(folder, CORPUS)
    assert recipe == Recipe(
        DOMAIN, TASK, (TextCorpus(train=(folder / "a.tsv",)),), TaggingTraining(), home=folder
    )
    assert (recipe.licence, recipe.card) == ("not stated", "")


def test_everything(folder: Path) -> None:
    recipe = read(
        folder,
        'domain = "text"\nlicence = "MIT"\ncard = "# Mine"\n'
        '[[corpus]]\ntrain = ["a.tsv", "b.tsv"]\nvalidate = "c.tsv"\ntest = ["c.tsv"]\n'
        'token_column = 2\ntag_column = -2\nscheme = "IOB1"\nencoding = "latin-1"\n'
        'types = ["PER", "LOC"]\nweight = 0.5\n'
        '[[corpus]]\ntrain = "b.tsv"\ntypes = "PER"\nweight = 3\n'
        '[network]\nvectors = "v.txt"\nmost_vectors = 9\nleast_seen = 2\nwords = 10\nshapes = 2\n'
        'characters = "cnn"\nspelling = 12\n'
        "hidden = 30\nlayers = 2\ndropout = 0\n"
        "[training]\nepochs = 3\npatience = 2\nbatch = 50\nlearning_rate = 1e-2\n"
        "weight_decay = 0\nclip = 2\n"
        "temperature = 1.5\nnetworks = 3\nseed = 0\njoin = 'm.dnatag'\n",
    )
    first, second = recipe.corpora
    assert first == TextCorpus(
        train=(folder / "a.tsv", folder / "b.tsv"),
        validate=(folder / "c.tsv",),
        test=(folder / "c.tsv",),
        token_column=2,
        tag_column=-2,
        scheme="IOB1",
        encoding="latin-1",
        types=("PER", "LOC"),
        weight=0.5,
    )
    assert (second.types, second.weight) == (("PER",), 3)
    assert recipe.network == TextNetwork("v.txt", 9, 2, 10, 2, "cnn", 12, 30, 2, 0)
    assert recipe.training == TaggingTraining(3, 2, 50, 1e-2, 0, 2, 1.5, 3, 0, "m.dnatag")
    assert (recipe.licence, recipe.card) == ("MIT", "# Mine")


def test_files_elsewhere(folder: Path) -> None:
    """Files are beside the recipe, or in the folder that is named instead."""
    other = folder / "other"
    other.mkdir()
    (other / "r.toml").write_text(CORPUS)
    with pytest.raises(InputError, match=r"there is no file .*other/a\.tsv; name .* --folder"):
        read_recipe(other / "r.toml")
    recipe = read_recipe(other / "r.toml", folder)
    assert (recipe.corpora[0].train, recipe.files) == ((folder / "a.tsv",), folder)


def test_one_corpus_may_be_for_tests_only(folder: Path) -> None:
    recipe = read(folder, CORPUS + '[[corpus]]\ntest = "b.tsv"\n')
    assert recipe.corpora[1] == TextCorpus(test=(folder / "b.tsv",))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("domain = text", "is no TOML file: .*line 1"),
        ("", "the key 'domain' is missing: features or genes or"),
        ('domain = "musik"', "there is no domain 'musik'; installed are features, genes,"),
        ('domain = "text"', "there is no [[corpus]] to train on"),
        ('domain = "text"\ntask = "x"', "there is no task 'x'; installed are annotation, class"),
        ('domain = "text"\ntask = "annotation"', "the task of text can be tagging"),
        (CORPUS + "[model]\nhidden = 3", "the table [model] is called [network] now"),
        (CORPUS + "[network]\nspelling = 7", "[network]: 'spelling' must be even with an LSTM"),
        ('domain = "text"\n[corpus]\ntrain = "a.tsv"', "'corpus' must be a list"),
        ('domain = "text"\ncorpus = ["a.tsv"]', "[[corpus]] 1: must be a table"),
        (CORPUS + '[other]\nx = 1', "unknown key 'other'; known are domain, task, licence"),
        (CORPUS + 'trian = "b.tsv"', "[[corpus]] 1: unknown key 'trian'; known are train,"),
        (CORPUS + 'test = "d.tsv"', "[[corpus]] 1: there is no file "),
        (CORPUS + "test = [1]", "'test' must be a string or a list of strings"),
        (CORPUS + "test = 1", "'test' must be a list, not 1"),
        (CORPUS + "types = [1]", "'types' must be a string or a list of strings"),
        (CORPUS + "weight = 0", "'weight' must be above 0 and at most 1000, not"),
        (CORPUS + "weight = 1001", "'weight' must be above 0 and at most 1000, not"),
        (CORPUS + 'weight = "all"', "'weight' must be a number, not 'all'"),
        (CORPUS + "tag_column = 0", "'tag_column' is counted from 1 or, from the end, from -1"),
        (CORPUS + "token_column = 0", "'token_column' is counted from 1"),
        (CORPUS + "token_column = 1.0", "'token_column' must be a whole number, not 1.0"),
        (CORPUS + 'scheme = "BIOX"', "'scheme' can be BIO, IOBES, BILOU, IOB1, plain"),
        (CORPUS + "encoding = 8", "'encoding' must be a string"),
        (CORPUS + "[network]\nsize = 3", "[network]: unknown key 'size'; known are vectors, most_"),
        (CORPUS + '[network]\nhidden = "big"', "[network]: 'hidden' must be a whole number"),
        (CORPUS + "[network]\nhidden = 0", "[network]: 'hidden' must be above 0, not 0"),
        (CORPUS + "[network]\ndropout = 1", "[network]: 'dropout' must be at least 0 and at most "),
        (CORPUS + '[network]\ncharacters = "gru"', "'characters' can be cnn or lstm, not 'gru'"),
        (CORPUS + "[training]\nsteps = 3", "[training]: unknown key 'steps'; known are epochs"),
        (CORPUS + "[training]\nepochs = 0", "[training]: 'epochs' must be above 0, not 0"),
        (CORPUS + "[training]\nlearning_rate = -1", "'learning_rate' must be above 0, not -1"),
        (CORPUS + "[training]\nlearning_rate = nan", "'learning_rate' must be above 0, not nan"),
        (CORPUS + "[training]\nseed = true", "'seed' must be a whole number, not True"),
    ],
)  # fmt: skip
def test_refusals(folder: Path, text: str, message: str) -> None:
    with pytest.raises(InputError) as refusal:
        read(folder, text)
    reported = str(refusal.value)
    assert reported.startswith(f"{folder / 'r.toml'}: ")
    assert "\n" not in reported
    assert message.partition(": .*")[0] in reported


def test_what_is_outside_the_folder_is_named(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A recipe from others may read any file, whose words are then in the model."""
    secret = tmp_path_factory.mktemp("home") / "secret"
    secret.write_text("root\tx\n")
    assert read(folder, CORPUS).outside == ()
    assert read(folder, CORPUS.replace("a.tsv", str(secret))).outside == (str(secret),)
    beside = f"../{secret.parent.name}/secret"
    (folder / "link.tsv").symlink_to(secret)
    named = read(folder, CORPUS + f'validate = ["b.tsv", "{beside}"]\ntest = "link.tsv"\n')
    assert named.outside == (beside, "link.tsv")
    # A folder that the user names is not outside.
    assert read(folder, CORPUS.replace("a.tsv", "secret"), secret.parent).outside == ()
