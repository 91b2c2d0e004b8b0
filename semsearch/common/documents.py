"""The nouns that all layers share: a document, a place in its text, and what can be chosen by name.

Commands list the choices in their help without importing the layers that act on them.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = [
    "MOST_NESTED",
    "Document",
    "Formula",
    "Metadata",
    "Metric",
    "Mode",
    "Pooling",
    "Precision",
    "Role",
    "RuntimeName",
    "Span",
    "Unit",
    "is_nested_deeper",
]

Metadata = Mapping[str, Any]
Span = tuple[int, int]
"""Half-open range ``[start, end)`` of character positions (Python string indices)."""


@dataclass(frozen=True, slots=True)
class Document:
    """What a user adds. ``id`` is unique in a collection; left out, it is derived from the text.

    With ``vector``, numbers[dimension] of the collection's embedding space, the document is one passage that is not
    encoded. It is stored as a passage's vector and not with the document: one that is read back has none.
    """

    text: str
    id: str | None = None
    title: str | None = None
    source: str | None = None
    metadata: Metadata = field(default_factory=dict)
    vector: npt.ArrayLike | None = field(default=None, compare=False, repr=False)


MOST_NESTED = 100
"""Lists and objects within each other that metadata may have: Python's own functions give up at some 900."""


def is_nested_deeper(value: Any, levels: int = MOST_NESTED) -> bool:
    """Whether a JSON value has more lists and objects within each other than ``levels``."""
    layer = [value]
    for _ in range(levels):
        inner = [one.values() if isinstance(one, dict) else one for one in layer if isinstance(one, dict | list)]
        layer = [value for values in inner for value in values]
    return any(isinstance(one, dict | list) for one in layer)


class Unit(enum.StrEnum):
    """What one passage is: the piece of a document that gets one embedding."""

    WINDOW = "window"
    SENTENCE = "sentence"
    LINE = "line"
    PARAGRAPH = "paragraph"
    DOCUMENT = "document"


class Metric(enum.StrEnum):
    """How near two vectors are. The score is the cosine, the inner product, or the distance with a minus in front."""

    COSINE = "cosine"
    DOT = "dot"
    L2 = "l2"


class Mode(enum.StrEnum):
    """What a search goes by: meaning (the vectors), words (BM25), or both."""

    DENSE = "dense"
    LEXICAL = "lexical"
    HYBRID = "hybrid"


class Fusion(enum.StrEnum):
    """What a hybrid search adds up: weighted scores, or reciprocal ranks."""

    SCORES = "scores"
    RANKS = "ranks"


class Pooling(enum.StrEnum):
    """How token vectors become one vector; the names are sentence-transformers' own."""

    MEAN = "mean"
    CLS = "cls"
    MAX = "max"
    MEAN_SQRT_LENGTH = "mean_sqrt_len_tokens"
    LAST = "lasttoken"


class Role(enum.StrEnum):
    """Which prompt a text gets, for models that prefix queries and documents differently."""

    QUERY = "query"
    DOCUMENT = "document"


class RuntimeName(enum.StrEnum):
    """What a model is run by; ``auto`` is OpenVINO on a processor where it can, else PyTorch."""

    AUTO = "auto"
    OPENVINO = "openvino"
    TORCH = "torch"


class Precision(enum.StrEnum):
    """Arithmetic of the matrix products; ``auto`` takes bf16 only where the processor has it."""

    AUTO = "auto"
    F32 = "f32"
    BF16 = "bf16"


class Formula(enum.StrEnum):
    """How the answers to an analogy are scored; the names are the literature's, in small letters."""

    COS_ADD = "3cosadd"
    COS_MUL = "3cosmul"
    PAIR_DIRECTION = "pair-direction"
    COS_AVG = "3cosavg"
