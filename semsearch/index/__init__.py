"""Nearest rows of a matrix. Knows vectors and row numbers, not texts; only this layer imports FAISS."""

from semsearch.index.background import Background, measure_background
from semsearch.index.bitmaps import Bitmap, all_but, bitmap_of, count, members
from semsearch.index.codes import Code
from semsearch.index.faiss_files import load_library
from semsearch.index.file_digest import Digest, has_digest
from semsearch.index.inverted_lists import Reach
from semsearch.index.part import Part, check_factory
from semsearch.index.partitioned import ApproximateIndex, Point
from semsearch.index.plan import Plan, build_part, choose, is_current
from semsearch.index.recall import DEFAULT_TARGET, Measured, Target, target_of, tune
from semsearch.index.rows import Rows, open_rows
from semsearch.index.searcher import Searcher

__all__ = [
    "DEFAULT_TARGET",
    "ApproximateIndex",
    "Background",
    "Bitmap",
    "Code",
    "Digest",
    "Measured",
    "Part",
    "Plan",
    "Point",
    "Reach",
    "Rows",
    "Searcher",
    "Target",
    "all_but",
    "bitmap_of",
    "build_part",
    "check_factory",
    "choose",
    "count",
    "has_digest",
    "is_current",
    "load_library",
    "measure_background",
    "members",
    "open_rows",
    "target_of",
    "tune",
]
