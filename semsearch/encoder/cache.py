"""The cache folder: digests of large files, arrays that take long to make, folders that appear whole or not at all.

Nothing in it is believed without a checksum, which covers the name that a file has, too. What is damaged counts as
missing, and is made again.

A SHA-256 of 90 MB costs a quarter of the time that a search may take, so it is remembered together with the file's
size, times, device and inode, as git does for its index: a file that was written to or replaced since is hashed again
(docs/decisions/013-what-the-cache-believes.md).
"""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from semsearch.common.arrays import Float32
from semsearch.common.durable import write_beside
from semsearch.common.environment import cache_folder
from semsearch.common.errors import StorageError

__all__ = [
    "digest",
    "hash_file",
    "load_or_make",
    "locked",
    "publish_folder",
    "publish_sealed",
    "read_json",
    "read_sealed",
    "short_digest",
    "tell_damage",
]

logger = logging.getLogger(__name__)

SETTLED_NS = 2_000_000_000
"""Age of a file's last change from which its digest is remembered. Clocks of file systems are as coarse as 2 s (FAT): a
file that is changed twice within that time may show the same times for both contents."""
SEAL_BYTES = 65
"""64 hexadecimal digits and a line end."""


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
    """SHA-256 of a file as 64 hexadecimal digits; remembered until the file is written to or replaced."""
    path = path.resolve()
    signature = _signature(path)
    memo = cache_folder() / "digests" / f"{short_digest(str(path))}.json"
    with suppress(ValueError, TypeError):
        remembered = json.loads(read_sealed(memo) or b"{}")
        if remembered.get("signature") == signature:
            return str(remembered["sha256"])
    begun = time.time_ns()
    sha256 = hash_file(path)
    if os.name == "posix" and begun - path.stat().st_ctime_ns > SETTLED_NS:  # elsewhere ctime is another time
        with suppress(StorageError):  # a memo that cannot be kept costs time, nothing else
            publish_sealed(memo, json.dumps({"signature": signature, "sha256": sha256}).encode())
    return sha256


def hash_file(path: Path) -> str:
    """SHA-256 of a file as 64 hexadecimal digits, from its bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _signature(path: Path) -> list[int]:
    """What differs once a file has been written to, or another one has its name: programs cannot set ctime."""
    status = path.stat()
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_dev, status.st_ino]


def publish_sealed(path: Path, content: bytes, owner: str = "") -> None:
    """Write a file for :func:`read_sealed`, so that other processes see all of it or none of it.

    A line with a checksum of the content, the file's name and its ``owner`` stands before the content.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with write_beside(path) as file:
            file.write(_seal(content, path, owner) + content)
    except OSError as error:
        raise _write_error(path.parent, error) from error


def read_sealed(path: Path, owner: str = "") -> bytes | None:
    """What was published under this name for this owner, or ``None``; damage is told in the log."""
    try:
        sealed = path.read_bytes()
    except OSError:
        return None
    content = sealed[SEAL_BYTES:]
    if sealed[:SEAL_BYTES] == _seal(content, path, owner):
        return content
    tell_damage(path)
    return None


def _seal(content: bytes, path: Path, owner: str) -> bytes:
    checksum = hashlib.sha256(f"{owner}/{path.name}\0".encode())
    checksum.update(content)
    return f"{checksum.hexdigest()}\n".encode()


@functools.cache
def tell_damage(path: Path) -> None:
    """Say, once a process, that a file of the cache is not what was written."""
    logger.info("%s in the cache is damaged, or of an earlier version: it is made again", path)


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
        _remove(folder)  # a damaged earlier one
        scratch.replace(folder)
    except OSError as error:
        raise _write_error(folder.parent, error) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _write_error(folder: Path, error: OSError) -> StorageError:
    return StorageError(
        f"the cache folder {folder} cannot be written ({error.strerror or error}); "
        "free some space or set SEMSEARCH_CACHE to a folder that can be"
    )


def load_or_make(path: Path, make: Callable[[], dict[str, Float32]]) -> dict[str, Float32]:
    """The arrays in a sealed safetensors file, or those that ``make`` gives, which are then kept in it."""
    from safetensors.numpy import load, save

    if (content := read_sealed(path)) is not None:
        return load(content)
    arrays = make()
    with suppress(StorageError):  # what cannot be kept is made again next time
        publish_sealed(path, save(arrays))
    return arrays
