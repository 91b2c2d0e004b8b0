"""The command line as tests use it, and a small collection to ask."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from semsearch.cli.program import program

Run = Callable[..., Result]
Hits = Callable[..., list[dict[str, Any]]]

RECORDS = [
    {"id": "bee", "text": "A bee has wings and makes honey.", "title": "Insects", "legs": 6},
    {"id": "jet", "text": "A jet engine burns kerosene high above the clouds."},
    {"id": "soup", "text": "Tomato soup with basil is best when it is hot.", "tags": ["food", "été"]},
    {"id": "violin", "text": "The violin has four strings and is played with a bow."},
    {
        "id": "nasty",
        "text": "Red \x1b[31malert\x1b[0m\nsecond line\tafter a tab \x9b2J \u2028 end.",
        "title": "\x1b]0;title\x07",
    },
    {"id": "北京/1", "text": "北京是中国的首都。🐝 👩‍👩‍👧"},
]


@pytest.fixture(autouse=True)
def indexes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of collections of each test's own, a folder to work in, and a terminal of known width."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("SEMSEARCH_INDEXES", str(tmp_path / "indexes"))
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("SEMSEARCH_THREADS", raising=False)
    return tmp_path / "indexes"


@pytest.fixture(scope="session")
def run(cache_folder: Path) -> Run:  # noqa: ARG001 - the cache must be chosen first
    """Run a command in this process."""

    def _run(*arguments: object, stdin: str | bytes | None = None) -> Result:
        return CliRunner().invoke(program, [str(one) for one in arguments], prog_name="semsearch", input=stdin)

    return _run


@pytest.fixture(scope="session")
def hits(run: Run) -> Hits:
    """The hits of a search, as the objects that ``--format json`` prints."""

    def _hits(*arguments: object) -> list[dict[str, Any]]:
        result = run("search", *arguments, "--format", "json")
        assert result.exit_code == 0, result.stderr
        found: list[dict[str, Any]] = json.loads(result.stdout)
        return found

    return _hits


@pytest.fixture(scope="session")
def records() -> list[dict[str, Any]]:
    """What is in the collection ``garden``."""
    return RECORDS


@pytest.fixture(scope="session")
def built(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the collection ``garden``, which no test changes."""
    folder = tmp_path_factory.mktemp("garden")
    source = folder / "garden.jsonl"
    source.write_text("".join(json.dumps(record) + "\n" for record in RECORDS), encoding="utf-8")
    result = run("index", "garden", source, "--indexes", folder / "indexes")
    assert result.exit_code == 0, result.stderr
    return folder / "indexes"


@pytest.fixture
def garden(built: Path, indexes: Path) -> Path:
    """The collection ``garden`` in this test's own folder, to do with as it likes."""
    return Path(shutil.copytree(built / "garden", indexes / "garden"))


@pytest.fixture
def refused(run: Run) -> Callable[..., str]:
    """Run a command that must fail as the contract says: status 1, one line on stderr, nothing on stdout."""

    def _refused(*arguments: object, stdin: str | bytes | None = None) -> str:
        result = run(*arguments, stdin=stdin)
        assert result.exit_code == 1, result.output
        assert result.stdout == ""
        lines = result.stderr.splitlines()
        assert len(lines) == 1, result.stderr
        assert lines[0].startswith("error: ")
        assert lines[0].isprintable()
        return lines[0]

    return _refused
