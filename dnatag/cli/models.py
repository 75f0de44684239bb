"""``dnatag models``: what models there are and what they were trained on."""

from __future__ import annotations

import json

import click

__all__ = ["command"]


@click.group("models")
def command() -> None:
    """List the models at hand and show their cards."""


@command.command("list")
def list_() -> None:
    """List the models that ship with dnatag and those in the directory DNATAG_MODELS."""
    from dnatag.errors import DnatagError, InputError, visible
    from dnatag.models.card import title
    from dnatag.models.file import read_metadata
    from dnatag.models.names import list_models

    models = list_models()
    if not models:
        raise DnatagError("no models found; name a directory with models in DNATAG_MODELS")
    width = max(map(len, models))
    for name, path in models.items():
        try:
            summary = title(read_metadata(path))
        except InputError as error:
            summary = f"unusable: {error}"
        click.echo(f"{name:{width}}  {path.stat().st_size / 1e6:6.2f} MB  {visible(summary)}")


@command.command("show")
@click.argument("model", metavar="NAME|FILE")
@click.option("--json", "as_json", is_flag=True, help="Print all metadata as JSON.")
def show(model: str, as_json: bool) -> None:
    """Show the card of a model: what it was trained on, its scores, its limits, its licence."""
    from dnatag.errors import DnatagError, visible
    from dnatag.models.card import NO_CARD
    from dnatag.models.file import read_metadata
    from dnatag.models.names import find_model
    from dnatag.registry import find_task

    path = find_model(model)
    metadata = read_metadata(path)
    size = path.stat().st_size
    if as_json:
        click.echo(json.dumps({"path": str(path), "bytes": size, **metadata}, indent=2))
        return
    click.echo("\n".join(map(visible, metadata.get("card", NO_CARD).strip().split("\n"))))
    click.echo(
        f"\nFile: {path} ({size / 1e6:.2f} MB), written by dnatag {metadata['dnatag_version']}"
    )
    if "task" in metadata:
        try:
            task = find_task(metadata["task"])
            use = f"apply it with 'dnatag {task.verb} --model {model}'"
            found = ", ".join(task.targets(metadata))
        except DnatagError as error:
            use, found = f"it cannot be applied: {error}", "unknown"
        click.echo(f"A model of {metadata['domain']} for {metadata['task']}: {use}")
        if found:
            click.echo(f"It finds: {visible(found)}")
    click.echo("Network, targets, training data and scores: add --json")
