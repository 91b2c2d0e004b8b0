"""Find the files behind the paths that were given."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from semsearch.common.errors import InputError, MissingPathError
from semsearch.common.suggestions import nearest_spellings
from semsearch.common.unicode import LONE_SURROGATE
from semsearch.ingest.formats.extracted import can_be_read
from semsearch.ingest.formats.format import Format, Origin
from semsearch.ingest.formats.registry import PIPE_FORMAT, UNKNOWN_FORMAT, format_of
from semsearch.ingest.patterns import IgnoreRules, Patterns

__all__ = ["NAMELESS", "PIPE_NAME", "STDIN", "File", "FileSearch", "is_gone", "printable_path", "refusal"]

STDIN = "-"
"""The path that stands for standard input."""
PIPE_NAME = "stdin"


NAMELESS = secrets.token_hex(16)
"""Stands for a file's name in the ids of its documents until the name is known; random, so that no record has it."""


@dataclass(frozen=True, slots=True)
class File:
    """One file to read; ``path`` and ``size`` in bytes are none for standard input.

    ``names`` are what it may be called, the wanted name first and then longer ones. ``found_at`` is its absolute path
    as it was found, links not followed.
    """

    origin: Origin
    format: Format
    names: tuple[str, ...]
    found_at: str
    path: Path | None = None
    size: int | None = None


@dataclass(slots=True)
class FileSearch:
    """Collects the files behind paths, each file once, and where they came from.

    ``include`` and ``exclude`` are patterns, ``largest`` is the most bytes of a file. ``roots`` are the paths as
    absolute POSIX strings; ``left_out`` are files in folders whose kind is not known, and ``unreadable`` those whose
    kind needs a library that is not installed; ``excluded`` counts files and folders that rules or the options leave
    out.
    ``missing`` are the roots that are not there, with what to say of them: only ``allow_missing`` accepts such.
    """

    format: Format | None = None
    include: Patterns = field(default_factory=lambda: Patterns(()))
    exclude: Patterns = field(default_factory=lambda: Patterns(()))
    largest: int | None = None
    allow_missing: bool = False
    files: dict[Path, File] = field(default_factory=dict)
    left_out: set[Path] = field(default_factory=set)
    unreadable: set[Path] = field(default_factory=set)
    excluded: int = 0
    roots: list[str] = field(default_factory=list)
    missing: dict[str, InputError] = field(default_factory=dict)

    def add(self, given: Path | str) -> None:
        """Find what is behind one path; raises InputError if that cannot be read."""
        if str(given) == STDIN:
            self._add_root(STDIN)
            origin = Origin(NAMELESS, STDIN, PIPE_NAME)
            self.files[Path(STDIN)] = File(origin, self.format or PIPE_FORMAT, (PIPE_NAME,), STDIN)
            return
        path = Path(given)
        try:
            mode = _status(path).st_mode
        except MissingPathError as error:
            if not self.allow_missing:
                raise
            root = _posix(path.resolve())
            self._add_root(root)
            self.missing[root] = error
            return
        if stat.S_ISDIR(mode):
            self._add_folder(path.resolve())
        elif stat.S_ISREG(mode):
            self._add_root(_posix(path.resolve()))
            self._add_file(path, path.parent.resolve() / path.name, 1, format_of(path) or UNKNOWN_FORMAT)
        else:
            raise InputError(
                f"{printable_path(path)} is neither a file nor a folder; to read a pipe or a device, send it to "
                f"standard input and give '{STDIN}' as the path"
            )

    def _add_root(self, root: str) -> None:
        if root not in self.roots:
            self.roots.append(root)

    def _add_folder(self, folder: Path) -> None:
        self._add_root(_posix(folder))
        paths = [(path.is_symlink(), path.relative_to(folder).as_posix()) for path in self._walk(folder)]
        for _, relative in sorted(paths):
            path = folder / relative
            file_format = self._format_in_folder(PurePosixPath(relative), folder.name)
            if file_format is not None and self.format is None and not can_be_read(file_format.name):
                self.unreadable.add(path.resolve())
            elif file_format is not None:
                self._add_file(path, path, len(PurePosixPath(relative).parts) + 1, file_format)
            elif not self.include:
                self.left_out.add(path.resolve())

    def _format_in_folder(self, relative: PurePosixPath, folder: str) -> Format | None:
        """The format of a file in a folder, none if it is not to be read."""
        if not self.include:
            return format_of(relative)
        return format_of(relative) or UNKNOWN_FORMAT if self.include.fit(relative, folder) else None

    def _walk(self, root: Path) -> Iterator[Path]:
        """The files under a folder that nothing leaves out; a folder reached by two ways is walked once."""
        seen: set[Path] = set()
        waiting = [root]
        # Links wait until the real folders are done, so that a file is called by its real place.
        for top in waiting:
            rules = IgnoreRules(top)
            for name, folders, files in os.walk(top, onerror=_raise):
                here = Path(name)
                if here.resolve() in seen:
                    folders.clear()
                    continue
                seen.add(here.resolve())
                folders[:] = [inner for inner in sorted(folders) if self._is_wanted(here / inner, root, rules, True)]
                waiting.extend(here / inner for inner in folders if (here / inner).is_symlink())
                yield from (here / inner for inner in files if self._is_wanted(here / inner, root, rules, False))

    def _is_wanted(self, path: Path, root: Path, rules: IgnoreRules, is_folder: bool) -> bool:
        """Whether an entry of a folder is looked at; hidden ones and pipes are not there for us, others are counted."""
        if path.name.startswith(".") or not (is_folder or _is_file(path)):
            return False
        is_left_out = self.exclude.fit(PurePosixPath(path.relative_to(root).as_posix()), root.name)
        is_left_out = is_left_out or rules.ignore(path, is_folder=is_folder)
        if not is_left_out and not is_folder and self.largest is not None:
            is_left_out = path.stat().st_size > self.largest
        self.excluded += is_left_out
        return not is_left_out

    def _add_file(self, path: Path, found_at: Path, parts: int, file_format: Format) -> None:
        """Note a file, whose name is the last ``parts`` of the path at which it was found."""
        target = path.resolve()
        if target not in self.files:
            origin = Origin(NAMELESS, _posix(target), printable_path(target))
            names = _names(found_at, parts)
            size = target.stat().st_size
            self.files[target] = File(origin, self.format or file_format, names, _posix(found_at), target, size)


def refusal(path: Path, error: OSError) -> InputError:
    """The error for a path that the system will not let us read."""
    reason = (error.strerror or str(error)).lower()
    return InputError(f"cannot read {printable_path(path)}: {reason}; check that it is there and that you may read it")


def printable_path(path: Path) -> str:
    """A path as a message shows it: on one line, whatever its name."""
    return str(path) if str(path).isprintable() else ascii(str(path))


def _names(path: Path, parts: int) -> tuple[str, ...]:
    """The last ``parts`` of a path, and all longer ends of it."""
    every = [_posix_text(part) for part in path.parts[1:]]
    return tuple("/".join(every[-count:]) for count in range(min(parts, len(every)), len(every) + 1))


def _posix(path: Path) -> str:
    """A path as a string that can be stored."""
    return _posix_text(path.as_posix())


def _posix_text(name: str) -> str:
    """A name of which every byte that is not UTF-8 is written as an escape: two names remain two."""
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


def _raise(error: OSError) -> None:
    raise refusal(Path(error.filename), error) from error


def is_gone(path: str) -> bool:
    """Whether it is known that there is no file at a path; one that cannot be looked at may be there."""
    try:
        return not stat.S_ISREG(os.stat(path).st_mode)  # noqa: PTH116 - a source may be any text, which Path refuses
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ValueError):
        return False


def _is_file(path: Path) -> bool:
    """Whether an entry of a folder is a file that can be read: no pipe, no link to nowhere."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ELOOP):
            return False
        raise refusal(path, error) from error
