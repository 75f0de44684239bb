"""What long work reports to whoever started it."""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ["SILENT", "Observer", "Progress", "Skipped", "counted"]


def counted(number: int, things: str) -> str:
    """Write a number of things, as one says it.

    Parameters
    ----------
    number
        How many.
    things
        Their name in the plural.

    Examples
    --------
    >>> counted(2, "contigs"), counted(1, "contigs"), counted(1, "entities")
    ('2 contigs', '1 contig', '1 entity')
    """
    if number == 1:
        things = things.removesuffix("s") if not things.endswith("ies") else things[:-3] + "y"
    return f"{number} {things}"


class Progress(NamedTuple):
    """How far a training run is.

    Attributes
    ----------
    step, steps : int
        Steps done, and steps in all.
    loss : float
        Loss of the last step.
    validation_loss : float or None
        Loss of the validation after this step; None if there was none.
    metric : float or None
        Value of the watched metric in that validation; None if no metric is watched.
    measure : str
        Name of that metric.
    """

    step: int
    steps: int
    loss: float
    validation_loss: float | None
    metric: float | None = None
    measure: str = ""


class Observer:
    """Receives reports of what is going on; the methods of this class ignore them.

    Reports may come from several threads at once.
    """

    def note(self, message: str) -> None:
        """Receive a message that is worth showing."""

    def advance(self, amount: int) -> None:
        """Receive how many units of work have been done since the last report."""

    def step(self, progress: Progress) -> None:
        """Receive how far training is, after each step."""

    def estimated(self, parameters: Any) -> None:
        """Receive the parameters that were estimated of all contigs as one genome.

        Parameters
        ----------
        parameters : dnatag.domains.genes.selftraining.parameters.GenomeParameters
            The parameters.
        """


#: One for callers who want no reports.
SILENT = Observer()


class Skipped:
    """Counts what is passed over in the input; called with a message for each."""

    def __init__(self) -> None:
        self._first = ""
        self._count = 0

    def __call__(self, message: str) -> None:
        """Take a message."""
        self._first = self._first or message
        self._count += 1

    def report(self, observer: Observer) -> None:
        """Note how many there were, if any."""
        if self._count == 1:
            observer.note(f"warning: {self._first}, it is passed over")
        elif self._count:
            observer.note(f"warning: {self._first}; {self._count} such records are passed over")
