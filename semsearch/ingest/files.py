"""Find the files behind the paths that were given."""

from __future__ import annotations

import os
import re
import secrets
import stat
from dataclasses import dataclass, field
from pathlib import Path

from semsearch.common.errors import InputError, MissingPathError
from semsearch.common.suggestions import nearest_spellings
from semsearch.common.unicode import LONE_SURROGATE
from semsearch.ingest.formats.extensions import TABLE_MARK
from semsearch.ingest.formats.extracted import can_be_read
from semsearch.ingest.formats.format import STDIN, Format, Origin
from semsearch.ingest.formats.registry import FORMATS, PIPE_FORMAT, UNKNOWN_FORMAT, format_of
from semsearch.ingest.formats.sniff import SNIFFED_BYTES, find_kind
from semsearch.ingest.formats.tables.sqlite import of_table
from semsearch.ingest.patterns import Patterns
from semsearch.ingest.walk import Entry, FolderWalk

__all__ = ["NAMELESS", "PIPE_NAME", "File", "FileSearch", "is_gone", "printable_path", "refusal"]

PIPE_NAME = "stdin"


ESCAPED_BYTE = re.compile(r"\\x([89a-f][0-9a-f])")
NAMELESS = secrets.token_hex(16)
"""Stands for a file's name in the ids of its documents until the name is known; random, so that no record has it."""


@dataclass(frozen=True, slots=True)
class File:
    """One file to read; ``path`` and ``status`` are none for standard input.

    ``found_at`` is its absolute path as it was found, links not followed; the last ``parts`` of it are its wanted name.
    ``relative`` is its path in the folder that was given, or its name.
    """

    origin: Origin
    format: Format
    found_at: str
    parts: int = 1
    relative: str = ""
    path: str | None = None
    status: os.stat_result | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """What it may be called, the wanted name first and then longer ones."""
        if self.path is None:
            return (PIPE_NAME,)
        every = self.found_at.strip("/").split("/")
        return tuple("/".join(every[-count:]) for count in range(min(self.parts, len(every)), len(every) + 1))

    @property
    def size(self) -> int | None:
        """Bytes, when it was found."""
        return self.status.st_size if self.status else None


@dataclass(slots=True)
class FileSearch:
    """Collects the files behind paths, each file once, and where they came from.

    ``include`` and ``exclude`` are patterns, ``largest`` is the most bytes of a file. ``roots`` are the paths as
    absolute POSIX strings; ``left_out`` are files in folders whose kind is not known, and ``unreadable`` those whose
    kind needs a library that is not installed; ``excluded`` counts files and folders that rules or the options leave
    out, and ``refused`` says what the system does not show of a folder.
    ``missing`` are the roots that are not there, with what to say of them: only ``allow_missing`` accepts such.
    """

    format: Format | None = None
    include: Patterns = field(default_factory=lambda: Patterns(()))
    exclude: Patterns = field(default_factory=lambda: Patterns(()))
    largest: int | None = None
    allow_missing: bool = False
    files: dict[str, File] = field(default_factory=dict)
    left_out: set[str] = field(default_factory=set)
    unreadable: set[str] = field(default_factory=set)
    excluded: int = 0
    refused: list[InputError] = field(default_factory=list)
    roots: list[str] = field(default_factory=list)
    missing: dict[str, InputError] = field(default_factory=dict)

    def add(self, given: Path | str) -> None:
        """Find what is behind one path; raises InputError if that cannot be read."""
        if str(given) == STDIN:
            self._add_root(STDIN)
            origin = Origin(NAMELESS, STDIN, PIPE_NAME)
            self.files[STDIN] = File(origin, self.format or PIPE_FORMAT, STDIN)
            return
        path, table = _split_table(given)
        try:
            status = _status(path)
        except MissingPathError as error:
            if not self.allow_missing:
                raise
            root = _posix_text(str(path.resolve()))
            self._add_root(root)
            self.missing[root] = error
            return
        if stat.S_ISDIR(status.st_mode):
            self._add_folder(str(path.resolve()))
        elif stat.S_ISREG(status.st_mode):
            self._add_root(_posix_text(f"{path.resolve()}{table}"))
            found_at = f"{path.parent.resolve() / path.name}{table}"
            entry = Entry(f"{path.name}{table}", str(path.resolve()), is_link=False, status=status)
            self._add_file(entry, found_at, 1, _format_of_file(path, table), table)
        else:
            raise InputError(
                f"{printable_path(path)} is neither a file nor a folder; to read a pipe or a device, send it to "
                f"standard input and give '{STDIN}' as the path"
            )

    def _add_root(self, root: str) -> None:
        if root not in self.roots:
            self.roots.append(root)

    def _add_folder(self, folder: str) -> None:
        self._add_root(_posix_text(folder))
        walk = FolderWalk(self.exclude, self.largest, lambda path, error: self._refuse(folder, path, error))
        name = Path(folder).name
        readable = {kind: self.format is not None or can_be_read(kind) for kind in FORMATS}
        for entry in walk.entries(folder):
            file_format = self._format_in_folder(entry.relative, entry.target, name)
            if file_format is not None and not readable[file_format.name]:
                self.unreadable.add(entry.target)
            elif file_format is not None:
                parts = entry.relative.count("/") + 2
                self._add_file(entry, f"{folder.rstrip('/')}/{entry.relative}", parts, file_format)
            elif not self.include:
                self.left_out.add(entry.target)
        self.excluded += walk.excluded

    def _refuse(self, folder: str, path: str, error: OSError) -> None:
        """Note what the system does not show; if it is the folder that was asked for, there is nothing to read."""
        refused = refusal(Path(path), error)
        if path == folder:
            raise refused from error
        self.refused.append(refused)

    def _format_in_folder(self, relative: str, target: str, folder: str) -> Format | None:
        """The format of a file in a folder, none if it is not to be read."""
        if not self.include:
            return format_of(relative)
        return _format_of_file(Path(target)) if self.include.fit(relative, folder) else None

    def _add_file(self, entry: Entry, found_at: str, parts: int, file_format: Format, table: str = "") -> None:
        """Note a file, or a table of one; its name is the last ``parts`` of the path at which it was found."""
        key = f"{entry.target}{table}"
        if key not in self.files:
            origin = Origin(NAMELESS, _posix_text(key), printable_path(key), entry.target)
            place, relative = _posix_text(found_at), _posix_text(entry.relative)
            chosen = self.format or file_format
            self.files[key] = File(origin, chosen, place, parts, relative, entry.target, entry.status)


def _split_table(given: Path | str) -> tuple[Path, str]:
    """A path, and ``?table=…`` behind it if it is that of a table in a database."""
    name, mark, table = str(given).rpartition(TABLE_MARK)
    is_table = bool(mark) and not os.path.lexists(given)
    return (Path(name), f"{mark}{table}") if is_table else (Path(given), "")


def _format_of_file(path: Path, table: str = "") -> Format:
    """What a file that was asked for is read as: by its extension, else by its content, else as text."""
    if table:
        return of_table(table.removeprefix(TABLE_MARK))
    if by_name := format_of(path.name):
        return by_name
    try:
        with path.open("rb") as stream:
            kind = find_kind(stream.read(SNIFFED_BYTES))
    except OSError:  # it is told when it is read
        kind = None
    return FORMATS[kind] if kind else UNKNOWN_FORMAT


def refusal(path: Path, error: OSError) -> InputError:
    """The error for a path that the system will not let us read."""
    reason = (error.strerror or str(error)).lower()
    return InputError(f"cannot read {printable_path(path)}: {reason}; check that it is there and that you may read it")


def printable_path(path: Path | str) -> str:
    """A path as a message shows it: on one line, whatever its name."""
    text = str(path)
    return text if text.isprintable() else ascii(text)


def _posix_text(name: str) -> str:
    """A path with ``/``, of which every byte that is not UTF-8 is written as an escape: two names remain two."""
    name = name.replace(os.sep, "/")
    return name if LONE_SURROGATE.search(name) is None else os.fsencode(name).decode("utf-8", "backslashreplace")


def _status(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise MissingPathError(f"no file or folder {printable_path(path)}; {_advice(path)}") from error
    except (OSError, ValueError) as error:
        raise refusal(path, error if isinstance(error, OSError) else OSError(str(error))) from error


def _advice(path: Path) -> str:
    """The next step after a path that does not exist: its nearest neighbour by name, if any."""
    try:
        names = sorted(entry.name for entry in path.parent.iterdir())
    except OSError:
        names = []
    near = nearest_spellings(path.name, names)
    return f"did you mean {printable_path(path.parent / near[0])}?" if near else "check the spelling"


def is_gone(path: str) -> bool:
    """Whether it is known that there is no file at a path; one that cannot be looked at may be there."""
    if TABLE_MARK in path and not os.path.lexists(path):
        path = path.rpartition(TABLE_MARK)[0]
    escaped = ESCAPED_BYTE.sub(lambda match: bytes.fromhex(match[1]).decode("utf-8", "surrogateescape"), path)
    if escaped != path and not is_gone(escaped):  # a name that is not UTF-8, as it is stored
        return False
    try:
        return not stat.S_ISREG(os.stat(path).st_mode)  # noqa: PTH116 - a source may be any text, which Path refuses
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ValueError):
        return False
