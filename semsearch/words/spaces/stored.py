"""Arrays that take long to make, kept in the cache folder and checked when they are read."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from semsearch.common.arrays import Float32
from semsearch.common.errors import StorageError
from semsearch.encoder.cache import publish_file

__all__ = ["load_or_make"]

DIGEST = "sha256"


def load_or_make(path: Path, make: Callable[[], dict[str, Float32]]) -> dict[str, Float32]:
    """The arrays in a safetensors file, or those that ``make`` gives, which are then kept in it.

    A file whose bytes are not the ones that were written counts as missing.
    """
    arrays = _read(path)
    if arrays is None:
        from safetensors.numpy import save

        arrays = make()
        with suppress(StorageError):  # what cannot be kept is made again next time
            publish_file(path, save(arrays, {DIGEST: _digest(arrays)}))
    return arrays


def _read(path: Path) -> dict[str, Float32] | None:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as file:
            written = (file.metadata() or {}).get(DIGEST)
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    except (OSError, SafetensorError):
        return None
    return arrays if written == _digest(arrays) else None


def _digest(arrays: Mapping[str, Float32]) -> str:
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(f"{name} {arrays[name].shape}".encode())
        digest.update(arrays[name].tobytes())
    return digest.hexdigest()
