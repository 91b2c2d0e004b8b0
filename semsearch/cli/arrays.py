"""Arrays of a command in a file: ``.npy`` for one, ``.safetensors`` for any number, with names of their rows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from semsearch.errors import InputError

if TYPE_CHECKING:
    from semsearch.types import Float32

__all__ = ["check_file", "write_arrays"]

KINDS = (".npy", ".safetensors")


def check_file(path: Path) -> None:
    """Raise before any work is done for a file that could not be written."""
    if path.suffix.lower() not in KINDS:
        raise InputError(f"vectors cannot be written to {path}; its name must end in {' or '.join(KINDS)}")
    if not path.parent.is_dir():
        raise InputError(f"there is no folder {path.parent} for the vectors; make it first")


def write_arrays(path: Path, arrays: Mapping[str, Float32], names: Mapping[str, Sequence[str]], stack: bool) -> str:
    """Write the arrays, and say what was written: their shape in ``.npy``, their names in ``.safetensors``.

    ``.npy`` holds the only array, or with ``stack`` all of them along a new first axis. The names of an array's
    rows go to the metadata, of the only one under ``names``, so that ``--vectors`` reads the file.
    """
    try:
        if path.suffix.lower() == ".npy":
            return _write_npy(path, arrays, stack)
        from safetensors.numpy import save_file

        metadata = {"names" if len(arrays) == 1 else f"{key}.names": json.dumps(list(names[key])) for key in names}
        save_file(dict(arrays), path, metadata)
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror or error}); name another file") from error
    return f"{', '.join(arrays)} to {path}"


def _write_npy(path: Path, arrays: Mapping[str, Float32], stack: bool) -> str:
    import numpy as np

    shapes = {array.shape for array in arrays.values()}
    if len(shapes) > 1:
        raise InputError(f"texts of different lengths make no array for {path}; write them to a .safetensors file")
    values = list(arrays.values())
    array = np.stack(values) if stack else values[0]
    with path.open("wb") as file:  # given a name, np.save might add to it
        np.save(file, array)
    return f"float32{list(array.shape)} to {path}"
