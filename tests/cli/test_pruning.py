"""``index --prune``: what is asked before much is removed, and what two who make one name do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from semsearch.collection import Collection
from semsearch.common.errors import CollectionNotFoundError
from semsearch.storage.store import Store


@pytest.fixture
def table(run):
    """A collection of ten rows of a table, of which eight are gone from the file."""
    path = Path("shop.jsonl")
    rows = [json.dumps({"id": str(n), "text": f"article {n}"}) for n in range(10)]
    path.write_text("\n".join(rows) + "\n")
    assert run("index", "shop", path).exit_code == 0
    path.write_text("\n".join(rows[:2]) + "\n")
    return path


def ids(indexes):
    """The ids of all documents."""
    with Collection.open(indexes / "shop") as collection:
        return collection.ids()


def test_more_than_half_is_not_removed_without_being_asked_for(run, indexes, table):
    """Where nobody can be asked, nothing is removed, what is new is added, and the message names the option."""
    with table.open("a") as file:
        file.write('{"id": "new", "text": "a new article"}\n')
    result = run("index", "shop", table, "--prune")
    assert (result.exit_code, result.stdout) == (1, "shop: 1 added, 2 unchanged; 1 passage encoded\n")
    (message,) = result.stderr.splitlines()
    assert "8 of the 11 documents" in message
    assert "--yes" in message
    assert len(ids(indexes)) == 11
    assert "8 to remove" in run("index", "shop", table, "--prune", "--dry-run").stdout
    assert len(ids(indexes)) == 11


def test_more_than_half_is_removed_if_that_is_meant(run, indexes, table):
    """``--yes`` does not ask."""
    assert "2 unchanged, 8 removed" in run("index", "shop", table, "--prune", "--yes").stdout
    assert ids(indexes) == ["0", "1"]


@pytest.mark.parametrize(("answer", "left"), [(True, 2), (False, 10)])
def test_somebody_at_the_terminal_is_asked(run, indexes, table, monkeypatch, answer, left):
    """The answer is what is done."""
    asked = []
    monkeypatch.setattr("semsearch.cli.syncing.confirm", lambda question: asked.append(question) or answer)
    monkeypatch.setattr("semsearch.cli.syncing._is_anybody_there", lambda: True)
    result = run("index", "shop", table, "--prune")
    assert (result.exit_code, len(ids(indexes))) == (0 if answer else 1, left)
    assert len(asked) == 1
    assert "8 of the 10 documents" in asked[0]


def test_half_or_less_is_removed_without_a_question(run, indexes, table):
    """As many as stay may go."""
    table.write_text("".join(json.dumps({"id": str(n), "text": f"article {n}"}) + "\n" for n in range(5)))
    assert "5 removed" in run("index", "shop", table, "--prune").stdout
    assert len(ids(indexes)) == 5


def test_a_collection_that_its_maker_dropped_while_another_waited_is_made_again(run, indexes, monkeypatch):
    """The one that waited for the lock finds no collection under it, makes one, and adds."""
    sync = Store.sync
    tried = []

    def find_nothing(store, *arguments, **named):
        if not tried:
            tried.append(store)
            store.drop()
            raise CollectionNotFoundError("dropped by its maker")
        return sync(store, *arguments, **named)

    monkeypatch.setattr(Store, "sync", find_nothing)
    Path("a.txt").write_text("a line about herons\n")
    assert run("index", "shop", "a.txt").exit_code == 0
    assert ids(indexes) == ["a.txt"]
    assert len(tried) == 1
