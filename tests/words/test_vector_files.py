"""Files of named vectors: every format gives the same space, and what is wrong with one is named."""

from __future__ import annotations

import json
import struct
import tracemalloc

import numpy as np
import pytest
from safetensors.numpy import save_file

from semsearch.common.errors import InputError
from semsearch.words.vector_files.reader import read_space

NAMES = ["bee", "naïve", "New York", "北京", "x"]
VECTORS = np.array([[1.5, -2, 3e-5], [0, 1, 0], [7, 8, 9], [-1, -1, -1], [0.1, 0.2, 0.3]], dtype=np.float32)


def lines(separator, names=NAMES):
    """A name and its numbers on each line."""
    rows = zip(names, VECTORS.tolist(), strict=True)
    return "".join(separator.join([name, *map(repr, row)]) + "\n" for name, row in rows)


def binary(end):
    """word2vec's binary format, as its C program (with line feeds) or gensim (without) writes it."""
    header = f"{len(NAMES)} 3\n".encode()
    return header + b"".join(
        name.replace(" ", "_").encode() + b" " + struct.pack("<3f", *row) + end
        for name, row in zip(NAMES, VECTORS, strict=True)
    )


TEXTS = {
    "table.csv": "word,one,two,three\n" + lines(","),
    "quoted.csv": lines(",").replace("New York", '"New York"'),
    "mark.csv": "\ufeff" + lines(","),
    "windows.csv": lines(",").replace("\n", "\r\n"),
    "table.tsv": lines("\t"),
    "glove.txt": lines(" "),
    "spaces.txt": lines(" ").replace("\n", " \n"),
    "word2vec.txt": "5 3\n" + lines(" "),
    "word2vec.vec": "5 3\n" + lines(" "),
}


@pytest.mark.parametrize("name", TEXTS)
def test_text_formats(tmp_path, name):
    """Names and float32 numbers are those that were written, in every text format."""
    (tmp_path / name).write_bytes(TEXTS[name].encode())
    check(read_space(tmp_path / name))


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_word2vec_binary(tmp_path, end):
    """With and without a line feed between words; a space ends a name, so that it holds none."""
    (tmp_path / "words.bin").write_bytes(binary(end))
    space = read_space(str(tmp_path / "words.bin"))
    assert [name.replace("_", " ") for name in space.names] == NAMES
    np.testing.assert_array_equal(space.vectors, VECTORS)


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_matrices_with_names_beside_them(tmp_path, kind):
    """NumPy's format and safetensors take their names from a file, a name a line."""
    (tmp_path / "words.names.txt").write_text("\n".join(NAMES) + "\n", encoding="utf-8")
    np.save(tmp_path / "words.npy", VECTORS.astype(kind))
    save_file({"anything": VECTORS.astype(kind)}, tmp_path / "words.safetensors")
    for name in ("words.npy", "words.safetensors"):
        space = read_space(tmp_path / name)
        assert list(space.names) == NAMES
        np.testing.assert_array_equal(space.vectors, VECTORS.astype(kind).astype(np.float32))


def test_safetensors_with_names_in_its_metadata(tmp_path):
    """A file that carries its names needs no other."""
    save_file({"vectors": VECTORS}, tmp_path / "words.safetensors", {"names": json.dumps(NAMES)})
    check(read_space(tmp_path / "words.safetensors"))


def check(space):
    """The space is the one that was written."""
    assert list(space.names) == NAMES
    assert space.vectors.dtype == np.float32
    np.testing.assert_array_equal(space.vectors, VECTORS)


ROWS = "bee{0}1.5{0}-2{0}3\njet{0}4{0}5{0}6\n"
HEADINGS = [
    "word,0,1,2",
    ",0,1,2",
    '"","0","1","2"',
    "anything,0,1,2",
    "0,1,2,3",
    "word,2019,2020,2021",
    ",10,20,30",
    "w,a,b,c",
]


@pytest.mark.parametrize("heading", [*HEADINGS, None])
@pytest.mark.parametrize(("name", "separator"), [(f"a.{end}", mark) for end in ("csv", "tsv") for mark in ",;\t|"])
def test_headings_and_separators_of_tables(tmp_path, heading, name, separator):
    """The first row is no word if it names columns as pandas and others do, whatever stands between cells."""
    first = "" if heading is None else heading.replace(",", separator) + "\n"
    (tmp_path / name).write_text(first + ROWS.format(separator), encoding="utf-8")
    space = read_space(tmp_path / name)
    assert list(space.names) == ["bee", "jet"]
    np.testing.assert_array_equal(space.vectors, np.array([[1.5, -2, 3], [4, 5, 6]], np.float32))


@pytest.mark.parametrize("numbers", [[0, 1], [1, 0, 0], [1, 2, 3], [0, 2, 4], [5]])
def test_a_first_word_of_whole_numbers_is_no_heading(tmp_path, numbers):
    """A vector that does not count from 0 is one, and so is a short one that does."""
    (tmp_path / "a.csv").write_text(",".join(map(str, ["bee", *numbers])) + "\n")
    assert read_space(tmp_path / "a.csv").vectors.tolist() == [numbers]


PHRASES = {
    "top 10 0.5 0.25 0.125\nbee 1 0 0\n": ["top 10", "bee"],
    "New York 1 2 3\nbee 1 0 0\n": ["New York", "bee"],
    "bee 1 0 0\n. . 7 0.5 0.25 1e-3\nat 5 pm 1 2 3\n": ["bee", ". . 7", "at 5 pm"],
    "2 3\ntop 10 0.5 0.25 0.125\nbee 1 0 0\n": ["top 10", "bee"],
    "1 2 0.5 0.25 0.125\n3 1 0 0\n": ["1 2", "3"],
}


@pytest.mark.parametrize("text", PHRASES)
def test_names_with_spaces_and_numbers(tmp_path, text):
    """How many numbers a vector has is what most lines end in; what is before them is the name."""
    (tmp_path / "a.txt").write_text(text)
    space = read_space(tmp_path / "a.txt")
    assert list(space.names) == PHRASES[text]
    assert space.vectors.shape == (len(PHRASES[text]), 3)


WRONG = {
    "spaces.csv": ("bee 1 2\njet 3 4\n", ["spaces.csv:1", "no separator", "a comma, a semicolon, a tab or |"]),
    "commas.csv": ("bee;1,5;0,2\njet;0,1;2,5\n", ["commas.csv:1", "is not a number", "between them"]),
    "mixed.csv": ("bee,1,2\njet;3;4\n", ["mixed.csv:2", "'jet;3;4' has 0 numbers"]),
    "quote.csv": ('bee,1,2\n"jet,1,2\nfly",1,2\n', ["quote.csv:2", "goes over lines", "quote"]),
    "open.csv": ('bee,1,2\n"jet,1,2\n', ["open.csv", "not a table"]),
    "nowhere.csv": (None, ["no file", "nowhere.csv"]),
    "words.xlsx": ("", ["words.xlsx", ".csv, .tsv, .txt"]),
    "empty.csv": ("", ["no vectors in", "empty.csv"]),
    "heading.csv": ("a,b\n", ["no vectors in"]),
    "empty.txt": ("", ["no vectors in"]),
    "short.csv": ("a,1,2\nb,1\n", ["short.csv:2", "'b' has 1 numbers, not 2"]),
    "long.txt": ("a 1 2\nb 1 2 3\n", ["long.txt:2", "'b' has 3 numbers, not 2"]),
    "short.txt": ("2 3\na 1 2 3\nb 1 2\n", ["short.txt:3", "'b' has 2 numbers, not 3"]),
    "double.txt": ("a 1 2\nb 1 2\na 3 4\n", ["double.txt:3", "'a' is there already, at", "double.txt:1"]),
    "nan.csv": ("a,1,2\nb,nan,2\n", ["nan.csv:2", "'b' holds NaN or infinity"]),
    "inf.txt": ("a 1 2\nb 1 -inf\n", ["inf.txt:2", "'b' holds NaN or infinity"]),
    "big.txt": ("a 1 2\nb 1 1e99\n", ["big.txt:2", "NaN or infinity"]),
    "letters.csv": ("a,1,2\nb,1,two\n", ["letters.csv:2", "'two' is not a number"]),
    "first.csv": ("a,1,two\nb,1,2\n", ["first.csv:1", "'two' is not a number"]),
    "nameless.csv": ("a,1,2\n,1,2\n", ["nameless.csv:2", "without a name"]),
    "latin.txt": (b"a 1 2\ncaf\xe9 1 2\n", ["latin.txt:2", "not UTF-8", "0xe9"]),
    "fewer.txt": ("3 2\na 1 2\nb 1 2\n", ["fewer.txt holds 2 vectors", "promises 3", "truncated"]),
    "more.txt": ("1 2\na 1 2\nb 1 2\n", ["more.txt holds 2 vectors", "promises 1"]),
    "header.txt": ("3 0\na\n", ["header.txt:1", "0 numbers"]),
    "text.bin": ("a 1 2\n", ["text.bin", "does not start as"]),
    "cut.bin": (binary(b"")[:-5], ["cut.bin, word 5", "ends too early"]),
    "name.bin": (b"2 1\na " + struct.pack("<f", 1) + b"bcdefgh", ["name.bin, word 2", "ends too early"]),
    "huge.bin": (b"9999999999 300\na ", ["huge.bin", "9,999,999,999 vectors of 300", "ends too early"]),
    "latin.bin": (b"1 1\n\xe9 " + struct.pack("<f", 1), ["latin.bin, word 1", "not UTF-8"]),
    "words.npy": (b"\x93NUMPY", ["words.npy is not a whole .npy file"]),
    "words.safetensors": (b"nonsense", ["words.safetensors is not a safetensors file"]),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_with_a_file_is_named(tmp_path, name):
    """The message has file, line, name, and reason; nothing is guessed or left out."""
    content, named = WRONG[name]
    if content is not None:
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError) as caught:
        read_space(tmp_path / name)
    for part in named:
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("matrix", "names", "named"),
    [
        (VECTORS, None, "there is no file of names"),
        (VECTORS, "a\nb\n", "5 rows, and there are 2 names"),
        (VECTORS[0], "a\nb\nc\n", "shape (3,)"),
        (np.array([["x"]]), "a\n", "not a matrix of numbers"),
        (np.array([[{"code": 1}]], dtype=object), "a\n", "not a whole .npy file"),
    ],
)
def test_a_matrix_needs_a_name_a_row(tmp_path, matrix, names, named):
    """Other shapes, other types, pickled objects and other numbers of names are refused."""
    np.save(tmp_path / "words.npy", matrix, allow_pickle=True)
    if names:
        (tmp_path / "words.names.txt").write_text(names, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_space(tmp_path / "words.npy")
    assert named in str(caught.value)


def test_several_tensors_are_no_space(tmp_path):
    """Nothing tells which of them holds the vectors."""
    save_file({"a": VECTORS, "b": VECTORS}, tmp_path / "words.safetensors")
    with pytest.raises(InputError, match="2 tensors"):
        read_space(tmp_path / "words.safetensors")


def test_memory_holds_the_matrix_and_little_more(tmp_path):
    """A text file is streamed: beside matrix and names a fraction of the matrix is taken, not a copy of it."""
    rows, dimension = 3000, 300
    with (tmp_path / "words.txt").open("w") as file:
        file.writelines(f"w{row} " + " ".join([f"{row}.5"] * dimension) + "\n" for row in range(rows))
    tracemalloc.start()
    space = read_space(tmp_path / "words.txt")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert space.vectors[-1, -1] == rows - 0.5
    assert peak < 1.5 * 4 * rows * dimension
