"""Kills, full disks, closed pipes, broken streams, bombs, and what must not change a result."""

from __future__ import annotations

import gzip
import io
import os
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import time
import zipfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from seeds import PLAIN, make_genome, make_recipe

__all__ = ["DNATAG", "try_bombs", "try_ends", "try_kills", "try_sameness"]

ROOT = Path(__file__).resolve().parents[1]
DNATAG = (sys.executable, "-m", "dnatag")
TRAIN = ("--device", "cpu", "-q", "--threads", "1")
#: Megabytes that a bomb may take; torch alone takes 400.
MOST = 1024


def try_kills(kills: int, seed: int, folder: Path) -> list[str]:
    """Kill runs at random moments; their outputs must be the old ones, or the new ones, whole."""
    rng, harm = random.Random(seed), Counter[str]()
    genome, recipe = str(make_genome(folder)), str(make_recipe(folder))
    jobs = {
        "predict": (["predict", genome, "-o", "OUT", *PLAIN], []),
        "train": (["train", recipe, "-o", "OUT", *TRAIN], ["--resume"]),
    }
    for name, (words, again) in jobs.items():
        output = folder / f"out.{name}"
        command = [*DNATAG, *(str(output) if word == "OUT" else word for word in words)]
        begin = time.perf_counter()
        subprocess.run(command, check=True)
        whole, took = output.read_bytes(), time.perf_counter() - begin
        for number in range(kills // 2):
            old = rng.choice((None, whole))
            output.unlink(missing_ok=True)
            if old is not None:
                output.write_bytes(old)
            how = (signal.SIGKILL, signal.SIGTERM)[number % 2]
            with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
                time.sleep(rng.uniform(0, took))
                process.send_signal(how)
            left = output.read_bytes() if output.exists() else None
            if left is not old and (left is None or not _same(left, whole)):
                harm[f"{name}: half-written"] += 1
            if how == signal.SIGTERM and list(folder.glob(".*.part")):
                harm[f"{name}: unfinished files left"] += 1
            for path in folder.glob(".*.part"):
                path.unlink()
            _finish(command, again, output)
            if not output.exists() or not _same(output.read_bytes(), whole):
                harm[f"{name}: another result afterwards"] += 1
    number = kills // 2 * 2
    return [f"- {number} runs of `predict` and `train` killed at random moments: {_counted(harm)}."]


def _finish(command: list[str], again: list[str], output: Path) -> None:
    """Run a command that was killed: continue it if it left something to continue, or anew."""
    run = output.with_name(output.name + ".run")
    if again and list(run.glob("*.safetensors")):
        subprocess.run([*command, *again], capture_output=True)
        return
    shutil.rmtree(run, ignore_errors=True)
    subprocess.run(command, capture_output=True)


def _same(left: bytes, right: bytes) -> bool:
    """Whether files hold the same, but for the day of training in a model, and its checksum."""
    changing = rb'\d{4}-\d\d-\d\d|sha256\\": \\"[0-9a-f]{64}'
    return re.sub(changing, b"", left) == re.sub(changing, b"", right)


def try_ends(folder: Path) -> list[str]:
    """Try full disks, closed pipes and streams that break off."""
    harm, genome = Counter[str](), make_genome(folder)
    text, sound = folder / "text.txt", ROOT / "examples" / "erase.opus"
    text.write_text("Renal failure.\n")
    disks = _full_disks(str(genome), text, sound)
    for words in disks:
        done = subprocess.run([*DNATAG, *words], capture_output=True, text=True)
        if done.returncode != 1 or "No space left" not in done.stderr:
            harm[f"full disk, {' '.join(words)}"] += 1
        if (output := Path(f"{genome}.gff3")).exists():
            harm[f"full disk, {' '.join(words)}: another output is there"] += 1
            output.unlink()
    pipes = (
        ["predict", str(genome), *PLAIN],
        ["prodigal", "-i", str(genome), "-q", "-p", "meta"],
        ["tag", "--model", "biomedical", str(text), "-q"],
        ["transcribe", "--model", "letters", str(sound), "-q"],
        ["evaluate", *[str(ROOT / "examples" / "buchnera.gff3.gz")] * 2],
    )
    for words in pipes:
        code, said = _closed(words)
        if code != 141 or said:
            harm[f"closed pipe, {words[0]}"] += 1
    streams = [
        (["predict", "-", *PLAIN], gzip.compress(genome.read_bytes())),
        (["tag", "--model", "biomedical", "-", "-q"], gzip.compress(text.read_bytes() * 9)),
        (["transcribe", "--model", "letters", "-", "-q"], sound.read_bytes()[:900]),
    ]
    broken = 0
    for words, whole in streams:
        for size in range(0, len(whole), max(len(whole) // 12, 1)):
            broken += 1
            done = subprocess.run([*DNATAG, *words], input=whole[:size], capture_output=True)
            if done.returncode != 2 or done.stderr.count(b"\n") != 1:
                harm[f"stream that breaks off, {words[0]}"] += 1
    return [f"- {len(disks)} full disks, {len(pipes)} closed pipes, {broken} streams that break "
            f"off: {_counted(harm)}."]  # fmt: skip


def _full_disks(genome: str, text: Path, sound: Path) -> list[list[str]]:
    """Return commands that write to a full disk, ``predict`` with each of its outputs."""
    full = "/dev/full"
    more = ("--faa", "--ffn", "--gbk", "--bed", "--tsv", "--labels", "--report", "--summary")
    find = ["predict", genome, *PLAIN, "-o"]
    return [
        [*find, full],
        *([*find, f"{genome}.gff3", option, full] for option in more),
        ["prodigal", "-i", genome, "-q", "-p", "meta", "-o", full],
        ["tag", "--model", "biomedical", str(text), "-q", "-o", full],
        ["transcribe", "--model", "letters", str(sound), "-q", "-o", full],
        ["generate", "--model", "chorales", "--steps", "2", "-q", "-o", full],
        ["evaluate", *[str(ROOT / "examples" / "buchnera.gff3.gz")] * 2, "--json", full],
    ]


def _closed(words: Sequence[str]) -> tuple[int, bytes]:
    """Run a command whose output nobody reads; return its exit code and what it says."""
    command = [*DNATAG, *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        said = process.stderr.read()
    return process.returncode, said


def try_sameness(folder: Path) -> list[str]:
    """Predict with other threads, orders and batches, of the other strand, and of turned circles.

    Genes are compared as they are written: places, and posteriors with four digits.
    """
    from dnatag.domains.genes.decoding.settings import DecodingSettings
    from dnatag.domains.genes.finder import GeneFinder
    from dnatag.formats.sequences.fasta import read_fasta
    from dnatag.formats.sequences.records import Contig

    (genome,) = read_fasta(ROOT / "examples" / "buchnera.fna.gz")
    sequence, turned = genome.sequence, bytes.maketrans(b"ACGTacgt", b"TGCAtgca")
    pieces = [Contig(f"c{i}", sequence[i : i + 17_000]) for i in range(0, 200_000, 20_000)]
    mirrored = [replace(c, sequence=c.sequence.translate(turned)[::-1]) for c in pieces]
    circle, by = Contig("circle", sequence[:60_000], circular=True), 7_001
    rotated = replace(circle, sequence=circle.sequence[by:] + circle.sequence[:by])

    def genes(contigs: list[Contig], **settings: object) -> dict[str, list[tuple[object, ...]]]:
        finder = GeneFinder(device="cpu", **settings)
        return {
            p.contig.id: [
                (g.parts[0][0], sum(b - a for a, b in g.parts), g.strand, round(g.posterior, 4),
                 g.start_posterior and round(g.start_posterior, 4)) for g in p.genes]
            for p in finder.predict(contigs)
        }  # fmt: skip

    usual, whole = genes(pieces), genes([circle])
    others = {
        "threads": (usual, genes(pieces, threads=3)),
        "order": (usual, genes(pieces[::-1])),
        "batches": (usual, genes(pieces, decoding=DecodingSettings(group=60_000))),
        "strand": (usual, {
            c.id: sorted((len(c) - g[0] - g[1], g[1], -g[2], *g[3:]) for g in found)
            for c, found in zip(pieces, genes(mirrored).values(), strict=True)}),
        "rotation": (whole, {"circle": sorted(
            ((g[0] + by) % len(circle), *g[1:]) for g in genes([rotated])["circle"])}),
    }  # fmt: skip
    harm = Counter(what for what, (one, other) in others.items() if _sorted(one) != _sorted(other))
    return [f"- The same genes for any number of threads, order of contigs, size of batches, "
            f"strand and rotation: {_counted(harm)}."]  # fmt: skip


def _sorted(genes: dict[str, list[tuple[object, ...]]]) -> dict[str, list[tuple[object, ...]]]:
    return {name: sorted(found) for name, found in genes.items()}  # type: ignore[type-var]


Bomb = tuple[bytes, bytes, int, tuple[str, ...]]


def try_bombs(folder: Path) -> list[str]:
    """Try bombs, long lines and lying headers; they are refused, in bounded memory.

    This process must stay small: what it takes counts as taken by those that it starts.
    """
    rows, harm = [], Counter[str]()
    for name, (first, again, times, words) in _bombs(str(make_genome(folder))).items():
        path = folder / "bomb"
        with open(path, "wb") as file:
            file.write(first)
            for _ in range(times):
                file.write(again)
        begin = time.perf_counter()
        command = [*DNATAG, *(str(path) if word == "BOMB" else word for word in words)]
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        took, code = time.perf_counter() - begin, os.waitstatus_to_exitcode(status)
        megabytes = usage.ru_maxrss / 1024
        if code != 2 or megabytes > MOST:
            harm[name] += 1
        rows.append(f"| {name} | {code} | {megabytes:.0f} | {took:.1f} |")
        path.unlink()
    return [f"- {len(rows)} bombs, long lines and lying headers: {_counted(harm)}.", "",
            "| bomb | exit code | MB | s |", "|---|---:|---:|---:|", *rows]  # fmt: skip


def _bombs(genome: str) -> dict[str, Bomb]:
    """Return what is in each file: something, and how often something else; and the command."""
    member = gzip.compress(b"N" * (1 << 26), 9)
    tag = ("tag", "--model", "biomedical", "BOMB")
    listen = ("transcribe", "--model", "letters", "BOMB")
    play = ("generate", "--model", "chorales", "-o", "/dev/null", "--primer", "BOMB")
    million = 1_000_000
    shape = b"{'descr': '<f4', 'fortran_order': False, 'shape': (999999999999, 88), }".ljust(118)
    # A sample each second, of which a model of speech makes thousands.
    slow = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 2**31, b"WAVE", b"fmt ", 16, 1, 1, 1, 1, 1,
                       8, b"data", 2**31)  # fmt: skip
    midi = b"MThd\0\0\0\6\0\0\0\1\0\1MTrk\0\0\0\x0f\0\x90\x3c\x40\xff\xff\xff\x7f\x80\x3c\x40"
    return {
        "gzip of 4 GB": (gzip.compress(b">a\n"), member, 64, ("predict", "BOMB")),
        "FASTA header of 300 MB": (b">", b"x" * million, 300, ("predict", "BOMB")),
        "text in a line of 300 MB": (b"", b"word " * 200_000, 300, tag),
        "a row of 300 MB in columns": (b"", b"a\t" * 500_000, 300, tag),
        "a sentence of 300 MB in columns": (b"", b"word\tO\n" * 100_000, 430, tag),
        "a protein of 300 MB": (b">p\n", b"MKV" * 300_000, 330, (
            "tag", "--model", "topology", "BOMB")),
        "text of 300 MB of Label Studio": (
            b'[{"data": {"text": "', b"word " * 200_000, 300, tag),
        "text in a line of 300 MB of Doccano": (
            b'{"label": [], "text": "', b"word " * 200_000, 300, tag),
        "nested JSON": (b'{"text": ', b"[" * million, 3, tag),
        "model with a header of 2^63 bytes": (
            b"\xff" * 7 + b"\x7f{}", b"", 0, ("predict", genome, "--model", "BOMB")),
        "annotation in a line of 300 MB": (
            b"##gff-version 3\n", b"a" * million, 300, ("evaluate", "BOMB", "BOMB")),
        "mask in a line of 300 MB": (b"", b"a" * million, 300, ("predict", genome, "--mask",
                                                                "BOMB")),
        "recipe of 300 MB": (b"#", b"a" * million, 300, ("train", "BOMB", "-o", "/tmp/none")),
        "array of 88 TB by its header": (
            b"\x93NUMPY\1\0\x76\0" + shape, b"\0" * 88, 9, play),
        "archive of arrays of 600 MB": (_zeros(600 * million), b"", 0, play),
        "MIDI of two thousand days": (midi, b"\0\xff\x2f\0", 1, play),
        "MIDI of 300 MB": (midi[:18], b"\0" * million, 300, play),
        "sound of a sample a second": (slow, b"\x7f" * million, 1, listen),
        "manifest in a line of 300 MB": (
            b'{"audio_filepath": "', b"a" * million, 300, listen),
    }  # fmt: skip


def _zeros(size: int) -> bytes:
    """Return an archive of an array of zeros, of so many bytes when it is unpacked."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive, archive.open(
        "zeros.npy", "w", force_zip64=True
    ) as file:  # fmt: skip
        for _ in range(size // 1_000_000):
            file.write(bytes(1_000_000))
    return content.getvalue()


def _counted(harm: Counter[str]) -> str:
    return (
        "no harm" if not harm else ", ".join(f"**{n} {what}**" for what, n in sorted(harm.items()))
    )
