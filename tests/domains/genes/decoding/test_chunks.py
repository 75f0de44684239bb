"""Contigs as the decoder gets them."""

from __future__ import annotations

import numpy as np
import pytest

from dnatag.domains.genes.codes import GeneticCode
from dnatag.domains.genes.decoding.chunks import PaddedContig
from dnatag.domains.genes.decoding.settings import DecodingSettings
from dnatag.domains.genes.loops import mark_repeats
from dnatag.domains.genes.nucleotides import encode
from dnatag.domains.genes.selftraining.parameters import GenomeParameters
from dnatag.formats.sequences.records import Contig


@pytest.mark.parametrize(
    "sequence",
    [b"ACGTTGCA", b"A" * 80, b"GAT" + b"AC" * 40 + b"GGC", b"CAG" * 30 + b"TTGAC" * 7 + b"GC" * 50],
)  # fmt: skip
def test_repeats_are_those_that_are_marked(sequence: bytes) -> None:
    settings = DecodingSettings()
    parameters = GenomeParameters(GeneticCode.ncbi(11))
    padded = PaddedContig.of(Contig("c", sequence), parameters, 60, settings)
    found, expected = np.zeros((2, len(sequence)), bool)
    mark_repeats(encode(sequence), settings.repeat_period, settings.repeat_length, expected)
    for low, high in padded.repeats.tolist():
        assert not found[max(low - 1, 0) : high + 1].any()
        found[low:high] = True
    np.testing.assert_array_equal(found, expected)
