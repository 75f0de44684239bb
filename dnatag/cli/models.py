"""``dnatag models``: what models there are and what they were trained on."""

from __future__ import annotations

import json
from typing import Any

import click

__all__ = ["command"]

NO_CARD = "(no card)"


@click.group("models")
def command() -> None:
    """List the models at hand and show their cards."""


@command.command("list")
def list_() -> None:
    """List the models that ship with dnatag and those in the directory DNATAG_MODELS."""
    from dnatag.errors import DnatagError, InputError
    from dnatag.models.file import read_metadata
    from dnatag.models.names import list_models

    models = list_models()
    if not models:
        raise DnatagError("no models found; name a directory with models in DNATAG_MODELS")
    width = max(map(len, models))
    for name, path in models.items():
        try:
            summary = _title(read_metadata(path))
        except InputError as error:
            summary = f"unusable: {error}"
        click.echo(f"{name:{width}}  {path.stat().st_size / 1e6:6.2f} MB  {summary}")


@command.command("show")
@click.argument("model", metavar="NAME|FILE")
@click.option("--json", "as_json", is_flag=True, help="Print all metadata as JSON.")
def show(model: str, as_json: bool) -> None:
    """Show the card of a model: what it was trained on, its scores, its limits, its licence."""
    from dnatag.models.file import read_metadata
    from dnatag.models.names import find_model

    path = find_model(model)
    metadata = read_metadata(path)
    size = path.stat().st_size
    if as_json:
        click.echo(json.dumps({"path": str(path), "bytes": size, **metadata}, indent=2))
        return
    click.echo(metadata.get("card", NO_CARD).strip())
    click.echo(
        f"\nFile: {path} ({size / 1e6:.2f} MB), written by dnatag {metadata['dnatag_version']}"
    )
    click.echo("Configuration, grammar, training data and scores: add --json")


def _title(metadata: dict[str, Any]) -> str:
    """First line of the card, without its heading mark."""
    card: str = metadata.get("card", NO_CARD)
    return card.strip().partition("\n")[0].lstrip("# ")
