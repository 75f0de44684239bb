"""Sequences that are looked at together have the features that they have alone."""

from __future__ import annotations

import numpy as np
import pytest

from dnatag.domains.genes.codes import GeneticCode
from dnatag.domains.genes.decoding.chunks import PaddedContig
from dnatag.domains.genes.decoding.joined import JoinedSequences, feature_functions
from dnatag.domains.genes.decoding.settings import DecodingSettings
from dnatag.domains.genes.model import load_gene_model
from dnatag.domains.genes.selftraining.parameters import GenomeParameters
from dnatag.formats.sequences.records import Contig
from dnatag.models.names import find_model

CODE = GeneticCode.ncbi(11)


@pytest.fixture(scope="module")
def sequences() -> list[PaddedContig]:
    """Contigs of all lengths, two genomes in turn."""
    panel = load_gene_model(find_model("prokaryotes"))[1]
    of_genomes = [
        GenomeParameters(CODE, signals, signals, rbs)
        for signals, rbs in zip(panel.signals[:2], panel.rbs[:2], strict=True)
    ]
    rng = np.random.default_rng(0)
    return [
        PaddedContig.of(
            Contig(f"c{n}", bytes(rng.choice(list(b"ACGTACGTACGTATGN"), n).astype(np.uint8))),
            of_genomes[n % 2], 60, DecodingSettings(),
        )
        for n in (1, 2, 3, 7, 64, 65, 130, 400, 1001)
    ]  # fmt: skip


@pytest.mark.parametrize("short", [0, 500, 50_000])
def test_of_whole_sequences(
    sequences: list[PaddedContig], short: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dnatag.domains.genes.decoding.joined._SHORT", short)
    for sequence, function in zip(sequences, feature_functions(sequences), strict=True):
        signals, places = sequence.parameters.signals, np.arange(len(sequence.symbols))
        flags = CODE.properties(sequence.symbols)
        expected = signals.features(sequence.symbols, flags, places)
        np.testing.assert_array_equal(function(places), expected)


def test_of_parts(sequences: list[PaddedContig]) -> None:
    parts = [(s, len(s.symbols) // 3, len(s.symbols) // 2 + 1) for s in sequences]
    joined = JoinedSequences.of(parts, CODE)
    parameters = sequences[0].parameters
    for (sequence, low, high), offset in zip(parts, joined.offsets, strict=True):
        flags = CODE.properties(sequence.symbols)
        for places in (np.arange(low, high), np.arange(low, high)[::3]):
            np.testing.assert_array_equal(
                parameters.signals.features(joined.symbols, joined.flags, places + offset),
                parameters.signals.features(sequence.symbols, flags, places),
            )
            for strand in (1, -1):
                np.testing.assert_array_equal(
                    parameters.rbs.log_odds(joined.symbols, places + offset, strand),
                    parameters.rbs.log_odds(sequence.symbols, places, strand),
                )
