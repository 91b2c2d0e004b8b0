"""``semsearch index``: from files to a collection that can be searched."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from semsearch.common.environment import DEFAULT_MODEL
from semsearch.encoder import Encoder
from semsearch.encoder.locate import locate

LONG = "The bee flies. " * 40 + "\n\nA violin is played with a bow!\nIs soup hot?  Yes.\n\n  北京是中国的首都。🐝\n"


def write(path, *lines):
    """A file of lines."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


@pytest.fixture
def notes():
    """A folder of two notes and a file that is no text."""
    write("notes/bee.txt", "A bee has wings.")
    write("notes/sub/jet.md", "# Jets", "", "A jet burns kerosene.")
    Path("notes/photo.png").write_bytes(b"\x89PNG")
    return Path("notes")


@pytest.fixture
def no_encoding(monkeypatch):
    """From here on, encoding a passage fails the test."""

    def refuse(*_, **__):
        raise AssertionError("something was encoded")

    for name in ("encode", "encode_counted"):
        monkeypatch.setattr(Encoder, name, refuse)


@pytest.mark.parametrize(
    ("name", "content", "options", "expected"),
    [
        ("a.txt", "A bee.\nHoney.\n", (), {"a.txt": "A bee.\nHoney."}),
        ("a.md", "# Bees\n\nHoney.\n", (), {"a.md": "# Bees\n\nHoney."}),
        ("a.txt", "A bee.\n\nHoney.\n", ("--as", "lines"), {"a.txt:1": "A bee.", "a.txt:3": "Honey."}),
        ("a.jsonl", '{"id": "b", "text": "A bee."}\n{"text": "Honey."}\n', (), {"b": "A bee.", "a.jsonl:2": "Honey."}),
        ("a.jsonl", '{"key": 7, "body": "A bee."}\n', ("--id-field", "key", "--text-field", "body"), {"7": "A bee."}),
        ("a.csv", 'id,text\nb,"A bee, here."\nh,Honey.\n', (), {"b": "A bee, here.", "h": "Honey."}),
        ("a.tsv", "id\ttext\nb\tA bee.\n", (), {"b": "A bee."}),
        ("a.dat", "id,text\nb,A bee.\n", ("--as", "csv"), {"b": "A bee."}),
    ],
)
def test_files_of_every_kind_can_be_indexed(run, hits, name, content, options, expected):
    """Ids and texts of the documents are as the kind of file has it."""
    Path(name).write_text(content, encoding="utf-8")
    result = run("index", "made", name, *options)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith(f"made: {len(expected)} added; ")
    assert {hit["document"]: hit["text"] for hit in hits("made", "bee")} == expected


def test_fields_that_are_not_text_become_metadata_and_title(run, hits):
    """A record's title and its other fields come back with a hit."""
    write("a.jsonl", json.dumps({"id": "b", "text": "A bee.", "headline": "Insects", "legs": 6, "tags": ["é"]}))
    run("index", "made", "a.jsonl", "--title-field", "headline")
    (hit,) = hits("made", "bee")
    assert hit["title"] == "Insects"
    assert hit["metadata"] == {"legs": 6, "tags": ["é"]}
    assert hit["source"] == Path("a.jsonl").resolve().as_posix()


def test_a_folder_is_indexed_with_its_subfolders_and_says_what_it_left_out(run, hits, notes):
    """Files of unknown kinds are counted on stderr; the others are documents named by their paths."""
    result = run("index", "made", notes)
    assert result.stdout == "made: 2 added; 2 passages encoded\n"
    assert result.stderr == "left out: 1 file of unknown kinds; --include takes them as text\n"
    found = {hit["document"]: hit["title"] for hit in hits("made", "wings")}
    assert found == {"notes/bee.txt": None, "notes/sub/jet.md": "Jets"}


def test_several_paths_make_one_collection(run, hits, notes):
    """Files and folders can be mixed."""
    write("more.csv", "id,text", "s,Soup.")
    assert run("index", "made", notes / "sub", "more.csv", notes / "bee.txt").exit_code == 0
    assert {hit["document"] for hit in hits("made", "x")} == {"sub/jet.md", "s", "bee.txt"}


def test_glob_takes_files_of_any_kind_from_a_folder(run, hits, notes):
    """A pattern replaces the known extensions."""
    write(notes / "code.py", "print('bee')")
    run("index", "made", notes, "--glob", "*.py")
    assert [hit["document"] for hit in hits("made", "x")] == ["notes/code.py"]


def test_standard_input_is_read_as_lines_unless_told(run, hits):
    """``-`` takes one document a line, or another kind with ``--as``."""
    run("index", "lines", "-", stdin="A bee.\n\nHoney.\n")
    run("index", "records", "-", "--as", "jsonl", stdin='{"id": "b", "text": "A bee."}\n')
    assert {hit["text"]: hit["source"] for hit in hits("lines", "x")} == {"A bee.": "-", "Honey.": "-"}
    assert [hit["document"] for hit in hits("records", "x")] == ["b"]


def test_a_second_run_encodes_nothing(run, notes, request):
    """Unchanged documents are recognised by their content, not by their time."""
    run("index", "made", notes)
    os.utime(notes / "bee.txt", (1, 1))
    request.getfixturevalue("no_encoding")
    result = run("index", "made", notes)
    assert result.exit_code == 0, result.stderr
    assert result.stdout == "made: 2 unchanged; 0 passages encoded\n"


def test_only_what_is_new_or_changed_is_encoded(run, hits, notes):
    """A changed document replaces its former text, which is found no more."""
    run("index", "made", notes)
    write(notes / "bee.txt", "Tomato soup.")
    write(notes / "new.txt", "A violin.")
    assert run("index", "made", notes).stdout == "made: 1 added, 1 updated, 1 unchanged; 2 passages encoded\n"
    texts = {hit["document"]: hit["text"] for hit in hits("made", "A bee has wings.")}
    assert texts["notes/bee.txt"] == "Tomato soup."
    assert len(texts) == 3


@pytest.mark.usefixtures("request")
def test_a_change_of_metadata_alone_encodes_nothing(run, hits):
    """The vector of a text holds when only what stands beside it has changed."""
    write("a.jsonl", '{"id": "b", "text": "A bee.", "year": 1}')
    run("index", "made", "a.jsonl")
    write("a.jsonl", '{"id": "b", "text": "A bee.", "year": 2}')
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Encoder, "encode_counted", None)
        assert run("index", "made", "a.jsonl").stdout == "made: 1 updated; 0 passages encoded, 1 known already\n"
    assert hits("made", "bee")[0]["metadata"] == {"year": 2}


def test_prune_removes_what_is_gone_from_the_paths_given_and_nothing_else(run, hits, notes):
    """Without ``--prune`` a removed file stays; with it, documents of other sources stay."""
    write("other/soup.txt", "Soup.")
    run("index", "made", notes, "other")
    (notes / "bee.txt").unlink()
    Path("other/soup.txt").unlink()
    assert run("index", "made", notes).stdout == "made: 1 unchanged; 0 passages encoded\n"
    assert len(hits("made", "x")) == 3
    assert run("index", "made", notes, "--prune").stdout == "made: 1 unchanged, 1 removed; 0 passages encoded\n"
    assert {hit["document"] for hit in hits("made", "x")} == {"notes/sub/jet.md", "other/soup.txt"}


def test_a_dry_run_of_a_new_collection_leaves_nothing_behind(run, notes, indexes):
    """It says what would be added, encodes nothing, and not even the folder is made."""
    result = run("index", "made", notes, "--dry-run")
    assert result.stdout == "made (dry run): 2 to add; 2 passages to encode\n"
    assert not indexes.exists()


def test_a_dry_run_of_a_known_collection_changes_nothing(run, hits, notes):
    """It says what would be added, updated and removed, and the next real run does exactly that."""
    run("index", "made", notes)
    before = hits("made", "wings")
    write(notes / "bee.txt", "Soup.")
    write(notes / "new.txt", "A violin.")
    (notes / "sub/jet.md").unlink()
    result = run("index", "made", notes, "--prune", "--dry-run")
    assert result.stdout == "made (dry run): 1 to add, 1 to update, 1 to remove; 2 passages to encode\n"
    assert hits("made", "wings") == before
    result = run("index", "made", notes, "--prune")
    assert result.stdout == "made: 1 added, 1 updated, 1 removed; 2 passages encoded\n"


@pytest.mark.parametrize(
    ("options", "count"),
    [
        (("--unit", "document"), 1),
        (("--unit", "paragraph"), 3),
        (("--unit", "line"), 4),
        (("--unit", "sentence"), 45),
        (("--unit", "window", "--window", "50", "--overlap", "10"), None),
        ((), 1),
    ],
)
def test_spans_index_into_the_text_of_the_file(run, hits, options, count):
    """For every unit ``start`` and ``end`` cut the passage out of the original file, which has no gaps of words."""
    with Path("a.txt").open("w", encoding="utf-8", newline="") as file:
        file.write(LONG)
    assert run("index", "made", "a.txt", *options).exit_code == 0
    found = sorted(hits("made", "bee", "-k", 1000), key=lambda hit: hit["passage"])
    assert [hit["passage"] for hit in found] == list(range(len(found)))
    assert count is None or len(found) == count
    assert count is not None or len(found) > 3
    covered = set()
    for hit in found:
        assert LONG[hit["start"] : hit["end"]] == hit["text"]
        covered.update(range(hit["start"], hit["end"]))
    assert not [position for position, character in enumerate(LONG) if position not in covered and character.strip()]


def test_what_does_not_fit_the_model_is_told(run):
    """A document that is longer than the model reads is indexed with a warning that says how much was cut."""
    write("a.txt", "bee " * 400)
    result = run("index", "made", "a.txt", "--unit", "document")
    assert result.stdout == "made: 1 added; 1 passage encoded\n"
    assert re.fullmatch(
        r"warning: 1 passage longer than the model reads: \d+ tokens not in the vectors; "
        r"--unit window cuts nothing off\n",
        result.stderr,
    )
    assert run("index", "windows", "a.txt").stderr == ""


def test_broken_records_are_counted_and_named(run, hits):
    """Broken records are named on stderr by file and line, and the good ones around them are indexed."""
    write("a.jsonl", '{"id": "b", "text": "A bee."}', "{broken", '{"id": "n"}', '{"id": "h", "text": "Honey."}')
    result = run("index", "made", "a.jsonl")
    assert result.exit_code == 0
    assert result.stdout == "made: 2 added, 2 skipped; 2 passages encoded\n"
    first, second = result.stderr.splitlines()
    assert first.startswith("skipped: ")
    assert "a.jsonl:2: not JSON" in first
    assert "a.jsonl:3: no field 'text'" in second
    assert {hit["document"] for hit in hits("made", "x")} == {"b", "h"}


def test_many_skipped_records_are_named_in_a_few_lines(run):
    """Ten of them are shown, the others counted."""
    write("a.jsonl", '{"text": "A bee."}', *["{"] * 25)
    result = run("index", "made", "a.jsonl")
    assert result.stdout == "made: 1 added, 25 skipped; 1 passage encoded\n"
    assert result.stderr.splitlines()[10:] == ["skipped: … and 15 more; --json names them"]


def test_the_report_is_also_json(run):
    """All counts, what was left out, and the reason of each broken record."""
    write("notes/a.jsonl", '{"text": "A bee."}', *["{"] * 25)
    write("notes/photo.png", "PNG")
    report = json.loads(run("index", "made", "notes", "--json").stdout)
    counts = {name: report[name] for name in ("collection", "added", "skipped", "passages", "unchanged")}
    assert counts == {"collection": "made", "added": 1, "skipped": 25, "passages": 1, "unchanged": 0}
    assert report["left_out"]["unknown_kind"] == 1
    assert len(report["skipped_because"]) == 25
    assert all("not JSON" in reason for reason in report["skipped_because"])


def test_the_report_counts_what_the_model_has_read(run):
    """The tokens are those of the tokenizer, and what was known already adds none."""
    texts = ["A bee has wings.", "Tomato soup with basil."]
    write("a.txt", *texts)
    tokenizer = Tokenizer.from_file(str(locate(DEFAULT_MODEL) / "tokenizer.json"))
    tokenizer.no_padding()
    tokens = sum(map(len, tokenizer.encode_batch(texts)))
    report = json.loads(run("index", "made", "a.txt", "--as", "lines", "--json").stdout)
    assert (report["passages"], report["tokens"]) == (2, tokens)
    write("b.txt", *texts)
    again = json.loads(run("index", "made", "b.txt", "--as", "lines", "--json").stdout)
    assert (again["added"], again["reused"], again["tokens"]) == (2, 2, 0)


def test_where_nothing_has_changed_no_model_is_loaded(run, notes, monkeypatch):
    """A second run is a look at files."""
    run("index", "made", notes)
    monkeypatch.setattr(Encoder, "load", lambda *_, **__: pytest.fail("a model is loaded"))
    assert run("index", "made", notes).stdout == "made: 2 unchanged; 0 passages encoded\n"


def test_blank_documents_are_left_out_and_counted(run, hits):
    """An empty file has nothing to search for."""
    write("notes/a.txt", "A bee.")
    write("notes/b.txt", "  ", "")
    assert run("index", "made", "notes").stdout == "made: 1 added, 1 blank; 1 passage encoded\n"
    assert [hit["document"] for hit in hits("made", "x")] == ["notes/a.txt"]


@pytest.mark.usefixtures("hits")
def test_options_of_a_collection_are_remembered(run):
    """What was chosen when it was made holds for later runs that do not say it again."""
    write("a.txt", "A bee.", "A jet.")
    run("index", "made", "a.txt", "--unit", "line")
    write("b.txt", "Soup.", "Violins.", "Cities.")
    assert run("index", "made", "b.txt").stdout == "made: 1 added; 3 passages encoded\n"
    assert run("index", "made", "b.txt", "--unit", "line").stdout == "made: 1 unchanged; 0 passages encoded\n"


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--unit", "line"), "--unit window, not line"),
        (("--window", "20"), "--window left out, not 20"),
        (("--overlap", "3"), "--overlap left out, not 3"),
        (("--language", "de"), "--language en, not de"),
    ],
)
@pytest.mark.usefixtures("garden")
def test_other_options_than_the_stored_ones_are_refused(refused, hits, options, named):
    """A collection does not mix units; the message names both."""
    write("a.txt", "A bee.")
    before = hits("garden", "wings")
    message = refused("index", "garden", "a.txt", *options)
    assert "collection 'garden' was built with" in message
    assert named in message
    assert hits("garden", "wings") == before


@pytest.mark.usefixtures("garden")
def test_another_embedding_space_is_refused(refused, hits):
    """Vectors of another shape do not enter a collection; the message names both and the way out."""
    write("a.txt", "A bee.")
    before = hits("garden", "wings")
    message = refused("index", "garden", "a.txt", "--truncate-dim", "64", "--runtime", "torch")
    assert "collection 'garden' holds vectors of 'all-MiniLM-L6-v2'" in message
    assert "into a new collection" in message
    assert hits("garden", "wings") == before


def test_where_there_is_no_terminal_a_line_now_and_then_says_how_far_it_is(run, monkeypatch):
    """On stderr, with the count, the rate and the share; not in a run that is soon done."""
    write("a.txt", *(f"A bee number {n}." for n in range(9000)))
    assert run("index", "quick", "a.txt", "--as", "lines", "--dry-run").stderr == ""
    monkeypatch.setattr("semsearch.cli.output.progress.LINE_S", 0.0)
    lines = run("index", "made", "a.txt", "--as", "lines", "--dry-run").stderr.splitlines()
    assert len(lines) == 3
    assert all(re.fullmatch(r"indexing: [\d,]+ passages, [\d,]+/s, \d+%", line) for line in lines)
