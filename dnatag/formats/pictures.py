"""Pictures: PNG, SVG and PDF, by matplotlib."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from dnatag.extras import require

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["PICTURES", "content", "new_figure"]

#: How the names of pictures end.
PICTURES = (".png", ".svg", ".pdf")


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of a size in inches.

    Raises
    ------
    DnatagError
        If matplotlib is not installed.
    """
    figure = require("matplotlib.figure", "pictures", "a picture")
    made: Figure = figure.Figure(figsize=(width, height), layout="constrained")
    return made


def content(figure: Figure, format: str, *, dpi: int = 120, tight: bool = True) -> bytes:
    """Return the content of a file with a figure.

    Parameters
    ----------
    figure
        The figure.
    format
        "png", "svg" or "pdf".
    dpi
        Dots per inch of PNG.
    tight
        Whether to cut off what is empty around it.
    """
    file = io.BytesIO()
    figure.savefig(file, dpi=dpi, format=format, bbox_inches="tight" if tight else None)
    return file.getvalue()
