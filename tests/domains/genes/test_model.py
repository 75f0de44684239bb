"""Files of gene models: what does not fit together is refused in one line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dnatag.domains.genes.model import load_gene_model
from dnatag.errors import InputError
from dnatag.models.file import load_model, save_model
from dnatag.models.names import find_model


def damaged(arrays: dict[str, np.ndarray], about: dict[str, Any]) -> Iterator[tuple[dict, dict]]:
    """Yield a whole model with one part that is missing or does not fit the others."""
    for name in ("transition_weights", "panel.composition", "panel.start_codons"):
        yield {k: v for k, v in arrays.items() if k != name}, about
        yield arrays | {name: arrays[name][:-1]}, about
    yield arrays | {"more": np.zeros(1)}, about
    for key in ("network", "targets", "featurizer"):
        yield arrays, {k: v for k, v in about.items() if k != key}
        yield arrays, about | {key: {}}
        yield arrays, about | {key: None}
    yield arrays, about | {"featurizer": {"panel": ["E. coli"] * 1_000_000}}
    network = about["network"]
    for claim in ({"hidden": 10**9}, {"layers": 10**9}, {"embedding": 10**30}, {"kmer": "six"}):
        yield arrays, about | {"network": network | {"config": network["config"] | claim}}
    yield arrays, about | {"network": network | {"type": "transformer"}}


def test_damaged_models(tmp_path: Path) -> None:
    path = tmp_path / "m.dnatag"
    for arrays, about in damaged(*load_model(find_model("prokaryotes"))):
        save_model(path, arrays, about)
        with pytest.raises(InputError) as refusal:
            load_gene_model(path)
        assert str(refusal.value).startswith(f"{path} does not hold a whole gene model: ")
        assert "\n" not in str(refusal.value)
