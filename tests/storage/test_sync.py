"""Bringing a collection up to date: what is stored, what is encoded, what is refused."""

from __future__ import annotations

import dataclasses
import itertools
import signal
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from semsearch import Collection, CollectionSettings, Document, SyncReport, Unit
from semsearch.common.errors import DamagedIndexWarning, DuplicateIdError, InputError
from semsearch.ingest.spans import split
from semsearch.storage import sync as sync_module
from semsearch.storage.tables.passages import Passages
from tests.support.fake_encoder import FakeEncoder, cosines


def content(collection):
    """Everything a collection holds: rows of all tables, and the bytes of the vector file and the index."""
    with closing(sqlite3.connect(collection.path / "collection.db")) as connection:
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        rows = {table: connection.execute(f"SELECT * FROM {table}").fetchall() for table in tables}
    files = {file.name: file.read_bytes() for file in collection.path.glob("*[!a-z]*.f[a-z0-9]*")}
    assert "vectors-0.f16" in files
    return rows, files


def texts(collection, query="bee"):
    """Texts of all passages."""
    return sorted(hit.text for hit in collection.search(query, k=1000, mode="dense"))


def test_adding_reports_what_it_did(notes):
    """New, changed and unchanged documents are counted, and passages as they are encoded."""
    first = [Document(id="a", text="a bee"), Document(id="b", text="a wasp"), "a fly"]
    assert notes.add(first) == SyncReport(added=3, passages=3)
    second = [Document(id="a", text="a bee"), Document(id="b", text="two wasps"), "a fly", "an ant"]
    assert notes.add(second) == SyncReport(added=1, updated=1, unchanged=2, passages=2)
    assert texts(notes) == ["a bee", "a fly", "an ant", "two wasps"]


def test_the_same_again_encodes_nothing(notes, fake):
    """A second run over equal documents neither encodes nor changes anything on disk."""
    documents = [Document(id="a", text="a bee", metadata={"b": 1, "a": (1, 2)}), "a wasp", Document("x", title="T")]
    notes.add(documents)
    before, fake.encoded = content(notes), []
    assert notes.add(documents) == SyncReport(unchanged=3)
    again = Document(id="a", text="a bee", metadata={"a": [1, 2], "b": 1})
    assert notes.add([again]) == SyncReport(unchanged=1)
    assert fake.encoded == []
    assert content(notes) == before


@pytest.mark.parametrize("change", [{"metadata": {"n": 2}}, {"source": "/new"}, {"source": None}, {"metadata": {}}])
def test_what_stands_beside_the_text_is_stored_without_encoding(notes, fake, change):
    """New metadata or another source reach the hits, and the text's vector is taken from where it was."""
    document = {"id": "a", "text": "a bee", "title": "T", "source": "/old", "metadata": {"n": 1}}
    notes.add([Document(**document)])
    fake.encoded = []
    assert notes.add([Document(**document | change)]) == SyncReport(updated=1, reused=1)
    assert fake.encoded == []
    hit = notes.search("bee", mode="dense")[0]
    assert (hit.source, hit.metadata) == tuple((document | change)[name] for name in ("source", "metadata"))
    assert notes.add([Document(**document | change)]) == SyncReport(unchanged=1)


@pytest.mark.parametrize("change", [{"title": "U"}, {"title": None}, {"text": "a bees"}])
def test_other_words_are_encoded_anew(notes, fake, change):
    """A title belongs to what is encoded."""
    document = {"id": "a", "text": "a bee", "title": "T"}
    notes.add([Document(**document)])
    fake.encoded = []
    assert notes.add([Document(**document | change)]) == SyncReport(updated=1, passages=1)
    assert len(fake.encoded) == 1
    assert notes.status().deleted == 1


def test_titles_are_read_before_every_passage(make, fake):
    """The encoder sees title and passage; the hit's text is the passage alone."""
    collection = make(unit="line")
    collection.add([Document(id="a", text="one\ntwo", title="Bees"), Document(id="b", text="three", title="")])
    assert fake.encoded == ["Bees one", "Bees two", "three"]
    assert texts(collection) == ["one", "three", "two"]


def test_equal_passages_are_encoded_once(make, fake):
    """Within a batch a text that occurs often has its vector made once, and all its passages are found."""
    collection = make(unit="line")
    report = collection.add([Document(id=name, text="same\nsame\nother") for name in "ab"])
    assert (report.passages, report.reused) == (2, 4)
    assert sorted(fake.encoded) == ["other", "same"]
    assert texts(collection) == ["other"] * 2 + ["same"] * 4
    np.testing.assert_allclose([hit.score for hit in collection.search("same", k=4, mode="dense")], 1, atol=1e-3)


@pytest.mark.parametrize("blank", ["", " ", "\n\t\u3000\x85"])
def test_blank_documents_are_counted_and_left_out(notes, blank):
    """A document without a letter has no passage, and one that becomes blank is removed."""
    assert notes.add([Document(id="a", text=blank), "a bee"]) == SyncReport(added=1, empty=1, passages=1)
    assert notes.add([Document(id="a", text="a wasp")]).added == 1
    assert notes.add([Document(id="a", text=blank)]) == SyncReport(empty=1, removed=1)
    assert texts(notes) == ["a bee"]
    assert list(notes.ids()) != ["a"]


def test_an_id_that_comes_twice_with_other_content_is_refused(notes):
    """The message names the id and the second source; what was committed before stays."""
    notes.add(["a fly"])
    documents = [Document(id="a", text="a bee"), Document(id="a", text="a wasp", source="/there")]
    with pytest.raises(DuplicateIdError, match="'a', the second in /there"):
        notes.add(documents)
    assert texts(notes) == ["a fly"]


def test_repeats_are_harmless(notes, fake):
    """The same document several times in one run is stored once."""
    repeated = Document(id="a", text="a bee", metadata={"x": 1})
    assert notes.add([repeated, "a fly", repeated, "a fly"]) == SyncReport(added=2, unchanged=2, passages=2)
    assert len(fake.encoded) == 2


def test_repeats_are_noticed_across_batches(notes, monkeypatch):
    """However far apart, an id cannot come back with other content."""
    monkeypatch.setattr(sync_module, "BATCH_DOCUMENTS", 2)
    start = [Document(id=str(n), text=f"bee {n}") for n in range(7)]
    with pytest.raises(DuplicateIdError, match="'0'"):
        notes.add([*start, Document(id="0", text="other")])
    assert set(texts(notes)) <= {document.text for document in start}
    assert notes.add(start).added == 7 - len(texts(notes)) or notes.status().documents == 7
    assert notes.status().documents == 7


def test_two_files_do_not_take_turns_under_one_id(notes, tmp_path):
    """An id that belongs to a file which still exists is not taken over; one whose file is gone is."""
    first, second = tmp_path / "first.txt", tmp_path / "second.txt"
    first.touch()
    second.touch()
    notes.add([Document(id="a", text="a bee", source=str(first))])
    with pytest.raises(DuplicateIdError, match=r"first\.txt"):
        notes.add([Document(id="a", text="a wasp", source=str(second))])
    assert texts(notes) == ["a bee"]
    first.unlink()
    assert notes.add([Document(id="a", text="a wasp", source=str(second))]).updated == 1


@pytest.mark.parametrize("source", ["x" * 5000, "a\0b", "https://example.org/?q=1", "\ud800"])
def test_a_source_may_be_any_text(notes, source):
    """A source that is no path, nor could be one, is stored, and may change."""
    notes.add([Document(id="a", text="a bee", source=source)])
    assert notes.search("bee", mode="dense")[0].source == source.replace("\ud800", "\ufffd")
    assert notes.add([Document(id="a", text="a bee", source="other")]).updated == 1


HARD = {
    "nul": "a\0b bee\0\0 c",
    "emoji": "👩‍👩‍👧‍👦 bee 🐝🇩🇪 wings",
    "surrogates": "bee \ud800 wings \udfff\ud83d",
    "chinese": "蜜蜂有翅膀。" * 30,
    "newlines": "one\r\ntwo\rthree\n\n\u2028four\x85five\x0bsix",
    "long": "the bee has wings and flies over the hills. " * 2300,
    "one word": "b" * 3000,
    "no tokens": "\0" * 500,
    "bom": "\ufeffbee wings",
}


@pytest.mark.parametrize("unit", list(Unit))
@pytest.mark.parametrize("name", HARD)
def test_texts_come_back_exactly(make, unit, name):
    """Whatever the text and the unit, every hit's text is the span of its document, and spans are found."""
    text = HARD[name]
    collection = make(unit=unit)
    report = collection.add([Document(id="a", text=text)])
    stored = text.translate(dict.fromkeys(range(0xD800, 0xE000), "\ufffd"))
    hits = sorted(collection.search("bee", k=100_000, mode="dense"), key=lambda hit: hit.passage)
    if name == "no tokens":
        assert (report.empty, hits) == (1, [])
        return
    assert report.added == 1
    assert hits
    assert [hit.passage for hit in hits] == list(range(report.passages + report.reused))
    assert all(hit.text == stored[hit.start : hit.end] for hit in hits)
    assert all(hit.text.strip() for hit in hits)
    if unit is not Unit.WINDOW:
        spans = split(stored, unit)
        of = [next(number for number, span in enumerate(spans) if span[0] <= hit.start < span[1]) for hit in hits]
        assert sorted(set(of)) == list(range(len(spans)))
        assert all(hit.end <= spans[number][1] for number, hit in zip(of, hits, strict=True))
        assert "".join("".join(hit.text.split()) for hit in hits) == "".join(stored.split())
    covered = set(itertools.chain.from_iterable(range(hit.start, hit.end) for hit in hits))
    missed = {place for place in range(len(stored)) if place not in covered}
    assert all(stored[place].isspace() or stored[place] == "\0" for place in missed)
    assert collection.add([Document(id="a", text=text)]) == SyncReport(unchanged=1)


@pytest.mark.parametrize(("window", "overlap"), [(None, None), (10, 0), (10, 3), (10, None), (1, 0), (500, 40)])
def test_windows_hold_as_many_tokens_as_told(make, fake, window, overlap):
    """No window exceeds the setting nor the model, and neighbours share about the overlap."""
    collection = make(unit="window", window=window, overlap=overlap)
    words = [f"w{n}" for n in range(200)]
    collection.add([Document(id="a", text=" ".join(words), title="A title")])
    room = fake.max_seq_length - fake.special_count - 2 - 2
    size = min(window or room, room)
    shared = size // 8 if overlap is None else min(overlap, size - 1)
    hits = sorted(collection.search("w1", k=1000, mode="dense"), key=lambda hit: hit.passage)
    found = [hit.text.split() for hit in hits]
    assert all(len(one) == size for one in found[:-1])
    assert len(found[-1]) <= size
    assert all(one[size - shared :] == other[:shared] for one, other in itertools.pairwise(found))
    assert list(dict.fromkeys(itertools.chain.from_iterable(found))) == words
    assert collection.status().truncated == 0


def test_what_does_not_fit_is_counted(make):
    """Passages that are longer than the model reads are reported, and stay in the status."""
    collection = make(unit="document")
    report = collection.add([" ".join(["bee"] * 50), "short", " ".join(["fly"] * 31)])
    assert (report.truncated, report.tokens_cut) == (2, 21)
    assert collection.status().truncated == 2


@pytest.mark.parametrize(
    "metadata",
    [
        {"x": {1, 2}},
        {"x": Path("a")},
        {"x": b"a"},
        {"x": float("nan")},
        {"x": float("inf")},
        {("a", "b"): 1},
        {1: "a", "b": 2},
        None,
        7,
        "text",
    ],
)
def test_metadata_that_json_cannot_hold_are_refused(notes, metadata):
    """The document is named, and nothing is stored."""
    with pytest.raises(InputError, match="metadata of document 'a'"):
        notes.add([Document(id="a", text="a bee", metadata=metadata)])
    assert notes.status().generation == 0


def test_metadata_without_end_are_refused(notes):
    """Neither a circle nor a very deep nest is stored."""
    circle, deep = {}, {}
    circle["x"] = circle
    for _ in range(100_000):
        deep = {"x": deep}
    for metadata in (circle, deep):
        with pytest.raises(InputError, match="metadata of document 'a'"):
            notes.add([Document(id="a", text="a bee", metadata=metadata)])


def test_metadata_come_back_as_json_has_them(notes):
    """Keys become strings, tuples lists, lone surrogates replacement characters, and all of it is found again."""
    metadata = {"n": {10: "ten", 9: (1, [2])}, "\udc80": "\ud800", "é": True}
    notes.add([Document(id="a", text="a bee", metadata=metadata)])
    expected = {"n": {"10": "ten", "9": [1, [2]]}, "\ufffd": "\ufffd", "é": True}
    assert notes.search("bee", mode="dense")[0].metadata == expected
    assert notes.add([Document(id="a", text="a bee", metadata=expected)]) == SyncReport(unchanged=1)


@pytest.mark.parametrize(
    "document",
    [
        7,
        None,
        b"bee",
        ["bee"],
        Document(None),
        Document(7),
        Document("a", id=7),
        Document("a", id=""),
        Document("a", title=1),
        Document("a", source=Path("a")),
    ],
)
def test_what_is_no_document_is_refused(notes, document):
    """Wrong types are named instead of being stored as something else."""
    with pytest.raises(InputError):
        notes.add(["a fly", document])
    assert notes.status().documents == 0


def test_ids_of_any_script_and_sign(notes):
    """Ids come back as given, but for lone surrogates, and serve to delete and to look up."""
    ids = ["a b", "é", "日本", "😀", "a\0b", "a\nb", "' OR 1=1 --", "%", "x" * 2000, "\udcff"]
    notes.add([Document(id=name, text=f"bee {n}") for n, name in enumerate(ids)])
    assert [hit.document for hit in notes.similar("\udcff", k=20)].count("\ufffd") == 0
    assert set(notes.ids()) == {*ids[:-1], "\ufffd"}
    assert len(notes.similar("a\0b", k=20)) == 9
    assert notes.delete(ids) == 10


def test_prune_removes_what_is_gone_from_its_sources_only(notes):
    """A sibling whose path begins alike, a document without source and what was seen again all stay."""
    sources = {"x": "/a/b/x", "file": "/a/b", "twin": "/a/bc", "sub": "/a/b/c/d", "up": "/a", "none": None, "y": "/z/y"}
    documents = {name: Document(id=name, text=f"bee {name}", source=source) for name, source in sources.items()}
    notes.add(documents.values())
    assert notes.sync([documents["x"]], prune=["/a/b"]) == SyncReport(unchanged=1, removed=2)
    assert set(notes.ids()) == {"x", "twin", "up", "none", "y"}
    assert notes.sync([], prune=[]) == SyncReport()
    assert notes.sync([], prune=["/zz", "/Z", "/z/y/"]) == SyncReport()
    assert notes.sync([], prune=["/z/", "/a/b/"]).removed == 2
    assert set(notes.ids()) == {"twin", "up", "none"}
    assert notes.sync([], prune=["/", "/a"]).removed == 2
    assert list(notes.ids()) == ["none"]


def test_prune_takes_its_sources_literally(notes):
    """Signs that databases give a meaning to have none here."""
    sources = ["/a%/x", "/ab/x", "/a_/x", "/é/x", "/a*/x"]
    notes.add([Document(id=source, text=f"bee {source}", source=source) for source in sources])
    assert notes.sync([], prune=["/a%", "/a_", "/a*", "/é"]).removed == 4
    assert list(notes.ids()) == ["/ab/x"]


def test_without_prune_nothing_is_removed(notes):
    """A run that does not name a document leaves it."""
    notes.add([Document(id="a", text="a bee", source="/a/x")])
    notes.sync([Document(id="b", text="a fly", source="/a/y")])
    assert set(notes.ids()) == {"a", "b"}


def test_a_dry_run_tells_and_changes_nothing(make, fake):
    """Its report is the one of the run that follows, and until then no byte and no row has changed."""
    collection = make(unit="line")
    old = {name: Document(id=name, text=f"{name}\nbee", source=f"/s/{name}") for name in "abcde"}
    collection.add(old.values())
    before, fake.encoded = content(collection), []
    documents = [
        old["a"],
        Document(id="b", text="new\nlines\nhere", source="/s/b"),
        Document(id="c", text=old["c"].text, source="/s/c", metadata={"n": 1}),
        Document(id="d", text=" ", source="/s/d"),
        Document(id="f", text="f", source="/s/f"),
        Document(id="g", text="", source="/s/g"),
    ]
    told = collection.sync(documents, prune=["/s"], dry_run=True)
    assert told == SyncReport(added=1, updated=2, unchanged=1, removed=2, empty=2, passages=4, reused=2)
    assert content(collection) == before
    assert fake.encoded == []
    assert collection.sync(documents, prune=["/s"]) == told
    assert content(collection) != before


def test_progress_is_reported_after_every_commit(notes, monkeypatch):
    """Counts grow batch by batch, and what is reported can be found by others."""
    monkeypatch.setattr(sync_module, "BATCH_DOCUMENTS", 3)
    other = Collection.open(notes.path, notes.encoder)
    seen = []
    report = notes.sync(
        [f"bee {n}" for n in range(8)], progress=lambda now: seen.append((now.passages, other.status().passages))
    )
    assert seen == [(3, 3), (6, 6), (8, 8)]
    assert report == SyncReport(added=8, passages=8)


@pytest.mark.parametrize("characters", [1, 40, 100_000])
def test_batches_end_at_a_number_of_characters(notes, fake, monkeypatch, characters):
    """However small the batches, all documents arrive."""
    monkeypatch.setattr(sync_module, "BATCH_CHARACTERS", characters)
    notes.add(f"bee number {n}" for n in range(20))
    assert texts(notes) == sorted(f"bee number {n}" for n in range(20))
    assert len(fake.encoded) == 20


class Interrupted(BaseException):
    """Stands for Ctrl-C."""


@pytest.mark.parametrize(
    "error", [ValueError("broken"), OSError(2, "no such", "/theirs"), Interrupted(), KeyboardInterrupt()]
)
def test_what_the_documents_raise_is_passed_on(notes, monkeypatch, error):
    """An error of the iterable is not taken for one of the collection; committed batches stay, and a rerun goes on."""
    monkeypatch.setattr(sync_module, "BATCH_DOCUMENTS", 2)

    def documents():
        yield from (f"bee {n}" for n in range(9))
        raise error

    with pytest.raises(type(error)) as caught:
        notes.add(documents())
    assert caught.value is error
    kept = texts(notes)
    assert kept == [f"bee {n}" for n in range(len(kept))]
    assert len(kept) >= 4
    assert notes.add(f"bee {n}" for n in range(9)) == SyncReport(
        added=9 - len(kept), unchanged=len(kept), passages=9 - len(kept)
    )


def test_an_error_of_a_database_of_theirs_is_passed_on(notes):
    """Documents that come from somebody's own database may fail without this one being called damaged."""

    def documents():
        yield "a bee"
        sqlite3.connect(":memory:").execute("SELECT * FROM absent")

    with pytest.raises(sqlite3.OperationalError, match="no such table: absent"):
        notes.add(documents())


@pytest.mark.parametrize("error", [RuntimeError("no memory"), KeyboardInterrupt()])
def test_an_encoder_that_fails_leaves_what_was_committed(notes, fake, monkeypatch, error):
    """Its error is passed on, no half batch is visible, and the lock is free again."""
    monkeypatch.setattr(sync_module, "BATCH_DOCUMENTS", 2)
    encode = fake.encode_counted

    def failing(passages, role=None):
        if "bee 5" in passages:
            raise error
        return encode(passages, role)

    monkeypatch.setattr(fake, "encode_counted", failing)
    with pytest.raises(type(error)):
        notes.add(f"bee {n}" for n in range(20))
    assert texts(notes) == [f"bee {n}" for n in range(4)]
    monkeypatch.setattr(fake, "encode_counted", encode)
    assert notes.add(f"bee {n}" for n in range(20)).unchanged == 4
    assert len(texts(notes)) == 20


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="needs POSIX signals")
def test_an_interrupted_run_does_not_encode_what_was_waiting(notes, fake, monkeypatch):
    """Ctrl-C lets the batch that is being encoded end, and no other begin."""
    monkeypatch.setattr(sync_module, "BATCH_DOCUMENTS", 2)
    committing, interrupted = threading.Event(), threading.Event()
    commit, encode = sync_module.Sync._commit, fake.encode_counted

    def commit_soon(self, *rest):
        committing.set()
        try:
            commit(self, *rest)
        except KeyboardInterrupt:
            threading.Timer(0.2, interrupted.set).start()
            raise

    def encode_slowly(passages, role=None):
        committing.wait()
        time.sleep(0.3)  # until the main thread waits: a signal just before that is seen only after the wait
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        interrupted.wait(timeout=10)
        return encode(passages, role)

    monkeypatch.setattr(sync_module.Sync, "_commit", commit_soon)
    monkeypatch.setattr(fake, "encode_counted", encode_slowly)
    with pytest.raises(KeyboardInterrupt):
        notes.add(f"bee {n}" for n in range(8))
    deadline = time.monotonic() + 10
    while not fake.encoded and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.2)  # another batch would begin at once
    assert fake.encoded == ["bee 0", "bee 1"]
    assert notes.status().documents == 0


def test_a_progress_that_fails_leaves_what_was_committed(notes, monkeypatch):
    """An interrupted callback stops the run after a whole commit."""
    monkeypatch.setattr(sync_module, "BATCH_DOCUMENTS", 2)

    def progress(report):
        if report.passages == 4:
            raise BrokenPipeError(32, "Broken pipe")

    with pytest.raises(BrokenPipeError):
        notes.sync((f"bee {n}" for n in range(20)), progress=progress)
    assert texts(notes) == [f"bee {n}" for n in range(4)]


def test_a_commit_that_fails_changes_nothing(notes, monkeypatch):
    """When a statement in the middle of a commit fails, no part of it is visible, and the next run is whole."""
    notes.add([Document(id="a", text="a bee"), Document(id="b", text="a fly")])
    insert = Passages.insert

    def failing(self, connection, addition):
        insert(self, connection, addition)
        raise KeyboardInterrupt

    documents = [Document(id="a", text="new bee"), Document(id="b", text="new fly"), Document(id="c", text="new ant")]
    with monkeypatch.context() as patch:
        patch.setattr(Passages, "insert", failing)
        with pytest.raises(KeyboardInterrupt):
            notes.add(documents)
    assert texts(notes) == ["a bee", "a fly"]
    assert notes.add(documents) == SyncReport(added=1, updated=2, passages=3)
    assert texts(notes) == ["new ant", "new bee", "new fly"]
    np.testing.assert_allclose(
        sorted(hit.score for hit in notes.search("new bee", k=3, mode="dense")),
        sorted(cosines("new bee", ["new ant", "new bee", "new fly"])),
        atol=1e-5,
    )


def test_memory_for_documents_does_not_grow_with_their_number(notes, monkeypatch):
    """While documents stream through, only a few batches of them are held at a time."""
    monkeypatch.setattr(sync_module, "BATCH_DOCUMENTS", 10)
    alive, most = 0, 0

    class Counted(str):
        __slots__ = ()

        def __del__(self):
            nonlocal alive
            alive -= 1

    def documents():
        nonlocal alive, most
        for n in range(300):
            alive += 1
            most = max(most, alive)
            yield Document(id=str(n), text=Counted(f"bee {n}"))

    notes.add(documents())
    assert 10 <= most <= 40


def check_scores(hits, query, known, k):
    """Hits are k different texts of those that are known, with their true scores in order; gives the scores."""
    assert len(hits) == min(k, len(known))
    assert len({hit.text for hit in hits}) == len(hits)
    assert {hit.text for hit in hits} <= set(known)
    scores = [hit.score for hit in hits]
    assert scores == sorted(scores, reverse=True)
    np.testing.assert_allclose(scores, cosines(query, [hit.text for hit in hits]), atol=1e-5)
    return scores


def test_a_grown_tail_is_indexed(make, small_index):
    """With enough new rows an index is written and recorded, results stay, and old index files go."""
    small_index(tail=20, part=200)
    collection = make(unit="document")
    everything = [f"bee {n} wing{n % 7}" for n in range(200)]
    for start in range(0, 200, 16):
        collection.add(everything[start : start + 16])
        known = everything[: start + 16]
        best = sorted(cosines("wing3 bee", known))[::-1][:12]
        for searched in (collection, Collection.open(collection.path, collection.encoder)):
            near = check_scores(searched.search("wing3 bee", k=12, mode="dense"), "wing3 bee", known, 12)
            np.testing.assert_allclose(near[: len(best) // 2], best[: len(best) // 2], atol=1e-5)
            true = check_scores(searched.search("wing3 bee", k=12, exact=True, mode="dense"), "wing3 bee", known, 12)
            np.testing.assert_allclose(true, best, atol=1e-5)
    status = collection.status()
    assert 0 < status.tail <= 20
    assert status.indexed + status.tail == 200
    assert len(list(collection.path.glob("*index*"))) == 1


def test_deletions_in_the_index_and_behind_it(make, small_index):
    """Rows that were deleted are left out in both parts, and all others are found with their scores."""
    small_index(tail=5, part=64)
    collection = make(unit="document")
    everything = [f"bee {n}" for n in range(34)]
    for part in (everything[:30], everything[30:]):
        collection.add(Document(id=text, text=text) for text in part)
    assert collection.status().tail == 4
    for gone in (["bee 31"], ["bee 3", "bee 33"], ["bee 30", "bee 32"]):
        collection.delete(gone)
        everything = [text for text in everything if text not in gone]
        for k in (1, 7, 100):
            check_scores(collection.search("bee 31 33", k=k, mode="dense"), "bee 31 33", everything, k)
            true = check_scores(
                collection.search("bee 31 33", k=k, exact=True, mode="dense"), "bee 31 33", everything, k
            )
            np.testing.assert_allclose(true, sorted(cosines("bee 31 33", everything))[::-1][:k], atol=1e-5)


@pytest.mark.parametrize("damage", ["missing", "flipped", "short", "empty", "other"])
def test_a_lost_index_changes_no_result(caplog, make, small_index, damage):
    """Without a sound index file the results are exact, with a warning, and the next write builds it again."""
    small_index(tail=5, part=128)
    collection = make(unit="document")
    everything = [f"bee {n}" for n in range(60)] + [f"fly {n}" for n in range(4)]
    collection.add(Document(id=text, text=text) for text in everything[:60])
    collection.add(Document(id=text, text=text) for text in everything[60:])
    collection.delete([everything.pop(0)])
    (index,) = collection.path.glob("index-*.faiss")
    sound = index.read_bytes()
    damaged = {
        "flipped": bytes([sound[0] ^ 1]) + sound[1:],
        "short": sound[:-1],
        "empty": b"",
        "other": bytes(len(sound)),
    }
    index.unlink()
    if damage != "missing":
        index.write_bytes(damaged[damage])
    opened = Collection.open(collection.path, collection.encoder)
    with pytest.warns(DamagedIndexWarning, match=rf"{index.name} .*slower.*semsearch compact notes"):
        scores = check_scores(opened.search("bee 7", k=30, mode="dense"), "bee 7", everything, 30)
    np.testing.assert_allclose(scores, sorted(cosines("bee 7", everything))[::-1][:30], atol=1e-5)
    opened.sync(["one more"])
    assert "an index file is damaged or missing: rebuilding it" in caplog.messages
    (index,) = collection.path.glob("index-*.faiss")
    assert opened.status().tail == 0
    (collection.path / ".index-99.faiss.tmp").touch()
    opened.add(f"ant {n}" for n in range(30))
    assert len(list(collection.path.glob("*index*"))) == 1
    assert len(opened.search("bee 7", k=1000, mode="dense")) == 94


LINES = st.lists(st.sampled_from(["bee", "wing fly", "a b", " ", "", "hill over"]), max_size=5).map("\n".join)


@given(st.lists(st.tuples(st.sampled_from("abcd"), LINES), max_size=6, unique_by=lambda pair: pair[0]))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_reports_add_up(tmp_path, pairs):
    """Every document is added, updated, unchanged or blank, and the collection holds those that are not blank."""
    name = f"c{len(list(tmp_path.iterdir()))}"
    collection = Collection.create(tmp_path / name, FakeEncoder(), CollectionSettings(unit=Unit.LINE))
    collection.add([Document(id="a", text="bee"), Document(id="b", text="fly")])
    report = collection.add([Document(id=key, text=text) for key, text in pairs])
    filled = {key for key, text in pairs if text.strip()}
    assert report.added + report.updated + report.unchanged == len(filled)
    assert report.empty == len(pairs) - len(filled)
    assert report.removed == len({"a", "b"} & ({key for key, _ in pairs} - filled))
    assert set(collection.ids()) == filled | ({"a", "b"} - {key for key, _ in pairs})
    collection.close()


@pytest.mark.parametrize("make_level", [lambda inner: [inner], lambda inner: {"a": inner}], ids=["lists", "objects"])
def test_metadata_that_are_nested_too_deep_are_refused_when_they_come_in(notes, make_level):
    """What is taken can be searched, printed and exported; what is not says how deep it may be."""

    def nested(levels):
        value = 1
        for _ in range(levels):
            value = make_level(value)
        return {"m": value}

    notes.add([Document("a bee", id="a", metadata=nested(99))])
    assert dataclasses.asdict(notes.search("bee", mode="dense")[0])["metadata"] == nested(99)
    for levels in (100, 900, 100_000):
        with pytest.raises(InputError, match="metadata of document 'b'"):
            notes.add([Document("a fly", id="b", metadata=nested(levels))])
    assert notes.ids() == ["a"]
