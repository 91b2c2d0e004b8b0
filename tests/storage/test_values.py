"""Every column of every table with values of other types and sizes: damage that is told, whatever is asked."""

from __future__ import annotations

import random
import shutil
import sqlite3
import warnings
from contextlib import closing

import pytest

from semsearch import Collection, CollectionSettings, Document
from semsearch.common.errors import DamagedIndexWarning, SemsearchError
from semsearch.index import plan
from semsearch.storage.tables import TABLES
from semsearch.storage.upkeep.repair import repair_folder
from semsearch.storage.upkeep.verify import verify_folder
from tests.support.fake_encoder import FakeEncoder

VALUES = (
    None,
    "",
    "x",
    "12",
    b"",
    b"\x00",
    b"\xff\xfe",
    b"\x09" * 40,
    0,
    1,
    -1,
    1.5,
    1 << 31,
    (1 << 63) - 1,
    -(1 << 63),
    1e308,
    float("inf"),
    "[" * 5000,
    '"x"',
    "{}",
    "1e400",
)
"""What a flipped byte may make of a value, or somebody who means it."""
TEXTS = {"bee": "A bee hums. It stings.", "jet": "A jet roars.", "soup": "A soup cools."}


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A collection with an index, deleted rows and word vectors, whose tables take NULL, too."""
    path = tmp_path_factory.mktemp("values") / "sound"
    small = pytest.MonkeyPatch()
    for name, value in (("EXACT_MS", 0.0), ("LATENCY_MS", 1e9), ("LISTS", 1)):
        small.setattr(plan, name, value)
    settings = CollectionSettings(unit="sentence", word_vectors=True)
    with Collection.create(path, FakeEncoder(), settings) as collection:
        collection.add([Document(text, id=name, source=f"/{name}.txt") for name, text in TEXTS.items()])
        collection.add([Document(f"A line about hill{n}.", id=f"d{n}") for n in range(30)])
        collection.tune(factory="Flat")
        collection.compact()
        collection.delete(["d3", "d4"])
        collection.add([Document("A late bee.", id="late")])
    small.undo()
    with closing(sqlite3.connect(path / "collection.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA writable_schema=ON")
        connection.execute("UPDATE sqlite_master SET sql = replace(sql, 'NOT NULL', '')")
    assert verify_folder(path).sound
    return path


def columns():
    """Every table and column; primary keys are values as well."""
    with closing(sqlite3.connect(":memory:")) as connection:
        from semsearch.storage.database.state import STATE_DDL

        connection.executescript(STATE_DDL + "".join(table.ddl for table in TABLES))
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return [(name, row[1]) for name in tables for row in connection.execute(f"PRAGMA table_info({name})")]


USES = {
    "search": lambda c: [hit.text for hit in c.search("bee hums", k=100)],
    "exact": lambda c: [hit.text for hit in c.search("bee hums", k=100, exact=True)],
    "similar": lambda c: [hit.document for hit in c.similar("bee")],
    "contexts": lambda c: [(hit.document, hit.start) for hit in c.contexts("bee", k=100)],
    "ids": Collection.ids,
    "status": lambda c: (c.status().documents, c.status().passages),
}
WRITES = {
    "add": lambda c: c.add([Document("A wasp stings.", id="wasp"), Document("A bee hums.", id="bee")]),
    "prune": lambda c: c.sync([], prune=["/"]),
    "delete": lambda c: c.delete(["jet", "d7"]),
    "tune": lambda c: c.tune(recall=0.9),
    "compact": Collection.compact,
}


def outcome(path, use):
    """What an operation gives, or the error of ours that it ends with; another error is a failure."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DamagedIndexWarning)
        try:
            with Collection.open(path, FakeEncoder()) as collection:
                return use(collection)
        except SemsearchError:
            return SemsearchError


@pytest.fixture(scope="module")
def expected(sound):
    """What the sound collection answers."""
    return {name: outcome(sound, use) for name, use in USES.items()}


@pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.long)], ids=["some", "every"])
@pytest.mark.parametrize(("table", "column"), columns())
def test_a_value_of_another_kind_is_damage_and_nothing_else(tmp_path, sound, expected, table, column, every):
    """Answers are as before or refused, and a repair that is possible leaves a sound collection."""
    chosen = random.Random(f"{table} {column}").sample(VALUES, 2)  # noqa: S311 - no secret
    for number, value in enumerate(VALUES if every else chosen):
        path = tmp_path / f"{number}"
        shutil.copytree(sound, path)
        with closing(sqlite3.connect(path / "collection.db")) as connection, connection:
            query = f"UPDATE {table} SET {column} = ? WHERE rowid = (SELECT min(rowid) FROM {table})"
            if table in ("meta", "tuning", "word_tuning", "sources"):  # without rowid
                query = f"UPDATE {table} SET {column} = ? WHERE {column} = (SELECT max({column}) FROM {table})"
            try:
                connection.execute(query, (value,))
            except sqlite3.Error:  # the key of another row, or no number where only a number can be
                continue
        report = verify_folder(path)
        for name, use in USES.items():
            found = outcome(path, use)
            assert found in (expected[name], SemsearchError), (value, name, found)
            assert found == expected[name] or not report.sound, (value, name)
        for name, use in WRITES.items():
            written = tmp_path / f"{number}-{name}"
            shutil.copytree(path, written)
            outcome(written, use)
            shutil.rmtree(written)
        if not report.sound:
            try:
                repair_folder(path, lambda _: FakeEncoder())
            except SemsearchError:
                continue
            assert verify_folder(path).sound, value
