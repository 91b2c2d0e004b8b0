"""Documents, passages and vectors on disk, and the only code that writes them."""

from semsearch.collection.places import exists, list_collections
from semsearch.collection.settings import CollectionSettings, check_name
from semsearch.collection.snapshot import Snapshot, StoredPassage
from semsearch.collection.store import Status, Store
from semsearch.collection.sync import identified, unit_length

__all__ = [
    "CollectionSettings",
    "Snapshot",
    "Status",
    "Store",
    "StoredPassage",
    "check_name",
    "exists",
    "identified",
    "list_collections",
    "unit_length",
]
