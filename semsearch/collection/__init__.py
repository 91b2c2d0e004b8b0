"""Documents, passages and vectors on disk, and the only code that writes them."""

from semsearch.collection.archive import import_archive
from semsearch.collection.passages import read_text
from semsearch.collection.places import exists, list_collections
from semsearch.collection.reading import StoredPassage, StoredWords
from semsearch.collection.repair import Repaired, repair_folder
from semsearch.collection.settings import CollectionSettings, check_name
from semsearch.collection.snapshot import Snapshot
from semsearch.collection.status import Status
from semsearch.collection.store import Store, checked_encoder
from semsearch.collection.sync import identified
from semsearch.collection.tables import write_jsonl, write_parquet
from semsearch.collection.verify import Finding, Report, verify_folder
from semsearch.encoder.words import LAYER, PassageWords, encode_words, unit_length, word_vectors, words_of

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
