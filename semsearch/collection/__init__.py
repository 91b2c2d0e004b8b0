"""Documents, passages and vectors on disk, and the only code that writes them."""

from semsearch.collection.archive import import_archive
from semsearch.collection.passages import read_text
from semsearch.collection.places import exists, list_collections
from semsearch.collection.repair import Repaired, repair_folder
from semsearch.collection.settings import CollectionSettings, check_name
from semsearch.collection.snapshot import Snapshot, StoredPassage
from semsearch.collection.status import Status
from semsearch.collection.store import Store, checked_encoder
from semsearch.collection.sync import identified, unit_length
from semsearch.collection.tables import write_jsonl, write_parquet
from semsearch.collection.verify import Finding, Report, verify_folder

__all__ = [
    "CollectionSettings",
    "Finding",
    "Repaired",
    "Report",
    "Snapshot",
    "Status",
    "Store",
    "StoredPassage",
    "check_name",
    "checked_encoder",
    "exists",
    "identified",
    "import_archive",
    "list_collections",
    "read_text",
    "repair_folder",
    "unit_length",
    "verify_folder",
    "write_jsonl",
    "write_parquet",
]
