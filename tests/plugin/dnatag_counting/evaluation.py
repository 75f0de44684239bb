"""Comparison of labelled rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dnatag.domains.base import Evaluation, Evaluator
from dnatag.errors import InputError
from dnatag.report import Observer


class BitsEvaluator(Evaluator):
    """Scores labels of rows."""

    files = "labelled rows of bits"
    formats = ("bits",)

    def evaluate(
        self, reference: str, predictions: Mapping[str, str], observer: Observer, **options: Any
    ) -> Evaluation:
        from dnatag_counting.domain import DOMAIN

        truth, scores = DOMAIN.read(reference), {}
        for name, path in predictions.items():
            found = DOMAIN.read(path)
            if [row.bits for row in found] != [row.bits for row in truth]:
                raise InputError(f"{path}: has other rows than {reference}")
            right = sum(a == b for a, b in zip(truth, found, strict=True))
            scores[name] = {"rows": len(truth), "accuracy": right / len(truth)}
        return Evaluation(f"{len(truth)} rows", [("accuracy %", "accuracy")], scores)
