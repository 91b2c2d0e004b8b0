"""What the reader makes of text, Markdown, lines and standard input, and how it keeps count."""

from __future__ import annotations

import io
import itertools
import os
import re
import threading
import tracemalloc

import pytest

from semsearch.common.documents import Document
from semsearch.common.errors import InputError, RecordError
from semsearch.ingest.formats.registry import FORMATS
from semsearch.ingest.reader import Reader

UMLAUTS = "Über Öfen, Bäche, Bärenhäute und süße Früchte"
"""With so much UTF-8 one other byte is an error, and no other encoding."""
BINARY = b"\x7fELF" + bytes(range(256)) * 4


@pytest.fixture
def put(tmp_path):
    """Write a file and give its path."""

    def write(name, data):
        path = tmp_path / name
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        return path

    return write


def source(path):
    """What a document's source says of a file."""
    return path.resolve().as_posix()


@pytest.mark.parametrize("name", ["a.txt", "a.TEX", "a", "a.unknown"])
def test_a_text_file_is_one_document(put, name):
    """A text file, and one of an unknown kind, is a document to the last character."""
    path = put(name, "One.\r\n\r\nTwo\0 é 😀\n")
    os.utime(path, (1_700_000_000, 1_700_000_000))
    metadata = {"path": name, "kind": "text", "modified": "2023-11-14T22:13:20Z"}
    expected = Document("One.\r\n\r\nTwo\0 é 😀\n", name, source=source(path), metadata=metadata)
    assert list(Reader([path])) == [expected]


@pytest.mark.parametrize("name", ["a.txt", "a.md", "a.py", "a.ipynb"])
def test_what_is_no_text_is_no_passage(put, name):
    """A program is an error with the next step."""
    with pytest.raises(RecordError, match=rf"{name}: no text: .* UTF-8"):
        list(Reader([put(name, BINARY)]))


@pytest.mark.parametrize("name", ["a.py", "a.RS", "a.tsx", "a.yaml", "a.sql"])
def test_source_code_is_taken_from_a_folder(put, tmp_path, name):
    """Without being asked for: a document a file, to the last character."""
    put(name, "def bee():\n\treturn 1\n")
    put("photo.png", b"\x89PNG")
    reader = Reader([tmp_path])
    assert [document.text for document in reader] == ["def bee():\n\treturn 1\n"]
    assert reader.ignored == 1


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("# Title\n\ntext", "Title"),
        ("intro\n\n   #\tLate title  \r\n# Second", "Late title"),
        ("# Closed ##\n", "Closed"),
        ("# C#\n", "C#"),
        ("#\n# \n# ###\n# Real", "Real"),
        ("```sh\n# a comment\n```\n# Real", "Real"),
        ("~~~\n```\n# a comment\n~~~\n# Real", "Real"),
        ("    # code\n## second level\n#tag\nno heading", None),
        ("Set\nunder\n=====\n\ntext", "Set under"),
        ("<!--\n# hidden\n\n# hidden\n-->\n# Real", "Real"),
        ("text\n\n<!-- # hidden -->\n# Real", "Real"),
        ("````md\n```\n# code\n```\n````\n# Real", "Real"),
        ("- ```\n  # code\n  ```\n\n> # quoted\n\n# Real", "Real"),
        ("```\n# never closed", None),
        ("---\n# comment\ntitle: Herons of the coast\n---\n# Real", "Herons of the coast"),
        ('---\r\ntitle: "Herons: a book"  # comment\r\n---\r\n# Real', "Herons: a book"),
        ("---\ntitle: Herons: a book\n---\n# Real", "Herons: a book"),
        ("---\ntitle: >\n  Folded\n  lines\n...\n# Real", "Folded lines"),
        ("---\ntitle: 2024\n---\n", "2024"),
        ("---\ntitle:\ntags: [a]\n---\n# Real", "Real"),
        ("---\nbook:\n  title: inner\n# comment\n---\n# Real", "Real"),
        ("+++\ntitle = 'Herons'\n+++\n# Real", "Herons"),
        ("+++\n# comment\n+ not TOML\n+++\n# Real", "Real"),
        ("---\nA sentence.\n---\n# Real", "Real"),
        ("---\nA title\n===\n---\n# Next", "A title"),
        ("---\n\n# Real\n", "Real"),
        ("\n---\ntitle: too late\n---\n# Real", "Real"),
        ("text\n" * 5000 + "```\n# code\n```\n" * 50 + "# Real *one*\n# Next", "Real *one*"),
        ("", None),
    ],
)
def test_a_markdown_title_is_stated_or_its_first_heading(put, text, title):
    """The title is that of the front matter, else the first heading outside of code and comments; the text keeps it."""
    (document,) = Reader([put("a.md", text)])
    assert (document.title, document.text) == (title, text)


def test_a_text_file_has_no_title(put):
    """A hash in a text file is not a heading."""
    (document,) = Reader([put("a.txt", "# not a title")])
    assert document.title is None


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_lines_are_documents_with_their_numbers(put, newline):
    """Each line that is not blank is a document; blank lines count."""
    path = put("a.txt", newline.join(["one", "", " \t", " four ", "five\0"]))
    expected = [
        Document(id="a.txt:1", text="one", source=source(path)),
        Document(id="a.txt:4", text=" four ", source=source(path)),
        Document(id="a.txt:5", text="five\0", source=source(path)),
    ]
    assert list(Reader([path], file_format=FORMATS["lines"])) == expected


@pytest.mark.parametrize("kind", ["text", "lines", "markdown"])
def test_a_byte_order_mark_is_not_text(put, kind):
    """A BOM at the start of a file is left out, one inside it is kept."""
    (document,) = Reader([put("a.txt", "\ufeffone\ufefftwo")], file_format=FORMATS.get(kind))
    assert document.text == "one\ufefftwo"


def test_a_bad_file_is_skipped_whole(put):
    """With ``skip_bad`` the other files are read, and the skipped one is counted and named."""
    reader = Reader([put("a.txt", BINARY), put("b.txt", "good")], skip_bad=True)
    assert [document.text for document in reader] == ["good"]
    assert reader.skipped == 1
    assert "a.txt: no text" in reader.messages[0]


def test_a_bad_line_is_refused_with_its_number(put):
    """A line that is not UTF-8 is named as FILE:LINE; those before it were read."""
    path = put("a.log", f"{UMLAUTS}\n\n".encode() + b"tw\xe9\nthree")
    documents = iter(Reader([path], file_format=FORMATS["lines"]))
    assert next(documents).text == UMLAUTS
    with pytest.raises(RecordError, match=r"a\.log:3: not UTF-8 \(byte 0xe9\)"):
        next(documents)


def test_a_bad_line_is_skipped_alone(put):
    """With ``skip_bad`` the line is left out and the lines after it keep their numbers."""
    data = f"{UMLAUTS}\n".encode() + b"tw\xe9\nthree"
    reader = Reader([put("a.log", data)], file_format=FORMATS["lines"], skip_bad=True)
    assert [(document.id, document.text) for document in reader] == [("a.log:1", UMLAUTS), ("a.log:3", "three")]
    assert reader.skipped == 1


def test_only_the_first_messages_are_kept(put):
    """A file of nothing but errors is counted in full and quoted in part."""
    reader = Reader([put("a.jsonl", b"{\n" * 1500)], skip_bad=True)
    assert list(reader) == []
    assert reader.skipped == 1500
    assert [message.split(": ")[0].rpartition(":")[2] for message in reader.messages] == [
        str(n) for n in range(1, 1001)
    ]


def test_standard_input_is_read_by_lines():
    """A dash is standard input; its documents come from a dash and are called by what is in them."""
    reader = Reader(["-"], stdin=io.BytesIO(b"one\n\nthree\n"))
    documents = list(reader)
    assert [(document.text, document.source) for document in documents] == [("one", "-"), ("three", "-")]
    assert all(re.fullmatch("stdin:[0-9a-f]{16}", document.id) for document in documents)
    assert (reader.bytes_total, reader.bytes_read) == (None, 11)
    (other,) = Reader(["-"], stdin=io.BytesIO(b"three"))
    assert other == documents[1]


def test_standard_input_can_be_of_another_kind():
    """``kind`` holds for standard input, and its errors name it."""
    data = b'{"text": "one"}\n{"text": 2}\n'
    reader = Reader(["-"], file_format=FORMATS["jsonl"], stdin=io.BytesIO(data))
    documents = iter(reader)
    document = next(documents)
    assert (document.text, document.source) == ("one", "-")
    with pytest.raises(RecordError, match=r"^stdin:2: field 'text' must be a string, not 2"):
        next(documents)


def test_standard_input_stays_open():
    """The stream belongs to the caller and is not closed."""
    stream = io.BytesIO(b"one")
    assert len(list(Reader(["-"], stdin=stream))) == 1
    assert not stream.closed


def test_a_pipe_is_read_as_it_fills():
    """A line that has come through a pipe is a document before the pipe is closed."""
    reading, writing = os.pipe()
    guard = threading.Timer(5, os.write, (writing, b"late\n" * 20_000))
    guard.start()
    with os.fdopen(reading, "rb") as stream, os.fdopen(writing, "wb", buffering=0) as pipe:
        pipe.write(b"one\ntwo\n")
        reader = Reader(["-"], stdin=stream)
        documents = iter(reader)
        assert [next(documents).text, reader.bytes_read] == ["one", 8]
        guard.cancel()


def test_bytes_are_counted_as_they_are_read(put):
    """``bytes_read`` grows up to ``bytes_total``, the size of all files."""
    paths = [
        put("a.txt", "\ufeffé" * 10),
        put("b.jsonl", '{"text": "long enough"}\n' * 5_000),
        put("c.csv", "text\nx\n"),
    ]
    reader = Reader(paths)
    assert reader.bytes_total == sum(path.stat().st_size for path in paths)
    seen = [reader.bytes_read]
    seen += [reader.bytes_read for _ in reader]
    assert seen == sorted(seen)
    assert len(set(seen)) > 5
    assert seen[0] == 0
    assert seen[-1] == reader.bytes_total


def test_reading_again_starts_anew(put):
    """A second pass over the same reader gives the same documents and the same counts."""
    reader = Reader([put("a.jsonl", b'{"text": "one"}\n{\n')], skip_bad=True)
    first = (list(reader), reader.bytes_read, reader.skipped, reader.messages)
    assert first == (list(reader), reader.bytes_read, reader.skipped, reader.messages)
    assert reader.skipped == 1


@pytest.mark.parametrize(
    ("name", "header", "row", "kind"),
    [
        ("a.log", "", "a line of text", "lines"),
        ("a.jsonl", "", '{"text": "a line of text"}', None),
        ("a.csv", "text\n", '"a line of\ntext"', None),
    ],
)
def test_memory_does_not_grow_with_the_file(put, name, header, row, kind):
    """Twenty thousand records take no more memory than two hundred."""
    path = put(name, header + f"{row}\n" * 20_000)
    documents = iter(Reader([path], file_format=FORMATS.get(kind)))
    list(itertools.islice(documents, 200))
    tracemalloc.start()
    try:
        rest = sum(1 for _ in documents)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert rest == 19_800
    assert peak < 100_000


def test_nothing_is_read_before_it_is_asked_for(put):
    """Files after the first are opened when their turn comes."""
    later = put("b.txt", "two")
    documents = iter(Reader([put("a.txt", "one"), later]))
    assert next(documents).text == "one"
    later.write_text("changed")
    assert next(documents).text == "changed"


def test_record_errors_are_input_errors(put):
    """One ``except InputError`` catches whatever is wrong with the input."""
    with pytest.raises(InputError, match="no text"):
        list(Reader([put("a.txt", BINARY)]))


BOMB = ",".join(f"&{b} [{','.join([f'*{a}'] * 9)}]" for a, b in zip("abcdefgh", "bcdefghi", strict=True))
FRONT = {
    "a: !!bool foo\ntitle: x": {"a": "foo"},
    "a: 2026-01-02\nb: 3\nc: [true, 1.5]\nd: {e: x}": {"a": "2026-01-02", "b": 3, "c": [True, 1.5], "d": {"e": "x"}},
    "a: !!timestamp foo": {"a": "foo"},
    "a: 2026-13-45": {"a": "2026-13-45"},
    "a: 0x" + "f" * 4000: {},
    f"x: [&a [l,l,l,l,l,l,l,l,l],{BOMB}]": {},
}


@pytest.mark.parametrize("front", FRONT)
def test_front_matter_becomes_metadata(put, front):
    """With its types, dates as ISO; what is wrong or would never end in it costs metadata, and not the document."""
    (document,) = Reader([put("a.md", f"---\n{front}\n---\nA bee.\n")])
    metadata = {name: value for name, value in document.metadata.items() if name not in ("path", "kind", "modified")}
    assert metadata == FRONT[front]
    (document,) = Reader([put("b.md", f"+++\na = {'5' * 5000}\n+++\nA bee.\n")])
    assert "a" not in document.metadata


def test_a_log_that_begins_with_blank_lines_is_read_at_once(put):
    """It might have been a manual page."""
    (document,) = Reader([put("app.log.1", "\n" * 60 + "x")])
    assert document.text == "\n" * 60 + "x"
