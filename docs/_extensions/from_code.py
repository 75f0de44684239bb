"""Directives that write pages from the code, so that they cannot fall behind it.

``{domains}`` lists tasks and formats of all domains, ``{recipes}`` the settings of all domains and
tasks, ``{settings} module:Dataclass`` the fields of a dataclass, ``{command} module:attribute`` the
reference of a click command, ``{models}`` the cards of the models, and ``{repository} FILE`` shows
a page at the root of the repository.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import click
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

from dnatag.models.file import read_metadata
from dnatag.models.names import list_models
from dnatag.registry import domains, tasks

ROOT = Path(__file__).parents[2]
KINDS = {bool: "true or false", int: "whole number", float: "number", Path: "file"}


def find(name: str) -> Any:
    """Import ``module:attribute``."""
    module, _, attribute = name.partition(":")
    try:
        return getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ExtensionError(f"there is no {name}: {error}") from error


def parameters(docstring: str) -> dict[str, str]:
    """Return the description of each parameter or attribute in a numpydoc docstring."""
    found: dict[str, str] = {}
    text = inspect.cleandoc(docstring)
    for section in re.split(r"^(?=\w[\w ]*\n---+$)", text, flags=re.M):
        if not re.match(r"(Parameters|Attributes)\n", section):
            continue
        body = section.split("\n", 2)[2]
        for match in re.finditer(r"^(\S.*?)\s*(?::.*)?\n((?:[ ]+.*\n?|\n)*)", body, re.M):
            names, about = match.groups()
            for name in names.split(","):
                found[name.strip()] = " ".join(about.split())
    return found


class FromCode(SphinxDirective):
    """A directive whose content is Markdown, made from what its argument names."""

    optional_arguments = 1
    final_argument_whitespace = False

    def run(self) -> list[nodes.Node]:
        """Parse what :meth:`lines` gives."""
        lines = list(self.lines(find(self.arguments[0]) if self.arguments else None))
        return self.parse_text_to_nodes("\n".join(lines), allow_section_headings=True)

    def lines(self, subject: Any) -> Iterator[str]:
        """Yield lines of Markdown."""
        raise NotImplementedError


def table(settings: type) -> Iterator[str]:
    """Yield a table of the fields of a dataclass: name, default, what is allowed, meaning."""
    about = parameters(settings.__doc__ or "")
    hints = get_type_hints(settings)
    yield "| setting | default | allowed | meaning |"
    yield "|---|---|---|---|"
    for field in dataclasses.fields(settings):
        if field.name not in about:
            raise ExtensionError(f"{settings.__qualname__}.{field.name} is not documented")
        yield (
            f"| `{field.name}` | {default(field)} | {allowed(field, hints[field.name])} "
            f"| {cell(about[field.name])} |"
        )
    yield ""


class Settings(FromCode):
    """A table of the fields of a dataclass."""

    def lines(self, subject: type) -> Iterator[str]:
        """Yield the table."""
        yield from table(subject)


class Domains(FromCode):
    """Tasks, commands and formats of all domains that are installed."""

    def lines(self, subject: None) -> Iterator[str]:
        """Yield the table."""
        verbs = {task.name: f"`{task.name}` (`dnatag {task.verb}`)" for task in tasks()}
        yield "| domain | tasks | reads | writes |"
        yield "|---|---|---|---|"
        for domain in domains():
            cells = (
                ", ".join(verbs[task] for task in domain.tasks),
                ", ".join(f"`{name}`" for name in domain.readers),
                ", ".join(f"`{name}`" for name in domain.writers),
            )
            yield f"| `{domain.name}` | {' | '.join(cells)} |"
        yield ""


class Recipes(FromCode):
    """The settings of recipes, by domain and by task, of all that are installed."""

    def lines(self, subject: None) -> Iterator[str]:
        """Yield a section for each domain, and one for each task."""
        for domain in domains():
            yield from (f"## Domain {domain.name}", "")
            yield from (f"Tasks: {', '.join(f'`{task}`' for task in domain.tasks)}.", "")
            for name in domain.tasks:
                own = domain.for_task(name)
                heading = f" for {name}" if len(domain.tasks) > 1 else ""
                yield from (f"### [[corpus]]{heading}", "")
                yield from table(own.corpus)
                yield from (f"### [network]{heading}", "")
                yield from table(own.network)
        for task in tasks():
            yield from (f"## Task {task.name}", "", task.summary, "", "### [training]", "")
            yield from table(task.training)


def default(field: dataclasses.Field[Any]) -> str:
    """Return the default of a field, as TOML has it."""
    value = field.default
    if field.default_factory is not dataclasses.MISSING:
        value = field.default_factory()
    match value:
        case dataclasses.MISSING:
            return "required"
        case None | "" | ():
            return "none"
        case bool():
            return f"`{str(value).lower()}`"
        case str():
            return f'`"{value}"`'
        case _:
            return f"`{value}`"


def allowed(field: dataclasses.Field[Any], hint: Any) -> str:
    """Return type and range of a field, the latter from what ``dnatag.settings`` keeps of it."""
    about = field.metadata
    if choices := about.get("choices"):
        return " or ".join(f'`"{choice}"`' for choice in choices)
    options = [t for t in get_args(hint) if t is not type(None)] if is_optional(hint) else [hint]
    kind = " or ".join(name_of(t) for t in options)
    least, most = about.get("least"), about.get("most")
    match least, most:
        case None, None:
            return f"{kind}, above 0" if {int, float} & set(options) else kind
        case _, None:
            return f"{kind}, at least {least}"
        case None, _:
            return f"{kind}, above 0, at most {most}"
        case _:
            return f"{kind}, {least} to {most}"


def name_of(kind: Any) -> str:
    """Return what a type is called; one element of a list may stand alone."""
    if get_origin(kind) is tuple:
        return f"{name_of(get_args(kind)[0])}, or a list of these"
    return KINDS.get(kind, "text")


def is_optional(hint: Any) -> bool:
    """Return whether a type is a union with None."""
    return type(None) in get_args(hint)


def cell(text: str) -> str:
    """Make Markdown of a table's cell out of a docstring's reStructuredText."""
    text = re.sub(r":\w+:`~?(?:[\w.]+\.)?(\w+)`", r"`\1`", text)
    return text.replace("``", "`").replace("|", "\\|")


class Command(FromCode):
    """The reference of a click command: usage, help, arguments and options."""

    def lines(self, subject: click.Command) -> Iterator[str]:
        """Yield the reference of the command, or of those of a group one after the other."""
        own = subject.name == "dnatag"
        yield from describe(subject, "dnatag" if own else f"dnatag {subject.name}")


def describe(command: click.Command, path: str) -> Iterator[str]:
    """Yield the reference of a command; its subcommands get headings."""
    context = click.Context(command, info_name=path)
    if not isinstance(command, click.Group):
        yield from ("```text", f"{path} {' '.join(command.collect_usage_pieces(context))}", "```")
        yield ""
        yield from paragraphs(command.help or "")
    options = [
        p for p in command.get_params(context) if isinstance(p, click.Option) and p.name != "help"
    ]
    if options:
        yield from ("| option | meaning |", "|---|---|")
        for option in options:
            names, meaning = option.get_help_record(context) or ("", "")
            extra = option.get_help_extra(context)
            notes = [extra.get("range", ""), extra.get("required", "")]
            if shown := extra.get("default"):
                notes.insert(0, f"default: {shown}")
            # Click appends the same notes in brackets.
            meaning = re.sub(r"\s*\[[^\[\]]*\]$", "", meaning) if any(notes) else meaning
            notes = [note.replace("default: (", "default: ").removesuffix(")") for note in notes]
            bracket = f" [{'; '.join(filter(None, notes))}]" if any(notes) else ""
            yield f"| {code_options(names)} | {cell(meaning)}{cell(bracket)} |"
        yield ""
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None
            yield from (f"## {path} {name}", "")
            yield from describe(child, f"{path} {name}")


class Repository(FromCode):
    """A page at the root of the repository, with its links made those of the documentation."""

    def run(self) -> list[nodes.Node]:
        """Parse the page."""
        path = ROOT / self.arguments[0]
        self.env.note_dependency(path)
        text = re.sub(r"\]\(docs/", "](", path.read_text(encoding="utf-8"))
        text = re.sub(r"\]\((SECURITY|CONTRIBUTING|CHANGELOG)", lambda m: m[0].lower(), text)
        return self.parse_text_to_nodes(text, allow_section_headings=True)


class Models(FromCode):
    """The cards of the models that ship."""

    def lines(self, subject: None) -> Iterator[str]:
        """Yield the cards, with their headings one level lower."""
        for path in list_models().values():
            about = read_metadata(path)
            yield from re.sub(r"^#", "###", about["card"].strip(), flags=re.M).split("\n")
            yield ""


def code_options(names: str) -> str:
    """Mark option names as code: ``-o, --output FILE``."""
    return "`" + names.replace("|", "\\|") + "`"


def paragraphs(text: str) -> Iterator[str]:
    """Yield click's help as Markdown; paragraphs after a backspace are shown as they are."""
    for paragraph in re.split(r"\n\s*\n", inspect.cleandoc(text)):
        if paragraph.startswith("\b"):
            yield from ("```sh", *paragraph.split("\n")[1:], "```", "")
        else:
            yield from (paragraph, "")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directives."""
    app.add_directive("domains", Domains)
    app.add_directive("recipes", Recipes)
    app.add_directive("settings", Settings)
    app.add_directive("command", Command)
    app.add_directive("models", Models)
    app.add_directive("repository", Repository)
    return {"parallel_read_safe": True}
