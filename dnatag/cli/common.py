"""What the commands share: options, notes and progress on stderr, and reports of failures."""

from __future__ import annotations

import io
import math
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from dnatag.cli.progress import HiddenBar, progress
from dnatag.cli.signals import Terminated
from dnatag.errors import DnatagError, InputError, visible
from dnatag.models.names import DEFAULT_MODEL
from dnatag.report import Observer, Progress

if TYPE_CHECKING:
    from tqdm import tqdm

    from dnatag.formats.io.reading import Source

__all__ = [
    "CliObserver",
    "Number",
    "OpenCommand",
    "answers_at_once",
    "any_model_option",
    "check_format",
    "device_option",
    "domains_of",
    "encoding_option",
    "fill_closed_streams",
    "find_model_for",
    "format_option",
    "given",
    "line_buffered_option",
    "model_option",
    "note",
    "open_input",
    "output_option",
    "progress",
    "quiet_option",
    "report",
    "show_warning",
    "threads_option",
    "to_option",
]

F = TypeVar("F", bound=Callable[..., Any])

INTERRUPTED = 128 + 2  # SIGINT
PIPE_CLOSED = 128 + 13  # SIGPIPE
#: Characters of a message that are shown.
LONGEST = 2000
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
#: That of commands for which no model ships, or several do.
any_model_option = click.option(
    "--model",
    metavar="NAME|FILE",
    required=True,
    help="A model by name (see 'dnatag models list') or a model file.",
)
encoding_option = click.option(
    "--encoding",
    metavar="NAME",
    default="utf-8",
    show_default=True,
    help="The character encoding of the input; the result is in UTF-8.",
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


def line_buffered_option(more: str = "") -> Callable[[F], F]:
    """Return the option ``--line-buffered``; the help says more of it."""
    return click.option(
        "--line-buffered",
        is_flag=True,
        show_default="if INPUT is a terminal",
        help="Answer each line at once, for conversations through pipes; slower than batches."
        + more,
    )


def answers_at_once(line_buffered: bool, path: str) -> bool:
    """Whether each line is to be answered at once: on request, and on a terminal."""
    return line_buffered or (path == "-" and sys.stdin is not None and sys.stdin.isatty())


def to_option(formats: Sequence[str], help: str = "Format of the result.") -> Callable[[F], F]:
    """Return the option ``--to``; the first format is the default."""
    return click.option(
        "--to",
        "target",
        type=click.Choice(formats),
        default=formats[0],
        show_default=True,
        help=help,
    )


def domains_of(task: str) -> list[Any]:
    """Return the domains that have a task, as the task sees them."""
    from dnatag.registry import domains

    return [domain.for_task(task) for domain in domains() if task in domain.tasks]


def format_option(task: str, help: str) -> click.Option:
    """Return the option ``--format`` of all that any domain of a task can read."""
    readers = dict.fromkeys(name for domain in domains_of(task) for name in domain.readers)
    return click.Option(
        ["--format", "kind"],
        type=click.Choice(["auto", *readers]),
        default="auto",
        show_default=True,
        help=help,
    )


def check_format(option: str, name: str, known: Iterable[str], model: str, domain: Any) -> None:
    """Refuse a format that an option names and the domain of the model does not know."""
    if name not in known:
        raise click.UsageError(
            f"{option} {name} does not fit {model}, a model of {domain.name}: choose "
            f"{' or '.join(known)}."
        )


class OpenCommand(click.Command):
    """A command that has options of domains beside its own.

    Parameters
    ----------
    more : callable
        Returns the options; the first one of each name counts.
    """

    def __init__(
        self, *arguments: Any, more: Callable[[], Iterable[click.Option]], **settings: Any
    ) -> None:
        super().__init__(*arguments, **settings)
        self._more = more

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the arguments, the options of domains, and the command's own options."""
        own = super().get_params(ctx)
        first = next(i for i, p in enumerate(own) if isinstance(p, click.Option))
        more: dict[str | None, click.Parameter] = {}
        for option in self._more():
            more.setdefault(option.name, option)
        return [*own[:first], *more.values(), *own[first:]]


def given(context: click.Context, name: str | None) -> bool:
    """Whether a parameter was given on the command line."""
    source = context.get_parameter_source(name or "")
    return source not in (None, click.core.ParameterSource.DEFAULT)


def find_model_for(task: str, model: str) -> Path:
    """Find a model for a task, or refuse it and name the command that is right for it.

    Parameters
    ----------
    task
        The name of the task.
    model
        Name or file of the model.

    Raises
    ------
    InputError
        If there is no such model, it cannot be read, or it is for another task.
    """
    from dnatag.loading import task_of

    path, found = task_of(model)
    if found.name != task:
        raise InputError(
            f"{model} is a model for {found.name}: apply it with 'dnatag {found.verb} --model "
            f"{model}'"
        )
    return path


class CliObserver(Observer):
    """Prints notes on stderr, above a progress bar.

    Parameters
    ----------
    quiet : bool
        Whether to print nothing.
    bar : tqdm, HiddenBar or None
        The bar that shows units of work; training makes its own.
    """

    def __init__(self, quiet: bool, bar: tqdm | HiddenBar | None = None) -> None:
        self._quiet = quiet
        self._bar = bar
        self._steps: tqdm | HiddenBar | None = None
        self._done = 0

    @contextmanager
    def heartbeat(self, every: float = 60) -> Iterator[None]:
        """Show that work goes on: print a line now and then, or let the clock of the bar run on.

        Parameters
        ----------
        every
            Seconds between lines; the clock runs sixty times as often.
        """
        if self._quiet or self._bar is None:
            yield
            return
        bar, begin, end = self._bar, time.monotonic(), threading.Event()

        def beat() -> None:
            while not end.wait(every if bar.disable else every / 60):
                if bar.disable:
                    elapsed = timedelta(seconds=round(time.monotonic() - begin))
                    self.note(f"at work for {elapsed}, {self._done:,} bp done")
                else:
                    bar.refresh()

        thread = threading.Thread(target=beat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            end.set()
            thread.join()

    def note(self, message: str) -> None:
        """Print a message."""
        bar = self._bar if self._steps is None else self._steps
        with nullcontext() if bar is None else bar.external_write_mode(sys.stderr):
            note(message, quiet=self._quiet)

    def advance(self, amount: int) -> None:
        """Move the bar."""
        self._done += amount
        if self._bar is not None:
            self._bar.update(amount)

    def step(self, progress_: Progress) -> None:
        """Move the bar of training, and print a line for each validation."""
        if self._steps is None:
            self._steps = progress(progress_.steps, unit="steps", quiet=self._quiet)
        self._steps.set_postfix_str(f"loss {progress_.loss:.5f}", refresh=False)
        self._steps.update(progress_.step - self._steps.n)
        if progress_.validation_loss is not None:
            line = (
                f"step {progress_.step} of {progress_.steps}, loss {progress_.loss:.5f}, "
                f"validation loss {progress_.validation_loss:.5f}"
            )
            if progress_.metric is not None:
                line += f", {progress_.measure} {progress_.metric:.5f}"
            self.note(line)

    def close(self) -> None:
        """Remove the bar of training."""
        if self._steps is not None:
            self._steps.close()


def open_input(
    path: str, kind: str, domain: Any, encoding: str, prefer: str | None = None
) -> tuple[Source, str]:
    """Open an input for the models of a domain, and recognise its format.

    Parameters
    ----------
    path
        The input.
    kind
        Its format; "auto" recognises it.
    domain
        As the task sees it.
    encoding
        Name of the character encoding.
    prefer
        The format to take where it is one of several that the input may be.

    Raises
    ------
    InputError
        If it cannot be read or is of a format that the domain does not read.
    """
    from dnatag.formats.io.reading import put_back
    from dnatag.formats.registry import recognise_source

    if kind != "auto":
        return path, kind
    if len(domain.readers) == 1:
        return path, next(iter(domain.readers))
    source, format = recognise_source(
        path, tuple(domain.readers), domain.wanted, encoding=encoding, prefer=prefer
    )
    if path == "-" or not isinstance(source, io.BufferedReader):
        return source, format.name
    # Lists name files relative to themselves, and a stream has no place; recordings are read when
    # it is their turn, which those from a pipe cannot wait for.
    if format.name in ("manifest", "sequences") or (
        format.name == "audio" and os.path.isfile(path)
    ):
        put_back(path, source)
        return path, format.name
    return source, format.name


def refuse_shared_stdin(paths: Iterable[str | None]) -> None:
    """Refuse standard input ("-") as more than one of the inputs.

    Raises
    ------
    click.UsageError
        If it is.
    """
    if list(paths).count("-") > 1:
        raise click.UsageError("only one input can be standard input ('-').")


class Number(click.FloatRange):
    """A number in a range, which what is none ("nan") is never in."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the number."""
        number = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value} is not in the range {self._describe_range()}.", param, ctx)
        return float(number)


def note(message: str, *, quiet: bool) -> None:
    """Print a line for the user on stderr, unless quiet."""
    if not quiet:
        click.echo(f"dnatag: {visible(message)}", err=True)


def show_warning(message: Warning | str, *_place: Any, **_more: Any) -> None:
    """Print a warning of Python's as a line for the user, without its place in the source."""
    click.echo(f"dnatag: warning: {visible(str(message))}", err=True)


def fill_closed_streams() -> None:
    """Keep files from being opened in the place of a standard stream that is closed.

    What libraries print on standard error would else go into them.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the first that is free


def report(error: BaseException) -> int:
    """Report a failure in one line on stderr.

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
                stop = "" if message.endswith((".", "?", "!")) else "."
                message += f"{stop} Try '{error.ctx.command_path} --help'."
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
    line = visible(" ".join(message[:LONGEST].split())) + "…" * (len(message) > LONGEST)
    click.echo(f"dnatag: error: {line}", err=True)
    return code


def _settle_stdout() -> None:
    """Drop what stdout no longer takes, or the interpreter fails again when it exits."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
