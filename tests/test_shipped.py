"""The shipped models of text and proteins on the examples."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from dnatag import Tagger
from dnatag.cli import main
from dnatag.formats.midi import read_midi
from dnatag.formats.sequences.residues import read_residues

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parents[1] / "examples"
#: Bacteriorhodopsin of Halobacterium salinarum, UniProt P02945: seven helices, the begin outside.
BACTERIORHODOPSIN = (
    "MLELLPTAVEGVSQAQITGRPEWIWLALGTALMGLGTLYFLVKGMGVSDPDAKKFYAITTLVPAIAFTMYLSMLLGYGLTMVPFGGEQNPI"
    "YWARYADWLFTTPLLLLDLALLVDADQGTILALVGADGIMIGTGLVGALTKVYSYRFVWWAISTAAMLYILYVLFFGFTSKAESMRPEVAS"
    "TFKVLRNVTVVLWSAYPVVWLIGSEGAGIVPLNIETLLFMVLDVSAKVGFGLILLRSRAIFGEAEAPEPSAGDGAAATSD"
)


def test_entities() -> None:
    """A handful of names that no reader would miss."""
    result = CliRunner().invoke(
        main, ["tag", "--model", "biomedical", str(EXAMPLES / "abstract.txt"), "-q"]
    )
    assert result.exit_code == 0, result.stderr
    found = {
        (entity["word"], entity["entity_group"])
        for line in result.stdout.splitlines()
        for entity in json.loads(line)["entities"]
        if entity["score"] > 0.5
    }
    assert {
        ("gentamicin", "Chemical"),
        ("haloperidol", "Chemical"),
        ("clozapine", "Chemical"),
        ("epilepsy", "Disease"),
        ("ovarian cancer", "Disease"),
    } <= found


def test_names() -> None:
    found = Tagger.load("entities").tag("Taylor Swift plays in Paris, not in Boston!").entities
    assert [(e.type, e.start, e.end) for e in found] == [
        ("person", 0, 2), ("location", 4, 5), ("location", 8, 9)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("I can't answer your answer.", "PRON AUX PART VERB PRON NOUN PUNCT"),
        ("She quickly sent 3 letters to Dr. Smith", "PRON ADV VERB NUM NOUN ADP PROPN PROPN"),
    ],
)
def test_parts_of_speech(text: str, tags: str) -> None:
    """Of a word with two, the context decides."""
    assert Tagger.load("parts-of-speech").tag(text).tags == tags.split()


def test_topology() -> None:
    tagged = Tagger.load("topology").tag(BACTERIORHODOPSIN)
    helices = [e for e in tagged.entities if e.type == "H"]
    assert len(helices) == 7
    # The retinal is bound to lysine 229, in the last one.
    assert helices[-1].start < 228 < helices[-1].end
    assert tagged.tags[-1] == "1"


def test_soluble_proteins() -> None:
    """A histone, H4 of humans, has no helix across the membrane."""
    histone = (
        "MSGRGKGGKGLGKGGAKRHRKVLRDNIQGITKPAIRRLARRGGVKRISGLIYEETRGVLKVFLENVIRDAVTYTEHAKRKTVTAMDVVYALKRQ"
        "GRTLYGFGG"
    )
    assert set(Tagger.load("topology").tag(histone).tags) <= {"1", "2"}


def test_proteins_of_predict(tmp_path: Path) -> None:
    """What 'predict' writes, 'tag' reads."""
    proteins, found = tmp_path / "proteins.faa", tmp_path / "topology.txt"
    genome = EXAMPLES / "lambda.fna.gz"
    words = [
        ["predict", str(genome), "-o", str(tmp_path / "g.gff3"), "--faa", str(proteins), "-q"],
        ["tag", "--model", "topology", str(proteins), "-o", str(found), "-q"],
    ]
    for command in words:
        result = CliRunner().invoke(main, command)
        assert result.exit_code == 0, result.stderr
    tagged = list(read_residues(found, labelled=True))
    assert [p.id for p in tagged] == [p.id for p in read_residues(proteins, labelled=False)]
    assert any("H" in (p.tags or ()) for p in tagged)
    # Sides change only through the membrane.
    assert not any(re.search("12|21|1[HB]+1|2[HB]+2", "".join(p.tags or ())) for p in tagged)


def test_a_recording() -> None:
    pytest.importorskip("soundfile")
    result = CliRunner().invoke(
        main, ["transcribe", "--model", "letters", str(EXAMPLES / "erase.opus"), "-q"]
    )
    assert result.exit_code == 0, result.stderr
    assert result.stdout == "ERASE C Q Q F SEVEN\n"


def test_a_chorale(tmp_path: Path) -> None:
    """Four voices, mostly, in the range of the pieces trained on and its transpositions."""
    pytest.importorskip("mido")
    path = tmp_path / "chorale.mid"
    result = CliRunner().invoke(
        main, ["generate", "--model", "chorales", "--seed", "7", "-q", "-o", str(path)]
    )
    assert result.exit_code == 0, result.stderr
    (piece,) = read_midi(path, 1)
    sizes = [len(chord) for chord in piece.chords]
    assert len(sizes) == 64
    assert 3 < sum(sizes) / len(sizes) < 5
    assert all(37 <= note <= 102 for chord in piece.chords for note in chord)


@pytest.mark.parametrize(
    ("protein", "most"),
    [
        (  # myoglobin
            "MVLSEGEWQLVLHVWAKVEADVAGHGQDILIRLFKSHPETLEKFDRFKHLKTEAEMKASEDLKKHGVTVLTALGAILKKKGHHEAELKP"
            "LAQSHATKHKIPIKYLEFISEAIIHVLHSRHPGDFGADAQGAMNKALELFRKDIAAKYKELGYQG",
            "H",
        ),
        (  # green fluorescent protein
            "MSKGEELFTGVVPILVELDGDVNGHKFSVSGEGEGDATYGKLTLKFICTTGKLPVPWPTLVTTFSYGVQCFSRYPDHMKQHDFFKSAMPE"
            "GYVQERTIFFKDDGNYKTRAEVKFEGDTLVNRIELKGIDFKEDGNILGHKLEYNYNSHNVYIMADKQKNGIKVNFKIRHNIEDGSVQLAD"
            "HYQQNTPIGDGPVLLPDNHYLSTQSALSKDPNEKRDHMVLLEFVTAAGITHGMDELYK",
            "E",
        ),
    ],
)
def test_secondary_structure(protein: str, most: str) -> None:
    """One protein is of helices, one a barrel of strands."""
    tags = Tagger.load("secondary-structure").tag(protein).tags
    assert len(tags) == len(protein)
    other = {"H": "E", "E": "H"}[most]
    assert tags.count(most) > max(0.35 * len(tags), 3 * tags.count(other))
