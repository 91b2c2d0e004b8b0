"""The README keeps its promises: its examples run, and its links lead somewhere."""

from __future__ import annotations

import ast
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    str(path.relative_to(ROOT))
    for folder in (ROOT, ROOT / "docs", ROOT / "docs" / "decisions", ROOT / "benchmarks", ROOT / "indexes")
    for path in folder.glob("*.md")
)
NUMBER = re.compile(r"-?\d+\.\d+")
SCORE_TOLERANCE = 0.005
"""bf16 and f32 arithmetic differ in the third decimal of a score."""


def _blocks(language: str, page: str = "README.md") -> list[str]:
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


def _console_steps(page: str) -> list[tuple[str, list[str]]]:
    """(command, expected output lines) of the console blocks, in order."""
    steps: list[tuple[str, list[str]]] = []
    for line in "".join(_blocks("console", page)).splitlines():
        if line.startswith("$ "):
            steps.append((line[2:], []))
        else:
            steps[-1][1].append(line)
    return steps


def _run(folder: Path, *command: str) -> str:
    """What a command prints, with this checkout's semsearch as the first one of the path."""
    programs = folder.parent / f"{folder.name}-bin"
    programs.mkdir(exist_ok=True)
    script = programs / "semsearch"
    script.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m semsearch "$@"\n', encoding="utf-8")
    script.chmod(0o755)
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout


def _assert_like(found: str, expected: str) -> None:
    """Equal, but for decimal numbers that may differ a little."""
    assert NUMBER.sub("#", found) == NUMBER.sub("#", expected)
    ours, theirs = (list(map(float, NUMBER.findall(text))) for text in (found, expected))
    assert ours == pytest.approx(theirs, abs=SCORE_TOLERANCE)


@pytest.mark.parametrize("page", ["README.md", "docs/tutorial.md"])
def test_commands_print_what_the_page_shows(tmp_path: Path, page: str) -> None:
    """Every command of the console blocks, in order, prints the lines below it; then the tutorial's program runs."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    steps = _console_steps(page)
    assert steps
    for command, expected in steps:
        found = _run(tmp_path, "bash", "-c", command).splitlines()
        assert len(found) == len(expected), (command, found)
        for ours, theirs in zip(found, expected, strict=True):
            _assert_like(ours, theirs)
    if page == "docs/tutorial.md":
        (code,) = _blocks("python", page)
        assert _run(tmp_path, sys.executable, "-c", code) == "[('A1', 89.5), ('A3', 49)]\n"


def test_python_example_runs_and_finds_the_bee(tmp_path: Path) -> None:
    """The Python block runs as it stands in a new process, and the insect comes first."""
    (code,) = _blocks("python")
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    checks = "assert vectors.shape == (1, 384) and len(tokens.vectors) == len(tokens.tokens.ids)"
    first, second = _run(tmp_path, sys.executable, "-c", f"{code}\n{checks}").splitlines()
    assert first.endswith("A bee has wings.")
    assert second.endswith("jet A jet flies.")


def test_the_program_on_input_runs(tmp_path: Path) -> None:
    """A document that brings its vector along is found by the text whose vector it is."""
    (code,) = _blocks("python", "docs/input.md")
    check = "hits = semsearch.Collection.open('indexes/things').search_vectors(vector, k=2)[0]"
    show = "print([(hit.text, round(hit.score, 3)) for hit in hits])"
    found = _run(tmp_path, sys.executable, "-c", f"{code}\n{check}\n{show}")
    assert sorted(ast.literal_eval(found)) == [("a text", 1.0), ("one with a vector of its own", 1.0)]


def test_the_service_of_the_recipes_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A question is answered, and a wrong filter is the asker's mistake."""
    testing = pytest.importorskip("fastapi.testclient", reason="fastapi is not installed")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.md").write_text("# Bees\n\nA bee has wings.\n", encoding="utf-8")
    _run(tmp_path, "semsearch", "index", "notes", "notes.md")
    (code,) = _blocks("python", "docs/recipes.md")
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 - our own page
    with testing.TestClient(names["app"]) as client:
        (hit,) = client.get("/search", params={"q": "insects"}).json()
        assert hit["document"] == "notes.md"
        assert client.get("/search", params={"q": "insects", "where": "year >"}).status_code == 400


def test_the_history_of_a_repository_is_searched(tmp_path: Path) -> None:
    """The recipe's two lines, in a repository of one commit."""
    block = next(block for block in _blocks("sh", "docs/recipes.md") if block.startswith("git log"))
    make = "git init -q && git -c user.name=A -c user.email=a@b.c commit -q --allow-empty -m 'mend the login'"
    assert "mend the login" in _run(tmp_path, "bash", "-ec", f"{make}\n{block}")


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
