"""Pictures of piano rolls."""

from __future__ import annotations

from collections.abc import Sequence

from dnatag.formats.midi import LOWEST, roll_of
from dnatag.formats.pictures import content, new_figure

__all__ = ["draw_roll"]


def draw_roll(chords: Sequence[Sequence[int]], steps: int, format: str) -> bytes:
    """Draw a piece: time to the right, notes upwards.

    Parameters
    ----------
    chords
        Notes of each step.
    steps
        Steps of a quarter note, which lines mark.
    format
        "png", "svg" or "pdf".

    Returns
    -------
    bytes
        The content of a file.

    Raises
    ------
    DnatagError
        If matplotlib is not installed.
    """
    notes = [note for chord in chords for note in chord] or [60]
    low, high = min(notes) - 2, max(notes) + 3
    figure = new_figure(max(len(chords) / 8, 4), max((high - low) / 9, 2))
    axes = figure.subplots()
    roll = roll_of(chords).T[max(low - LOWEST, 0) : high - LOWEST]
    bottom = max(low, LOWEST) - 0.5
    axes.imshow(roll, cmap="Blues", aspect="auto", origin="lower", vmin=0, vmax=1.2,
                extent=(0, len(chords), bottom, bottom + len(roll)))  # fmt: skip
    axes.set_xticks(range(0, len(chords) + 1, 4 * steps))
    axes.set_yticks([n for n in range(0, 128, 12) if low <= n < high])
    axes.set_yticklabels([f"C{n // 12 - 1}" for n in range(0, 128, 12) if low <= n < high])
    axes.grid(axis="x", linewidth=0.5)
    axes.set_xlabel("step")
    return content(figure, format)
