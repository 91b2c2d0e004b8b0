"""A collection as a whole: made, opened, described, dropped."""

from __future__ import annotations

import re
import shutil
import sqlite3
import stat
from contextlib import closing

import numpy as np
import pytest

from semsearch import Collection, CollectionSettings, Document
from semsearch.common.errors import (
    CollectionExistsError,
    CollectionNotFoundError,
    DamagedError,
    InputError,
    LockedError,
    SpaceMismatchError,
)
from semsearch.storage import creation, locking
from semsearch.storage import settings as settings_module
from semsearch.storage.folder import exists, list_collections
from tests.support.fake_encoder import FakeEncoder
from tests.support.opened import snapshot_of


def test_a_new_collection_is_empty(notes, tmp_path):
    """It has its files, no documents, no hits, and nothing else is left in the folder it was made in."""
    assert [entry.name for entry in tmp_path.iterdir()] == ["notes"]
    assert {"collection.db", "vectors-0.f16"} <= {file.name for file in notes.path.iterdir()}
    assert notes.search("anything") == []
    status = notes.status()
    assert (status.documents, status.passages, status.deleted, status.generation) == (0, 0, 0, 0)


def test_create_makes_the_folders_above(tmp_path, fake):
    """The folder of collections is made with the first collection."""
    assert Collection.create(tmp_path / "deep" / "er" / "notes", fake).name == "notes"
    assert list_collections(tmp_path / "deep" / "er") == ["notes"]


def test_a_collection_has_the_rights_of_any_new_folder(notes, tmp_path):
    """The user's umask decides who may look in."""
    (tmp_path / "plain").mkdir()
    assert stat.S_IMODE(notes.path.stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


@pytest.mark.parametrize("kind", ["collection", "folder", "full", "file"])
def test_create_refuses_a_path_that_is_taken(tmp_path, fake, kind):
    """Whatever is there stays as it is."""
    path = tmp_path / "notes"
    if kind == "collection":
        Collection.create(path, fake).add(["A bee."])
    elif kind == "file":
        path.write_text("mine")
    else:
        path.mkdir()
    if kind == "full":
        (path / "mine").write_text("mine")
    with pytest.raises(CollectionExistsError, match=re.escape(str(path))):
        Collection.create(path, fake)
    assert [entry.name for entry in tmp_path.iterdir()] == ["notes"]
    if kind == "collection":
        assert Collection.open(path, fake).status().documents == 1
    if kind == "full":
        assert (path / "mine").read_text() == "mine"


def test_two_who_make_the_same_collection_at_once(tmp_path, fake, monkeypatch):
    """The later one is told that the path is taken, and leaves nothing behind."""
    path = tmp_path / "notes"
    make = creation.fill_folder

    def slow(folder, *rest):
        make(folder, *rest)
        monkeypatch.setattr(creation, "fill_folder", make)
        Collection.create(path, fake).add(["first"])

    monkeypatch.setattr(creation, "fill_folder", slow)
    with pytest.raises(CollectionExistsError):
        Collection.create(path, fake)
    assert [entry.name for entry in tmp_path.iterdir()] == ["notes"]
    assert Collection.open(path, fake).status().documents == 1


def test_a_failed_create_leaves_nothing(tmp_path, fake, monkeypatch):
    """An interrupted create leaves no folder, and can be repeated."""

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(creation, "create_schema", interrupted)
        with pytest.raises(KeyboardInterrupt):
            Collection.create(tmp_path / "notes", fake)
    assert not list(tmp_path.iterdir())
    Collection.create(tmp_path / "notes", fake)


def test_what_was_added_is_there_when_opened_again(notes, fake):
    """Text, title, source and metadata come back in a new object, as do the vectors."""
    document = Document(id="b", text="bee wings", title="Bees", source="s", metadata={"n": [1, None, {"x": "é"}]})
    notes.add([document, "far away"])
    notes.close()
    hit = Collection.open(notes.path, fake).search("bee wings", k=1)[0]
    assert (hit.document, hit.text, hit.title, hit.source, hit.metadata) == (
        "b",
        "bee wings",
        "Bees",
        "s",
        document.metadata,
    )


@pytest.mark.parametrize(
    ("wanted", "told"),
    [("note", "did you mean 'notes'"), ("xyz", "there are: Zoo, notes"), ("sub/notes", "make one with")],
)
def test_an_unknown_collection_is_named_with_the_nearest(make, tmp_path, wanted, told):
    """The error suggests what there is."""
    make("notes")
    make("Zoo")
    (tmp_path / "stray").mkdir()
    with pytest.raises(CollectionNotFoundError, match=told):
        Collection.open(tmp_path / wanted)


def test_collections_are_listed_by_name(make, tmp_path):
    """Only folders with a database count, and hidden ones do not."""
    make("b")
    make("a")
    (tmp_path / "stray").mkdir()
    (tmp_path / ".c").mkdir()
    (tmp_path / ".c" / "collection.db").touch()
    assert list_collections(tmp_path) == ["a", "b"]
    assert list_collections(tmp_path / "nowhere") == []
    assert exists(tmp_path / "a")
    assert not exists(tmp_path / "stray")


def test_another_model_is_refused(notes):
    """The message names both models, and what to do; nothing is stored."""
    other = FakeEncoder(name="other-model", fingerprint="0" * 32)
    for refused in (lambda: Collection.open(notes.path, other), lambda: notes._store.attach(other)):
        with pytest.raises(SpaceMismatchError, match=r"'fake'.*'other-model'.*Open it with its own model"):
            refused()
    assert notes.encoder.name == "fake"


def test_an_equal_model_of_another_name_is_taken(notes):
    """The fingerprint decides, not the name."""
    other = FakeEncoder(name="same-model-elsewhere")
    assert Collection.open(notes.path, other).encoder is other


def test_the_model_is_loaded_when_it_is_first_needed(notes, monkeypatch):
    """Opening, describing and deleting need no model; searching loads the stored one, once."""
    notes.add(["A bee."])
    asked = []

    def load(model, *, options, local_only):
        asked.append((model, options, local_only))
        return FakeEncoder()

    monkeypatch.setattr(settings_module.Encoder, "load", load)
    opened = Collection.open(notes.path)
    assert opened.status().documents == 1
    assert opened.delete(["nothing"]) == 0
    assert asked == []
    assert len(opened.search("bee")) == len(opened.search("bee")) == 1
    assert asked == [("fake", FakeEncoder().options, True)]


def test_a_stored_model_that_has_changed_is_refused(notes, monkeypatch):
    """If the model of the stored name makes other vectors now, nothing is searched."""
    monkeypatch.setattr(settings_module.Encoder, "load", lambda *_, **__: FakeEncoder(fingerprint="1" * 32))
    with pytest.raises(SpaceMismatchError, match="11111111"):
        Collection.open(notes.path).search("bee")


def test_status_counts(make):
    """Documents, passages, cut passages, deleted rows and bytes are what a look at the files gives."""
    collection = make(unit="line")
    collection.add([Document(id="a", text="one\ntwo"), Document(id="b", text=" ".join(["long"] * 40))])
    collection.add([Document(id="a", text="three\nfour\nfive")])
    status = collection.status()
    assert (status.name, status.path) == ("notes", str(collection.path))
    assert (status.documents, status.passages, status.truncated, status.deleted) == (2, 4, 1, 2)
    assert (status.model, status.dimension, status.unit, status.generation) == ("fake", 16, "line", 2)
    assert status.fingerprint == "f" * 32
    assert (status.indexed, status.tail) == (0, 6)
    assert status.bytes == sum(file.stat().st_size for file in collection.path.iterdir())
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", status.created)


def test_delete_counts_what_was_there(notes, fake):
    """Unknown ids and repeats do not count; what is deleted is no longer found, nor its vectors used."""
    notes.add([Document(id=name, text=f"bee {name}") for name in "abc"])
    assert notes.delete(["a", "zz", "a", "\ud800"]) == 1
    assert notes.delete(iter(["a"])) == 0
    assert {hit.document for hit in notes.search("bee a")} == {"b", "c"}
    assert {hit.document for hit in Collection.open(notes.path, fake).search("bee a")} == {"b", "c"}
    assert notes.status().deleted == 1
    assert list(notes.ids()) == ["b", "c"]


def test_more_ids_than_a_statement_takes_can_be_deleted(notes):
    """Twelve hundred deletions are one commit."""
    notes.add([Document(id=str(n), text=f"bee {n}") for n in range(1200)])
    generation = notes.status().generation
    assert notes.delete([str(n) for n in range(1199)]) == 1199
    assert notes.status().generation == generation + 1
    assert [hit.document for hit in notes.search("bee", k=5)] == ["1199"]


def test_a_single_string_is_not_taken_for_a_list(notes):
    """A string where a list is wanted is refused instead of being read letter by letter."""
    notes.add([Document(id="a", text="a bee"), Document(id="b", text="b", source="/")])
    for call in (
        lambda: notes.delete("ab"),
        lambda: notes.add("A bee has wings."),
        lambda: notes.add(Document("A bee has wings.")),
        lambda: notes.sync([], prune="/"),
    ):
        with pytest.raises(InputError, match="list"):
            call()
    assert notes.status().documents == 2


def test_ids_are_listed_while_the_collection_changes(notes):
    """A listing that has begun gives the ids of its beginning, and does not hold searches at that state."""
    notes.add([Document(id=name, text=f"bee {name}") for name in "cab"])
    listing = iter(notes.ids())
    assert next(listing) == "a"
    notes.delete(["b"])
    assert {hit.document for hit in notes.search("bee")} == {"a", "c"}
    assert list(listing) == ["b", "c"]


def test_drop_leaves_nothing(notes, tmp_path):
    """The folder is gone, using the collection says so, and its name is free again."""
    notes.add(["A bee."])
    other = Collection.open(notes.path, notes.encoder)
    assert len(other.search("bee")) == 1
    notes.drop()
    assert not list(tmp_path.iterdir())
    for use in (
        notes.status,
        notes.drop,
        lambda: other.search("bee"),
        lambda: other.add(["x"]),
        lambda: snapshot_of(other),
    ):
        with pytest.raises(CollectionNotFoundError, match="no collection 'notes'"):
            use()
    assert not list(tmp_path.iterdir())
    Collection.create(notes.path, notes.encoder)


def test_a_collection_made_in_the_place_of_a_dropped_one_is_not_confused_with_it(notes, tmp_path):
    """An object that was opened on the earlier one neither reads nor writes the new one."""
    notes.add(["A bee."])
    assert len(notes.search("bee")) == 1
    Collection.open(notes.path).drop()
    new = Collection.create(tmp_path / "notes", FakeEncoder(8, fingerprint="e" * 32))
    new.add(["A wasp."])
    for use in (lambda: notes.search("bee"), lambda: notes.add(["x"]), lambda: notes.delete(["x"])):
        with pytest.raises(CollectionNotFoundError, match="open it again"):
            use()
    assert [hit.text for hit in new.search("wasp")] == ["A wasp."]


def test_a_collection_that_is_put_back_is_read_anew(notes, tmp_path, fake):
    """When a backup takes the place of the files, searches read the backup."""
    notes.add(["A bee."])
    notes._store.close()
    shutil.copytree(notes.path, tmp_path / "backup")
    notes.add(["A wasp."])
    assert len(notes.search("bee")) == 2
    shutil.rmtree(notes.path)
    (tmp_path / "backup").rename(notes.path)
    assert [hit.text for hit in notes.search("bee")] == ["A bee."]
    Collection.open(notes.path, fake).add(["A fly."])
    assert {hit.text for hit in notes.search("bee")} == {"A bee.", "A fly."}


def test_a_writer_that_waits_too_long_gives_up(notes, monkeypatch):
    """While another one writes, a write is refused after a time, and searching goes on."""
    monkeypatch.setattr(locking, "LOCK_SECONDS", 0.2)
    notes.add(["A bee."])
    other = Collection.open(notes.path, notes.encoder)

    def documents():
        yield "A wasp."
        with pytest.raises(LockedError, match="another process"):
            other.add(["A fly."])
        with pytest.raises(LockedError):
            other.drop()
        assert len(other.search("bee")) == 1

    notes.add(documents())
    other.add(["A fly."])
    assert notes.status().documents == 3


def test_a_writer_that_waited_for_a_drop_does_not_bring_the_collection_back(notes, tmp_path, monkeypatch):
    """Who gets the lock of a collection that is gone is told so, and leaves nothing behind."""
    other = Collection.open(notes.path, notes.encoder)
    for write in (lambda: other.add(["a bee"]), lambda: other.delete(["a"]), other.drop):
        with monkeypatch.context() as patch:

            def dropped_after(path, patch=patch):
                patch.undo()
                Collection.open(path).drop()
                return True

            patch.setattr(locking, "exists", dropped_after)
            with pytest.raises(CollectionNotFoundError, match="no collection 'notes'"):
                write()
        assert not list(tmp_path.iterdir())
        Collection.create(notes.path, notes.encoder).close()


def test_damaged_vectors_are_not_searched(notes, fake):
    """A changed byte in the vector file is an error at the next opening, not a wrong score."""
    notes.add(["A bee.", "A wasp."])
    file = notes.path / "vectors-0.f16"
    content = bytearray(file.read_bytes())
    content[5] ^= 1
    file.write_bytes(content)
    with pytest.raises(DamagedError, match="row 0 "):
        Collection.open(notes.path, fake).search("bee")


def test_a_failed_open_keeps_no_file_open(notes):
    """Refusing a collection gives its connection back."""
    import psutil

    with closing(sqlite3.connect(notes.path / "collection.db")) as connection, connection:
        connection.execute("UPDATE meta SET value = '9' WHERE key = 'format'")
    notes.close()
    caught = []
    for _ in range(3):
        with pytest.raises(Exception, match="format 9") as error:
            Collection.open(notes.path)
        caught.append(error)
    assert not [file.path for file in psutil.Process().open_files() if file.path.startswith(str(notes.path))]


def test_a_write_leaves_a_database_that_is_whole_by_itself(notes, fake, tmp_path):
    """After a write the database file holds everything, even while readers have it open."""
    notes.add(["a bee"])
    other = Collection.open(notes.path, fake)
    assert len(other.search("bee")) == 1
    notes.add(["a fly"])
    (tmp_path / "copy").mkdir()
    for file in ("collection.db", "vectors-0.f16"):
        shutil.copy(notes.path / file, tmp_path / "copy")
    assert len(Collection.open(tmp_path / "copy", fake).search("bee")) == 2


def test_a_write_does_not_wait_for_readers(notes, fake):
    """A pinned reader keeps its state, and the writer goes on."""
    notes.add(["a bee"])
    other = Collection.open(notes.path, fake)
    with other._store.pinned() as snapshot:
        notes.add(["a fly"])
        assert snapshot.rows == 1
        assert notes.status().passages == 2
    assert snapshot_of(other).rows == 2


def test_pinned_states_stay(notes, fake):
    """In a pinned block searches and passages belong together, whatever another one commits meanwhile."""
    notes.add([Document(id="b", text="bee wings"), "far away"])
    other = Collection.open(notes.path, fake)
    vector = np.asarray(fake.encode(["bee"]), np.float32)
    with notes._store.pinned() as snapshot:
        _, ids = snapshot.search(vector, 1)
        other.add([Document(id="b", text="wasp sting")])
        assert notes._store.passages(ids[0].tolist())[int(ids[0, 0])].document.text == "bee wings"
        assert snapshot_of(notes) is snapshot
        assert list(notes.ids()) == list(other.ids())
        assert notes.status().generation == snapshot.state.generation < other.status().generation
    assert {hit.text for hit in notes.search("bee")} == {"wasp sting", "far away"}


def test_a_snapshot_is_kept_until_a_commit(make):
    """The same object serves all searches of a state; a commit elsewhere makes a new one."""
    collection = make(unit="document")
    collection.add(["A bee."])
    first = snapshot_of(collection)
    assert snapshot_of(collection) is first
    Collection.open(collection.path, collection.encoder).delete(list(collection.ids()))
    second = snapshot_of(collection)
    assert second is not first
    assert second.searcher is not first.searcher
    assert second.passages.parts == first.passages.parts
    assert (first.rows - len(first.dead), second.rows - len(second.dead)) == (1, 0)


def test_default_settings(tmp_path, fake):
    """Without settings a collection is split into windows."""
    assert Collection.create(tmp_path / "notes", fake).settings == CollectionSettings()
