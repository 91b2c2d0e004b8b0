"""Files of named vectors to spaces."""

from semsearch.words.vector_files.reader import KINDS, read_space

__all__ = ["KINDS", "read_space"]
