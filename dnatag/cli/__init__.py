"""The command line: ``dnatag COMMAND``, one module per command.

A command is imported when it is called for, so that ``dnatag --help`` answers at once.
"""

from __future__ import annotations

import gc
import os
import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NoReturn

import click

from dnatag import __version__
from dnatag.cli.common import fill_closed_streams, report, show_warning
from dnatag.cli.signals import signals_as_exceptions
from dnatag.errors import DnatagError
from dnatag.registry import tasks

__all__ = ["main"]

#: The commands for all domains and tasks; the others are the verbs of tasks.
SUMMARIES = {
    "prodigal": "Find genes in the place of Prodigal, with its options and in its formats.",
    "train": "Train a model on genomes, text, proteins, features, recordings or music.",
    "evaluate": "Compare predictions with a reference.",
    "models": "List the models at hand and show their cards.",
}

#: What libraries read when a command imports them, whatever a cluster sets for all. Threads that
#: wait must not keep the others from working; and matrix products take one thread, in which they
#: round alike on every machine: dnatag has threads of its own, as many as it is asked for.
ENVIRONMENT = {
    "OMP_WAIT_POLICY": "passive",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
}


class Commands(click.Group):
    """A group that imports its commands on demand and reports every failure in one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of the commands, in the order of a user's work."""
        return [*(task.verb for task in tasks()), *SUMMARIES]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name in SUMMARIES:
            place = f"dnatag.cli.{cmd_name}:command"
        else:
            # The first that has the verb: a package that cannot be imported comes later.
            place = next((task.command for task in tasks() if task.verb == cmd_name), "")
        if not place:
            return None
        module, _, attribute = place.partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the summaries, without importing the commands."""
        with formatter.section("Commands"):
            verbs = {task.verb: task.summary for task in tasks()}
            formatter.write_dl(list({**verbs, **SUMMARIES}.items()))

    def invoke(self, ctx: click.Context) -> None:
        """Run a command; its failures become exit codes here, before click sees them.

        Click would turn a closed pipe into exit code 1 and an EOFError into an interrupt.
        """
        try:
            super().invoke(ctx)
            if sys.stdout is not None:
                sys.stdout.flush()
        except (click.ClickException, click.Abort, click.exceptions.Exit):
            raise
        except (Exception, KeyboardInterrupt) as error:
            ctx.exit(report(error))

    def main(self, args: Sequence[str] | None = None, *more: Any, **kwargs: Any) -> NoReturn:
        """Run the command line and exit; commands find its words in their context's ``obj``."""
        os.environ.update(ENVIRONMENT)
        words = sys.argv[1:] if args is None else list(args)
        settings = {"prog_name": "dnatag", **kwargs, "standalone_mode": False, "obj": words}
        # Imports make many objects and hardly a cycle to look for.
        gc.set_threshold(50_000)
        fill_closed_streams()
        try:
            with signals_as_exceptions(), warnings.catch_warnings():
                warnings.showwarning = show_warning
                code = super().main(words, *more, **settings)
        except (click.ClickException, click.Abort, OSError, DnatagError) as error:
            code = report(error)
        sys.exit(code)


@click.group("dnatag", cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="%(prog)s %(version)s")
def main() -> None:
    """Find the genes of a genome, label any sequence, and train models on data of your own.

    Exit codes: 0 done; 1 failure; 2 bad input or usage; 130 interrupted; 129 and 143 ended by
    SIGHUP and SIGTERM; 141 the reader of the output went away. DNATAG_DEBUG=1 prints the trace
    of a failure. DNATAG_MODELS names a directory with further models. DNATAG_LIMITS=10 raises the
    limits on the size of lines, records and compressed data tenfold.
    """
