"""Words and other names with vectors: what is near what, what does not belong, what is to C as B is to A."""

from semsearch.query.tokens.formulas import Formula
from semsearch.query.tokens.readers import read_space
from semsearch.query.tokens.space import Space
from semsearch.query.tokens.vocabulary import DEFAULT_SPACE, Vocabulary

__all__ = ["DEFAULT_SPACE", "Formula", "Space", "Vocabulary", "read_space"]
