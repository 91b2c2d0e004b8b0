"""Opening a collection with the encoder that the options of a command ask for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from semsearch.cli.options import notify
from semsearch.encoder import Encoder
from semsearch.query import Collection

__all__ = ["open_collection"]


def open_collection(path: Path, how: dict[str, Any]) -> Collection:
    """The collection with its own model, run as ``how`` says (runtime, device, precision, threads).

    Vectors are searched on a GPU only if one is named: for a single question, copying them there takes longer.
    """
    device = how["device"] if how["device"].startswith("cuda") else "cpu"
    collection = Collection.open(path, device=device, threads=how["threads"])
    stored = collection.stored_encoder
    collection.attach(Encoder.load(stored.model, options=stored.options, notify=notify, **how))
    return collection
