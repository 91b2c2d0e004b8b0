"""A collection from a stranger runs no code, and nothing leaves its folder."""

from __future__ import annotations

import ast
import json
import os
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

import semsearch
from semsearch.common.errors import CollectionError, SemsearchError
from semsearch.storage.folder import check_name
from semsearch.storage.settings import StoredEncoder

SOURCES = sorted(Path(semsearch.__file__).parent.rglob("*.py"))
CODE = {"pickle", "cPickle", "dill", "joblib", "marshal", "shelve", "cloudpickle"}
SQL = re.compile(r"\b(SELECT|INSERT|UPDATE|DELETE|CREATE|DROP|ALTER|PRAGMA)\b")
PLAIN = {
    "quoted",
    "COLUMNS",
    "DOCUMENT_COLUMNS",
    "columns",
    "key",
    "marks",
    "name",
    "order",
    "placeholders",
    "rows",
    "self.name",
    "table",
    "column",
    "table.name",
    "used",
}
"""What may stand inside a statement: names of ours, and question marks."""


def trees():
    """The syntax trees of all modules."""
    return [(path, ast.parse(path.read_text(encoding="utf-8"))) for path in SOURCES]


def test_no_module_knows_how_to_load_code_from_data():
    """None imports pickle or its like, none calls ``eval`` or ``exec``, and none loads what may be pickled."""
    for path, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                assert not CODE & {alias.name.split(".")[0] for alias in node.names}, path
            if isinstance(node, ast.ImportFrom):
                assert (node.module or "").split(".")[0] not in CODE, path
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert called not in ("eval", "exec", "torch.load"), path
                if called in ("np.load", "numpy.load"):
                    assert "allow_pickle=False" in map(ast.unparse, node.keywords), path
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("enable_load_extension"):
                pytest.fail(str(path))


def test_values_reach_sql_as_parameters_only():
    """Text is never put into a statement: what an f-string with SQL holds are names of ours and question marks."""
    seen = 0
    for path, tree in trees():
        for node in ast.walk(tree):
            if not isinstance(node, ast.JoinedStr):
                continue
            text = "".join(str(part.value) for part in node.values if isinstance(part, ast.Constant))
            if not SQL.search(text) or path.parent.name == "cli":
                continue
            seen += 1
            for part in node.values:
                if isinstance(part, ast.FormattedValue):
                    name = ast.unparse(part.value).split("(")[0]
                    assert name in PLAIN, (path, ast.unparse(node))
    assert seen > 3


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "a\\b", "/etc", "-x", "a\0b", "a\nb", "x" * 101, "~x"])
def test_a_name_is_a_plain_name(name):
    """Names that are paths, options or unprintable are refused."""
    with pytest.raises(CollectionError):
        check_name(name)


def test_a_collection_cannot_ask_for_trust():
    """What a collection says of trusting a model's code is not believed."""
    stored = {"model": "evil", "options": {"trust_remote_code": True, "layer": 3}, "fingerprint": "f", "dimension": 4}
    options = StoredEncoder.from_json(stored).options
    assert not options.trust_remote_code
    assert options.layer == 3


def test_an_index_file_of_another_folder_is_not_read(notes, tmp_path):
    """A database that names an index file elsewhere is damaged, whatever its checksums say."""
    from semsearch.storage.database.state import seal

    notes.add(["a bee", "a fly"])
    notes.tune(factory="Flat")
    notes.compact()
    index = next(notes.path.glob("index-*.faiss"))
    index.rename(tmp_path / "elsewhere.faiss")
    with closing(sqlite3.connect(notes.path / "collection.db", isolation_level=None)) as connection:
        connection.execute("UPDATE indexes SET file = '../elsewhere.faiss'")
        connection.execute("UPDATE state SET generation = generation + 1")
        seal(connection)
    assert [one.part for one in notes.verify().findings] == ["index"]


def test_only_safetensors_hold_weights(tmp_path):
    """A model folder with a pickled checkpoint alone is refused, and the pickle is not opened."""
    from semsearch import Encoder

    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": "bert", "architectures": ["BertModel"]}))
    evil = b"cos\nsystem\n(S'touch " + os.fsencode(tmp_path / "ran") + b"'\ntR."
    (folder / "pytorch_model.bin").write_bytes(evil)
    with pytest.raises(SemsearchError):
        Encoder.load(folder)
    assert not (tmp_path / "ran").exists()
