"""Genetic codes: NCBI's tables and custom ones, start and stop codons, translation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import product

import numpy as np

from dnatag.domains.genes.loops import properties
from dnatag.domains.genes.ncbi_codes import CODES
from dnatag.domains.genes.nucleotides import COMPLEMENT, encode
from dnatag.errors import InputError

__all__ = ["START", "START_REVERSE", "STOP", "STOP_REVERSE", "GeneticCode"]

# Property flags of a base; "first" and "last" are in the reading direction of the strand.
#: The base is the first of a start codon, or the last of a stop codon, of the forward strand.
START, STOP = 1, 2
#: The same of the reverse strand.
START_REVERSE, STOP_REVERSE = 4, 8

_ORDER = "TCAG"
_AMINO_ACIDS = "ACDEFGHIKLMNPQRSTVWY"
_CODONS = ["".join(c) for c in product(_ORDER, repeat=3)]


@dataclass(frozen=True)
class GeneticCode:
    """A genetic code.

    Parameters
    ----------
    amino_acids : str
        64 letters, ``*`` for stop, for the codons in NCBI's order (TTT, TTC, TTA, TTG, TCT, ...).
    starts : frozenset of str
        Start codons; no stop codon is among them.
    table : int or None
        NCBI's number, None for a custom code.
    name : str
        NCBI's name, or "custom".

    Raises
    ------
    InputError
        If the string is no genetic code, or no codon starts or stops a gene.
    """

    amino_acids: str
    starts: frozenset[str]
    table: int | None = None
    name: str = "custom"

    def __post_init__(self) -> None:
        """Check the code."""
        letters = {*_AMINO_ACIDS, "*"}
        if len(self.amino_acids) != 64 or not set(self.amino_acids) <= letters:
            raise InputError(
                "a custom genetic code is 64 letters (20 amino acids and * for stop) in the "
                f"order TTT, TTC, TTA, TTG, TCT, ...; got {len(self.amino_acids)}: "
                f"{self.amino_acids!r}"
            )
        if not self.stops:
            raise InputError("the genetic code has no stop codon")
        if not self.starts:
            raise InputError("the genetic code has no start codon")
        if wrong := sorted(self.starts - set(_CODONS)):
            raise InputError(f"start codons of the genetic code are no codons: {', '.join(wrong)}")
        if both := sorted(self.starts & self.stops):
            raise InputError(f"start codons of the genetic code are also stops: {', '.join(both)}")

    @property
    def stops(self) -> frozenset[str]:
        """The stop codons."""
        return frozenset(c for c, a in zip(_CODONS, self.amino_acids, strict=True) if a == "*")

    @classmethod
    def ncbi(cls, table: int) -> GeneticCode:
        """Return one of NCBI's translation tables.

        In tables where a codon is both sense and stop (27, 28, 31) it counts as a stop.

        Parameters
        ----------
        table : int
            NCBI's number.

        Raises
        ------
        InputError
            If there is no such table.
        """
        return _ncbi(table)

    @classmethod
    def parse(cls, text: str) -> GeneticCode:
        """Read a code from the command line.

        Parameters
        ----------
        text : str
            An NCBI number; a 64-letter string (starts as in table 11 where these code); or
            ``starts:ATG,GTG;stops:TAA,TAG`` (the rest as in table 11), either part optional.

        Raises
        ------
        InputError
            If it is none of these.
        """
        text = text.strip()
        if text.isdecimal():
            return cls.ncbi(int(text))
        if ":" in text:
            return cls._from_lists(text)
        amino_acids = text.upper()
        coding = {c for c, a in zip(_CODONS, amino_acids, strict=False) if a != "*"}
        return cls(amino_acids, cls.ncbi(11).starts & coding)

    @classmethod
    def _from_lists(cls, text: str) -> GeneticCode:
        lists: dict[str, set[str]] = {}
        for part in text.split(";"):
            key, _, codons = part.partition(":")
            if (key := key.strip().lower()) in lists:
                raise InputError(f"genetic code {text!r}: {key} are given twice")
            lists[key] = {c.strip().upper().replace("U", "T") for c in codons.split(",")}
        wrong = {c for codons in lists.values() for c in codons} - set(_CODONS)
        if wrong or not set(lists) <= {"starts", "stops"}:
            what = ", ".join(sorted(wrong or set(lists) - {"starts", "stops"}))
            raise InputError(
                f"genetic code {text!r}: {what or 'an empty list'} not understood; write "
                "starts:ATG,GTG;stops:TAA,TAG"
            )
        bacterial = cls.ncbi(11)
        stops = lists.get("stops", set(bacterial.stops))
        # A codon freed from being a stop codes for tryptophan (TGA) or glutamine, as in nature.
        freed = {"TGA": "W", "TAA": "Q", "TAG": "Q"}
        amino_acids = "".join(
            "*" if c in stops else freed.get(c, a)
            for c, a in zip(_CODONS, bacterial.amino_acids, strict=True)
        )
        return cls(amino_acids, frozenset(lists.get("starts", bacterial.starts - stops)))

    @cached_property
    def usual(self) -> GeneticCode:
        """The code with the starts that genes of bacteria and archaea are predicted with.

        NCBI's tables 4 and 11 allow seven and more, and 0.9 % of annotated genes have others than
        ATG, GTG and TTG. Of those the network finds one in sixteen, and of its own one in three is
        right, while most of the places where a gene may start are such. Other codes stay as they
        are: what is named is meant.

        Examples
        --------
        >>> sorted(GeneticCode.ncbi(11).usual.starts)
        ['ATG', 'GTG', 'TTG']
        >>> sorted(GeneticCode.parse("starts:ATG,CTG").usual.starts)
        ['ATG', 'CTG']
        """
        if self.table not in (4, 11):
            return self
        return replace(self, starts=self.starts & {"ATG", "GTG", "TTG"})

    @property
    def label(self) -> str:
        """The NCBI number or "custom", for messages and files."""
        return "custom" if self.table is None else str(self.table)

    @cached_property
    def _flags(self) -> np.ndarray:
        """Start (1) and stop (2) of a codon of symbols, forward (4, 8: of the reverse strand).

        uint8 (16, 16, 16). An ambiguous codon is a start or stop if all it may stand for is.
        """
        flags = np.zeros((16, 16, 16), dtype=np.uint8)
        bases = {"A": 1, "C": 2, "G": 4, "T": 8}
        for bit, codons in ((START, self.starts), (STOP, self.stops)):
            inside = np.zeros((16, 16, 16), dtype=int)
            for codon in codons:
                first, second, third = (bases[b] for b in codon)
                symbols = np.arange(16)
                inside += (
                    ((symbols & first) > 0)[:, None, None]
                    & ((symbols & second) > 0)[None, :, None]
                    & ((symbols & third) > 0)[None, None, :]
                )
            ways = np.array([s.bit_count() for s in range(16)])
            total = ways[:, None, None] * ways[None, :, None] * ways[None, None, :]
            flags |= np.where((inside == total) & (total > 0), bit, 0).astype(np.uint8)
        reverse = flags[np.ix_(COMPLEMENT, COMPLEMENT, COMPLEMENT)].transpose(2, 1, 0)
        return flags | reverse << 2

    def properties(self, symbols: np.ndarray) -> np.ndarray:
        """Property flags of each base, the requirements of the gene grammar.

        Parameters
        ----------
        symbols : numpy.ndarray
            uint8 (L,), see :mod:`dnatag.domains.genes.nucleotides`.

        Returns
        -------
        numpy.ndarray
            uint8 (L,): START, STOP, START_REVERSE, STOP_REVERSE.
        """
        return properties(symbols, self._flags)

    @cached_property
    def _translation(self) -> np.ndarray:
        """ASCII amino acid of each codon of symbols, uint8 (16, 16, 16)."""
        order = [_ORDER.index(b) for b in "ACGT"]
        code = np.array([ord(a) for a in self.amino_acids], dtype=np.uint8).reshape(4, 4, 4)
        table = np.full((16, 16, 16), ord("X"), dtype=np.uint8)
        members = [[order[b] for b in range(4) if s >> b & 1] for s in range(16)]
        for i, j, k in product(range(1, 16), repeat=3):
            acids = np.unique(code[np.ix_(members[i], members[j], members[k])])
            if len(acids) == 1:
                table[i, j, k] = acids[0]
        return table

    def translate(self, sequence: bytes, *, complete_start: bool = False) -> str:
        """Translate whole codons; X where the letters leave the amino acid open.

        Parameters
        ----------
        sequence : bytes
            Nucleotides in reading direction; one or two bases at the end are ignored.
        complete_start : bool
            Read the first codon as methionine, as ribosomes do at any start codon.

        Returns
        -------
        str
            Amino acids, ``*`` for stop codons.
        """
        symbols = encode(sequence)
        codons = symbols[: len(symbols) // 3 * 3].reshape(-1, 3)
        letters: np.ndarray = self._translation[codons[:, 0], codons[:, 1], codons[:, 2]]
        protein = letters.tobytes().decode()
        return "M" + protein[1:] if complete_start and protein else protein


@lru_cache
def _ncbi(table: int) -> GeneticCode:
    if table not in CODES:
        known = ", ".join(map(str, sorted(CODES)))
        raise InputError(f"there is no genetic code {table}; NCBI's are {known}")
    name, amino_acids, starts = CODES[table]
    return GeneticCode(amino_acids, frozenset(starts.split()), table, name)
