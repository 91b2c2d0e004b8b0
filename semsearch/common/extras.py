"""Libraries that only some uses need: imported when they are, or an error that says what to install."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from semsearch.common.errors import MissingExtraError

__all__ = ["import_extra"]


def import_extra(module: str, extra: str, purpose: str) -> Any:
    """An optional library; raises :class:`MissingExtraError` that names the extra of this package that brings it.

    ``purpose`` begins the message, such as ``writing Parquet``.
    """
    try:
        return import_module(module)
    except ImportError as error:
        library = module.split(".")[0]
        raise MissingExtraError(
            f"{purpose} needs {library}, which is not installed; run: pip install 'semsearch[{extra}]'"
        ) from error
