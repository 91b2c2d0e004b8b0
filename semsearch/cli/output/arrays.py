"""Arrays of a command in a file: ``.npy`` for one, ``.safetensors`` for any number, with names of their rows."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semsearch.common.errors import NONSENSE, InputError

if TYPE_CHECKING:
    import numpy as np

    from semsearch.common.arrays import Float32

__all__ = ["Origin", "check_file", "read_origin", "read_rows", "write_arrays"]

KINDS = (".npy", ".safetensors")

ORIGIN = "semsearch.origin"
"""Name of what a .safetensors file says of its vectors' origin."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The model whose vectors are in a file, its fingerprint, and the space that they are of: ``layer:2``, say."""

    model: str
    fingerprint: str
    space: str


Labelled = tuple[list[str | None], "Float32"]
"""Rows of numbers, float32[m, d], and a label each, or ``None`` where the file has none."""


def check_file(path: Path) -> None:
    """Raise before any work is done for a file that could not be written."""
    if path.suffix.lower() not in KINDS:
        raise InputError(f"vectors cannot be written to {path}; its name must end in {' or '.join(KINDS)}")
    if not path.parent.is_dir():
        raise InputError(f"there is no folder {path.parent} for the vectors; make it first")


def write_arrays(
    path: Path,
    arrays: Mapping[str, Float32],
    names: Mapping[str, Sequence[str]],
    stack: bool,
    origin: Origin | None = None,
) -> str:
    """Write the arrays, and say what was written: their shape in ``.npy``, their names in ``.safetensors``.

    ``.npy`` holds the only array, or with ``stack`` all of them along a new first axis. The names of an array's
    rows go to the metadata, of the only one under ``names``, so that ``--words`` reads the file. So does ``origin``.
    """
    try:
        if path.suffix.lower() == ".npy":
            return _write_npy(path, arrays, stack)
        from safetensors.numpy import save_file

        metadata = {} if origin is None else {ORIGIN: json.dumps(asdict(origin))}
        metadata |= {"names" if len(arrays) == 1 else f"{key}.names": json.dumps(list(names[key])) for key in names}
        save_file(dict(arrays), path, metadata)
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror or error}); name another file") from error
    shapes = ", ".join(f"{key} float32{list(array.shape)}" for key, array in arrays.items())
    return f"{shapes} to {path}"


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


def read_origin(path: Path) -> Origin | None:
    """Of which model and space the vectors in a file are, if it knows."""
    if path.suffix.lower() != ".safetensors" or not path.is_file():
        return None
    import safetensors

    try:
        with safetensors.safe_open(path, framework="np") as file:
            return Origin(**json.loads((file.metadata() or {})[ORIGIN]))
    except (safetensors.SafetensorError, OSError, *NONSENSE):
        return None


def read_rows(path: Path) -> Labelled:
    """All rows of the arrays in a file, whatever their other dimensions: what :func:`write_arrays` writes.

    Raises for what are no numbers, for NaN, and for rows of different lengths.
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise InputError(f"vectors cannot be read from {path}; its name must end in {' or '.join(KINDS)}")
    try:
        arrays = reader(path)
    except FileNotFoundError:
        raise InputError(f"there is no file {path}; check the path") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror or error}); check the file") from error
    return _join_rows(arrays, path)


def _read_npy(path: Path) -> list[Labelled]:
    from semsearch.words.vector_files.binary import open_npy

    rows = _rows(open_npy(path), str(path))
    return [([None] * len(rows), rows)]


def _read_safetensors(path: Path) -> list[Labelled]:
    import safetensors

    try:
        with safetensors.safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
            arrays = {key: _rows(file.get_tensor(key), f"{path}, {key}") for key in file.keys()}  # noqa: SIM118 - no dict
    except (safetensors.SafetensorError, TypeError) as error:  # the second for number types that NumPy has not
        raise InputError(f"{path} is not a safetensors file that can be read ({error}); save it again") from error
    return [(_labels(metadata, key, len(arrays) > 1, len(rows), path), rows) for key, rows in arrays.items()]


READERS: dict[str, Callable[[Path], list[Labelled]]] = {".npy": _read_npy, ".safetensors": _read_safetensors}


def _rows(array: np.ndarray[Any, Any], place: str) -> Float32:
    import numpy as np

    if array.dtype.kind not in "fiu" or not array.ndim or not array.size:
        raise InputError(f"{place} holds {array.dtype} of shape {array.shape}, which are no vectors; save numbers")
    with np.errstate(over="ignore"):  # infinity is refused below
        rows: Float32 = np.asarray(array, dtype=np.float32).reshape(-1, array.shape[-1])
    broken = np.flatnonzero(~np.isfinite(rows).all(axis=1))
    if len(broken):
        raise InputError(f"{place}: row {broken[0] + 1} holds NaN, infinity or a number beyond float32; mend it")
    return rows


def _labels(metadata: Mapping[str, str], key: str, several: bool, count: int, path: Path) -> list[str | None]:
    """Names of an array's rows, behind the array's where there are several."""
    from semsearch.words.vector_files.binary import NAMES_KEY, json_names

    stored = metadata.get(f"{key}.{NAMES_KEY}" if several else NAMES_KEY)
    if stored is None:
        return [key if several else None] * count
    names = json_names(stored, path)
    if len(names) != count:
        raise InputError(f"{path}, {key} has {count:,} rows, and {len(names):,} names; every row needs one")
    return [f"{key} {name}" if several else name for name in names]


def _join_rows(arrays: Sequence[Labelled], path: Path) -> Labelled:
    import numpy as np

    lengths = sorted({rows.shape[1] for _, rows in arrays})
    if len(lengths) != 1:
        raise InputError(f"{path} holds vectors of {lengths or 'no'} numbers; give a file with vectors of one length")
    return [label for labels, _ in arrays for label in labels], np.concatenate([rows for _, rows in arrays])
