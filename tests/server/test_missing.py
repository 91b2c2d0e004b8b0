"""Without the extra ``server`` the command says how to get it."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import sys
sys.modules[{library!r}] = None
from semsearch.cli import main
sys.argv = ["semsearch", "serve"]
main()
"""


@pytest.mark.parametrize("library", ["fastapi", "uvicorn"])
def test_a_missing_library_is_told_in_a_line(tmp_path, library):
    """Before anything is served or loaded."""
    command = [sys.executable, "-c", PROGRAM.format(library=library)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    told = f"error: serve needs {library}, which is not installed; run: pip install 'semsearch[server]'\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", told)
