"""Pictures of segments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dnatag.formats.frames import FrameLabels
from dnatag.formats.pictures import content, new_figure
from dnatag.tasks.tagging.schemes import runs

__all__ = ["draw_segments"]

#: In inches: a row of segments, and what is above and below those of a sequence.
ROW, MARGIN, WIDTH = 0.28, 0.5, 10


def draw_segments(rows: Mapping[str, Sequence[FrameLabels]], format: str) -> bytes:
    """Draw the segments of sequences, a row for the truth and for each prediction.

    Parameters
    ----------
    rows
        The same sequences, by what the row is called.
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
    names = [one.name for one in next(iter(rows.values()))]
    labels = sorted({label for row in rows.values() for one in row for label in one.labels})
    height = len(names) * (ROW * len(rows) + MARGIN) + 0.25 * len(labels) / 4 + 0.5
    figure = new_figure(WIDTH, height)
    from matplotlib import colormaps
    from matplotlib.patches import Patch

    palette = colormaps["tab20"]
    colours = {label: palette(i % 20) for i, label in enumerate(labels)}
    panels = figure.subplots(len(names), 1, squeeze=False)[:, 0]
    for number, (axes, name) in enumerate(zip(panels, names, strict=True)):
        for place, row in enumerate(rows.values()):
            for span in runs(row[number].labels):
                axes.barh(place, span.end - span.start, 0.9, span.start, color=colours[span.type])
        axes.set_yticks(range(len(rows)), list(rows))
        axes.invert_yaxis()
        axes.set_xlim(0, max(max(len(row[number].labels) for row in rows.values()), 1))
        axes.set_title(name, fontsize=9, loc="left")
        axes.tick_params(length=0)
    panels[-1].set_xlabel("frame")
    patches = [Patch(color=colours[label], label=label) for label in labels]
    figure.legend(handles=patches, loc="outside lower center", ncols=4, fontsize=8)
    return content(figure, format)
