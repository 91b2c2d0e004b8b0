"""What has been encoded once keeps its vector, wherever it stands."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semsearch import Collection, CollectionSettings, Document
from semsearch.common.documents import Role
from semsearch.storage.prepared import reading_digest
from semsearch.storage.upkeep.verify import verify_folder
from tests.support.fake_encoder import FakeEncoder, cosines

LINES = ["the heron waits", "a loan has interest", "a jet flies", "bread is baked"]


def check_scores(collection, query="heron jet bread"):
    """Every passage has the score of its own text."""
    hits = collection.search(query, k=1000, exact=True, mode="dense")
    read = [f"{hit.title} {hit.text}" if hit.title else hit.text for hit in hits]
    np.testing.assert_allclose([hit.score for hit in hits], cosines(query, read), atol=1e-5)
    assert verify_folder(collection.path).sound
    return hits


@pytest.fixture(params=[False, True], ids=["passages", "words"])
def lines(request, make, fake):
    """A collection of the four lines in one document, of which nothing is counted as encoded yet."""
    collection = make(unit="line", word_vectors=request.param)
    collection.add([Document("\n".join(LINES), id="a")])
    fake.encoded = []
    return collection


@pytest.mark.parametrize(
    ("document", "encoded"),
    [
        (Document("\n".join(LINES), id="moved"), []),
        (Document("\n".join(["a new line", *LINES]), id="a"), ["a new line"]),
        (Document("\n".join([*LINES, "a last line"]), id="a"), ["a last line"]),
        (Document("\n".join(reversed(LINES)), id="b"), []),
        (Document("\n".join(LINES), id="a", title="T"), [f"T {line}" for line in LINES]),
    ],
    ids=["moved", "line on top", "line below", "another order", "new title"],
)
def test_only_new_passages_are_encoded(lines, fake, document, encoded):
    """By what the encoder reads: the title belongs to it, the place does not."""
    report = lines.add([document])
    assert sorted(fake.encoded) == sorted(encoded)
    assert (report.passages, report.reused) == (len(encoded), len(document.text.splitlines()) - len(encoded))
    check_scores(lines)
    if lines.settings.word_vectors:
        found = {(one.document, one.start, one.word) for one in lines.contexts("heron", k=100, same_word=True)}
        texts = {hit.document: "\n".join(LINES) for hit in lines.search("x", mode="dense")} | {
            document.id: document.text
        }
        assert found == {(name, text.index("heron"), "heron") for name, text in texts.items()}


def test_a_line_on_top_of_many_batches_is_all_that_is_encoded(make, fake, monkeypatch):
    """Each line is a document that changes; what it held is by then in a deleted row."""
    monkeypatch.setattr("semsearch.storage.sync.BATCH_DOCUMENTS", 3)
    collection = make()
    texts = [f"line number{n}" for n in range(20)]
    collection.add([Document(text, id=f"q:{n}") for n, text in enumerate(texts)])
    fake.encoded = []
    texts = ["first", "second", "third", "fourth", "fifth", *texts]
    report = collection.add([Document(text, id=f"q:{n}") for n, text in enumerate(texts)])
    assert sorted(fake.encoded) == sorted(texts[:5])
    assert (report.passages, report.reused) == (5, 20)
    check_scores(collection, "number3")


def test_a_text_that_comes_again_in_the_next_batch_is_encoded_once(make, fake, monkeypatch):
    """The batch before is not committed yet when the next one is planned."""
    monkeypatch.setattr("semsearch.storage.sync.BATCH_DOCUMENTS", 1)
    collection = make()
    report = collection.add([Document("the same", id=f"d{n}") for n in range(5)])
    assert fake.encoded == ["the same"]
    assert (report.passages, report.reused) == (1, 4)
    dry = collection.sync([Document("new", id=f"e{n}") for n in range(5)], dry_run=True)
    assert (dry.passages, dry.reused) == (1, 4)


def test_deleted_rows_are_known_until_a_compaction(lines, fake):
    """A document that comes back costs nothing; after the vectors are gone it is encoded again."""
    lines.delete(["a"])
    lines.add([Document("\n".join(LINES), id="a")])
    assert fake.encoded == ([] if not lines.settings.word_vectors else LINES)
    lines.delete(["a"])
    lines.compact()
    fake.encoded = []
    lines.add([Document("\n".join(LINES), id="a")])
    assert sorted(fake.encoded) == sorted(LINES)
    check_scores(lines)


def test_a_compaction_keeps_what_is_known(lines, fake):
    """Rows get other numbers, and texts keep their vectors."""
    lines.add([Document("a first one", id="gone")])
    lines.delete(["gone"])
    lines.add([Document("a second one", id="kept")])
    lines.compact()
    fake.encoded = []
    lines.add([Document("a second one\nthe heron waits", id="copy")])
    assert fake.encoded == []
    check_scores(lines)


def test_a_damaged_row_is_no_known_vector(make, fake):
    """What does not match its checksum is encoded again and not copied."""
    collection = make()
    collection.add([Document("the heron waits", id="a")])
    content = bytearray((collection.path / "vectors-0.f16").read_bytes())
    content[3] ^= 1
    (collection.path / "vectors-0.f16").write_bytes(content)
    fake.encoded = []
    with Collection.open(collection.path, fake) as again:
        again.add([Document("the heron waits", id="copy")])
    assert fake.encoded == ["the heron waits"]


def test_a_damaged_entry_is_read_as_nothing_known(make, fake):
    """A row that an entry names by mistake would give a text another's vector."""
    collection = make()
    collection.add([Document("the heron waits", id="a"), Document("a jet flies", id="b")])
    with closing(sqlite3.connect(collection.path / "collection.db")) as connection, connection:
        (content,) = connection.execute("SELECT content FROM readings").fetchone()
        swapped = content[24:] + content[:24]
        connection.execute("UPDATE readings SET content = ?", (swapped,))
    fake.encoded = []
    with Collection.open(collection.path, fake) as again:
        again.add([Document("the heron waits", id="copy")])
        assert again.search("heron", k=1, mode="dense")[0].text == "the heron waits"
    assert fake.encoded == ["the heron waits"]
    assert [finding.part for finding in verify_folder(collection.path).findings] == ["database"]


TEXT = st.text("ab ", max_size=4)


@given(st.lists(st.tuples(TEXT, TEXT), min_size=2, max_size=2, unique=True))
def test_digests_of_different_readings_differ(readings):
    """Where the title ends is a part of what is read, since words are kept of the passage alone."""
    one, other = (reading_digest(*reading) for reading in readings)
    assert one != other


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(st.sampled_from(LINES), max_size=4), max_size=6))
def test_vectors_are_those_of_encoding_everything(tmp_path_factory, versions):
    """However a document changes, its rows are to the bit what they are in a collection that is made at once."""
    fake = FakeEncoder()
    folder = tmp_path_factory.mktemp("versions")
    with Collection.create(folder / "grown", fake, CollectionSettings(unit="line")) as grown:
        for version in versions:
            grown.add([Document("\n".join(version), id="a"), Document("a stone", id="b")])
        last = next(iter(reversed(versions)), [])
        with Collection.create(folder / "made", FakeEncoder(), CollectionSettings(unit="line")) as made:
            made.add([Document("\n".join(last), id="a"), Document("a stone", id="b")] if versions else [])
            queries = fake.encode(LINES, Role.QUERY)
            for one, other in zip(grown.search_vectors(queries), made.search_vectors(queries), strict=True):
                assert sorted((hit.score, hit.text) for hit in one) == sorted((hit.score, hit.text) for hit in other)
