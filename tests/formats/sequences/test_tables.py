from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dnatag.formats.sequences import tables
from dnatag.formats.sequences.bed import write_bed
from dnatag.formats.sequences.records import CodingSequence
from dnatag.formats.sequences.tables import GENE_COLUMNS, GeneTableWriter, LabelTableWriter


def test_genes() -> None:
    handle = io.StringIO()
    writer = GeneTableWriter(handle)
    genes = [
        (
            CodingSequence(
                "c",
                ((9, 21),),
                1,
                genetic_code=11,
                id="c_1",
                posterior=0.98765,
                start_posterior=0.5,
                alternative_starts=((12, 0.25), (3, 0.125)),
            ),
            "ATGGCCnnntaa",
        ),
        (CodingSequence("c", ((96, 100), (0, 6)), -1, 1, partial5=True, id="c_2"), "CATGGGATAG"),
        (CodingSequence("d", ((0, 8),), 1, partial3=True, id="d_1"), "GTGCCCAA"),
        (CodingSequence("d", ((0, 4),), 1, partial5=True, partial3=True, id="d_2"), "NNNN"),
    ]
    for gene, nucleotides in genes:
        writer.write(gene, nucleotides)
    rows = list(csv.reader(io.StringIO(handle.getvalue()), delimiter="\t"))
    assert tuple(rows[0]) == GENE_COLUMNS
    assert [" ".join(cell or "?" for cell in row) for row in rows[1:]] == [
        "c c_1 10 21 + 12 3 no 11 ATG TAA 0.4444 0.9877 0.5000 13:0.2500,4:0.1250",
        "c c_2 97 6 - 10 2 start ? ? TAG 0.5000 ? ? ?",
        "d d_1 1 8 + 8 2 stop ? GTG ? 0.6250 ? ? ?",
        "d d_2 1 4 + 4 1 both ? ? ? ? ? ? ?",
    ]


def test_bed() -> None:
    handle = io.StringIO()
    genes = [
        CodingSequence("c", ((9, 21),), 1, id="c_1", posterior=0.98765),
        CodingSequence("c", ((96, 100), (0, 5)), -1, id="c_2"),
    ]
    write_bed(handle, genes)
    assert handle.getvalue() == (
        "c\t9\t21\tc_1\t988\t+\nc\t96\t100\tc_2\t0\t-\nc\t0\t5\tc_2\t0\t-\n"
    )


@settings(max_examples=30, deadline=None)
@given(
    st.text("abcé_9", min_size=1, max_size=8),
    hnp.arrays(
        np.float64, st.tuples(st.integers(0, 60), st.integers(1, 4)), elements=st.floats(0, 1)
    ),
    st.integers(0, 10**10),
    st.data(),
)
def test_labels_against_plain_formatting(
    contig: str, probabilities: np.ndarray, offset: int, data: st.DataObject
) -> None:
    n, p = probabilities.shape
    names = ["none", "+", "é2"]
    columns = [f"p{i}" for i in range(p)]
    sequence = data.draw(st.text("ACGTNacgt", min_size=n, max_size=n))
    labels = data.draw(hnp.arrays(np.int64, n, elements=st.integers(0, 2)))
    handle = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "BLOCK", 7)
        writer = LabelTableWriter(handle, names, columns)
        writer.write(contig, sequence.encode(), labels, probabilities, offset)
    expected = ["\t".join(["contig", "position", "base", "label", *columns])]
    for i in range(n):
        cells = (f"{np.rint(x * 10_000) / 10_000:.4f}" for x in probabilities[i])
        row = (contig, str(offset + i + 1), sequence[i], names[labels[i]], *cells)
        expected.append("\t".join(row))
    assert handle.getvalue().splitlines() == expected


def test_labels_of_different_lengths() -> None:
    writer = LabelTableWriter(io.StringIO(), ["a"], ["p"])
    with pytest.raises(ValueError, match="same length"):
        writer.write("c", b"ACGT", np.zeros(4, int), np.zeros((3, 1)))
