"""Collections whose encoder costs nothing, and programs that use them in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from semsearch import Collection, CollectionSettings
from semsearch.index import plan
from semsearch.storage.vectors import index_builder
from tests.support.fake_encoder import FakeEncoder
from tests.support.index_helpers import documents, stamps

HEADER = """
import sys
from pathlib import Path
from tests.support.fake_encoder import FakeEncoder
from tests.support.index_helpers import documents, stamps
from semsearch import Collection, Document
from semsearch.common.errors import SemsearchError
path = Path(sys.argv[1])
"""


@pytest.fixture
def fake():
    """A counting encoder."""
    return FakeEncoder()


@pytest.fixture
def make(tmp_path, fake):
    """Make a collection; its settings are given by name."""

    def made(name="notes", **settings):
        return Collection.create(tmp_path / name, fake, CollectionSettings(**settings))

    return made


@pytest.fixture
def notes(make):
    """A collection of whole documents."""
    return make(unit="document")


@pytest.fixture
def small_index(monkeypatch):
    """Let collections of a few rows have an index: parts of ``part`` rows, renewed for more than ``tail`` new ones."""

    def chosen(tail=20, part=64):
        monkeypatch.setattr(plan, "EXACT_MS", 0.0)
        monkeypatch.setattr(plan, "LATENCY_MS", 1e9)
        monkeypatch.setattr(plan, "PART_ROWS", part)
        monkeypatch.setattr(plan, "LISTS", 1)
        monkeypatch.setattr(index_builder, "TAIL_ROWS", tail)

    return chosen


@pytest.fixture
def indexed(notes, small_index):
    """A collection of 100 documents in two parts, of which the last has 36 rows."""
    small_index(tail=20, part=64)
    notes.add(documents(0, 100))
    assert (notes.status().indexed, notes.status().tail) == (100, 0)
    assert len(stamps(notes)) == 2
    return notes


@pytest.fixture
def start():
    """Start a program in a process of its own; ``path`` in it is the argument given."""
    running = []

    def started(script, *arguments, **options):
        environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        command = [sys.executable, "-c", HEADER + script, *map(str, arguments)]
        running.append(subprocess.Popen(command, env=environment, **pipes | options))
        return running[-1]

    yield started
    for process in running:
        process.kill()
        process.communicate()


@pytest.fixture
def run(start):
    """Run a program to its end and give its output; it must not fail."""

    def ran(script, *arguments, **options):
        process = start(script, *arguments, **options)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        return out

    return ran
