"""Several arrays in one file or one value, in the layout of safetensors: mapped in place, never executed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["NamedArrays", "pack_arrays", "unpack_arrays"]

NamedArrays = Mapping[str, npt.NDArray[Any]]

_LENGTH = np.dtype("<u8")
_TYPES = {"U8": "<u1", "U16": "<u2", "U32": "<u4", "U64": "<u8", "I64": "<i8", "F32": "<f4", "F64": "<f8"}


def pack_arrays(arrays: NamedArrays) -> bytes:
    """The arrays as safetensors writes them (https://github.com/huggingface/safetensors)."""
    from safetensors.numpy import save

    return save({name: np.ascontiguousarray(array) for name, array in arrays.items()})


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
