"""``dnatag generate``: compose music."""

from __future__ import annotations

from pathlib import Path

import click

from dnatag.cli.common import (
    Number,
    any_model_option,
    device_option,
    find_model_for,
    note,
    progress,
    quiet_option,
)
from dnatag.report import counted
from dnatag.tasks.evaluation import check_picture

__all__ = ["command"]

#: The task that the command is for.
TASK = "generation"
#: How the names of its files end.
ENDINGS = (".mid", ".midi")

# \b keeps click from joining the lines of a paragraph.
HELP = """Compose music.

\b
dnatag generate --model chorales -o chorale.mid
dnatag generate --model chorales --seed 7 --steps 64 --picture chorale.png -o chorale.mid
dnatag generate --model chorales --primer start.mid --number 3 -o chorale.mid

Pieces are drawn note by note, as probable as the model finds them. The same seed gives the same
piece; without one there is a new piece each time. Several pieces get numbers: chorale-1.mid and
so on.
"""


def _check_output(context: click.Context, parameter: click.Parameter, value: str) -> str:
    """Refuse a name that says the file is anything but MIDI."""
    ending = Path(value.removesuffix(".gz")).suffix
    if ending.lower() not in ("", *ENDINGS):
        wanted = " or ".join(ENDINGS)
        raise click.UsageError(f"{value}: what is written is MIDI: the name must end in {wanted}")
    return value


@click.command("generate", help=HELP)
@any_model_option
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    required=True,
    type=click.Path(dir_okay=False, allow_dash=True),
    callback=_check_output,
    help="The MIDI file to write; '-' is standard output.",
)
@click.option("--seed", metavar="N", type=click.IntRange(min=0), help="Seed of all chances.")
@click.option(
    "--primer",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True),
    help="A MIDI file or piano roll (.npy) that pieces begin with; '-' is standard input.",
)
@click.option(
    "--steps",
    metavar="N",
    type=click.IntRange(min=1, max=100_000),
    default=64,
    show_default=True,
    help="Length of a piece in steps, with the primer.",
)
@click.option(
    "--temperature",
    metavar="T",
    type=Number(min=0.01, max=10),
    default=1.0,
    show_default=True,
    help="Below 1 what is probable becomes more so, above 1 less.",
)
@click.option(
    "--number",
    metavar="N",
    type=click.IntRange(min=1, max=10_000),
    default=1,
    show_default=True,
    help="How many pieces.",
)
@click.option(
    "--tempo",
    metavar="BPM",
    type=Number(min=10, max=400),
    default=80.0,
    show_default=True,
    help="Quarter notes in a minute.",
)
@click.option(
    "--picture",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    callback=check_picture,
    help="Draw the piano roll too, as PNG, SVG or PDF.",
)
@device_option
@quiet_option
def command(
    model: str,
    output: str,
    seed: int | None,
    primer: str | None,
    steps: int,
    temperature: float,
    number: int,
    tempo: float,
    picture: str | None,
    device: str,
    quiet: bool,
) -> None:
    """Compose music."""
    from dnatag.errors import InputError
    from dnatag.formats.io.reading import display_name
    from dnatag.formats.io.writing import OutputSet, refuse_overwriting
    from dnatag.tasks.generation.generator import PieceGenerator

    if number > 1 and output == "-":
        raise click.UsageError("several pieces need a name of a file: standard output takes one.")
    outputs = _numbered(output, number)
    pictures = [] if picture is None else _numbered(picture, number)
    model_path = find_model_for(TASK, model)
    refuse_overwriting([*outputs, *pictures], [model_path, primer])
    generator = PieceGenerator.load(model_path, device)
    beginning = []
    if primer is not None:
        pieces = generator.pieces(primer)
        name = display_name(primer)
        if len(pieces) > 1:
            raise InputError(f"{name}: has {len(pieces)} pieces; name a file of one of them")
        beginning = [step for piece in pieces for step in piece]
        if len(beginning) >= steps:
            raise InputError(
                f"{name}: has {counted(len(beginning), 'steps')}, and the piece {steps}; "
                "ask for more --steps"
            )
    domain, writer = generator.model.domain, generator.model.writer
    with progress(number, unit=" pieces", quiet=quiet) as bar, OutputSet() as files:
        for i, path in enumerate(outputs):
            own = None if seed is None else seed + i
            piece = generator.generate(steps, own, beginning, temperature)
            files.open(path).buffer.write(domain.content(piece, writer, tempo))
            if pictures:
                format = Path(pictures[i]).suffix[1:]
                files.open(pictures[i]).buffer.write(domain.picture(piece, writer, format))
            bar.update()
    note(f"{counted(number, domain.counted[0])} of {counted(steps, 'steps')}", quiet=quiet)


def _numbered(path: str, number: int) -> list[str]:
    """Return the names of the files of several pieces."""
    if number == 1:
        return [path]
    packed = ".gz" if path.endswith(".gz") else ""
    place = Path(path.removesuffix(packed))
    return [str(place.with_stem(f"{place.stem}-{i}")) + packed for i in range(1, number + 1)]
