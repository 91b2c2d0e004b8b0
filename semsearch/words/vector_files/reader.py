"""Which file holds vectors in which format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from semsearch.common.errors import InputError
from semsearch.words.spaces.space import Space
from semsearch.words.vector_files.binary import read_npy, read_safetensors, read_word2vec
from semsearch.words.vector_files.text import read_table, read_words

__all__ = ["KINDS", "read_space"]

KINDS: dict[str, Callable[[Path], Space]] = {
    ".csv": read_table,
    ".tsv": read_table,
    ".txt": read_words,
    ".vec": read_words,
    ".bin": read_word2vec,
    ".npy": lambda path: read_npy(path, names_file(path)),
    ".safetensors": lambda path: read_safetensors(path, names_file(path)),
}
"""Reader by extension."""


def names_file(path: Path) -> Path:
    """Where the names of a matrix are: ``words.npy`` has them in ``words.names.txt``."""
    return path.with_suffix(".names.txt")


def read_space(path: str | Path) -> Space:
    """The space in a file of named vectors; text is read line by line, so that memory holds the matrix alone.

    CSV and TSV tables, word2vec (``.txt``, ``.vec``, ``.bin``), GloVe (``.txt``), NumPy and safetensors with
    their names beside them in ``….names.txt``. Raises an ``InputError`` that says where the file is wrong.
    """
    path = Path(path)
    reader = KINDS.get(path.suffix.lower())
    if reader is None:
        raise InputError(f"{path} is of no kind that holds vectors; its name must end in {', '.join(KINDS)}")
    try:
        return reader(path)
    except FileNotFoundError:
        raise InputError(f"there is no file {path}; check the path") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror or error}); check the file") from error
