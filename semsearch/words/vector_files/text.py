"""Vectors as text, a name and its numbers on a line: CSV and TSV tables, word2vec's text format, and GloVe's."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from semsearch.common.arrays import Float32
from semsearch.common.errors import InputError
from semsearch.words.spaces.space import Space
from semsearch.words.vector_files.growing import Growing

__all__ = ["read_table", "read_words"]

HEADER = re.compile(r"(\d+) (\d+)\s*")
"""word2vec's first line: how many words, how many numbers each. GloVe's files have none."""


def read_table(path: Path) -> Space:
    """A CSV or TSV file: a name and its numbers in a row; a first row without numbers is the heading."""
    rows = csv.reader(_lines(path), delimiter="\t" if path.suffix.lower() == ".tsv" else ",")
    growing = None
    for number, fields in enumerate(_translate_csv_errors(rows, path), 1):
        if not fields or (number == 1 and not any(map(_is_number, fields[1:]))):
            continue
        growing = growing or Growing(len(fields) - 1)
        growing.append(fields[0].strip(), _vector(fields[1:], f"{path}:{number}"), f"{path}:{number}")
    return (growing or Growing(1)).space(path)


def read_words(path: Path) -> Space:
    """A file in word2vec's text format, or in GloVe's, which is the same without the first line."""
    lines = _lines(path)
    first = next(lines, "")
    if header := HEADER.fullmatch(first):
        return _read_counted(path, lines, int(header[1]), int(header[2]))
    growing = Growing(max(len(first.split()) - 1, 1))
    _fill(growing, path, first, 1)
    for number, line in enumerate(lines, 2):
        _fill(growing, path, line, number)
    return growing.space(path)


def _read_counted(path: Path, lines: Iterator[str], count: int, dimension: int) -> Space:
    if not dimension:
        raise InputError(f"{path}:1: the header promises vectors of 0 numbers; it must be: words, numbers each")
    growing = Growing(dimension)
    for number, line in enumerate(lines, 2):
        _fill(growing, path, line, number)
    if len(growing.names) != count:
        raise InputError(
            f"{path} holds {len(growing.names):,} vectors, and its header promises {count:,}; "
            "it is truncated or was changed: get it again"
        )
    return growing.space(path)


def _fill(growing: Growing, path: Path, line: str, number: int) -> None:
    """Add the word of a line; GloVe has words with spaces in them, so the numbers are counted from the end."""
    fields = line.rstrip().split(" ")
    if fields == [""]:
        return
    extra = max(len(fields) - growing.dimension, 1)
    if extra > 1 and all(map(_is_number, fields[1:extra])):
        extra = 1  # not a word of several parts but too many numbers
    place = f"{path}:{number}"
    growing.append(" ".join(fields[:extra]), _vector(fields[extra:], place), place)


def _vector(fields: Sequence[str], place: str) -> Float32:
    try:
        with np.errstate(over="ignore"):  # ``append`` raises for infinity, and names the word
            return np.fromiter(map(float, fields), dtype=np.float32, count=len(fields))
    except ValueError:
        wrong = next(field for field in fields if not _is_number(field))
        raise InputError(f"{place}: {wrong[:40]!r} is not a number; a line is a name and its numbers") from None


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _lines(path: Path) -> Iterator[str]:
    """Lines of a UTF-8 file, one at a time; nothing but a line feed ends a line, since words hold the rest."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                yield line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise InputError(
                    f"{path}:{number}: not UTF-8 (byte 0x{line[error.start]:02x}); convert the file: iconv -t UTF-8"
                ) from None


def _translate_csv_errors(rows: Iterator[list[str]], path: Path) -> Iterator[list[str]]:
    try:
        yield from rows
    except csv.Error as error:
        raise InputError(f"{path}: not a table ({error}); export it again as CSV in UTF-8") from error
