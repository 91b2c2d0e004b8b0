"""Looking after collections: ``list``, ``status``, ``delete``, ``drop``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest


@pytest.mark.usefixtures("garden")
def test_list_shows_every_collection_and_nothing_else(run, indexes, records):
    """Other folders and files are no collections."""
    (indexes / "README.md").write_text("about", encoding="utf-8")
    (indexes / "other").mkdir()
    run("index", "a second", "-", "--unit", "line", stdin="A bee.\nA jet.\n")
    rows = json.loads(run("list", "--format", "json").stdout)
    told = [(row["name"], row["documents"], row["passages"], row["unit"], row["model"]) for row in rows]
    assert told == [
        ("a second", 2, 2, "line", "all-MiniLM-L6-v2"),
        ("garden", len(records), len(records), "window", "all-MiniLM-L6-v2"),
    ]


def test_list_without_collections_says_how_to_make_one(run, indexes):
    """Nothing is printed on stdout, and the next step on stderr."""
    result = run("list")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == f"no collections in {indexes}; make one with: semsearch index NAME PATH\n"


@pytest.mark.usefixtures("garden")
def test_list_goes_on_past_a_damaged_collection(run, indexes):
    """The others are listed, and a warning names the damaged one."""
    (indexes / "broken").mkdir()
    (indexes / "broken" / "collection.db").write_bytes(b"no database" * 100)
    result = run("list")
    assert result.exit_code == 0
    assert [line.split("\t")[0] for line in result.stdout.splitlines()] == ["garden"]
    (warning,) = result.stderr.splitlines()
    assert warning.startswith("warning: ")
    assert "broken" in warning


def test_status_is_one_object(run, garden, records):
    """What it says of the collection is true, and JSON gives it without a list around it."""
    told = json.loads(run("status", "garden", "--format", "json").stdout)
    assert told["name"] == "garden"
    assert told["path"] == str(garden)
    assert (told["documents"], told["passages"], told["deleted"]) == (len(records), len(records), 0)
    assert (told["model"], told["dimension"], told["unit"]) == ("all-MiniLM-L6-v2", 384, "window")
    plain = dict(line.split("\t") for line in run("status", "garden", "--verbose").stdout.splitlines())
    assert [name.replace(" ", "_") for name in plain] == list(told)
    assert (told["index"], told["metric"], told["recall"], told["stale"]) == ("exact", "cosine", None, False)
    assert plain["documents"] == str(len(records))
    table = run("status", "garden", "--format", "table", "-v").stdout
    assert table.split()[:2] == ["field", "value"]
    assert told["fingerprint"] in table


def test_status_shows_people_what_matters_to_them(run, indexes):
    """What is there, from where it was read, how it is searched; not fingerprints and counters."""
    Path("notes").mkdir()
    Path("notes/a.md").write_text("A bee.", encoding="utf-8")
    run("index", "made", "notes")
    shown = dict(line.split("\t") for line in run("status", "made").stdout.splitlines())
    assert shown["documents"] == shown["passages"] == "1"
    assert shown["read from"] == str(Path("notes").resolve())
    assert shown["path"] == str(indexes / "made")
    assert shown["search"] == "searched exactly, without an index: recall is 1"
    assert "path (string 1)" in shown["fields"]
    assert not {"fingerprint", "generation", "tail", "truncated", "words"} & set(shown)


@pytest.mark.usefixtures("garden")
def test_delete_takes_documents_out_at_once(run, hits):
    """Deleted documents are not found, and the others keep their scores."""
    before = hits("garden", "bee", "--mode", "dense")
    assert run("delete", "garden", "bee", "jet", "bee").stdout == "garden: 2 deleted\n"
    kept = [hit for hit in before if hit["document"] not in ("bee", "jet")]
    after = hits("garden", "bee", "--mode", "dense")
    assert [(hit["document"], hit["score"]) for hit in after] == [(hit["document"], hit["score"]) for hit in kept]


@pytest.mark.usefixtures("garden")
def test_delete_of_an_unknown_id_deletes_nothing(refused, hits):
    """One wrong id among right ones stops the whole command."""
    before = hits("garden", "bee")
    assert "no document 'nope'" in refused("delete", "garden", "bee", "nope")
    assert hits("garden", "bee") == before


def test_drop_asks_first(run, garden):
    """Only a yes deletes the files; the question goes to stderr."""
    result = run("drop", "garden", stdin="n\n")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "delete collection 'garden' with 6 documents?" in result.stderr
    assert result.stderr.splitlines()[-1] == "error: collection 'garden' was not deleted; answer with y, or give --yes"
    assert garden.is_dir()
    assert run("drop", "garden", stdin="y\n").stdout == "garden: dropped\n"
    assert not garden.exists()


def test_drop_without_an_answer_keeps_the_collection(run, garden):
    """The end of input is no yes."""
    result = run("drop", "garden", stdin="")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1].startswith("error: collection 'garden' was not deleted")
    assert garden.is_dir()


def test_drop_with_yes_keeps_the_sources(run):
    """The files that a collection was built from stay."""
    Path("a.txt").write_text("A bee.", encoding="utf-8")
    run("index", "made", "a.txt")
    assert run("drop", "made", "--yes").stdout == "made: dropped\n"
    assert Path("a.txt").is_file()
    assert run("search", "made", "bee").exit_code == 1
