"""Tells the processes that extract files which ones the reader will come to next."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from semsearch.ingest.files import File
from semsearch.ingest.formats.packing import split_packing

__all__ = ["foreseeing"]


@contextmanager
def foreseeing(files: Sequence[File]) -> Iterator[Callable[[File], None]]:
    """A function to be called with each file that is read next; ``files`` are those that will be, in their order.

    Those of them that a child process extracts as they are (not packed) are begun with some files ahead. Without such
    files nothing is loaded.
    """
    extracted = deque(
        file for file in files if file.format.module and file.path and split_packing(file.path)[1] is None
    )
    if not extracted:
        yield lambda _: None
        return
    from semsearch.ingest.extraction.ahead import shared_extractors

    begun: deque[File] = deque()

    def look_ahead(file: File) -> None:
        while extracted and len(begun) < shared_extractors.ahead:
            following = extracted.popleft()
            begun.append(following)
            assert following.format.module
            assert following.path
            shared_extractors.foresee(following.format.module, following.path, following.size)
        if begun and begun[0] is file:  # from now on it is no longer ahead
            begun.popleft()

    try:
        yield look_ahead
    finally:
        shared_extractors.forget()
