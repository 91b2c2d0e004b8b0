"""``nearest --decode FILE``: vectors back to words."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

FLYING = Path(__file__).parents[2] / "examples" / "flying.csv"
TABLE = {row[0]: np.array(row[1:], dtype=float) for row in list(csv.reader(FLYING.open()))[1:]}
VECTORS = np.array([[2, 0, 3], [0, 3, 3.5], [1, 1, 0]], dtype=np.float32)


@pytest.fixture
def decoded(run):
    """The objects that ``nearest --decode`` prints with ``--format json``."""

    def _decoded(*arguments):
        result = run("nearest", "--decode", *arguments, "--format", "json")
        assert result.exit_code == 0, result.stderr
        return json.loads(result.stdout)

    return _decoded


def nearest(vectors, table, k):
    """(row, rank, score, name) of the k names of a table nearest to each vector, by NumPy."""
    names, rows = list(table), np.array(list(table.values()))
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    found = []
    for row, vector in enumerate(np.asarray(vectors, dtype=float), 1):
        cosines = rows @ vector / np.linalg.norm(vector)
        order = np.argsort(-cosines)[:k]
        found += [(row, rank, pytest.approx(cosines[at], abs=1e-5), names[at]) for rank, at in enumerate(order, 1)]
    return found


def plain(rows):
    """The same of what was printed."""
    return [(row["row"], row["rank"], row["score"], row["name"]) for row in rows]


@pytest.mark.parametrize("kind", ["<f4", "<f8", ">f2", "<i8"])
@pytest.mark.parametrize("shape", [(3, 3), (1, 3, 3), (3, 1, 3)])
def test_every_row_has_its_nearest_names(decoded, kind, shape):
    """Whatever the numbers' type and the array's further dimensions are."""
    vectors = VECTORS.astype(kind)
    np.save("vectors.npy", vectors.reshape(shape))
    assert plain(decoded("vectors.npy", "--words", FLYING, "-k", 3)) == nearest(vectors, TABLE, 3)


def test_a_single_vector_is_a_row(decoded):
    """An array of one dimension is row 1, and there are as many names as the space has."""
    np.save("one.npy", VECTORS[1])
    assert plain(decoded("one.npy", "--words", FLYING, "-k", 100)) == nearest(VECTORS[1:2], TABLE, len(TABLE))


def test_vectors_are_prepared_as_their_space_is(decoded):
    """The mean that is taken out of the space is taken out of the vectors, too."""
    np.save("vectors.npy", VECTORS)
    mean = np.mean(list(TABLE.values()), axis=0)
    centred = {name: vector - mean for name, vector in TABLE.items()}
    found = decoded("vectors.npy", "--words", FLYING, "--center", "-k", 2)
    assert plain(found) == nearest(VECTORS - mean, centred, 2)


def test_what_embed_writes_is_decoded_with_its_labels(run, decoded):
    """Input embeddings are those of their own tokens, of one text or of several, in either kind of file."""
    run("embed", "queen bees", "eagle", "--static", "--no-special", "--out", "two.safetensors")
    found = decoded("two.safetensors", "--space", "static", "-k", 1)
    assert [(row["label"], row["name"], row["score"]) for row in found] == [
        ("text-1 queen", "queen", pytest.approx(1, abs=1e-5)),
        ("text-1 bees", "bees", pytest.approx(1, abs=1e-5)),
        ("text-2 eagle", "eagle", pytest.approx(1, abs=1e-5)),
    ]
    run("embed", "queen bees", "--static", "--no-special", "--out", "one.safetensors")
    shown = run("nearest", "--decode", "one.safetensors", "--space", "static", "-k", "1").stdout
    assert shown == "1\tqueen\t1\t1.0000\tqueen\n2\tbees\t1\t1.0000\tbees\n"
    run("embed", "queen bees", "--static", "--no-special", "--out", "one.npy")
    shown = run("nearest", "--decode", "one.npy", "--space", "static", "-k", "1").stdout
    assert shown == "1\t1\t1.0000\tqueen\n2\t1\t1.0000\tbees\n"


@pytest.fixture
def broken():
    """Files that hold no vectors of this space, by what is wrong with them."""
    np.save("four.npy", np.ones((2, 4)))
    np.save("nan.npy", np.array([[1, 2, 3], [1, np.nan, 3]]))
    np.save("large.npy", np.array([[1, 2, 1e300]]))
    np.save("text.npy", np.array([["a", "b", "c"]]))
    np.save("objects.npy", np.array([[{}]], dtype=object))
    np.save("number.npy", np.float32(3))
    np.save("empty.npy", np.empty((0, 3), np.float32))
    content = Path("four.npy").read_bytes()
    Path("cut.npy").write_bytes(content[:-8])
    Path("header.npy").write_bytes(content.replace(b"(2, 4), }", b"(2, 4   }"))
    with Path("huge.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": (10**12, 3)})
    Path("blank.npy").write_bytes(b"")
    Path("folder.npy").mkdir()
    Path("blank.safetensors").write_bytes(b"")
    save_file({"a": np.ones((1, 3), np.float32), "b": np.ones((1, 2), np.float32)}, "uneven.safetensors")
    save_file({}, "nothing.safetensors")
    save_file({"a": np.ones((2, 3), np.float32)}, "names.safetensors", {"names": '["one"]'})


@pytest.mark.usefixtures("broken")
@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ([], ["give a WORD", "--decode"]),
        (["bee", "--decode", "four.npy"], ["'bee'", "--decode four.npy", "leave one out"]),
        (["--decode", "four.npy"], ["(2, 4)", "3 dimensions", "the space that they are from"]),
        (["--decode", "nan.npy"], ["nan.npy: row 2", "NaN"]),
        (["--decode", "large.npy"], ["large.npy: row 1", "beyond float32"]),
        (["--decode", "text.npy"], ["text.npy holds <U1", "no vectors"]),
        (["--decode", "objects.npy"], ["objects.npy", "not a whole .npy file of numbers"]),
        (["--decode", "number.npy"], ["number.npy", "shape ()"]),
        (["--decode", "empty.npy"], ["empty.npy"]),
        (["--decode", "cut.npy"], ["cut.npy", "not a whole .npy file"]),
        (["--decode", "huge.npy"], ["huge.npy", "not a whole .npy file"]),
        (["--decode", "header.npy"], ["header.npy", "not a whole .npy file"]),
        (["--decode", "blank.npy"], ["blank.npy", "not a whole .npy file"]),
        (["--decode", "folder.npy"], ["folder.npy", "cannot be read"]),
        (["--decode", "blank.safetensors"], ["blank.safetensors", "not a safetensors file"]),
        (["--decode", "uneven.safetensors"], ["uneven.safetensors", "[2, 3]", "one length"]),
        (["--decode", "nothing.safetensors"], ["nothing.safetensors", "no numbers"]),
        (["--decode", "names.safetensors"], ["names.safetensors", "2 rows", "1 names"]),
        (["--decode", "nowhere.npy"], ["no file nowhere.npy"]),
        (["--decode", "vectors.txt"], ["vectors.txt", ".npy or .safetensors"]),
    ],
)
def test_files_that_cannot_be_decoded(refused, arguments, named):
    """One line names the file, what is wrong in it, and the next step."""
    message = refused("nearest", *arguments, "--words", FLYING)
    for part in named:
        assert part in message
