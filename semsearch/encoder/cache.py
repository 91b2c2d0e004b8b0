"""The cache folder: digests of large files, arrays that take long to make, folders that appear whole or not at all.

A SHA-256 of 90 MB costs a quarter of the time that a search may take, so it is remembered together
with the file's size, times and inode, as git does for its index: a file that was written to since is
hashed again.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from semsearch.common.arrays import Float32
from semsearch.common.durable import write_beside
from semsearch.common.environment import cache_folder
from semsearch.common.errors import StorageError

__all__ = ["digest", "load_or_make", "locked", "publish_file", "publish_folder", "read_json", "short_digest"]


def read_json(path: Path) -> Any:
    """The value in a JSON file, or ``None`` when there is no such file."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None


def short_digest(value: object) -> str:
    """A 32-digit name for any JSON value: equal values, equal names."""
    canonical = json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()[:32]


def digest(path: Path) -> str:
    """SHA-256 of a file as 64 hexadecimal digits; remembered until the file is written to."""
    path = path.resolve()
    signature = _signature(path)
    memo = cache_folder() / "digests" / f"{short_digest(str(path))}.json"
    with suppress(ValueError, OSError):
        remembered = read_json(memo)
        if isinstance(remembered, dict) and remembered.get("signature") == signature:
            return str(remembered["sha256"])
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    with suppress(StorageError):  # a memo that cannot be kept costs time, nothing else
        publish_file(memo, json.dumps({"signature": signature, "sha256": sha256}).encode())
    return sha256


def _signature(path: Path) -> list[int]:
    status = path.stat()
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]


def publish_file(path: Path, content: bytes) -> None:
    """Write a file so that other processes see all of it or none of it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with write_beside(path) as file:
            file.write(content)
    except OSError as error:
        raise _write_error(path.parent, error) from error


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the right to publish ``folder``; other threads and processes wait for it."""
    from filelock import FileLock

    lock = FileLock(f"{folder}.lock")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except OSError as error:
        raise _write_error(folder.parent, error) from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def publish_folder(folder: Path) -> Iterator[Path]:
    """Give a scratch folder to fill; it takes the name ``folder`` only when the block ends well.

    Wants to be :func:`locked`: it clears away what a process that was killed has left.
    """
    for leftover in folder.parent.glob(f".{folder.name}-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    try:
        scratch = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
    except OSError as error:
        raise _write_error(folder.parent, error) from error
    try:
        yield scratch
        shutil.rmtree(folder, ignore_errors=True)  # a damaged earlier one
        scratch.replace(folder)
    except OSError as error:
        raise _write_error(folder.parent, error) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _write_error(folder: Path, error: OSError) -> StorageError:
    return StorageError(
        f"the cache folder {folder} cannot be written ({error.strerror or error}); "
        "free some space or set SEMSEARCH_CACHE to a folder that can be"
    )


DIGEST = "sha256"


def load_or_make(path: Path, make: Callable[[], dict[str, Float32]]) -> dict[str, Float32]:
    """The arrays in a safetensors file, or those that ``make`` gives, which are then kept in it.

    A file whose bytes are not the ones that were written counts as missing.
    """
    arrays = _read_arrays(path)
    if arrays is None:
        from safetensors.numpy import save

        arrays = make()
        with suppress(StorageError):  # what cannot be kept is made again next time
            publish_file(path, save(arrays, {DIGEST: _digest_arrays(arrays)}))
    return arrays


def _read_arrays(path: Path) -> dict[str, Float32] | None:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as file:
            written = (file.metadata() or {}).get(DIGEST)
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    except (OSError, SafetensorError):
        return None
    return arrays if written == _digest_arrays(arrays) else None


def _digest_arrays(arrays: Mapping[str, Float32]) -> str:
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(f"{name} {arrays[name].shape}".encode())
        digest.update(arrays[name].tobytes())
    return digest.hexdigest()
