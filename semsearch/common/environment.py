"""Where things are, and what is installed: an argument, else the environment, else the default."""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from semsearch.common.errors import MissingExtraError
from semsearch.common.open_files import comes_of_too_many_files

__all__ = [
    "DEFAULT_MODEL",
    "cache_folder",
    "core_count",
    "import_extra",
    "indexes_folder",
    "temporary_cache_folder",
    "thread_count",
]

DEFAULT_MODEL = "all-MiniLM-L6-v2"


def indexes_folder(given: str | os.PathLike[str] | None = None) -> Path:
    """The folder that collections live in: ``given``, else ``$SEMSEARCH_INDEXES``, else ``./indexes``."""
    return Path(given or os.environ.get("SEMSEARCH_INDEXES") or "indexes")


def cache_folder() -> Path:
    """The folder for what is computed once, such as converted models: ``$SEMSEARCH_CACHE``, else the user's cache."""
    if chosen := os.environ.get("SEMSEARCH_CACHE"):
        return Path(chosen)
    import platformdirs

    return Path(platformdirs.user_cache_dir("semsearch", appauthor=False))


def temporary_cache_folder() -> Path:
    """A folder in place of a cache that cannot be written to: this user's own among the temporary files.

    It stays for the next time, unless somebody else has made it or could write to it.
    """
    owner = os.getuid() if hasattr(os, "getuid") else None
    folder = Path(tempfile.gettempdir()) / f"semsearch-cache-{'own' if owner is None else owner}"
    with suppress(OSError):
        folder.mkdir(mode=0o700, exist_ok=True)
        status = folder.lstat()
        private = owner is None or (status.st_uid == owner and stat.S_IMODE(status.st_mode) == 0o700)
        if stat.S_ISDIR(status.st_mode) and private:
            return folder
    return Path(tempfile.mkdtemp(prefix="semsearch-cache-"))


def core_count() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def thread_count(given: int | None = None) -> int:
    """Threads to compute with: ``given``, else ``$SEMSEARCH_THREADS``, else every core this process may use."""
    if given:
        return given
    if (chosen := os.environ.get("SEMSEARCH_THREADS", "")).isdecimal() and int(chosen) > 0:
        return int(chosen)
    return core_count()


def import_extra(module: str, extra: str, purpose: str, instead: str | None = None) -> Any:
    """An optional library; raises :class:`MissingExtraError` that names the extra of this package that brings it.

    ``purpose`` begins the message, such as ``writing Parquet``; ``instead`` is an option that needs no library.
    """
    try:
        return import_module(module)
    except ImportError as error:
        if comes_of_too_many_files(error):
            raise
        library = module.split(".")[0]
        raise MissingExtraError(
            f"{purpose} needs {library}, which is not installed; run: pip install 'semsearch[{extra}]'"
            + (f", or take {instead}" if instead else "")
        ) from error
