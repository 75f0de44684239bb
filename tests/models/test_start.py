"""Loading a model must not take longer than it needs."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import sys
from dnatag import GeneFinder, Tagger
GeneFinder()
Tagger.load("biomedical")
Tagger.load("topology")
assert "torch._dynamo" not in sys.modules
"""


def test_the_compiler_of_torch_is_not_imported() -> None:
    """It takes as long as torch itself, and wants a folder for temporary files."""
    subprocess.run([sys.executable, "-c", CODE], check=True)
