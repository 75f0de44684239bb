"""Domains and tasks are found by their names; what is not installed is refused in one line.

Plug-ins, and those that cannot be imported, are tested in tests/plugin.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

from dnatag.domains.base import Domain
from dnatag.errors import InputError
from dnatag.registry import domain_names, domains, find_domain, find_task, task_names, tasks
from dnatag.tasks.base import Task


def test_the_built_in_ones() -> None:
    assert {"features", "genes", "music", "proteins", "speech", "text", "translation"} <= set(
        domain_names()
    )
    assert {"annotation", "classification", "ctc", "generation", "seq2seq", "tagging"} <= set(
        task_names()
    )
    assert [domain.name for domain in domains()] == list(domain_names())
    assert [task.name for task in tasks()] == list(task_names())
    assert all(isinstance(domain, Domain) for domain in domains())
    assert all(isinstance(task, Task) for task in tasks())
    assert {name for domain in domains() for name in domain.tasks} <= set(task_names())
    assert find_domain("text") is find_domain("text")
    assert (find_task("annotation").verb, find_task("tagging").verb) == ("predict", "tag")


def test_names_that_are_not_there() -> None:
    with pytest.raises(
        InputError, match=r"no domain 'musik'; installed are features, genes, music"
    ):
        find_domain("musik")
    with pytest.raises(InputError, match=r"no task 'xyz'; installed are annotation, class"):
        find_task("xyz")
    with pytest.raises(InputError, match=r"no domain \{\}; installed are"):
        find_domain({})  # type: ignore[arg-type]


def test_they_are_light() -> None:
    """Help and errors import them all."""
    code = (
        "import sys; from dnatag.registry import domains, tasks;"
        "[(d.evaluator and d.evaluator.options, d.corpus_options) for d in domains()];"
        "[t.evaluator and t.evaluator.options for t in tasks()];"
        "print(sorted({'torch', 'numpy', 'Bio', 'safetensors'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
