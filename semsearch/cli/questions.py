"""Options that say what is looked for, as one value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from semsearch.cli.options import RunOptions, as_value, complete_field, where_option
from semsearch.common.documents import Fusion, Mode

if TYPE_CHECKING:
    from semsearch.encoder.cross_encoder import CrossEncoder
    from semsearch.query.request import SearchOptions

__all__ = ["QuestionOptions", "question_options"]


@dataclass(frozen=True, slots=True)
class QuestionOptions:
    """A question but for its text and the number of answers."""

    where: str | None
    mode: str | None
    fusion: str
    like: tuple[str, ...]
    unlike: tuple[str, ...]
    offset: int
    per_document: bool
    group_by: str | None
    diversity: float
    fold: float | None
    rerank: str | None
    rerank_ms: float | None
    min_confidence: float | None
    explain: bool
    snippet: bool
    min_score: float | None
    exact: bool

    @property
    def has_other_than_filter(self) -> bool:
        """Whether anything is wanted besides a filter and a mode."""
        spread = self.offset or self.per_document or self.group_by is not None or self.diversity
        spread = spread or self.fold is not None or self.min_confidence is not None
        told = self.explain or self.snippet or self.fusion != Fusion.SCORES
        return bool(self.like or self.unlike or spread or self.rerank or told or self.exact)

    def as_search_options(self, run: RunOptions, *, highlight: bool = False) -> SearchOptions:
        """As :meth:`Collection.search` takes them; a cross-encoder is loaded, to be run as the options say."""
        return {
            "where": self.where,
            "mode": self.mode,
            "fusion": self.fusion,
            "like": self.like or None,
            "unlike": self.unlike or None,
            "offset": self.offset,
            "per_document": self.per_document,
            "group_by": self.group_by,
            "diversity": self.diversity,
            "fold": self.fold,
            "rerank": self._load_reranker(run),
            "rerank_ms": self.rerank_ms,
            "min_confidence": self.min_confidence,
            "explain": self.explain,
            "highlight": highlight,
            "snippet": self.snippet,
            "exact": self.exact,
        }

    def _load_reranker(self, run: RunOptions) -> str | CrossEncoder | None:
        if self.rerank in (None, "", "tokens"):
            return self.rerank
        from semsearch.encoder.cross_encoder import CrossEncoder

        return CrossEncoder.load(
            str(self.rerank), runtime=run.runtime, device=run.device, precision=run.precision, threads=run.threads
        )


question_options = as_value(
    QuestionOptions,
    "question",
    "What is looked for",
    [
        where_option,
        click.option(
            "--mode",
            type=click.Choice([mode.value for mode in Mode]),
            help="By meaning, by words (BM25), or both.  [default: hybrid]",
        ),
        click.option(
            "--fusion",
            type=click.Choice([fusion.value for fusion in Fusion]),
            default=Fusion.SCORES.value,
            show_default=True,
            help="How the two lists of hybrid are joined: weighted scores or reciprocal ranks.",
        ),
        click.option("--like", multiple=True, metavar="TEXT|ID", help="More like this text or document; repeatable."),
        click.option(
            "--not", "unlike", multiple=True, metavar="TEXT|ID", help="Less like this text or document; repeatable."
        ),
        click.option("--offset", type=int, metavar="N", default=0, help="Pass over the N best: the next page."),
        click.option("--per-document", is_flag=True, help="Only the best passage of each document."),
        click.option(
            "--group-by",
            metavar="FIELD",
            help="Only the best passage for each value of a field.",
            shell_complete=complete_field,
        ),
        click.option(
            "--diversity", type=float, metavar="0..1", default=0.0, help="Put back what is near to a hit before it."
        ),
        click.option(
            "--fold", type=float, metavar="COSINE", help="Leave out near-duplicates of better hits: from 0.95."
        ),
        click.option(
            "--rerank",
            metavar="tokens|MODEL",
            help="Read the 100 best closely: by the vectors of tokens, or by a cross-encoder.",
        ),
        click.option("--rerank-ms", type=float, metavar="MS", help="Milliseconds for that, the best first."),
        click.option(
            "--min-confidence",
            type=float,
            metavar="0..1",
            help="Leave out hits of a lower confidence, such as 0.9.",
        ),
        click.option("--explain", is_flag=True, help="Say what each list, word and token adds to the score."),
        click.option("--snippet", is_flag=True, help="Find the best sentence of each hit, and show that."),
        click.option("--min-score", type=float, metavar="SCORE", help="All passages from this score on, however many."),
        click.option("--exact", is_flag=True, help="Compare with every passage instead of asking the index."),
    ],
)
"""A question's options, as the argument ``question``."""
