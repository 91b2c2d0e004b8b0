"""SQLite databases: the rows of a table (``app.db?table=notes``), or what a query gives, each a record."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING

from semsearch.common.documents import Document
from semsearch.common.errors import RecordError
from semsearch.ingest.formats.extensions import TABLE_MARK
from semsearch.ingest.formats.format import Fields, Format, Origin
from semsearch.ingest.formats.tables.records import locate, required_fields, to_document
from semsearch.ingest.formats.tables.values import plain_record

if TYPE_CHECKING:
    import sqlite3

__all__ = ["SQLITE", "of_table"]


def of_table(table: str) -> Format:
    """The format of one table of a database."""
    return Format("sqlite", partial(_read_database, table=table))


def _read_database(
    origin: Origin, _: BufferedReader, fields: Fields, table: str | None = None
) -> Iterator[Document | RecordError]:
    """Each row as a document, called by its ``rowid`` unless it has an id of its own."""
    import sqlite3  # --help does without

    try:
        with closing(_open(origin)) as connection:
            query, has_rowid = _find_query(connection, fields, table)
            rows = connection.execute(query)
            required_fields([column[0] for column in rows.description or ()], fields)
            for number, row in enumerate(rows, start=1):
                numbered, values = (row["rowid"], list(row)[1:]) if has_rowid else (number, list(row))
                names = row.keys()[1:] if has_rowid else row.keys()
                try:
                    plain = plain_record(dict(zip(names, values, strict=True)), fields.text)
                    yield to_document(plain, fields, f"{origin.id}:{numbered}", origin.source)
                except RecordError as error:
                    yield locate(error, f"{origin.label}:{numbered}")
    except (sqlite3.Error, UnicodeDecodeError) as error:  # its own messages quote damaged bytes
        yield locate(RecordError(f"cannot be read by SQLite ({error}); look at the query, or mend it"), origin.label)
    except RecordError as error:
        yield locate(error, origin.label)


def _open(origin: Origin) -> sqlite3.Connection:
    """The database, to be read alone. Text that is not UTF-8 is made visible."""
    import sqlite3

    if origin.path is None:
        raise RecordError("a database cannot be read from standard input; name its file")
    connection = sqlite3.connect(f"{Path(origin.path).as_uri()}?mode=ro", uri=True)
    connection.row_factory = sqlite3.Row
    connection.text_factory = lambda data: data.decode("utf-8", "replace")
    return connection


def _find_query(connection: sqlite3.Connection, fields: Fields, table: str | None) -> tuple[str, bool]:
    """What is asked of the database, and whether each row begins with its ``rowid``."""
    import sqlite3

    if fields.sql is not None:
        return fields.sql, False
    tables = {
        name: [column[1] for column in connection.execute("SELECT * FROM pragma_table_info(?)", (name,))]
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view') ORDER BY 1")
        if not name.startswith("sqlite_")
    }
    wanted = fields.text or "text"
    chosen = table or _only([name for name, columns in tables.items() if wanted in columns])
    if chosen not in tables:
        there = ", ".join(tables) or "none"
        what = f"no table {table!r}" if table else f"not one table with a column {wanted!r}"
        raise RecordError(f"{what} (tables there: {there}); name one, such as app.db{TABLE_MARK}notes, or give --sql")
    quoted = '"' + str(chosen).replace('"', '""') + '"'
    kind = connection.execute("SELECT type FROM sqlite_master WHERE name = ?", (chosen,)).fetchone()[0]
    try:
        connection.execute(f"SELECT rowid FROM {quoted} LIMIT 1")  # noqa: S608 - a table that is there, quoted
        has_rowid = kind == "table" and not any(column.lower() == "rowid" for column in tables[str(chosen)])
    except sqlite3.Error:  # a table without rowids
        has_rowid = False
    if not has_rowid:
        return f"SELECT * FROM {quoted}", False  # noqa: S608 - likewise
    return f"SELECT rowid AS rowid, * FROM {quoted} ORDER BY rowid", True  # noqa: S608 - likewise


def _only(names: Sequence[str]) -> str | None:
    return names[0] if len(names) == 1 else None


SQLITE = Format("sqlite", _read_database)
