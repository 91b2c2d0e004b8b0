"""A collection as one file, to be carried elsewhere: written and read as a stream, with checksums.

A gzipped tar of plain members in this order, so that a reader needs no way back::

    manifest.json      {"semsearch": 1, "name", "format", "needs", "generation", "epoch", "rows", "stride"}
    collection.db      the database of one committed state, whole in one file
    vectors-<n>.f16    its committed rows
    words-<n>.u8       likewise, of collections that keep word vectors: "words" in the manifest is {"rows", "stride"}
    checksums.json     SHA-256 and bytes of each of the above

What is derived is left out; the import makes the segments again, the next change the index. An archive is not
trusted. The import ends, and removes its folder, at a member that is not in this list or out of order, at a link, and
at more bytes than were announced.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import shutil
import sqlite3
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import IO, Any

from semsearch.common.durable import create_file, flush, sync_folder
from semsearch.common.errors import NONSENSE, DamagedError, FormatError, InputError, StorageError
from semsearch.common.open_files import has_no_file_left
from semsearch.storage.database.connection import connect, merge_log
from semsearch.storage.database.errors import translate_errors
from semsearch.storage.database.migrations import migrate
from semsearch.storage.database.schema import FORMAT, NEEDS, format_of, read_meta, refuse_programs, schema_of
from semsearch.storage.database.state import read_state, seal
from semsearch.storage.folder import DATABASE, check_name, taken_error
from semsearch.storage.growing import growing_folder
from semsearch.storage.segments.writer import renew_segments
from semsearch.storage.settings import Definition
from semsearch.storage.tables import BLOCKS_OF, tables_in
from semsearch.storage.upkeep.verify import verify_folder
from semsearch.storage.vectors.file import vector_file
from semsearch.storage.vectors.kinds import PASSAGE_VECTORS, WORD_VECTORS

__all__ = ["ARCHIVE", "export_archive", "import_archive"]

ARCHIVE = 1
"""Version of the archive's layout."""
MANIFEST, CHECKSUMS = "manifest.json", "checksums.json"
HEADER = 512
SMALL = 1 << 16
"""Most bytes of the two JSON members."""
BLOCK = 1 << 20
BROKEN = (tarfile.TarError, EOFError, gzip.BadGzipFile, zlib.error, *NONSENSE)
"""What bytes that are no archive may raise."""
MOST_PADDING = 1 << 16
"""Zeros behind the last member; tar fills up to 10 KiB."""


def export_archive(folder: Path, definition: Definition, target: IO[bytes]) -> None:
    """Write one committed state of the collection in ``folder`` to ``target``, while others read and write it."""
    with ExitStack() as stack:
        stack.enter_context(translate_errors(folder))
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="semsearch-")))
        source = stack.enter_context(closing(connect(folder / DATABASE)))
        source.execute("BEGIN")
        state = read_state(source)
        files = {kind: vector_file(folder, state.epoch, definition, kind) for kind in definition.dimensions}
        # opened, they cannot be taken away by a compaction
        opened = {kind: stack.enter_context(file.path.open("rb")) for kind, file in files.items()}
        counts = {kind: BLOCKS_OF[kind].count(source, state) for kind in files}
        copy = scratch / DATABASE
        _copy_database(source, copy)
        sums: dict[str, Any] = {}
        manifest = {
            "semsearch": ARCHIVE,
            "name": folder.name,
            "format": FORMAT,
            "needs": NEEDS,
            "generation": state.generation,
            "epoch": state.epoch,
            "rows": state.rows,
            "stride": files[PASSAGE_VECTORS].stride,
        }
        if WORD_VECTORS in files:
            manifest["words"] = {"rows": counts[WORD_VECTORS], "stride": files[WORD_VECTORS].stride}
        archive = stack.enter_context(tarfile.open(fileobj=target, mode="w|gz", format=tarfile.GNU_FORMAT))
        _add(archive, MANIFEST, io.BytesIO(json.dumps(manifest).encode()), None, sums)
        with copy.open("rb") as file:
            _add(archive, DATABASE, file, copy.stat().st_size, sums)
        for kind, vectors in files.items():
            _add(archive, vectors.path.name, opened[kind], counts[kind] * vectors.stride, sums)
        _add(archive, CHECKSUMS, io.BytesIO(json.dumps(sums).encode()), None, {})


def import_archive(source: IO[bytes], indexes: Path, name: str | None = None) -> Path:
    """Make a collection of an archive in the folder ``indexes``, under its own name or another; gives its folder.

    Raises :class:`InputError` for what is no archive or a damaged one; nothing is left of it then.
    """
    if name is not None and (indexes / check_name(name)).exists():
        raise taken_error(indexes / name)
    with translate_errors(indexes):
        indexes.mkdir(parents=True, exist_ok=True)
        with growing_folder(indexes) as folder:
            try:
                own_name = _unpack(source, folder)
                path = indexes / check_name(own_name if name is None else name)
                _check_contents(folder, path.name)
            except BROKEN as error:
                raise InputError(
                    f"this is no archive that semsearch export has written, or not all of one ({error!s:.200}); "
                    "export the collection again"
                ) from error
            if path.exists():
                raise taken_error(path)
            sync_folder(folder)
            folder.rename(path)
            sync_folder(indexes)
    return path


def _copy_database(source: sqlite3.Connection, path: Path) -> None:
    """The state that ``source`` reads, in a file of its own without an index, whose files are not copied."""
    with closing(sqlite3.connect(path, isolation_level=None)) as copy:
        source.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")
        copy.execute("BEGIN")
        for table in tables_in(copy):
            table.forget_derived(copy)
        seal(copy)
        copy.execute("COMMIT")
        copy.execute("VACUUM")


def _add(archive: tarfile.TarFile, name: str, file: IO[bytes], size: int | None, sums: dict[str, Any]) -> None:
    """Append a member of ``size`` bytes, or of all there are; note its checksum."""
    member = tarfile.TarInfo(name)
    member.size = file.seek(0, io.SEEK_END) if size is None else size
    file.seek(0)
    reader = _Summing(file)
    archive.addfile(member, reader)
    sums[name] = {"sha256": reader.digest.hexdigest(), "bytes": member.size}


class _Summing:
    """A file whose bytes are hashed as they are read, as many as are wanted."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """Read on."""
        part = self._file.read(size)
        self.digest.update(part)
        return part


def _unpack(source: IO[bytes], folder: Path) -> str:
    """Write an archive's members into a folder, in their order and under names of ours; gives the collection's name.

    The headers are read here and not by ``tarfile``, which believes what they say of links, sizes and more headers.
    """
    with gzip.open(source) as stream:
        manifest = json.loads(_read_small(stream, MANIFEST))
        _refuse_newer(manifest)
        written = {
            name: _write_member(stream, name, folder / name, expected) for name, expected in _members(folder, manifest)
        }
        sums = json.loads(_read_small(stream, CHECKSUMS))
        for name, sum_and_size in written.items():
            if sums[name] != sum_and_size:
                raise ValueError(f"{name} does not match its checksum")
        padding = stream.read(MOST_PADDING)
        if padding.strip(b"\0") or stream.read(1):
            raise ValueError("there is more in it than a collection")
        if not isinstance(manifest["name"], str):
            raise ValueError("it has no name")
        return manifest["name"]


def _members(folder: Path, manifest: Any) -> Iterator[tuple[str, int | None]]:
    """Names and sizes of the large members, in their order; the size of the database is not known."""
    yield DATABASE, None
    for kind, counts in ((PASSAGE_VECTORS, manifest), (WORD_VECTORS, manifest.get("words"))):
        if counts is not None:
            name = kind.vector_path(folder, int(manifest["epoch"])).name
            yield name, int(counts["rows"]) * int(counts["stride"])


def _refuse_newer(manifest: Any) -> None:
    if manifest["semsearch"] != ARCHIVE or not 1 <= manifest["format"] <= FORMAT:
        raise FormatError(
            f"the archive has version {manifest['semsearch']!r:.20} and format {manifest['format']!r:.20}; this "
            f"program reads version {ARCHIVE} and formats up to {FORMAT}: it needs semsearch "
            f"{manifest.get('needs')!r:.20}; run: pip install --upgrade semsearch"
        )


def _read_header(stream: IO[bytes] | gzip.GzipFile, name: str) -> int:
    """Bytes of the next member, which must be a plain file of this name."""
    header = stream.read(HEADER)
    if len(header) < HEADER:
        raise ValueError(f"it ends before {name}")
    member = tarfile.TarInfo.frombuf(header, "utf-8", "strict")
    if member.name != name or member.type != tarfile.REGTYPE or member.size < 0:
        raise ValueError(f"where {name} should be, there is {member.name!r:.80}")
    return member.size


def _read_body(stream: IO[bytes] | gzip.GzipFile, size: int) -> Iterator[bytes]:
    """A member's bytes in blocks, and past what fills it up."""
    left = size
    while left:
        part = stream.read(min(BLOCK, left))
        if not part:
            raise ValueError("it ends early")
        left -= len(part)
        yield part
    stream.read(-size % HEADER)


def _read_small(stream: IO[bytes] | gzip.GzipFile, name: str) -> bytes:
    size = _read_header(stream, name)
    if size > SMALL:
        raise ValueError(f"{name} has {size:,} bytes")
    return b"".join(_read_body(stream, size))


def _write_member(stream: IO[bytes] | gzip.GzipFile, name: str, path: Path, expected: int | None) -> dict[str, Any]:
    """Write a member to a new file and fsync; gives its SHA-256 and its bytes."""
    size = _read_header(stream, name)
    if expected is not None and size != expected:
        raise ValueError(f"{name} has {size:,} bytes, where {expected:,} were announced")
    if size > shutil.disk_usage(path.parent).free:
        raise StorageError(
            f"{name} of the archive needs {size:,} bytes, more than the disk of {path.parent.parent} has free; "
            "make room, or give another folder with --indexes"
        )
    digest = hashlib.sha256()
    with create_file(path) as target:
        for part in _read_body(stream, size):
            digest.update(part)
            target.write(part)
        flush(target)
    return {"sha256": digest.hexdigest(), "bytes": size}


def _check_contents(folder: Path, name: str) -> None:
    """Everything in an unpacked collection matches its checksums, and its database is one of ours."""
    try:
        with closing(connect(folder / DATABASE, write=True)) as connection:
            refuse_programs(connection, folder)
            if format_of(connection, folder) < FORMAT:
                migrate(connection, folder)
            definition = Definition.from_meta(read_meta(connection, folder))
            if _read_schema(connection) != _own_schema(definition):
                raise ValueError("its database has other tables than a collection has")
            report = verify_folder(folder)
            if report.sound:
                renew_segments(connection, folder, definition)
            merge_log(connection)
    except (sqlite3.DatabaseError, DamagedError) as error:
        if has_no_file_left():
            raise
        raise ValueError(f"its database is damaged: {error}".split("; run", 1)[0]) from error
    if not report.sound:
        raise ValueError(f"{report.findings[0].name} of {name!r}: {report.findings[0].problem}")


def _read_schema(connection: sqlite3.Connection) -> set[str]:
    """The statements of a database's schema, but for comments and white space."""
    rows = connection.execute("SELECT sql FROM sqlite_master WHERE sql <> ''")
    return {re.sub(r"\s+", "", re.sub("--.*", "", row[0])) for row in rows}


def _own_schema(definition: Definition) -> set[str]:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(schema_of(definition))
        return _read_schema(connection)
