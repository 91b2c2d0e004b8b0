"""Several arrays in one file or one value, in the layout of safetensors: mapped in place, never executed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["NamedArrays", "pack_arrays", "unpack_arrays"]

NamedArrays = Mapping[str, npt.NDArray[Any]]

_LENGTH = np.dtype("<u8")
_TYPES = {"U64": "<u8", "I64": "<i8", "F64": "<f8", "F32": "<f4", "U32": "<u4", "U16": "<u2", "U8": "<u1"}
"""In the order of arrays in a file."""
_NAMES = {np.dtype(dtype): name for name, dtype in _TYPES.items()}
_ALIGNED = 8


def pack_arrays(arrays: NamedArrays) -> Iterator[bytes | memoryview]:
    """The bytes of one-dimensional arrays, piece by piece, as safetensors writes them.

    Source: https://github.com/huggingface/safetensors, "Format"; as its own program does, wide numbers come first, and
    spaces fill the header up. Nothing is copied: arrays may be as large as the memory.
    """
    ranks = {dtype: rank for rank, dtype in enumerate(_NAMES)}
    ordered = sorted(arrays.items(), key=lambda item: (ranks[item[1].dtype], item[0]))
    header, end = {}, 0
    for name, array in ordered:
        begin, end = end, end + array.nbytes
        header[name] = {"dtype": _NAMES[array.dtype], "shape": [len(array)], "data_offsets": [begin, end]}
    spelled = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    spelled += b" " * (-len(spelled) % _ALIGNED)
    yield len(spelled).to_bytes(_LENGTH.itemsize, "little") + spelled
    for _, array in ordered:
        yield np.ascontiguousarray(array).data.cast("B") if len(array) else b""


def unpack_arrays(content: bytes | npt.NDArray[np.uint8]) -> dict[str, npt.NDArray[Any]]:
    """The arrays in some bytes, which may be mapped; nothing is copied. Raises ValueError if these are none."""
    length = int(np.frombuffer(content, _LENGTH, 1)[0])
    begin = _LENGTH.itemsize + length
    if begin > len(content):
        raise ValueError("its header ends behind its end")
    header = json.loads(bytes(content[_LENGTH.itemsize : begin]))
    return {name: _view(content, begin, entry) for name, entry in header.items() if name != "__metadata__"}


def _view(content: bytes | npt.NDArray[np.uint8], begin: int, entry: dict[str, Any]) -> npt.NDArray[Any]:
    (count,) = entry["shape"]
    dtype = np.dtype(_TYPES[entry["dtype"]])
    return np.frombuffer(content, dtype, count, begin + entry["data_offsets"][0]) if count else np.empty(0, dtype)
