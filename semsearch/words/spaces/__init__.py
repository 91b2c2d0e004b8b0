"""Words and other names with vectors: what is near what, what does not belong, what is to C as B is to A."""

from semsearch.words.spaces.space import Space
from semsearch.words.spaces.vocabulary import DEFAULT_SPACE, Vocabulary

__all__ = ["DEFAULT_SPACE", "Space", "Vocabulary"]
