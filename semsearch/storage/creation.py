"""A new collection's folder: it appears with all its files, or not at all."""

from __future__ import annotations

import errno
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from semsearch.common.durable import create_file, sync_folder
from semsearch.encoder import Encoder
from semsearch.storage.canary import make_canary
from semsearch.storage.database.connection import connect
from semsearch.storage.database.errors import translate_errors
from semsearch.storage.database.schema import create_schema
from semsearch.storage.folder import DATABASE, check_name, taken_error
from semsearch.storage.growing import growing_folder
from semsearch.storage.settings import CollectionSettings, Definition, StoredEncoder, random_id
from semsearch.storage.vectors.file import vector_file

__all__ = ["create_folder", "fill_folder"]


def create_folder(path: Path, encoder: Encoder, settings: CollectionSettings) -> None:
    """Make an empty collection in the folder ``path``, which must not exist yet."""
    check_name(path.name)
    meta: dict[str, Any] = {
        "id": random_id(),
        "settings": settings.to_json(),
        "encoder": StoredEncoder.of(encoder, settings).to_json(),
        "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "canary": make_canary(encoder),
    }
    with translate_errors(path):
        if path.exists():
            raise taken_error(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        with growing_folder(path.parent) as folder:
            fill_folder(folder, meta)
            _rename(folder, path)
            sync_folder(path.parent)


def fill_folder(folder: Path, meta: dict[str, Any]) -> None:
    """Put the files of an empty collection into an empty folder, durably."""
    create_file(folder / DATABASE).close()
    with closing(connect(folder / DATABASE, write=True)) as connection:
        create_schema(connection, meta)
    definition = Definition.from_meta(meta)
    for kind in definition.dimensions:
        vector_file(folder, 0, definition, kind).create()
    sync_folder(folder)


def _rename(scratch: Path, path: Path) -> None:
    try:
        scratch.rename(path)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            raise taken_error(path) from error
        raise
