"""Rows of bits; a file has one in each line, and behind a tab its label."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from dnatag.domains.base import Domain
from dnatag.errors import InputError
from dnatag.settings import setting

if TYPE_CHECKING:
    from dnatag_counting.evaluation import BitsEvaluator


@dataclass(frozen=True)
class BitsCorpus:
    """Files of labelled rows."""

    train: tuple[Path, ...] = ()
    validate: tuple[Path, ...] = ()


@dataclass(frozen=True)
class BitsNetwork:
    """The size of the network."""

    hidden: int = setting(8, most=1000)


class Row(NamedTuple):
    """Bits and how many of them are ones, "" if that is not known."""

    bits: str
    label: str


class Bits(Domain):
    """Rows of bits."""

    name = "bits"
    tasks = ("counting",)
    network = BitsNetwork
    corpus = BitsCorpus
    readers: Mapping[str, str] = {"rows": "rows"}
    writers = ("rows",)
    symbols = "01"

    @property
    def evaluator(self) -> BitsEvaluator:
        from dnatag_counting.evaluation import BitsEvaluator

        return BitsEvaluator()

    def read(self, path: str | Path) -> list[Row]:
        """Read a file."""
        rows = []
        try:
            lines = Path(path).read_text().splitlines()
        except OSError as error:
            raise InputError(f"{path}: cannot read: {error.strerror}") from None
        for number, line in enumerate(lines, 1):
            bits, _, label = line.partition("\t")
            if not bits or set(bits) - set(self.symbols):
                raise InputError(f"{path}: line {number}: is no row of bits")
            rows.append(Row(bits, label))
        return rows


DOMAIN = Bits()
