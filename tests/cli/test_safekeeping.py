"""Keeping a collection safe: ``verify``, ``export``, ``import``, ``--timeout``."""

from __future__ import annotations

import gc
import json
import zipfile
from pathlib import Path

import pytest

from semsearch.storage.locking import writer_lock


def flip(file, at):
    """Change a byte of a file."""
    content = bytearray(file.read_bytes())
    content[at] ^= 1
    file.write_bytes(content)


def count_open(file):
    """How many descriptors this process has of a file and those beside it."""
    entries = [entry for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink()]
    return sum(str(entry.readlink()).startswith(str(file)) for entry in entries)


@pytest.mark.usefixtures("garden")
def test_verify_says_what_it_compared(run, records):
    """A sound collection is one line and status 0."""
    result = run("verify", "garden")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith(f"garden: sound; {len(records)} documents, ")


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="descriptors are counted in /proc")
@pytest.mark.parametrize(
    "arguments",
    [
        ("delete", "garden", "nobody"),
        ("export", "garden", "taken.jsonl", "--format", "jsonl"),
        ("index", "garden", "more.txt", "--unit", "sentence"),
        ("index", "garden", "--reencode", "--unit", "sentence"),
    ],
)
def test_a_command_that_fails_closes_what_it_opened(run, garden, arguments):
    """Programs that call commands in their own process keep no file of the collection open."""
    Path("taken.jsonl").touch()
    Path("more.txt").write_text("One more.", encoding="utf-8")
    gc.collect()
    before = count_open(garden / "collection.db")
    result = run(*arguments)
    assert result.exit_code == 1
    assert count_open(garden / "collection.db") == before  # though the result still has the traceback


def test_verify_names_damage_and_repair_mends_it(run, garden, hits):
    """The finding is a row, the error names ``--repair``, and after it the results are those of before."""
    before = hits("garden", "bee")
    flip(garden / "vectors-0.f16", 10)
    result = run("verify", "garden", "--format", "json")
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        "error: 2 problems in collection 'garden'; mend with: semsearch verify garden --repair"
    ]
    assert {row["part"] for row in json.loads(result.stdout)} == {"vector"}
    result = run("verify", "garden", "--repair")
    assert result.exit_code == 0, result.stderr
    assert "6 documents kept, 1 of them encoded again" in result.stderr
    assert run("verify", "garden").stdout.startswith("garden: sound")
    after = hits("garden", "bee")
    assert [hit["document"] for hit in after] == [hit["document"] for hit in before]
    assert [hit["score"] for hit in after] == pytest.approx([hit["score"] for hit in before], abs=1e-3)


def test_repair_names_the_file_of_what_it_could_not_save(run, garden):
    """A document that is lost is in a JSONL file, which a warning names."""
    content = (garden / "collection.db").read_bytes()
    flip(garden / "collection.db", content.index(b"kerosene"))
    result = run("verify", "garden", "--repair")
    assert result.exit_code == 0
    (file,) = garden.glob("damaged-*.jsonl")
    assert f"warning: 1 document could not be saved; what is left is in {file}" in result.stderr
    assert json.loads(file.read_text(encoding="utf-8"))["id"] == "jet"
    assert run("verify", "garden").exit_code == 0


def test_verify_of_an_older_format(run, indexes):
    """A sound collection of format 1 is brought to today's format, and found sound."""
    with zipfile.ZipFile(Path(__file__).parents[1] / "golden" / "format-1.zip") as archive:
        archive.extractall(indexes)
    assert run("verify", "format-1").stdout.startswith("format-1: sound; 3 documents, 5 passages")


@pytest.mark.usefixtures("garden")
def test_export_and_import_through_files(run, hits, tmp_path, refused):
    """The copy gives the same results; neither the file nor a collection is overwritten."""
    file = tmp_path / "garden.semsearch"
    assert run("export", "garden", file).exit_code == 0
    assert "exists already" in refused("export", "garden", file)
    assert "exists already" in refused("import", file)
    assert run("import", file, "copy").stdout.startswith("copy: imported")
    assert hits("copy", "bee") == hits("garden", "bee")


@pytest.mark.usefixtures("garden")
def test_export_and_import_through_pipes(run, hits):
    """``-`` is standard output, and standard input."""
    sent = run("export", "garden", "-")
    assert sent.exit_code == 0, sent.stderr
    assert run("import", "-", "copy", stdin=sent.stdout_bytes).exit_code == 0
    assert hits("copy", "bee") == hits("garden", "bee")


@pytest.mark.usefixtures("garden")
def test_export_as_json_lines(run, records):
    """Each passage is an object with its vector."""
    lines = run("export", "garden", "-", "--format", "jsonl").stdout.splitlines()
    assert len(lines) == len(records)
    assert {len(json.loads(line)["vector"]) for line in lines} == {384}


@pytest.mark.parametrize("content", [b"", b"no archive at all"])
def test_import_of_something_else_is_one_error(refused, tmp_path, indexes, content):
    """It says what to do, and leaves no collection."""
    (tmp_path / "file").write_bytes(content)
    assert "export the collection again" in refused("import", tmp_path / "file", "made")
    assert not list(indexes.iterdir())
    assert "cannot be read" in refused("import", tmp_path / "missing")


def test_a_writing_command_waits_as_long_as_told(run, garden):
    """It says that it waits, then fails with one line and has changed nothing."""
    with writer_lock(garden, 0):
        result = run("delete", "garden", "bee", "--timeout", "0.1")
    assert result.exit_code == 1
    waiting, error = result.stderr.splitlines()
    assert "waiting up to 0.1 s" in waiting
    assert "--timeout" in error
    assert run("delete", "garden", "bee").stdout == "garden: 1 deleted\n"


def test_a_database_that_cannot_be_opened_is_a_finding(run, garden):
    """``verify`` does not fall into its own advice: it reports, and ``--repair`` saves what it can."""
    file = garden / "collection.db"
    file.write_bytes(file.read_bytes().replace(b"CREATE TABLE tuning", b"CREATE TABLE\x0etuning"))
    result = run("verify", "garden")
    assert result.exit_code == 1
    assert "malformed database schema" in result.stdout
    assert "--repair" in result.stderr
    repaired = run("verify", "garden", "--repair")
    assert "6 documents kept, 0 of them encoded again" in repaired.stderr
    assert run("verify", "garden").exit_code == 0


@pytest.mark.usefixtures("garden")
def test_reencode_refuses_what_a_collection_was_not_made_with(run):
    """Before it encodes anything: words that were not kept do not come by encoding again."""
    result = run("index", "garden", "--reencode", "--word-vectors")
    assert result.exit_code == 1
    assert "was built with --word-vectors left out, not True" in result.stderr
    assert "encoded again" not in result.stdout


@pytest.mark.usefixtures("garden")
def test_reencode_changes_the_model_of_a_collection(run, records):
    """All passages get vectors of the new space, and the sources are not needed."""
    result = run("index", "garden", "--reencode", "--truncate-dim", "64")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith(f"garden: {len(records)}")
    assert json.loads(run("status", "garden", "--format", "json").stdout)["dimension"] == 64
    assert run("search", "garden", "honey insects", "-k", "1").stdout.split("\t")[2] == "bee"
    assert run("verify", "garden").exit_code == 0


@pytest.mark.parametrize("name", ["passages.jsonl", "passages.PARQUET"])
def test_what_is_exported_for_other_programs_can_be_indexed_again(run, hits, name):
    """The extension says the format; every passage is a document with its title and metadata."""
    if name.endswith("PARQUET"):
        pytest.importorskip("pyarrow", reason="the extra files is not installed")
    text = "The bee flies. " * 100
    records = [
        {"id": "long", "title": "Bees", "text": text, "legs": 6, "tags": ["a", "é"]},
        {"id": "jet", "text": "A jet."},
    ]
    lines = "\n".join(map(json.dumps, records))
    run("index", "made", "-", "--as", "jsonl", stdin=lines)
    exported = run("export", "made", name)
    assert exported.exit_code == 0, exported.output
    kind = ("--as", "parquet") if name.endswith("PARQUET") else ()
    result = run("index", "copy", name, *kind)
    assert result.exit_code == 0, result.output
    found = {hit["document"]: hit for hit in hits("copy", "bee")}
    assert set(found) == {"long", "long#1", "jet"}
    assert (found["long#1"]["title"], found["long#1"]["metadata"]) == ("Bees", {"legs": 6, "tags": ["a", "é"]})
    passages = {f"{hit['document']}#{hit['passage']}": hit["text"] for hit in hits("made", "bee")}
    assert found["long#1"]["text"] == passages["long#1"]
    assert found["jet"]["metadata"] == {}


@pytest.mark.usefixtures("garden")
@pytest.mark.parametrize("name", ["garden.zip", "garden.csv", "GARDEN.JSON"])
def test_an_export_is_named_as_what_it_is(refused, run, name):
    """An archive under the name of another kind of file is refused, unless it is asked for."""
    assert "an archive ends in .semsearch" in refused("export", "garden", name)
    assert not Path(name).exists()
    assert run("export", "garden", name, "--format", "archive").exit_code == 0
