"""Words in the contexts that a collection has them in: where one is used in a sense, and which senses it has."""

from semsearch.words.contexts.contexts import contexts
from semsearch.words.contexts.senses import senses

__all__ = ["contexts", "senses"]
