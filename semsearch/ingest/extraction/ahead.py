"""Several children, which extract files before the reader comes to them, while others wait to be encoded."""

from __future__ import annotations

import atexit
import hashlib
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from queue import LifoQueue

from semsearch.common.environment import thread_count
from semsearch.common.errors import SemsearchError
from semsearch.common.forks import renew_in_child
from semsearch.ingest.extraction.extractor import Extractor
from semsearch.ingest.extraction.parts import Part

__all__ = ["Extractors", "shared_extractors"]

MOST_CHILDREN = 8
CORES_A_CHILD = 2
"""The encoder needs most of the cores; on two, one child is faster than it is."""
MOST_BYTES = 1 << 25
"""Of a file that is extracted ahead: several are in memory at a time."""

Extracted = tuple[bytes, list[Part] | SemsearchError]
"""The SHA-256 of a file's bytes, and what was in it, or why it cannot be read."""


class Extractors:
    """Extracts files by ``children`` processes, each started when all others are busy. For one reader at a time."""

    def __init__(self, children: int, make: Callable[[], Extractor] = Extractor) -> None:
        self.ahead = children + 1
        """How many files are worth being foreseen: one for each child, and one that is read."""
        self._children = [make() for _ in range(children)]
        self.after_fork()
        renew_in_child(self)

    def after_fork(self) -> None:
        """A forked process has foreseen nothing; its children renew themselves."""
        self._foreseen: dict[str, Future[Extracted]] = {}
        self._idle: LifoQueue[Extractor] = LifoQueue()  # who worked last is asked first: others need not be started
        for child in reversed(self._children):
            self._idle.put(child)

    def foresee(self, module: str, path: str, size: int | None) -> None:
        """Begin with a file that will be asked for; not with one that is large, or has been begun with."""
        if path in self._foreseen or size is None or size > MOST_BYTES:
            return
        future = self._foreseen[path] = Future[Extracted]()
        threading.Thread(target=self._fulfil, args=(future, module, path), daemon=True).start()

    def extract(self, module: str, data: bytes, path: str | None = None) -> list[Part]:
        """The parts of a file, as :meth:`Extractor.extract` has them; ``path`` is where it was foreseen."""
        future = self._foreseen.pop(path, None) if path else None
        if future is not None:
            with suppress(OSError):  # what could not be read then has been read now
                digest, outcome = future.result()
                if digest == hashlib.sha256(data).digest():
                    if isinstance(outcome, SemsearchError):
                        raise outcome
                    return outcome
        return self._ask_idle(module, data)

    def forget(self) -> None:
        """Nobody will ask for what has been foreseen."""
        self._foreseen.clear()

    def close(self) -> None:
        """End all children."""
        for child in self._children:
            child.close()

    def _fulfil(self, future: Future[Extracted], module: str, path: str) -> None:
        try:
            data = Path(path).read_bytes()
            future.set_result((hashlib.sha256(data).digest(), self._try(module, data)))
        except BaseException as error:  # noqa: BLE001 - it is the reader's, who waits for it
            future.set_exception(error)

    def _try(self, module: str, data: bytes) -> list[Part] | SemsearchError:
        try:
            return self._ask_idle(module, data)
        except SemsearchError as error:  # it is about these bytes, which may not be the ones that are asked for
            return error

    def _ask_idle(self, module: str, data: bytes) -> list[Part]:
        child = self._idle.get()
        try:
            return child.extract(module, data)
        finally:
            self._idle.put(child)


shared_extractors = Extractors(max(1, min(thread_count() // CORES_A_CHILD, MOST_CHILDREN)))
"""Those of this process."""
atexit.register(shared_extractors.close)
