"""Many questions from a file, and their answers as JSON lines, in the order of the questions."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from semsearch.common.errors import NONSENSE, InputError, QueryError, RecordError

if TYPE_CHECKING:
    from semsearch.collection import Collection
    from semsearch.query.hits import Hits
    from semsearch.query.request import SearchOptions

__all__ = ["answer_file"]

HARMLESS = "a"
"""A question that any collection can answer."""
TOGETHER = 256
"""Questions that are encoded and searched for together."""


def answer_file(collection: Collection, path: str, k: int, options: SearchOptions) -> None:
    """Print ``{"query": …, "confidence": …, "nothing_relevant": …, "hits": […]}`` for each question of a file.

    ``-`` is standard input. A line is a question, or, if the file's name ends with ``.jsonl``, an object with a
    ``text``, and perhaps an ``id``, which comes back with the answer. Blank lines are passed over.
    """
    from semsearch.cli.output.render import json_text

    questions = _read_questions(path)
    while batch := list(islice(questions, TOGETHER)):
        for question, hits in zip(batch, _answer(collection, batch, k, options), strict=True):
            said: dict[str, Any] = {
                "query": question.text,
                "confidence": hits.confidence,
                "nothing_relevant": hits.nothing_relevant,
            }
            if options.get("explain"):
                said["removed"] = [{"rank": hit.rank, "document": hit.document} for hit in hits.removed]
            record = {**question.head, **said, "hits": [hit.to_json() for hit in hits]}
            click.echo(json_text(record))


@dataclass(frozen=True, slots=True)
class _Question:
    """A text, the place where it stands, and what comes back with its answer."""

    where: str
    text: str
    head: dict[str, Any]


def _answer(collection: Collection, batch: list[_Question], k: int, options: SearchOptions) -> list[Hits]:
    """The answers to some questions; the error of one says where it stands."""
    try:
        return collection.search_many([question.text for question in batch], k, **options)
    except QueryError:
        collection.search(HARMLESS, k, **options)  # raises if the options are to blame, and no line is
        for question in batch:
            try:
                collection.search(question.text, k, **options)
            except QueryError as error:
                raise QueryError(f"{question.where}: {error}") from error
        raise


def _read_questions(path: str) -> Iterator[_Question]:
    is_json = path.endswith(".jsonl")
    for number, line in enumerate(_read_lines(path), start=1):
        where = f"{path}:{number}"
        if line.strip():
            yield _parse(line, where) if is_json else _Question(where, line.strip(), {})


def _read_lines(path: str) -> Iterator[str]:
    if path == "-":
        yield from (line.decode("utf-8", "replace") for line in sys.stdin.buffer)
        return
    try:
        with open(path, encoding="utf-8", errors="replace") as file:  # noqa: PTH123 - a name may be none for Path
            yield from file
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path} cannot be read ({reason}); give a file with a question a line, or -") from error


def _parse(line: str, where: str) -> _Question:
    try:
        value = json.loads(line)
        text = value["text"]
    except NONSENSE as error:
        raise RecordError(f'{where}: no object with a text; write: {{"text": "insects that fly"}}') from error
    if not isinstance(text, str):
        raise RecordError(f"{where}: the text is {text!r:.40}; give a string")
    return _Question(where, text, {"id": value["id"]} if "id" in value else {})
