"""Genes as Biopython's features, as text and as tables: the same genes in all."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
from Bio import SeqIO
from Bio.Seq import Seq
from Bio.SeqFeature import SeqFeature, SimpleLocation
from Bio.SeqRecord import SeqRecord

from dnatag import annotate
from dnatag.domains.genes.conversion import seq_features
from dnatag.domains.genes.decoding.assemble import Prediction
from dnatag.domains.genes.finder import GeneFinder
from dnatag.errors import DnatagError
from dnatag.formats.sequences.gff import read_gff
from dnatag.formats.sequences.records import Contig


@pytest.fixture(scope="module")
def finder() -> GeneFinder:
    return GeneFinder(genetic_code=11, adapt="off", device="cpu")


@pytest.fixture(scope="module")
def found(finder: GeneFinder, phage: bytes) -> Prediction:
    """Genes on both strands, partial ones at the ends."""
    return next(finder.predict([Contig("c", phage[300:9000])]))


def test_features_are_those_of_genbank(found: Prediction) -> None:
    record = SeqIO.read(io.StringIO(found.to_genbank()), "genbank")
    ours = seq_features(found)
    theirs = [f for f in record.features if f.type == "CDS"]
    assert len(ours) == len(theirs) == len(found.genes) > 8
    for mine, its in zip(ours, theirs, strict=True):
        assert repr(mine.location) == repr(its.location)
        assert mine.qualifiers == dict(its.qualifiers)


def test_a_record_keeps_what_it_has(finder: GeneFinder, phage: bytes, found: Prediction) -> None:
    own = SeqFeature(SimpleLocation(5, 50, 1), type="tRNA")
    record = SeqRecord(Seq(phage[300:9000]), id="c", name="n", description="d", features=[own],
                       annotations={"organism": "phage"}, dbxrefs=["x:1"])  # fmt: skip
    annotated = annotate(record, finder)
    assert record.features == [own]
    assert annotated.features[0] is own
    assert len(annotated.features) == 1 + len(found.genes)
    assert annotated.annotations == {"organism": "phage", "molecule_type": "DNA"}
    assert (annotated.id, annotated.name, annotated.dbxrefs) == ("c", "n", ["x:1"])
    SeqIO.write(annotated, io.StringIO(), "genbank")
    for feature in annotated.features[1:]:
        translated = feature.translate(annotated.seq, table=11, cds=False, to_stop=True)
        assert str(translated)[1:] == feature.qualifiers["translation"][0][1:]
    places = [f.location for f in annotated.features[1:]]
    for sequence in (phage[300:9000].decode(), Seq(phage[300:9000])):
        assert [f.location for f in annotate(sequence, finder).features] == places


def test_a_circle_has_a_gene_across_its_origin(finder: GeneFinder, phage: bytes) -> None:
    gene = max(finder.find(phage[:12_000]), key=len)
    turned = phage[gene.start + 300 : 12_000] + phage[: gene.start + 300]
    record = SeqRecord(Seq(turned), id="circle", annotations={"topology": "circular"})
    across = [f for f in annotate(record, finder).features if len(f.location.parts) > 1]
    assert [len(feature) for feature in across] == [len(gene)]
    assert (
        str(across[0].translate(Seq(turned), table=11, cds=True))
        == (across[0].qualifiers["translation"][0])
    )
    del record.annotations["topology"]
    assert all(len(f.location.parts) == 1 for f in annotate(record, finder).features)


def test_gff(found: Prediction, tmp_path: Path) -> None:
    (tmp_path / "g.gff3").write_text(found.to_gff3())
    genes = read_gff(tmp_path / "g.gff3")["c"]
    assert [(g.parts, g.strand, g.partial5) for g in genes] == [
        (g.parts, g.strand, g.partial5) for g in found.genes
    ]
    assert found.to_gff3().splitlines()[1].startswith("#!processor dnatag ")
    assert "#!model" not in found.to_gff3()


def test_tables(found: Prediction) -> None:
    pytest.importorskip("pandas")
    table = found.to_dataframe()
    assert list(table.start) == [g.start for g in found.genes]
    assert list(table.posterior) == [g.posterior for g in found.genes]
    assert list(table.protein) == [f.qualifiers["translation"][0] for f in seq_features(found)]
    assert table.id[0] == "c_1"
    assert len(Prediction(Contig("x", b"A"), [], found.parameters).to_dataframe()) == 0


def test_tables_without_pandas(found: Prediction, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(DnatagError, match=r"pip install 'dnatag\[dataframes\]'"):
        found.to_dataframe()
