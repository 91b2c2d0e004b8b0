"""Vectors as bytes: word2vec's binary format, NumPy's, and safetensors."""

from __future__ import annotations

import json
import tokenize
from pathlib import Path
from typing import IO, Any

import numpy as np

from semsearch.common.errors import InputError
from semsearch.words.spaces.space import Space
from semsearch.words.vector_files.growing import Growing

__all__ = ["NAMES_KEY", "json_names", "open_npy", "read_npy", "read_safetensors", "read_word2vec"]

LONGEST_NAME = 4096
"""Bytes that a name in word2vec's format has at most; without a limit a wrong file would be read as one name."""
NAMES_KEY = "names"
"""Of the metadata of a safetensors file: its names as a JSON list of strings."""


def read_word2vec(path: Path) -> Space:
    """word2vec's binary format: a header line, then for each word its name, a space, and float32 numbers."""
    with path.open("rb") as file:
        count, dimension = _header(file, path)
        growing = Growing(dimension, count)
        for number in range(1, count + 1):
            place = f"{path}, word {number:,}"
            name = _name(file, place)
            content = file.read(4 * dimension)
            if len(content) < 4 * dimension:
                raise _truncation_error(place)
            growing.append(name, np.frombuffer(content, dtype="<f4"), place)
    return growing.space(path)


def read_npy(path: Path, names: Path) -> Space:
    """A matrix of NumPy's, and the names of its rows, one a line, in another file."""
    return _name_rows(path, np.array(open_npy(path)), _names(names))


def open_npy(path: Path) -> np.ndarray[Any, Any]:
    """The array in a ``.npy`` file, mapped: a damaged header may promise more than memory holds."""
    try:
        return np.lib.format.open_memmap(path, mode="r")
    except (ValueError, EOFError, tokenize.TokenError) as error:  # the last one for a header that is cut
        raise InputError(f"{path} is not a whole .npy file of numbers ({error}); save the array again") from error


def read_safetensors(path: Path, names: Path) -> Space:
    """The one matrix in a safetensors file; its names are in its metadata, else in another file, one a line."""
    import safetensors

    try:
        with safetensors.safe_open(path, framework="np") as file:
            keys = list(file.keys())
            stored = (file.metadata() or {}).get(NAMES_KEY)
            if len(keys) != 1:
                raise InputError(f"{path} holds {len(keys)} tensors, {keys[:5]}; give a file with one matrix")
            matrix = file.get_tensor(keys[0])
    except (safetensors.SafetensorError, TypeError) as error:  # the second for number types that NumPy has not
        raise InputError(f"{path} is not a safetensors file that can be read ({error}); save it again") from error
    return _name_rows(path, matrix, _names(names) if stored is None else json_names(stored, path))


def _header(file: IO[bytes], path: Path) -> tuple[int, int]:
    fields = file.readline(LONGEST_NAME).split()
    if len(fields) != 2 or not all(field.isdigit() for field in fields):
        raise InputError(f"{path} does not start as word2vec's binary files do; text formats end in .txt or .vec")
    count, dimension = map(int, fields)
    if not dimension or count * 4 * dimension > path.stat().st_size:
        raise _truncation_error(f"{path}: {count:,} vectors of {dimension:,} numbers are promised")
    return count, dimension


def _name(file: IO[bytes], place: str) -> str:
    """The bytes up to a space; a line feed before them ends the word before."""
    name = bytearray()
    while (byte := file.read(1)) != b" ":
        name += byte
        if not byte or len(name) > LONGEST_NAME:
            raise _truncation_error(place)
    try:
        return name.lstrip(b"\n").decode("utf-8")
    except UnicodeDecodeError:
        raise InputError(f"{place}: the name {bytes(name[:40])!r} is not UTF-8; convert the file") from None


def _truncation_error(place: str) -> InputError:
    return InputError(f"{place}: the file ends too early, or is of another format; get it again")


def _name_rows(path: Path, matrix: np.ndarray[Any, Any], names: list[str]) -> Space:
    if matrix.ndim != 2 or matrix.dtype.kind not in "fiu":
        raise InputError(f"{path} holds {matrix.dtype} of shape {matrix.shape}, not a matrix of numbers; save one")
    if len(names) != len(matrix):
        raise InputError(f"{path} has {len(matrix):,} rows, and there are {len(names):,} names; every row needs one")
    return Space(names, matrix)


def _names(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig").removesuffix("\n").split("\n")
    except FileNotFoundError:
        raise InputError(
            f"there is no file of names {path}; write one, a name a line, in the order of the rows"
        ) from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 ({error.reason}); convert the file: iconv -t UTF-8") from error


def json_names(stored: str, path: Path) -> list[str]:
    """The names of rows that the metadata of a safetensors file hold."""
    try:
        names = json.loads(stored)
    except ValueError:
        names = None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InputError(f"the metadata {NAMES_KEY!r} of {path} is no JSON list of strings; save the file again")
    return names
