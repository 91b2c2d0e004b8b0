"""Words and other names with vectors: what is near what, what does not belong, what is to C as B is to A."""

from semsearch.query.tokens.formulas import Formula
from semsearch.query.tokens.readers import read_space
from semsearch.query.tokens.space import Space

__all__ = ["Formula", "Space", "read_space"]
