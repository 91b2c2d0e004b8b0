"""Files of named vectors to spaces."""

from semsearch.query.tokens.readers.reader import KINDS, read_space

__all__ = ["KINDS", "read_space"]
