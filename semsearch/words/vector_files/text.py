"""Vectors as text, a name and its numbers on a line: CSV and TSV tables, word2vec's text format, and GloVe's."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain, islice, takewhile
from pathlib import Path

import numpy as np

from semsearch.common.arrays import Float32
from semsearch.common.errors import InputError
from semsearch.ingest.formats.tables.separators import SEPARATORS, Layout, csv_rows
from semsearch.words.spaces.space import Space
from semsearch.words.vector_files.growing import Growing

__all__ = ["read_table", "read_words"]

SAMPLE_LINES = 20
"""Lines that tell how a file is written."""

INDEX_NAMES = frozenset({"", "0", "id", "index", "key", "label", "name", "names", "term", "token", "word", "words"})
"""What a column of names is called, in small letters; 0 is pandas' name for one that was read without a heading."""

LONGEST_NUMBER = 9
"""Digits of a whole number that counts anything here, at most."""

HEADER = re.compile(r"(\d{1,18}) (\d{1,18})\s*")
"""word2vec's first line: how many words, how many numbers each. GloVe's files have none."""


def read_table(path: Path) -> Space:
    """A CSV or TSV file: a name and its numbers in a row; a first row that names the columns is the heading."""
    lines, sample = _peek(_lines(path))
    separator = _find_separator(path, sample)
    rows = _translate_csv_errors(csv_rows(lines, Layout(separator), strict=True), path)
    growing: Growing | None = None
    axis_names: tuple[str, ...] = ()
    for number, fields in enumerate(rows, 1):
        if not fields or (number == 1 and _is_heading(fields, sample)):
            axis_names = tuple(name.strip() for name in fields[1:])
            continue
        growing = growing or Growing(len(fields) - 1)
        place = f"{path}:{number}"
        if "\n" in fields[0]:
            raise InputError(f"{place}: the name {fields[0][:40]!r} goes over lines; close or double the quote in it")
        growing.append(fields[0].strip(), _vector(fields[1:], place, separator), place)
    space = (growing or Growing(1)).space(path)
    space.axis_names = axis_names if len(axis_names) == space.dimension else ()
    return space


def _peek(lines: Iterator[str]) -> tuple[Iterator[str], list[str]]:
    """All lines, and the first ones that hold anything."""
    first = list(islice(lines, SAMPLE_LINES))
    return chain(first, lines), [line for line in first if not line.isspace()]


def _find_separator(path: Path, sample: Sequence[str]) -> str:
    """What stands between a name and its numbers in most of the first lines."""
    default = "\t" if path.suffix.lower() == ".tsv" else ","
    if sample and not any(separator in line for line in sample for separator in SEPARATORS):
        raise InputError(f"{path}:1: no separator; put a comma, a semicolon, a tab or | between a name and its numbers")
    candidates: list[str] = [default, *SEPARATORS.replace(default, "")]
    return max(candidates, key=lambda separator: sum(_holds_numbers(line, separator) for line in sample))


def _holds_numbers(line: str, separator: str) -> bool:
    try:
        numbers = _fields(line, separator)[1:]
    except csv.Error:
        return False
    return bool(numbers) and all(map(_is_number, numbers))


def _fields(line: str, separator: str) -> list[str]:
    return next(csv_rows([line], Layout(separator)))


def _is_heading(fields: Sequence[str], sample: Sequence[str]) -> bool:
    """Whether the first row names columns: without a number, or with numbers that count, as pandas calls columns.

    One or two numbers that count from 0, or any that count from elsewhere, may as well be a vector: then the name must
    be one that a column of names has.
    """
    name, columns = fields[0].strip().lower(), fields[1:]
    if not any(map(_is_number, columns)) or (not name and len(sample) > 1):
        return True
    if not all(column.strip().isdecimal() and len(column) < LONGEST_NUMBER for column in columns):
        return False
    numbers = list(map(int, columns))
    counting = numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    return counting and (name in INDEX_NAMES or (numbers[0] == 0 and len(numbers) > 2))


def read_words(path: Path) -> Space:
    """A file in word2vec's text format, or in GloVe's, which is the same without the first line."""
    lines = _lines(path)
    first = next(lines, "")
    if header := HEADER.fullmatch(first):
        return _read_counted(path, lines, int(header[1]), int(header[2]))
    lines, sample = _peek(chain([first], lines))
    growing = Growing(_guess_dimension(sample))
    for number, line in enumerate(lines, 1):
        _fill(growing, path, line, number)
    return growing.space(path)


def _guess_dimension(sample: Sequence[str]) -> int:
    """How many numbers most of the lines end in; names may have spaces and numbers in them, so that fewer go first."""
    counts = Counter(_count_numbers(line.split()) for line in sample)
    return max(counts, key=lambda dimension: (counts[dimension], -dimension), default=1) or 1


def _count_numbers(fields: Sequence[str]) -> int:
    """How many numbers a line ends in, behind its name."""
    return sum(1 for _ in takewhile(_is_number, reversed(fields[1:])))


def _read_counted(path: Path, lines: Iterator[str], count: int, dimension: int) -> Space:
    if not dimension:
        raise InputError(f"{path}:1: the header promises vectors of 0 numbers; it must be: words, numbers each")
    if dimension > path.stat().st_size:  # a number has a byte at least
        raise InputError(f"{path}:1: the header promises {dimension:,} numbers a word, more than the file holds")
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
    if extra > 1 and all(map(_is_number, fields[1:extra])) and not _is_phrase(fields, extra):
        extra = 1  # not a word of several parts but too many numbers
    place = f"{path}:{number}"
    growing.append(" ".join(fields[:extra]), _vector(fields[extra:], place, " "), place)


def _is_phrase(fields: Sequence[str], extra: int) -> bool:
    """Whether numbers behind a word belong to it, as in ``top 10``: they are whole, and those of the vector are not."""
    return all(field.isdecimal() for field in fields[1:extra]) and not any(map(str.isdecimal, fields[extra:]))


def _vector(fields: Sequence[str], place: str, separator: str) -> Float32:
    try:
        with np.errstate(over="ignore"):  # ``append`` raises for infinity, and names the word
            return np.fromiter(map(float, fields), dtype=np.float32, count=len(fields))
    except ValueError:
        wrong = next(field for field in fields if not _is_number(field))
        raise InputError(
            f"{place}: {wrong[:40]!r} is not a number; a line is a name and its numbers, {separator!r} between them"
        ) from None


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
