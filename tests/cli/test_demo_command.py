"""``semsearch demo``, on a library of six functions."""

from __future__ import annotations

import json

import pytest

from semsearch.common.documents import Document
from semsearch.encoder import Encoder
from semsearch.storage import canary

LIBRARY = {
    "shutil.copy": "Copy data and mode bits of a file.",
    "threading.Timer": "Call a function after a number of seconds in a thread of its own.",
    "difflib.SequenceMatcher": "Compare two sequences and tell how similar they are.",
    "math.cos": "Return the cosine of x (measured in radians).",
}


@pytest.fixture
def library(monkeypatch):
    """What the standard library is taken to be, to be changed by a test."""
    entries = dict(LIBRARY)

    def documents():
        for name, text in entries.items():
            metadata = {"module": name.partition(".")[0], "kind": "function"}
            yield Document(text, name, name, "python", metadata)

    monkeypatch.setattr("semsearch.ingest.docstrings.standard_library", documents)
    return entries


@pytest.mark.usefixtures("library", "encoder")
def test_the_demo_answers_three_questions_and_says_what_to_do_next(run, hits, indexes):
    """Three tables, the right function first in each, and commands that work."""
    result = run("demo")
    assert result.exit_code == 0, result.stderr
    assert result.stderr == (
        f"4 docstrings of the standard library -> {indexes / 'python-docs'}\npython-docs: 4 added; 4 passages encoded\n"
    )
    tables = result.stdout.split("rank ")
    assert len(tables) == 4
    best = [next(line for line in table.splitlines() if line.lstrip().startswith("1 ")) for table in tables[1:]]
    assert [line.split()[2] for line in best] == ["shutil.copy", "threading.Timer", "difflib.SequenceMatcher"]
    advice = result.stdout.split("Try next:\n")[1].splitlines()
    assert len(advice) == 3
    assert all(line.strip().startswith("semsearch ") for line in advice)
    assert hits("python-docs", "copy")[0]["metadata"] == {"module": "shutil", "kind": "function"}


def test_a_second_demo_encodes_only_what_has_changed(run, library, monkeypatch):
    """Beside the questions and the canary only the changed docstring is encoded; what is gone is removed."""
    run("demo")
    del library["math.cos"]
    library["shutil.copy"] = "Copy a file."
    texts = []
    real = Encoder.encode_counted

    def recorded(encoder, batch, *rest):
        texts.extend(batch)
        return real(encoder, batch, *rest)

    monkeypatch.setattr(Encoder, "encode_counted", recorded)
    result = run("demo")
    assert result.stderr.endswith("python-docs: 1 updated, 2 unchanged, 1 removed; 1 passage encoded\n")
    questions = [line for line in result.stdout.splitlines() if line in texts]
    assert len(questions) == 3
    assert set(texts) - set(questions) - set(canary.TEXTS) == {"shutil.copy Copy a file."}
    assert json.loads(run("status", "python-docs", "--format", "json").stdout)["documents"] == 3
