"""A process that may open only a few files: one true line, nothing is lost, and nothing seems damaged."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("resource", reason="only POSIX limits open files so")

LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]),) * 2)
del sys.argv[1]
from semsearch.cli import main
main()
"""
COMMANDS = {
    "search": ["search", "garden", "bee"],
    "index": ["index", "garden", "more.txt"],
    "new": ["index", "other", "more.txt"],
    "import": ["import", "garden.semsearch", "copy"],
    "export": ["export", "garden", "again.semsearch"],
    "verify": ["verify", "garden"],
    "repair": ["verify", "garden", "--repair"],
    "delete": ["delete", "garden", "bee"],
}


@pytest.mark.parametrize("arguments", COMMANDS.values(), ids=COMMANDS)
@pytest.mark.parametrize("limit", [4, 7, 9, 12])
def test_too_many_open_files(run, garden, records, arguments, limit):
    """Either it works, or the error says that files are too many and how to allow more; the collection is sound."""
    Path("more.txt").write_text("One more bee.\n", encoding="utf-8")
    assert run("export", "garden", "garden.semsearch").exit_code == 0
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(limit), *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    if done.returncode:
        (line,) = done.stderr.splitlines()
        assert line.startswith("error: there are too many open files")
        assert "ulimit -n" in line
        assert done.stdout == ""
    assert run("verify", "garden").exit_code == 0
    shown = run("search", "garden", "bee", "-k", "100", "--format", "csv").stdout
    ids = {row["document"] for row in csv.DictReader(io.StringIO(shown, newline=""))}
    changed = {"delete": {"bee"}, "index": {"more.txt"}}.get(arguments[0], set())
    assert ids ^ changed in ({record["id"] for record in records}, {record["id"] for record in records} ^ changed)
    if done.returncode == 0:
        assert ids ^ changed == {record["id"] for record in records} or arguments[1] == "other"
    assert (garden.parent / "copy").exists() == (arguments[0] == "import" and done.returncode == 0)
    assert Path("again.semsearch").exists() == (arguments[0] == "export" and done.returncode == 0)


def test_few_files_are_too_few_for_every_command(run, garden):
    """The smallest of these limits is one."""
    del run, garden
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, "4", *COMMANDS["search"]],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
