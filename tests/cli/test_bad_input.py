"""What goes wrong is told in one line that names it and the next step, and harms no collection."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from semsearch.storage.vectors.file import VectorFile


@pytest.fixture(scope="session")
def before(built, hits):
    """What the collection answers before anything has gone wrong."""
    return hits("garden", "insects that fly", "--indexes", built)


@pytest.fixture
def still_sound(garden, hits, before):
    """After the test, the collection answers as before."""
    yield garden
    assert hits("garden", "insects that fly") == before


FILES = {
    "good.txt": b"A bee.\n",
    "program.txt": b"\x7fELF" + bytes(range(256)) * 2,
    "broken.jsonl": b'{"text": \n',
    "list.jsonl": b'["A bee."]\n',
    "field.jsonl": b'{"body": "A bee."}\n',
    "type.jsonl": b'{"text": 5}\n',
    "double.jsonl": b'{"id": "twice", "text": "A bee."}\n{"id": "twice", "text": "Honey."}\n',
    "columns.csv": b"id,body\nb,A bee.\n",
    "row.csv": b"id,text\nc\n",
    "header.csv": b"",
    "blank.txt": b" \n\t\n",
    "empty.jsonl": b"",
    "pictures/photo.png": b"PNG",
    "blanks/a.txt": b"",
    "blanks/b.md": b"\n",
}


@pytest.fixture
def files():
    """Files with all that can be wrong with them."""
    for name, content in FILES.items():
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_bytes(content)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["nowhere.txt"], ["no file or folder nowhere.txt", "check the spelling"]),
        (["goods.txt"], ["no file or folder goods.txt", "did you mean good.txt?"]),
        (["good.txt", "nowhere"], ["no file or folder nowhere"]),
        (["program.txt"], ["program.txt", "no text", "UTF-8"]),
        (["broken.jsonl"], ["broken.jsonl:1", "not JSON"]),
        (["list.jsonl"], ["list.jsonl:1", "not an object"]),
        (["field.jsonl"], ["field.jsonl:1", "no field 'text'", "'body'", "--text-field"]),
        (["type.jsonl"], ["type.jsonl:1", "'text' must be a string, not 5"]),
        (["double.jsonl"], ["double.jsonl", "'twice'"]),
        (["columns.csv"], ["columns.csv:1", "no field 'text'", "--text-field"]),
        (["row.csv"], ["row.csv:2", "1 cells under 2 columns"]),
        (["header.csv"], ["header.csv:1", "no header"]),
        (["empty.jsonl"], ["there is no document in empty.jsonl"]),
        (["good.txt", "--window", "0"], ["0"]),
    ],
)
@pytest.mark.usefixtures("files")
def test_bad_input_of_index(refused, still_sound, indexes, arguments, named):
    """The message has file, place, reason and advice; nothing is left of a collection that was to be made."""
    for name in ("fresh", "garden"):
        message = refused("index", name, *arguments)
        for part in named:
            assert part in message
    assert [folder.name for folder in indexes.iterdir()] == [still_sound.name]


@pytest.mark.parametrize("path", ["blank.txt", "blanks"])
@pytest.mark.usefixtures("files", "still_sound")
def test_a_corpus_of_blanks_makes_no_collection(refused, indexes, path):
    """Documents without a word are an error when there is nothing else."""
    assert f"every document in {path} is blank" in refused("index", "fresh", path)
    assert not (indexes / "fresh").exists()


@pytest.mark.usefixtures("files")
def test_a_corpus_without_a_known_file_says_what_was_left_out(run, indexes):
    """A folder of pictures is an error, and stderr says how many files were not taken."""
    result = run("index", "fresh", "pictures")
    assert (result.exit_code, result.stdout) == (1, "")
    left_out, error = result.stderr.splitlines()
    assert left_out.startswith("left out: 1 file ")
    assert error.startswith("error: there is no document in pictures; ")
    assert not indexes.exists()


@pytest.mark.usefixtures("files")
def test_a_corpus_of_broken_records_alone_is_an_error_that_names_them(run, indexes):
    """No collection is made of nothing; the first reason is the error, the others stand before it."""
    result = run("index", "fresh", "program.txt", "broken.jsonl")
    assert (result.exit_code, result.stdout) == (1, "")
    skipped, error = result.stderr.splitlines()
    assert skipped.startswith("skipped: ")
    assert "broken.jsonl:1" in skipped
    assert error.startswith("error: nothing in program.txt, broken.jsonl can be read: ")
    assert "no text" in error
    assert not indexes.exists()


@pytest.mark.usefixtures("files")
def test_one_bad_file_never_stops_the_others(run, hits):
    """Whatever is wrong with it; with ``--strict`` all is done, too, and the status is 1."""
    bad = [name for name in FILES if name not in ("good.txt", "double.jsonl", "pictures/photo.png")]
    result = run("index", "fresh", *bad, "good.txt")
    assert result.exit_code == 0
    skipped = [line for line in result.stderr.splitlines() if line.startswith("skipped: ")]
    assert len(skipped) == len(bad) - len(["blank.txt", "empty.jsonl", "blanks/a.txt", "blanks/b.md"])
    assert [hit["document"] for hit in hits("fresh", "bee")] == ["good.txt"]
    result = run("index", "strict", *bad, "good.txt", "--strict")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1].startswith(f"error: {len(skipped)} records could not be read; ")
    assert [hit["document"] for hit in hits("strict", "bee")] == ["good.txt"]


@pytest.mark.usefixtures("still_sound")
def test_an_error_in_a_later_batch_keeps_what_was_committed(refused, hits, monkeypatch):
    """Good records before one that cannot be added are in the collection if they were committed before it was read."""
    monkeypatch.setattr("semsearch.storage.sync.BATCH_DOCUMENTS", 2)
    lines = ["A bee.", "A jet.", "Soup.", "A violin.", "Honey.", "Cities."]
    lines = [f'{{"id": "{number}", "text": "{text}"}}' for number, text in enumerate(lines)]
    twice = '{"id": "0", "text": "Another bee."}'
    assert "two documents have the id '0'" in refused(
        "index", "fresh", "-", "--as", "jsonl", stdin="\n".join([*lines, twice])
    )
    kept = {hit["document"] for hit in hits("fresh", "bee")}
    assert {"0", "1"} <= kept


@pytest.mark.parametrize("name", ["a/b", "../garden", "..", "", "/tmp/x", "a\\b", ".hidden", "a\nb", "x" * 200])  # noqa: S108
@pytest.mark.usefixtures("files", "garden")
def test_a_name_that_is_no_plain_name_is_refused(refused, name):
    """A collection cannot be outside its folder."""
    for command in (["index", name, "good.txt"], ["search", name, "bee"], ["drop", name, "--yes"]):
        assert "cannot name a collection" in refused(*command)


@pytest.mark.parametrize(
    "command",
    [
        ["search", "gardn", "bee"],
        ["similar", "gardn", "bee"],
        ["status", "gardn"],
        ["delete", "gardn", "bee"],
        ["drop", "gardn", "--yes"],
    ],
)
@pytest.mark.usefixtures("still_sound")
def test_an_unknown_collection_is_named_with_its_nearest_neighbour(refused, command):
    """A slip of the pen is mended by the message."""
    message = refused(*command)
    assert "no collection 'gardn'" in message
    assert "did you mean 'garden'?" in message


def test_the_first_search_ever_says_how_to_begin(refused):
    """Without any collection the message shows how one is made."""
    assert "semsearch index NAME PATH" in refused("search", "garden", "bee")


@pytest.mark.parametrize("model", ["no-such-model", "nobody/no-such-model", "./no-such-folder", "/no/such/folder", ""])
@pytest.mark.usefixtures("files", "still_sound")
def test_an_unknown_model_is_refused_and_leaves_nothing(refused, indexes, monkeypatch, model):
    """Its name is in the message, and no folder of the collection remains."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    message = refused("index", "fresh", "good.txt", "--model", model)
    assert repr(model) in message
    assert not (indexes / "fresh").exists()


@pytest.mark.usefixtures("files")
def test_a_folder_that_holds_no_model_is_refused(refused):
    """The message says what is missing."""
    assert "config.json" in refused("index", "fresh", "good.txt", "--model", "blanks")


@pytest.mark.parametrize("k", ["0", "-1"])
@pytest.mark.parametrize("command", [["search", "garden", "bee"], ["similar", "garden", "bee"]])
@pytest.mark.usefixtures("still_sound")
def test_k_must_be_positive(refused, command, k):
    """The value is in the message."""
    assert f"k is {k}; ask for at least 1 result" in refused(*command, "-k", k)


@pytest.mark.parametrize("query", ["", "  \n"])
@pytest.mark.usefixtures("still_sound")
def test_an_empty_query_is_refused(refused, query):
    """Whether it is an argument or comes from standard input."""
    assert "the query is empty" in refused("search", "garden", query)
    assert "the query is empty" in refused("search", "garden", "-", stdin=query)


@pytest.mark.usefixtures("still_sound")
def test_an_unknown_document_is_named_with_its_nearest_neighbour(refused):
    """As collections are."""
    message = refused("similar", "garden", "violn")
    assert "no document 'violn'" in message
    assert "did you mean 'violin'?" in message


@pytest.mark.parametrize("command", [["index", "new", "good.txt"], ["search", "garden", "bee"], ["list"]])
@pytest.mark.usefixtures("files")
def test_a_file_in_the_place_of_the_indexes_folder_is_named(refused, command):
    """The message says which option and which variable choose another."""
    message = refused(*command, "--indexes", "good.txt")
    assert "good.txt is a file" in message
    assert "--indexes" in message


@pytest.fixture
def permissions():
    """Skips where permissions do not bind, as those of POSIX do not bind the superuser."""
    Path("closed").touch(mode=0)
    if os.access("closed", os.R_OK):
        pytest.skip("this user may read and write everything")


@pytest.mark.usefixtures("files", "still_sound", "permissions")
def test_an_unreadable_file_is_named(refused):
    """With the system's reason."""
    Path("good.txt").chmod(0)
    message = refused("index", "fresh", "good.txt")
    assert "cannot read" in message
    assert "good.txt: permission denied" in message


@pytest.mark.usefixtures("files", "permissions")
def test_a_read_only_folder_can_be_searched_but_not_written(refused, garden, hits):
    """The error comes before anything has changed."""
    expected = hits("garden", "bee")
    for entry in [*garden.iterdir(), garden, garden.parent]:
        entry.chmod(0o555 if entry.is_dir() else 0o444)
    try:
        assert hits("garden", "bee") == expected
        for name in ("garden", "fresh"):
            assert "check" in refused("index", name, "good.txt")
    finally:
        for entry in [garden.parent, garden]:
            entry.chmod(0o755)


@pytest.mark.usefixtures("files", "still_sound")
def test_a_full_disk_is_told_and_keeps_what_was_committed(refused, monkeypatch):
    """The error of the system becomes one line with the next step."""

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(VectorFile, "append", full)
    message = refused("index", "garden", "good.txt")
    assert "No space left on device" in message
    assert "What was committed is safe" in message


def test_damaged_vectors_are_told(refused, garden):
    """A byte that has changed on the disk never becomes a wrong answer."""
    (path,) = garden.glob("vectors-*")
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)
    assert "does not match its checksum" in refused("search", "garden", "bee")


@pytest.mark.usefixtures("garden")
def test_a_surprise_is_one_line_too(refused, monkeypatch):
    """An error that nobody thought of is told with its kind, and how to see more of it."""
    monkeypatch.setattr("semsearch.collection.Collection.search", lambda *_, **__: 1 / 0)
    message = refused("search", "garden", "bee")
    assert message == "error: unexpected ZeroDivisionError: division by zero; run again with --debug for the details"


@pytest.mark.parametrize("arguments", [["search", "gardn", "bee", "--debug"], ["--debug", "search", "gardn", "bee"]])
@pytest.mark.usefixtures("garden")
def test_debug_shows_the_traceback_below_the_message(run, arguments):
    """Before or behind the command."""
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    first, second, *_, last = result.stderr.splitlines()
    assert first.startswith("error: there is no collection 'gardn'")
    assert second == "Traceback (most recent call last):"
    assert last.startswith("semsearch.common.errors.CollectionNotFoundError: ")


@pytest.mark.usefixtures("garden")
def test_data_in_a_message_cannot_steer_the_terminal(refused):
    """Escape sequences in names and ids are made visible or removed."""
    refused("similar", "garden", "\x1b[2J\x9bid\n")
    refused("index", "fresh", "no\x1b[31m\nfile")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["serch", "garden", "bee"], "no such command 'serch'; did you mean 'search'?"),
        (["frobnicate"], "no such command 'frobnicate'; see: semsearch --help"),
        (["search", "garden"], "Missing argument 'QUERY'"),
        (["search", "garden", "bee", "-k", "many"], "'many' is not a valid integer"),
        (["search", "garden", "bee", "--format", "xml"], "'xml' is not one of"),
        (["search", "garden", "bee", "--frobnicate"], "--frobnicate"),
        (["index", "garden"], "Missing argument 'PATH...'"),
        (["index", "garden", "good.txt", "--unit", "chapter"], "'chapter' is not one of"),
        (["delete", "garden"], "Missing argument 'ID...'"),
        ([], "Usage: semsearch"),
    ],
)
@pytest.mark.usefixtures("files", "still_sound")
def test_wrong_usage_exits_with_2(run, arguments, named):
    """The usage and what is wrong are on stderr, nothing on stdout."""
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert named in result.stderr
    assert "Usage: semsearch" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (["index", "made", "good.txt", "--text-field", "a", "--text-field", "b"], "--text-field"),
        (["search", "garden", "bee", "--where", "id = 'a'", "--where=id = 'b'"], "--where"),
        (["search", "garden", "bee", "-k", "3", "--limit", "4"], "-k"),
        (["search", "garden", "bee", "--indexes", "a", "--indexes", "b"], "--indexes"),
    ],
)
@pytest.mark.usefixtures("files", "garden")
def test_an_option_with_one_value_is_not_given_twice(run, arguments, option):
    """The last one would win in silence; options that may be repeated still may."""
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"{option} is given more than once; give it once" in result.stderr
    assert run("search", "garden", "bee", "--like", "bee", "--like", "jet", "--exact", "--exact").exit_code == 0
