"""The README keeps its promises: its examples run, and its links lead somewhere."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = sorted(
    str(path.relative_to(ROOT))
    for folder in (ROOT, ROOT / "docs", ROOT / "docs" / "decisions", ROOT / "benchmarks", ROOT / "indexes")
    for path in folder.glob("*.md")
)
NUMBER = re.compile(r"-?\d+\.\d+")
SCORE_TOLERANCE = 0.005
"""bf16 and f32 arithmetic differ in the third decimal of a score."""


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


def _console_steps() -> list[tuple[str, list[str]]]:
    """(command, expected output lines) of the console blocks, in order."""
    steps: list[tuple[str, list[str]]] = []
    for line in "".join(_blocks("console")).splitlines():
        if line.startswith("$ "):
            steps.append((line[2:], []))
        else:
            steps[-1][1].append(line)
    return steps


def _assert_like(found: str, expected: str) -> None:
    """Equal, but for decimal numbers that may differ a little."""
    assert NUMBER.sub("#", found) == NUMBER.sub("#", expected)
    ours, theirs = (list(map(float, NUMBER.findall(text))) for text in (found, expected))
    assert ours == pytest.approx(theirs, abs=SCORE_TOLERANCE)


def test_command_line_example_prints_what_the_readme_shows(tmp_path: Path) -> None:
    """Every command of the console blocks, run in order, prints the lines below it."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    steps = _console_steps()
    assert steps
    for command, expected in steps:
        program, *arguments = shlex.split(command)
        assert program == "semsearch"
        done = subprocess.run(
            [sys.executable, "-m", "semsearch", *arguments],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        )
        found = done.stdout.splitlines()
        assert len(found) == len(expected), done.stdout
        for ours, theirs in zip(found, expected, strict=True):
            _assert_like(ours, theirs)


def test_python_example_runs_and_finds_the_bee(tmp_path: Path) -> None:
    """The Python block runs as it stands in a new process, and the insect comes first."""
    (code,) = _blocks("python")
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    checks = "assert vectors.shape == (1, 384) and len(tokens.vectors) == len(tokens.tokens.ids)"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{checks}"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    first, second = done.stdout.splitlines()
    assert first.endswith("A bee has wings.")
    assert second.endswith("jet A jet flies.")


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files(page: str) -> None:
    """Every relative link of a page names a file of the repository."""
    path = ROOT / page
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", path.read_text(encoding="utf-8"))
    assert [link for link in links if not (path.parent / link).exists()] == []


def test_the_map_is_short_enough_to_be_read() -> None:
    """docs/architecture.md has at most 2,000 words, and every room of the package has its heading."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert len(text.split()) <= 2000
    rooms = {path.name for path in (ROOT / "semsearch").iterdir() if path.is_dir() and (path / "__init__.py").exists()}
    headings = set(re.findall(r"^## (\w+)/", text, flags=re.MULTILINE))
    assert rooms - headings == {"plot"}
