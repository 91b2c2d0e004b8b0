"""JSON Lines as documents."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from semsearch.common.errors import RecordError
from semsearch.ingest.formats.format import Fields
from semsearch.ingest.reader import Reader

STRINGS = st.text(st.characters(exclude_categories=["Cs"])) | st.text('a\0\x85\u2028\r\n"\\\ufeff😀', max_size=9)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | STRINGS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(STRINGS, inner, max_size=3),
    max_leaves=6,
)
RECORDS = st.fixed_dictionaries(
    {"text": STRINGS},
    optional={"id": STRINGS.filter(bool) | st.integers(), "title": STRINGS | st.none(), "year": VALUES, "": VALUES},
)


@pytest.fixture
def read(tmp_path):
    """Read lines of JSON."""

    def documents(*lines, **options):
        path = tmp_path / "a.jsonl"
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="")
        return list(Reader([path], **options))

    return documents


@given(st.lists(RECORDS, max_size=5), st.booleans(), st.sampled_from(["\n", "\r\n"]))
@settings(deadline=None)
@example([{"text": "\u2028\x85", "id": 0, "title": ""}], False, "\n")
def test_what_json_writes_is_read_back(records, ascii_only, newline):
    """Ids, texts, titles and metadata come back as the standard library wrote them."""
    lines = [json.dumps(record, ensure_ascii=ascii_only) for record in records]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.jsonl")
        path.write_text(newline.join(lines), encoding="utf-8", newline="")
        documents = list(Reader([path]))
    assert [document.text for document in documents] == [record["text"] for record in records]
    expected = [str(record.get("id", f"a.jsonl:{n}")) for n, record in enumerate(records, start=1)]
    assert [document.id for document in documents] == expected
    assert [document.title for document in documents] == [record.get("title") or None for record in records]
    rest = [{k: v for k, v in record.items() if k not in ("id", "text", "title")} for record in records]
    assert [document.metadata for document in documents] == rest


def test_blank_lines_are_counted_but_not_read(read):
    """The id of a record without one is the number of its line."""
    assert [document.id for document in read("", '{"text": "a"}', " \t", '{"text": "b"}')] == ["a.jsonl:2", "a.jsonl:4"]


@pytest.mark.parametrize(
    ("record", "fields", "expected"),
    [
        ({"_id": "x", "text": "t"}, Fields(), ("x", "t", None, {})),
        ({"id": 7, "_id": "x", "text": "t"}, Fields(), ("7", "t", None, {"_id": "x"})),
        ({"id": "a", "key": "b", "text": "t"}, Fields(id="key"), ("b", "t", None, {"id": "a"})),
        ({"text": "t", "body": "b"}, Fields(text="body"), ("a.jsonl:1", "b", None, {"text": "t"})),
        ({"text": "t", "title": "T", "name": "N"}, Fields(title="name"), ("a.jsonl:1", "t", "N", {"title": "T"})),
        ({"text": "t"}, Fields(title="name"), ("a.jsonl:1", "t", None, {})),
        ({"title": "T"}, Fields(text="title"), ("a.jsonl:1", "T", None, {})),
        ({"id": "i"}, Fields(text="id"), ("a.jsonl:1", "i", None, {})),
        ({"key": "k"}, Fields(id="key", text="key", title="key"), ("k", "k", "k", {})),
        ({"text": "t", "title": None}, Fields(), ("a.jsonl:1", "t", None, {})),
        ({"text": "", "source": "s"}, Fields(), ("a.jsonl:1", "", None, {"source": "s"})),
    ],
)
def test_fields_are_found_by_name(read, record, fields, expected):
    """Named fields go before the default ones, and everything else is metadata."""
    (document,) = read(json.dumps(record), fields=fields)
    assert (document.id, document.text, document.title, document.metadata) == expected


def test_lone_surrogates_are_replaced_one_for_one(read):
    """Half an emoji from an escape becomes U+FFFD wherever it is; a whole one stays."""
    text = r'"text": "a\ud83db\ude00c\ud83d\ude00"'
    rest = r'"title": "\udc00", "k\ud800": ["\udfff", {"x": "\ud83d"}, 1]'
    (document,) = read(rf'{{"id": "\ud83d", {text}, {rest}}}')
    assert (document.id, document.text, document.title) == ("\ufffd", "a\ufffdb\ufffdc😀", "\ufffd")
    assert document.metadata == {"k\ufffd": ["\ufffd", {"x": "\ufffd"}, 1]}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"text": "a"', "not JSON: Expecting ',' delimiter at column 13"),
        ("text", "not JSON: Expecting value at column 1"),
        ('["text"]', "a JSON list, not an object with fields"),
        ('"text"', "a JSON str, not an object"),
        ('{"text": "a", "x": NaN}', "not JSON: NaN is not a number"),
        ('{"text": "a", "x": -Infinity}', "not JSON: -Infinity is not a number"),
        ('{"text": "a", "x": [1e999]}', "not JSON: 1e999 is too large a number"),
        ('{"text": "a", "x": 1' + "0" * 5000 + "}", "not JSON: Exceeds the limit"),
        ('{"text": "a", "x": ' + "[" * 100_000 + "]" * 100_000 + "}", "not JSON: maximum recursion depth"),
        ('{"text": 1}', "field 'text' must be a string, not 1; name another with --text-field"),
        ('{"text": null}', "field 'text' must be a string, not None"),
        ('{"text": "a", "title": ["b"]}', r"field 'title' must be a string, not \['b'\]; .* --title-field"),
        ('{"body": "a", "id": 1}', r"no field 'text' \(fields there: 'body', 'id'\); name another with --text-field"),
        ("{}", r"no field 'text' \(fields there: none\)"),
        ('{"text": "a", "id": ""}', "field 'id' must be a whole number or a string that is not empty, not ''"),
        ('{"text": "a", "id": null}', "field 'id' must be .*, not None"),
        ('{"text": "a", "id": true}', "field 'id' must be .*, not True"),
        ('{"text": "a", "_id": 1.5}', "field '_id' must be .*, not 1.5; name another with --id-field"),
    ],
)
def test_a_bad_line_is_refused_and_can_be_skipped(read, line, reason):
    """The error names FILE:LINE, the reason and the next step on one line; skipping loses that line alone."""
    lines = ('{"text": "before"}', line, '{"text": "after"}')
    with pytest.raises(RecordError, match=rf"a\.jsonl:2: {reason}.*, or leave it out with skip_bad=True$") as caught:
        read(*lines)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400
    assert [document.text for document in read(*lines, skip_bad=True)] == ["before", "after"]


def test_a_field_that_was_named_must_be_there(read):
    """A misspelt id field is an error, not a silent fallback to line numbers."""
    with pytest.raises(
        RecordError, match=r"no field 'key' \(fields there: 'id', 'text'\); name another with --id-field"
    ):
        read('{"id": 1, "text": "a"}', fields=Fields(id="key"))


def test_a_record_of_many_fields_is_listed_in_part(read):
    """The error for a missing field stays short."""
    record = json.dumps({f"field{n}": n for n in range(1000)})
    with pytest.raises(RecordError, match=r"'field7', …\)"):
        read(record)


def test_a_line_with_a_bad_byte_is_skipped_alone(tmp_path):
    """One byte that is not UTF-8 costs one record."""
    path = tmp_path / "a.jsonl"
    text = "Bären, Bäche, Öfen und süße Früchte für alle"
    path.write_bytes(f'{{"text": "{text}"}}\n'.encode() + b'{"text": "caf\xe9"}\n{"text": "b"}\n')
    reader = Reader([path], skip_bad=True)
    assert [document.text for document in reader] == [text, "b"]
    assert reader.messages == [f"{path}:2: not UTF-8 (byte 0xe9); convert the file with iconv"]


def test_a_byte_order_mark_is_not_part_of_the_first_record(tmp_path):
    """A file with a BOM is read like one without."""
    path = tmp_path / "a.ndjson"
    path.write_text('{"text": "a"}', encoding="utf-8-sig")
    assert [document.text for document in Reader([path])] == ["a"]


@pytest.mark.parametrize(("levels", "fits"), [(99, True), (101, False), (900, False), (100_000, False)])
def test_a_record_that_is_nested_too_deep_is_one_that_cannot_be_read(tmp_path, levels, fits):
    """It is skipped like others that are broken, and the next one is read."""
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "deep", "m": ' + "[" * levels + "]" * levels + '}\n{"text": "flat"}\n')
    reader = Reader([path], skip_bad=True)
    assert [document.text for document in reader] == (["deep"] if fits else []) + ["flat"]
    assert reader.skipped == (not fits)
