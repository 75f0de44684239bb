"""What the commands share: options, notes and progress on stderr, and how failures are told."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from typing import TYPE_CHECKING

import click

from dnatag.cli.signals import Terminated
from dnatag.errors import DnatagError
from dnatag.models.names import DEFAULT_MODEL

if TYPE_CHECKING:
    from tqdm import tqdm

__all__ = [
    "device_option",
    "model_option",
    "note",
    "output_option",
    "progress",
    "quiet_option",
    "report",
    "threads_option",
]

INTERRUPTED = 128 + 2  # SIGINT
PIPE_CLOSED = 128 + 13  # SIGPIPE
BUG = "Please report this, with the command and what it prints when DNATAG_DEBUG=1 is set."


def available_cpus() -> int:
    """Count the processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


model_option = click.option(
    "--model",
    metavar="NAME|FILE",
    default=DEFAULT_MODEL,
    show_default=True,
    help="A model by name (see 'dnatag models list') or a model file.",
)
threads_option = click.option(
    "--threads",
    metavar="N",
    type=click.IntRange(min=1),
    default=available_cpus,
    show_default="all processors",
    help="Number of CPU threads.",
)
device_option = click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda", "mps"]),
    default="auto",
    show_default=True,
    help="Where the network runs; auto takes a GPU where there is one.",
)
quiet_option = click.option(
    "-q", "--quiet", is_flag=True, help="Print no progress and no notes, only errors."
)
output_option = click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(dir_okay=False, allow_dash=True),
    default="-",
    show_default="standard output",
    help="Where to write the result.",
)


def note(message: str, *, quiet: bool) -> None:
    """Print a line for the user on stderr, unless quiet."""
    if not quiet:
        click.echo(f"dnatag: {message}", err=True)


def progress(total: int | None = None, *, unit: str = "bp", quiet: bool) -> tqdm:
    """Return a progress bar on stderr: shown on a terminal only, gone when done.

    Parameters
    ----------
    total
        Number of units in all; None where it is not known, then count and rate are shown.
    unit
        What is counted, shown with SI prefixes.
    quiet
        Whether to show nothing.

    Returns
    -------
    tqdm
        A context manager; call ``update(n)`` after n units.
    """
    from tqdm import tqdm

    terminal = sys.stderr is not None and sys.stderr.isatty()
    return tqdm(
        total=total,
        unit=unit,
        unit_scale=True,
        disable=quiet or not terminal,
        leave=False,
        dynamic_ncols=True,
    )


def report(error: BaseException) -> int:
    """Tell a failure in one line on stderr.

    Parameters
    ----------
    error
        What ended the command.

    Returns
    -------
    int
        The exit code: that of a :class:`~dnatag.errors.DnatagError` or of click, 130 for an
        interrupt, 141 (and no line) for a closed pipe, as for any tool in a shell; else 1.
    """
    if os.environ.get("DNATAG_DEBUG") == "1":
        traceback.print_exception(error)
    _settle_stdout()
    match error:
        case BrokenPipeError():
            return PIPE_CLOSED
        case Terminated(number=number) if number != signal.SIGINT:
            click.echo(f"dnatag: ended by {error}", err=True)
            return 128 + number
        case KeyboardInterrupt() | click.Abort():
            click.echo("dnatag: interrupted", err=True)
            return INTERRUPTED
        case click.exceptions.NoArgsIsHelpError():
            error.show()
            return error.exit_code
        case click.UsageError():
            message, code = error.format_message(), error.exit_code
            if error.ctx is not None:
                message += f" Try '{error.ctx.command_path} --help'."
        case click.ClickException():
            message, code = error.format_message(), error.exit_code
        case DnatagError():
            message, code = str(error), error.exit_code
        case MemoryError():
            message, code = f"not enough memory. {error}", 1
        case OSError(strerror=str(reason)):
            where = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
            message, code = where + reason, 1
        case _:
            message, code = f"unexpected {type(error).__name__}: {error}. {BUG}", 1
    click.echo(f"dnatag: error: {' '.join(message.split())}", err=True)
    return code


def _settle_stdout() -> None:
    """Drop what stdout no longer takes, or the interpreter fails again when it exits."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
