"""Documents, passages and vectors on disk, and the only code that writes them."""

from semsearch.encoder.words import LAYER, PassageWords, encode_words, unit_length, word_vectors, words_of
from semsearch.storage.folder import exists, list_collections
from semsearch.storage.prepare import read_text
from semsearch.storage.settings import CollectionSettings, check_name
from semsearch.storage.snapshot import Snapshot
from semsearch.storage.store import Store, checked_encoder
from semsearch.storage.sync import identified
from semsearch.storage.tables.passages import StoredPassage, StoredWords
from semsearch.storage.upkeep.archive import import_archive
from semsearch.storage.upkeep.export import write_jsonl, write_parquet
from semsearch.storage.upkeep.repair import Repaired, repair_folder
from semsearch.storage.upkeep.status import Status
from semsearch.storage.upkeep.verify import Finding, Report, verify_folder

__all__ = [
    "LAYER",
    "CollectionSettings",
    "Finding",
    "PassageWords",
    "Repaired",
    "Report",
    "Snapshot",
    "Status",
    "Store",
    "StoredPassage",
    "StoredWords",
    "check_name",
    "checked_encoder",
    "encode_words",
    "exists",
    "identified",
    "import_archive",
    "list_collections",
    "read_text",
    "repair_folder",
    "unit_length",
    "verify_folder",
    "word_vectors",
    "words_of",
    "write_jsonl",
    "write_parquet",
]
