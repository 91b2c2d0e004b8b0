"""Files of FAISS indexes, which are mapped instead of read.

FAISS maps the codes of flat indexes only. The lists of an inverted file, which are nearly all of it, are therefore
written as FAISS's ``OnDiskInvertedLists`` has them in memory, and mapped by it. Layout, little-endian::

    "SEMLISTS"                 64 bytes, the rest zeros: FastScan's blocks begin where cache lines do
    list after list            codes[capacity], int64 ids[capacity]; the capacity is whole blocks of codes
    int64[lists, 3]            size, capacity and place of each list
    FAISS's format             the index with empty lists
    int64[2]                   where the two above begin

All other indexes are in FAISS's format.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["innermost", "load_library", "read_index", "write_index"]

HEAD = b"SEMLISTS".ljust(64, b"\0")
FOOT = struct.Struct("<qq")
ID_BYTES = 8
PIECE = 1 << 20

Write = Callable[[bytes], object]


def load_library() -> None:
    """Import FAISS now. What needs it does so, but that takes longer than a search."""
    import faiss  # noqa: F401 - it is in memory afterwards


def write_index(index: Any, write: Write) -> None:
    """Write a FAISS index, itself not mapped, by ``write``, which is called with one piece after another.

    While it is written nobody may search it.
    """
    inner = innermost(index)
    block = _rows_a_block(inner)
    if block is None:
        _write_as_faiss(index, write)
        return
    write(HEAD)
    sizes = np.array([inner.invlists.list_size(number) for number in range(inner.nlist)], np.int64)
    capacities = -(-sizes // block) * block
    for number, (size, capacity) in enumerate(zip(sizes.tolist(), capacities.tolist(), strict=True)):
        _write_list(inner.invlists, number, size, capacity, inner.code_size, write)
    ends = len(HEAD) + np.cumsum(capacities) * (inner.code_size + ID_BYTES)
    table = np.stack([sizes, capacities, np.append(len(HEAD), ends[:-1])], axis=1).astype("<i8")
    write(table.tobytes())
    _write_without_lists(index, inner, write)
    write(FOOT.pack(ends[-1], ends[-1] + table.nbytes))


def read_index(path: Path) -> Any:
    """Map a file that :func:`write_index` has written; its bytes must be known to be right.

    Raises :class:`OSError`, or what FAISS raises: :class:`RuntimeError`.
    """
    import faiss

    with path.open("rb") as file:
        if file.read(len(HEAD)) != HEAD:
            return faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
        file.seek(-FOOT.size, 2)
        end = file.tell()
        table, description = FOOT.unpack(file.read())
        file.seek(table)
        lists = np.frombuffer(file.read(description - table), "<i8").reshape(-1, 3)
        index = faiss.deserialize_index(np.frombuffer(file.read(end - description), np.uint8))
    inner = innermost(index)
    mapped = _map_lists(path, lists, inner.code_size)
    mapped.this.disown()
    inner.replace_invlists(mapped, True)
    return index


def innermost(index: Any) -> Any:
    """The index that searches, below transforms such as OPQ."""
    import faiss

    while isinstance(index, faiss.IndexPreTransform):
        index = faiss.downcast_index(index.index)
    return index


def _rows_a_block(inner: Any) -> int | None:
    """How many codes are interleaved in its lists; ``None`` if there are no lists that FAISS can search in a file."""
    import faiss

    if not isinstance(inner, faiss.IndexIVF) or not hasattr(faiss, "OnDiskInvertedLists"):  # Windows has none
        return None
    lists = faiss.downcast_InvertedLists(inner.invlists)
    assert not isinstance(lists, faiss.OnDiskInvertedLists), "what is mapped has its file"
    if isinstance(lists, faiss.BlockInvertedLists) and isinstance(inner, faiss.IndexIVFPQFastScan):
        return int(lists.n_per_block)
    return 1 if type(lists) is faiss.ArrayInvertedLists else None  # a subclass arranges codes in a way of its own


def _write_list(lists: Any, number: int, size: int, capacity: int, code_size: int, write: Write) -> None:
    if not size:
        return
    codes, ids = (
        _borrow_array(lists.get_codes(number), capacity * code_size),
        _borrow_array(lists.get_ids(number), size),
    )
    for first in range(0, len(codes), PIECE):
        write(codes[first : first + PIECE].tobytes())
    write(np.pad(ids, (0, capacity - size), constant_values=-1).astype("<i8").tobytes())


def _borrow_array(pointer: Any, count: int) -> npt.NDArray[Any]:
    """Memory of FAISS as an array, which must not outlive it."""
    import faiss

    borrowed: npt.NDArray[Any] = faiss.rev_swig_ptr(pointer, count)
    return borrowed


def _write_without_lists(index: Any, inner: Any, write: Write) -> None:
    import faiss

    lists = faiss.downcast_InvertedLists(inner.invlists)
    if isinstance(lists, faiss.BlockInvertedLists):
        empty = faiss.BlockInvertedLists(inner.nlist, lists.n_per_block, lists.block_size)
    else:
        empty = faiss.ArrayInvertedLists(inner.nlist, inner.code_size)
    owned, inner.own_invlists = inner.own_invlists, False
    try:
        inner.replace_invlists(empty, False)
        _write_as_faiss(index, write)
    finally:
        inner.replace_invlists(lists, owned)


def _write_as_faiss(index: Any, write: Write) -> None:
    import faiss

    faiss.write_index(index, faiss.PyCallbackIOWriter(write, PIECE))


def _map_lists(path: Path, lists: npt.NDArray[np.int64], code_size: int) -> Any:
    """FAISS's lists over a file, which it maps and never writes."""
    import faiss

    if not hasattr(faiss, "OnDiskInvertedLists"):
        raise RuntimeError("FAISS maps no lists on this system")
    mapped = faiss.OnDiskInvertedLists(len(lists), code_size, str(path))
    mapped.read_only = True
    mapped.prefetch_nthread = 0  # else some searches start 32 threads, and crash after a fork
    mapped.totsize = path.stat().st_size
    mapped.do_mmap()
    faiss.memcpy(mapped.lists.data(), faiss.swig_ptr(lists), lists.nbytes)
    return mapped
