"""What requests hold. A field that is not known is an error: it would be a wish that nobody fulfils."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["AnalogyBody", "Body", "ContextsBody", "DocumentBody", "DocumentsBody", "SearchBody", "TokensBody"]

Examples = str | list[str] | dict[str, float]


class Body(BaseModel):
    """The base of all of them."""

    model_config = ConfigDict(extra="forbid")


class SearchBody(Body):
    """A question, as :class:`semsearch.SearchRequest` has it."""

    text: str | None = Field(None, examples=["an animal that makes honey"])
    vector: list[float] | None = None
    similar: str | None = Field(None, description="id of a stored document")
    like: Examples | None = None
    unlike: Examples | None = None
    k: int = Field(10, ge=1)
    min_score: float | None = None
    exact: bool = False
    per_document: bool = False
    group_by: str | None = None
    diversity: float = 0.0
    fold: float | None = None
    rerank: Literal["tokens"] | None = None
    rerank_ms: float | None = None
    min_confidence: float | None = None
    mode: Literal["dense", "lexical", "hybrid"] | None = None
    fusion: Literal["scores", "ranks"] = "scores"
    offset: int = Field(0, ge=0)
    explain: bool = False
    highlight: bool = False
    snippet: bool = False
    where: str | dict[str, Any] | None = Field(None, examples=["year >= 2020"])


class DocumentBody(Body):
    """A document; without an id it is called by its content."""

    text: str
    id: str | None = None
    title: str | None = None
    source: str | None = None
    metadata: dict[str, Any] = {}


class DocumentsBody(Body):
    """Documents to be added, or put in the place of those of the same ids."""

    documents: list[DocumentBody]


class AnalogyBody(Body):
    """A is to B as C is to …: the positives B, C and the negative A."""

    positive: list[str]
    negative: list[str] = []
    k: int = Field(10, ge=1)


class ContextsBody(Body):
    """A word, in the sense that it has in a sentence."""

    word: str
    sentence: str | None = None
    k: int = Field(10, ge=1)


class TokensBody(Body):
    """Texts whose tokens are to be shown."""

    texts: list[str]
    model: str | None = None
