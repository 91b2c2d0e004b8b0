"""The files of a folder: each once, by its real place where it has one in the folder."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from semsearch.ingest.patterns import IgnoreRules, Patterns

__all__ = ["Entry", "FolderWalk"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of a folder: its path in it with ``/`` between the parts, and the file itself.

    ``target`` is its absolute path with all links followed, and ``is_link`` whether it is a link itself.
    """

    relative: str
    target: str
    is_link: bool
    status: os.stat_result


class FolderWalk:
    """Goes through a folder. Links are followed, though never in circles; a folder reached by two ways is read once.

    Hidden entries, pipes and links to nowhere are passed over; ``excluded`` counts what the rules of the folder, the
    patterns ``exclude`` and the ``largest`` size leave out, a folder being one. An entry that the system refuses to
    show is given to ``refuse``.
    """

    def __init__(self, exclude: Patterns, largest: int | None, refuse: Callable[[str, OSError], None]) -> None:
        self._exclude = exclude
        self._largest = largest
        self._refuse = refuse
        self.excluded = 0

    def entries(self, root: str) -> list[Entry]:
        """The files under a folder, whose links are followed already, in the order in which they are read.

        A file is called by its real place: links come after all others.
        """
        return sorted(self._walk(root), key=lambda entry: (entry.is_link, entry.relative))

    def _walk(self, root: str) -> Iterator[Entry]:
        seen: set[str] = set()
        name = os.path.basename(root)  # noqa: PTH119 - strings: paths take longer than the disk
        tops = [("", root)]  # links wait until the real folders are done
        for relative, top in tops:
            rules, waiting = IgnoreRules(top), [(relative, top)]
            while waiting:
                here, real = waiting.pop()
                if real in seen:
                    continue
                seen.add(real)
                for item in self._list(real):
                    inner = f"{here}/{item.name}" if here else item.name
                    status = _look(item, self._refuse)
                    if status is None or self._leave_out(item, status, (inner, name, real), rules):
                        continue
                    is_link = item.is_symlink()
                    target = os.path.realpath(item.path) if is_link else item.path
                    if not stat.S_ISDIR(status.st_mode):
                        yield Entry(inner, target, is_link, status)
                    else:
                        (tops if is_link else waiting).append((inner, target))

    def _list(self, folder: str) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(folder) as items:
                return list(items)
        except OSError as error:
            self._refuse(folder, error)
            return []

    def _leave_out(
        self, item: os.DirEntry[str], status: os.stat_result, place: tuple[str, str, str], rules: IgnoreRules
    ) -> bool:
        """Whether an entry is left out; ``place`` is its path in the root, the root's name, and its folder."""
        relative, root, folder = place
        is_folder = stat.S_ISDIR(status.st_mode)
        is_left_out = (
            (bool(self._exclude) and self._exclude.fit(relative, root))
            or rules.ignore(folder, item.name, is_folder=is_folder)
            or (self._largest is not None and not is_folder and status.st_size > self._largest)
        )
        self.excluded += is_left_out
        return is_left_out


def _look(item: os.DirEntry[str], refuse: Callable[[str, OSError], None]) -> os.stat_result | None:
    """The status of a file or a folder; none for hidden ones, for pipes, and for what leads nowhere."""
    if item.name.startswith("."):
        return None
    try:
        status = item.stat()
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ELOOP):
            refuse(item.path, error)
        return None
    return status if stat.S_ISDIR(status.st_mode) or stat.S_ISREG(status.st_mode) else None
