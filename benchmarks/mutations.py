"""Mutated inputs, and the harm that they may do."""

from __future__ import annotations

import gzip
import io
import json
import random
import re
import shutil
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dnatag.errors import InputError
from dnatag.formats.sequences.fasta import read_fasta
from dnatag.models.file import load_model, save_model

__all__ = ["HARMS", "Case", "Ending", "draw_cases", "harms", "mutate"]

#: What must not happen.
HARMS = (
    "process died",
    "no clear line",
    "nothing written, exit 0",
    "half-written",
    "illegal gene",
    "invalid GFF3",
    "raw control characters",
    "invalid JSON",
)
#: What one puts where it does not belong.
SPLINTERS = (
    b"\0", b"\x1b[31m", b"\r", b"\n\n", b"\n>", b">", b"\t", b"\xff\xfe", b"\xef\xbb\xbf",
    b"[" * 3000,
    b"{" * 3000, b"9" * 5000, b"-1", b"1e999", b"NaN", b"\xe2\x80\xae", b"N" * 400, b"##FASTA\n",
    b"//\n", b'"', b"\x80\x81", b"0", b"99999999999", b"A" * 20_000, b"=;=;", b"%00%1b",
)  # fmt: skip


def mutate(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """Damage data in one to three ways: bytes flipped, cut, spliced, doubled, swapped."""
    damaged = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        size = max(len(damaged), 1)
        at = rng.randrange(size)
        length = min(rng.choice((1, 2, 8, 64, 700)), size - at)
        match rng.randrange(8):
            case 0:
                for _ in range(rng.choice((1, 1, 4, 30))):
                    if damaged:
                        damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
            case 1:
                del damaged[at:]
            case 2:
                del damaged[at : at + length]
            case 3:
                damaged[at:at] = rng.choice(SPLINTERS)
            case 4:
                damaged[at : at + length] = damaged[at : at + length] * rng.choice((2, 3, 50))
            case 5:
                start = rng.randrange(len(other) or 1)
                damaged[at : at + length] = other[start : start + rng.choice((5, 80, 3000))]
            case 6:
                lines = damaged.split(b"\n")
                i, j = rng.randrange(len(lines)), rng.randrange(len(lines))
                lines[i], lines[j] = lines[j], lines[i]
                damaged = bytearray(b"\n".join(lines))
            case 7:
                numbers = list(re.finditer(rb"\d+", damaged))
                if numbers:
                    number = rng.choice(numbers)
                    value = rng.choice((b"0", b"-7", b"1" * 30, b"4294967296", b"0.5", b""))
                    damaged[number.start() : number.end()] = value
    return bytes(damaged)


def forge(path: Path, target: Path, rng: random.Random) -> None:
    """Change the contents of a model file and give it a checksum that fits."""
    import numpy as np

    arrays, metadata = load_model(path)
    metadata = json.loads(json.dumps(metadata))
    name = rng.choice(sorted(arrays))
    array = np.array(arrays[name])
    match rng.randrange(7):
        case 0:
            array = array.reshape(-1)[: rng.randrange(array.size + 1)]
        case 1:
            array = array.astype(rng.choice(("float64", "int8", "uint8", "float16")))
        case 2:
            array = (array.astype("float64") * rng.choice((0.0, 1e30, -1.0))).astype(array.dtype)
        case 3:
            array = array[None]
        case 4:
            arrays.pop(name)
        case 5:
            array = np.concatenate([array, array]) if array.ndim else array[None]
        case 6:
            _forge_value(metadata, rng)
    if name in arrays:
        arrays[name] = array
    save_model(target, arrays, metadata)


def _forge_value(tree: Any, rng: random.Random) -> None:
    """Change one value somewhere in JSON."""
    places = list(_places(tree))
    if places:
        holder, key = rng.choice(places)
        holder[key] = rng.choice((None, -1, 0, 10**9, "", "x" * 5000, [], {}, 0.5, True, [[]] * 9))


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    items = (
        tree.items()
        if isinstance(tree, dict)
        else enumerate(tree)
        if isinstance(tree, list)
        else ()
    )
    for key, value in list(items):
        yield tree, key
        yield from _places(value)


@dataclass(frozen=True)
class Case:
    """A kind of input.

    Attributes
    ----------
    name : str
        Of the format.
    seed : Path
        A file to damage.
    command : tuple of str
        The command line; IN stands for the damaged file, OUT for the output.
    share : float
        How many of all inputs are of this kind, relative to others.
    packed : str
        How the damaged file is packed: ``gzip`` and ``npz, outside`` before it is damaged, ``npz``
        and ``zlib`` after; "" if it is not.
    forged : bool
        Whether it is a model file whose checksum fits what it holds.
    place : str
        Where the damaged file is, in a folder that HERE stands for in the command.
    beside : Path or None
        A folder whose files are to be there too.
    binary : bool
        Whether the output is no text.
    """

    name: str
    seed: Path
    command: tuple[str, ...]
    share: float = 1.0
    packed: str = ""
    forged: bool = False
    place: str = "damaged"
    beside: Path | None = None
    binary: bool = False

    def write(self, folder: Path, other: bytes, rng: random.Random) -> Path:
        """Write a damaged file, and what belongs to it, into an empty folder; return its path."""
        if self.beside is not None:
            shutil.copytree(self.beside, folder, dirs_exist_ok=True)
        target = folder / self.place
        if self.forged:
            try:
                forge(self.seed, target, rng)
                return target
            except Exception:  # what cannot be saved, such as numbers that are not finite
                pass
        data = self.seed.read_bytes()
        match self.packed:
            case "gzip":
                data = mutate(gzip.compress(data, 1), other, rng)
            case "npz":
                data = _archive(mutate(data, other, rng))
            case "zlib":
                data = zlib.compress(mutate(data, other, rng))
            case "npz, outside":
                data = mutate(_archive(data), other, rng)
            case _:
                data = mutate(data, other, rng)
        target.write_bytes(data)
        return target

    def words(self, folder: Path) -> list[str]:
        """Return the command line for the damaged file in a folder."""
        places = {"IN": str(folder / self.place), "OUT": str(folder / "out")}
        return [places.get(w, w.replace("HERE/", f"{folder}/")) for w in self.command]


def _archive(array: bytes) -> bytes:
    """Return an archive of an array, as NumPy compresses it."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("v.npy"), array)
    return content.getvalue()


@dataclass(frozen=True)
class Ending:
    """How a command ended."""

    code: int
    stdout: str
    stderr: str


def harms(case: Case, ending: Ending, damaged: Path, output: Path) -> set[str]:
    """Return the harm that an input did."""
    found = set()
    if ending.code == 0:
        if not output.exists() or not output.stat().st_size:
            found.add("nothing written, exit 0")
    else:
        errors = re.findall("^dnatag: error: (.*)", ending.stderr, re.MULTILINE)
        clear = len(errors) == 1 and not errors[0].startswith("unexpected ")
        clear = clear and "Traceback" not in ending.stderr
        if not clear or ending.code not in (1, 2):
            found.add("no clear line")
        if output.exists():
            found.add("half-written")
    if list(output.parent.glob(".*.part")):
        found.add("half-written")
    text = output.exists() and not case.binary and case.command[0] != "train"
    written = output.read_text(errors="replace") if text else ""
    shown = ending.stderr + ending.stdout + written
    if re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", shown):
        found.add("raw control characters")
    if not _valid_json(written):
        found.add("invalid JSON")
    if case.command[0] == "predict" and written:
        found |= _faults_of_genes(written, damaged if case.name.startswith("FASTA") else None)
    return found


def _valid_json(text: str) -> bool:
    """Whether a text is JSON, or has some in each line, or looks like nothing of the kind."""
    if not text.startswith("{"):
        return True
    for parts in ([text], text.splitlines()):
        try:
            for part in parts:
                json.loads(part)
        except ValueError:
            continue
        return True
    return False


def _faults_of_genes(gff: str, genome: Path | None) -> set[str]:
    """Check GFF3, and genes against the contigs that were read, without dnatag's own decoding."""
    lengths: dict[str, int] = {}
    circles, found, rows = set(), set(), []
    for line in gff.splitlines():
        if line.startswith("##sequence-region "):
            _, name, first, last = line.split(" ")
            if name in lengths or first != "1":
                found.add("invalid GFF3")
            lengths[name] = int(last)
        elif not line.startswith("#"):
            cells = line.split("\t")
            good = len(cells) == 9 and all(cells) and re.fullmatch(r"\d+", cells[3] + cells[4])
            if not good or cells[0] not in lengths or cells[6] not in "+-.":
                found.add("invalid GFF3")
            elif cells[2] == "region":
                circles.add(cells[0])
            else:
                rows.append(cells)
    contigs = {} if genome is None else _contigs(genome)
    for name, _, _, start, end, score, strand, phase, attributes in rows:
        low, high, length = int(start) - 1, int(end), lengths[name]
        around = 2 * length if name in circles else length
        if not 0 <= low < high <= around or high - low > length or not 0 <= float(score) <= 1:
            found.add("illegal gene")
        if sequence := contigs.get(name):
            partial = "partial=true" in attributes
            bases = (sequence + sequence)[low:high]
            if not _legal(bases if strand == "+" else _turned(bases), int(phase), partial):
                found.add("illegal gene")
    return found


def _contigs(genome: Path) -> dict[str, str]:
    from dnatag.formats.sequences.gff_writer import _encode_id

    try:
        return {
            _encode_id(c.id): c.sequence.decode().upper().replace("U", "T")
            for c in read_fasta(genome, skipped=lambda message: None)
        }
    except InputError:
        return {}


def _turned(bases: str) -> str:
    return bases[::-1].translate(str.maketrans("ACGTRYKMBVDHSWN", "TGCAYRMKVBHDSWN"))


def _legal(bases: str, phase: int, partial: bool) -> bool:
    """Whether a gene of code 11 has no stop inside, and start, stop and whole codons."""
    codons = [bases[i : i + 3] for i in range(phase, len(bases) - 2, 3)]
    stops = {"TAA", "TAG", "TGA"}
    if stops & set(codons[:-1]):
        return False
    if partial:
        return True
    starts = {"ATG", "GTG", "TTG", "CTG", "ATT", "ATC", "ATA"}
    certain = set(codons[0] + codons[-1]) <= set("ACGT")
    return not certain or (len(bases) % 3 == 0 and codons[-1] in stops and codons[0] in starts)


def draw_cases(
    cases: list[Case], number: int, seed: int
) -> Iterator[tuple[int, Case, bytes, random.Random]]:
    """Yield numbered cases with data to splice in and a source of chance; the same for a seed."""
    everything = [case.seed.read_bytes()[:200_000] for case in cases]
    for n in range(number):
        rng = random.Random(struct.pack(">QQ", seed, n))
        case = rng.choices(cases, [c.share for c in cases])[0]
        yield n, case, rng.choice(everything), rng
