"""A small file of every format, and what to do with its damaged copies."""

from __future__ import annotations

import gzip
import json
import random
import shutil
import zlib
from importlib.util import find_spec
from pathlib import Path
from unittest import mock

import numpy as np
from mutations import Case, Ending

__all__ = ["PLAIN", "every_case", "make_genome", "make_recipe", "run"]

ROOT = Path(__file__).resolve().parents[1]
#: Options of ``predict`` that take the least time, and of the other commands.
PLAIN = ("--genetic-code", "11", "--adapt", "off", "--device", "cpu", "--threads", "1", "-q")
QUIET = ("-o", "OUT", "--device", "cpu", "--threads", "1", "-q")
SHORT = "\n[training]\nepochs = 1\nbatch = 4\n"
RECIPE = (
    'domain = "text"\n[[corpus]]\ntrain = "train.tsv"\n[network]\nhidden = 4\n'
    'vectors = "vectors.txt"\n' + SHORT
)
SPLITS = 'train = "{0}"\nvalidate = "{0}"\n'
WORDS = "Naloxone\tB-Chemical\nreverses\tO\nrenal\tB-Disease\nfailure\tI-Disease\n\n"
RATE = 8000


def run(arguments: list[str]) -> Ending:
    """Run a command in this process."""
    from click.testing import CliRunner

    from dnatag.cli import main

    result = CliRunner().invoke(main, arguments)
    return Ending(result.exit_code, result.stdout, result.stderr)


def done(*arguments: object) -> None:
    """Run a command that must work."""
    ending = run([str(word) for word in arguments])
    assert ending.code == 0, ending.stderr


def make_genome(folder: Path) -> Path:
    """Write three contigs of phage lambda, one of them a circle."""
    text = gzip.decompress((ROOT / "examples" / "lambda.fna.gz").read_bytes()).decode()
    bases = "".join(text.splitlines()[1:])
    pieces = (("a circular=true", 0, 2600), ("b", 3000, 5000), ("c=%", 9000, 9300))
    genome = folder / "genome.fna"
    genome.write_text("".join(f">{name}\n{bases[i:j]}\n" for name, i, j in pieces))
    return genome


def make_recipe(folder: Path) -> Path:
    """Write the recipe of a small tagger and its data."""
    (folder / "train.tsv").write_text(WORDS * 3)
    vectors = {"renal": 0.5, "failure": -1.25, "of": 3.0}
    (folder / "vectors.txt").write_text(
        f"{len(vectors)} 2\n" + "".join(f"{word} {x} 0.1\n" for word, x in vectors.items())
    )
    recipe = folder / "recipe.toml"
    recipe.write_text(RECIPE)
    return recipe


def every_case(folder: Path) -> list[Case]:
    """Write a small file of every format, train small models, and say what to do with them."""
    make_genome(folder)
    make_recipe(folder)
    parts = (_genes, _models_of_genes, _text, _training, _labels, _features, _speech, _music,
             _translation)  # fmt: skip
    return [case for part in parts for case in part(folder)]


def _genes(folder: Path) -> list[Case]:
    from Bio import SeqIO

    genome = str(folder / "genome.fna")
    outputs = {kind: folder / f"genes.{kind}" for kind in ("gff3", "gbk", "bed", "faa")}
    more = [x for kind in ("gbk", "bed", "faa") for x in (f"--{kind}", outputs[kind])]
    done("predict", genome, "-o", outputs["gff3"], *more, *PLAIN)
    for kind in ("gbk", "sco"):
        done("prodigal", "-i", genome, "-q", "-f", kind, "-o", folder / f"prodigal.{kind}")
    rows = [x.split("\t") for x in outputs["gff3"].read_text().splitlines() if "\tCDS\t" in x]
    gtf = ["\t".join([*row[:8], f'gene_id "g{i}";']) for i, row in enumerate(rows)]
    (folder / "genes.gtf").write_text("\n".join(gtf) + "\n")
    SeqIO.convert(outputs["gbk"], "genbank", folder / "genes.embl", "embl")
    (folder / "labelled.txt").write_text(">p\nMKTLLALAVAG\nSSSSSSSS222\n>q\nMKW\n111\n")
    find = ("predict", "IN", "-o", "OUT", *PLAIN)
    first = ("evaluate", "IN", str(outputs["gff3"]), "--json", "OUT")
    second = ("evaluate", str(outputs["gff3"]), "IN", "--json", "OUT")
    labelled = ("evaluate", str(folder / "labelled.txt"), "IN", "--json", "OUT")
    return [
        Case("FASTA", folder / "genome.fna", find, 3),
        Case("FASTA, gzip", folder / "genome.fna", find, packed="gzip"),
        Case("mask", outputs["bed"], ("predict", genome, "--mask", *find[1:])),
        Case("GFF3", outputs["gff3"], second, 2),
        Case("GenBank", outputs["gbk"], first, 2),
        Case("EMBL", folder / "genes.embl", first),
        Case("GTF", folder / "genes.gtf", second),
        Case("Prodigal gbk", folder / "prodigal.gbk", second),
        Case("Prodigal sco", folder / "prodigal.sco", second),
        Case("prodigal -i", folder / "genome.fna", (
            "prodigal", "-i", "IN", "-o", "OUT", "-q", "-p", "meta")),
        Case("proteins", outputs["faa"], ("tag", "--model", "topology", "IN", *QUIET)),
        Case("labelled proteins", folder / "labelled.txt", labelled),
    ]  # fmt: skip


def _models_of_genes(folder: Path) -> list[Case]:
    from dnatag.models.names import find_model

    genome, own = str(folder / "genome.fna"), folder / "own.adaptation"
    done("predict", genome, "-o", folder / "x", *PLAIN, "--adapt", "file", "--save-adaptation", own)
    adapted = ("predict", genome, "--adaptation", "IN", *QUIET)
    with_model = ("predict", genome, "--model", "IN", "-o", "OUT", *PLAIN)
    model = find_model("prokaryotes")
    return [
        Case("model", model, with_model),
        Case("model, checksum forged", model, with_model, 2, forged=True),
        Case("adaptation", own, adapted),
        Case("adaptation, checksum forged", own, adapted, forged=True),
    ]


def _text(folder: Path) -> list[Case]:
    from dnatag.models.names import find_model

    (folder / "words.conll").write_text(WORDS * 3)
    items = [{"id": 1, "text": "Naloxone in renal failure."}, {"tokens": ["renal", "failure"]}]
    (folder / "items.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))
    (folder / "lines.txt").write_text("Naloxone reverses it.\n\nRenal failure, again.\n")
    for kind in ("doccano", "label-studio", "brat"):
        done("tag", "--model", "biomedical", folder / "lines.txt", "--to", kind,
             "-o", folder / kind, "-q")  # fmt: skip
    (folder / "in-brat").mkdir()
    (folder / "brat").rename(folder / "in-brat" / "in")
    (notes,) = (folder / "in-brat" / "in").glob("*.ann")
    tag = ("tag", "--model", "biomedical", "IN", *QUIET)
    of_spacy = []
    if find_spec("spacy"):
        done("tag", "--model", "biomedical", folder / "lines.txt", "--to", "docbin",
             "-o", folder / "lines.spacy", "-q")  # fmt: skip
        unpacked = folder / "lines.msgpack"
        unpacked.write_bytes(zlib.decompress((folder / "lines.spacy").read_bytes()))
        of_spacy = [
            Case("DocBin", folder / "lines.spacy", (*tag, "--to", "jsonl")),
            Case("DocBin, unpacked", unpacked, (*tag, "--to", "jsonl"), packed="zlib"),
        ]
    of_brat = {"place": f"in/{notes.name}", "beside": folder / "in-brat"}
    folder_of = ("tag", "--model", "biomedical", "HERE/in", "--to", "jsonl", *QUIET)
    with_model = ("tag", str(folder / "lines.txt"), "--model", "IN", *QUIET)
    tags = ("evaluate", str(folder / "train.tsv"), "IN", "--json", "OUT")
    return [
        Case("CoNLL", folder / "words.conll", tag),
        Case("JSON Lines", folder / "items.jsonl", tag),
        Case("lines", folder / "lines.txt", tag),
        Case("Doccano", folder / "doccano", tag),
        Case("Label Studio", folder / "label-studio", tag),
        Case("brat", notes, folder_of, **of_brat),
        *of_spacy,
        Case("tags", folder / "words.conll", tags),
        Case("tagger, checksum forged", find_model("biomedical"), with_model, 0.5, forged=True),
    ]


def _training(folder: Path) -> list[Case]:
    """Recipes, what they name, and runs that are resumed."""
    recipe, run_ = folder / "recipe.toml", folder / "recipe.dnatag.run"
    with mock.patch("dnatag.engine.training.rundir.leave"):  # which removes what a run resumes from
        train(recipe)
    new, begun = folder / "new", folder / "begun"
    new.mkdir()
    shutil.copytree(run_, begun / "out.run")
    for name in ("recipe.toml", "train.tsv", "vectors.txt"):
        shutil.copy(folder / name, new)
        shutil.copy(folder / name, begun)
    start = ("train", "HERE/recipe.toml", *QUIET)
    resumed = (*start, "--resume")
    return [
        Case("recipe", recipe, start, 0.5, place="recipe.toml", beside=new),
        Case("training data", folder / "train.tsv", start, 0.5, place="train.tsv", beside=new),
        Case("word vectors", folder / "vectors.txt", start, 0.5, place="vectors.txt", beside=new),
        Case("checkpoint", run_ / "checkpoint.safetensors", resumed, 0.5,
             place="out.run/checkpoint.safetensors", beside=begun),
        Case("settings of a run", run_ / "run.json", resumed, 0.3, place="out.run/run.json",
             beside=begun),
    ]  # fmt: skip


def train(recipe: Path) -> Path:
    """Train a small model."""
    output = recipe.with_suffix(".dnatag")
    done("train", recipe, "-o", output, *QUIET[2:])
    return output


def _small_model(folder: Path, name: str, text: str) -> Path:
    """Train a model by a recipe in the folder of its data."""
    recipe = folder / f"{name}.toml"
    recipe.write_text(text)
    return train(recipe)


def _of_model(model: Path, name: str, command: tuple[str, ...], binary: bool = False) -> list[Case]:
    """Damage a model, its bytes and what they hold."""
    return [
        Case(f"{name} model", model, command, 0.3, binary=binary),
        Case(f"{name} model, checksum forged", model, command, 0.7, forged=True, binary=binary),
    ]


def _labels(folder: Path) -> list[Case]:
    """Texts with a label each."""
    texts = [("a lovely film , with a plot", "pos"), ("dull and silly", "neg"), ("", "neg")]
    texts += [(f"{word} again", "pos") for word in ("lovely", "great", "fine")]
    trees = "(3 (2 a) (3 (3 lovely) (2 film)))\n(1 (1 dull) (2 (2 and) (1 silly)))\n"
    written = {
        "fastText": "".join(f"__label__{label} {text}\n" for text, label in texts),
        "table of texts": "label\ttext\n" + "".join(f"{y}\t{x}\n" for x, y in texts),
        "labelled JSON Lines": "".join(
            json.dumps({"text": text, "label": label}) + "\n" for text, label in texts),
        "trees": trees,
        "lines to classify": "".join(f"{text}\n" for text, _ in texts),
    }  # fmt: skip
    paths = {name: folder / f"texts{i}" for i, name in enumerate(written)}
    for name, text in written.items():
        paths[name].write_text(text)
    recipe = 'domain = "text"\ntask = "classification"\n[[corpus]]\n{}[network]\nhidden = 4\n'
    data = recipe.format(SPLITS.format(paths["fastText"].name)) + SHORT
    model = _small_model(folder, "labels", data)
    classify = ("classify", "--model", str(model), "IN", "--all", *QUIET)
    cases = [Case(name, path, classify, 0.5) for name, path in paths.items()]
    compare = ("evaluate", str(paths["fastText"]), "IN", "--json", "OUT")
    cases += [
        Case(f"{name}, compared", paths[name], compare, 0.5)
        for name in ("fastText", "table of texts", "labelled JSON Lines")
    ]
    here = folder / "phrases"
    here.mkdir()
    learn = recipe.format(SPLITS.format("train.tree")) + SHORT
    (here / "recipe.toml").write_text(learn)
    cases.append(Case("trees to train on", paths["trees"], (
        "train", "HERE/recipe.toml", *QUIET), 0.3, place="train.tree", beside=here))  # fmt: skip
    use = ("classify", "--model", "IN", str(paths["fastText"]), *QUIET)
    return cases + _of_model(model, "classifier's", use)


def _features(folder: Path) -> list[Case]:
    """Sequences of features with a label for each frame."""
    rng = np.random.default_rng(1)
    rows = []
    for i in range(4):
        levels = np.repeat([0, 1, 0], rng.integers(3, 6, 3))
        features = levels[:, None] + rng.normal(0, 0.3, (len(levels), 2))
        np.save(folder / f"v{i}.npy", features.astype(np.float32))
        (folder / f"v{i}.txt").write_text("".join("ab"[k] + "\n" for k in levels))
        rows.append(f"{folder / f'v{i}.npy'}\tv{i}.txt\n")
    table = folder / "videos.tsv"
    table.write_text("name\tlabels\n" + "".join(rows))
    recipe = 'domain = "features"\ntask = "tagging"\n[[corpus]]\n{}[network]\nhidden = 4\n'
    model = _small_model(folder, "frames", recipe.format(SPLITS.format(table.name)) + SHORT)
    tag = ("tag", "--model", str(model), "IN", *QUIET)
    labels = str(folder / "v0.txt")
    compare = ("evaluate", labels, "IN", "--domain", "features", "--json", "OUT")
    use = ("tag", "--model", "IN", str(folder / "v0.npy"), *QUIET)
    return [
        Case("npy", folder / "v0.npy", tag),
        Case("npz", folder / "v0.npy", tag, packed="npz"),
        Case("npz, damaged as a whole", folder / "v0.npy", tag, 0.5, packed="npz, outside"),
        Case("table of sequences", table, tag, 0.5),
        Case("labels of frames", Path(labels), compare, 0.5),
        *_of_model(model, "frame tagger's", use),
    ]


def _speech(folder: Path) -> list[Case]:
    import soundfile

    from dnatag.models.names import find_model

    time = np.arange(RATE // 3) / RATE
    sound = 0.3 * np.sin(2 * np.pi * 700 * time) * np.hanning(len(time))
    for ending in ("wav", "flac", "ogg", "opus"):
        format_ = "OGG" if ending == "opus" else ending.upper()
        subtype = "OPUS" if ending == "opus" else None
        soundfile.write(folder / f"sound.{ending}", sound, RATE, subtype, format=format_)
    items = [
        {"audio_filepath": str(folder / f"sound.{ending}"), "duration": 0.333, "text": text}
        for ending, text in (("wav", "A B"), ("flac", ""))
    ]
    manifest = folder / "manifest.json"
    manifest.write_text("".join(json.dumps(item) + "\n" for item in items))
    hear = ("transcribe", "--model", "letters", "IN", "--to", "jsonl", *QUIET)
    use = ("transcribe", "--model", "IN", str(folder / "sound.wav"), "--to", "jsonl", *QUIET)
    compare = ("evaluate", str(manifest), "IN", "--json", "OUT")
    cases = [
        Case(f"sound, {ending}", folder / f"sound.{ending}", hear, share)
        for ending, share in (("wav", 1), ("flac", 1), ("ogg", 0.3), ("opus", 0.3))
    ]
    return [
        *cases,
        Case("manifest", manifest, hear),
        Case("manifest, compared", manifest, compare, 0.5),
        *_of_model(find_model("letters"), "transcriber's", use),
    ]


def _music(folder: Path) -> list[Case]:
    from dnatag.formats.midi import midi_of, roll_of
    from dnatag.models.names import find_model

    chords = [(60, 64), (60, 65), (), (62, 65, 69)]
    (folder / "start.mid").write_bytes(midi_of(chords, 1, 80))
    np.save(folder / "start.npy", roll_of(chords))
    write = ("generate", "--model", "chorales", "--primer", "IN", "--steps", "8", "--seed", "1",
             "-o", "OUT", "--device", "cpu", "-q")  # fmt: skip
    use = ("generate", "--model", "IN", "--steps", "3", "--seed", "1", "-o", "OUT", "--device",
           "cpu", "-q")  # fmt: skip
    return [
        Case("MIDI", folder / "start.mid", write, 2, binary=True),
        Case("MIDI, compared", folder / "start.mid", (
            "evaluate", "IN", "chorales", "--json", "OUT")),
        Case("piano roll", folder / "start.npy", write, 0.5, binary=True),
        Case("piano rolls, npz", folder / "start.npy", write, 0.5, packed="npz", binary=True),
        *_of_model(find_model("chorales"), "composer's", use, binary=True),
    ]  # fmt: skip


def _translation(folder: Path) -> list[Case]:
    rng = random.Random(1)
    words = {"a": "un", "dog": "perro", "cat": "gato", "big": "grande", "red": "rojo"}
    pairs = [rng.choices(sorted(words), k=rng.randint(1, 6)) for _ in range(30)]
    here = folder / "pairs"
    here.mkdir()
    (here / "train.en").write_text("".join(" ".join(line) + "\n" for line in pairs))
    (here / "train.xx").write_text(
        "".join(" ".join(words[word] for word in line) + "\n" for line in pairs)
    )
    recipe = (
        'domain = "translation"\n[[corpus]]\ntrain = ["train.en", "train.xx"]\n'
        'validate = ["train.en", "train.xx"]\n[network]\nsubwords = 40\nembedding = 8\nhidden = 8\n'
        "[training]\nepochs = 1\nbatch = 200\n"
    )
    model = _small_model(here, "recipe", recipe)
    (folder / "text.en").write_text("a big dog\n\na red cat\n")
    out = ("-o", "OUT", "--device", "cpu", "--threads", "1", "-q")
    use = ("translate", "--model", "IN", str(folder / "text.en"), *out)
    compare = ("evaluate", str(folder / "text.en"), "IN", "--domain", "seq2seq", "--json", "OUT")
    learn = ("train", "HERE/recipe.toml", *QUIET)
    return [
        Case("text to translate", folder / "text.en", (
            "translate", "--model", str(model), "IN", *out)),
        Case("translations, compared", folder / "text.en", compare, 0.5),
        Case("parallel text", here / "train.en", learn, 0.3, place="train.en", beside=here),
        *_of_model(model, "translator's", use),
    ]  # fmt: skip
