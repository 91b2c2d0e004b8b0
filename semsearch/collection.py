"""The front door: a collection on disk that can be written to and asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self, Unpack

import numpy as np
import numpy.typing as npt

from semsearch.common.arguments import check_strings
from semsearch.common.arrays import Float32
from semsearch.common.documents import Document, Formula, Mode
from semsearch.common.errors import QueryError, SemsearchError
from semsearch.common.given_files import open_source, open_target
from semsearch.encoder import Encoder
from semsearch.index import target_of
from semsearch.query.request import SearchOptions, SearchRequest, check_score
from semsearch.query.retrieval.dense import check_vectors
from semsearch.query.search import answer, answer_many
from semsearch.storage.folder import check_name
from semsearch.storage.handle import Handle
from semsearch.storage.settings import CollectionSettings
from semsearch.storage.store import Store

if TYPE_CHECKING:
    from semsearch.query.accounts.why import Why
    from semsearch.query.analogy import PassageAnswer
    from semsearch.query.filters.mapping import Where
    from semsearch.query.hits import Hits
    from semsearch.query.overview.clusters import Cluster
    from semsearch.query.overview.duplicates import Duplicates
    from semsearch.storage.sync import SyncReport
    from semsearch.storage.upkeep.status import Status
    from semsearch.storage.upkeep.verify import Report
    from semsearch.words.contexts.occurrences import Occurrence
    from semsearch.words.contexts.senses import Sense

__all__ = ["Collection"]


class Collection:
    """A collection on disk that answers questions; get one from ``create`` or ``open``.

    Threads may share one; several processes may read while one writes. Scores are cosines, or what the collection's
    metric makes of two vectors; higher is always nearer. ``exact`` compares the query with every vector instead of
    asking the index.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    @classmethod
    def create(
        cls, path: str | Path, encoder: Encoder | None = None, settings: CollectionSettings | None = None
    ) -> Self:
        """Make an empty collection in the folder ``path``, which must not exist yet.

        ``encoder`` is the default model unless told otherwise; its fingerprint is stored, and no other
        embedding space can enter the collection.
        """
        path = Path(path)
        check_name(path.name)  # before a model is loaded for nothing
        return cls(Store.create(path, encoder or Encoder.load(), settings or CollectionSettings()))

    @classmethod
    def open(
        cls,
        path: str | Path,
        encoder: Encoder | None = None,
        *,
        device: str = "cpu",
        threads: int | None = None,
        timeout: float | None = None,
    ) -> Self:
        """Open the collection in the folder ``path``.

        Its own encoder is loaded when it is first needed; another one is refused with
        :class:`SpaceMismatchError` unless it makes vectors of the same space. Searches run on ``device``,
        ``cpu`` or ``cuda``, in ``threads`` threads, all cores unless told otherwise. A write waits ``timeout``
        seconds for another process's, half a minute unless told otherwise.
        """
        return cls(Store(Handle(Path(path), device=device, threads=threads, timeout=timeout), encoder))

    @classmethod
    def load(cls, source: IO[bytes] | str | Path, indexes: str | Path, name: str | None = None) -> Self:
        """Make a collection of an archive in the folder ``indexes``, and open it; see :meth:`export`."""
        from semsearch.storage.upkeep.archive import import_archive

        with open_source(source) as file:
            return cls.open(import_archive(file, Path(indexes), name))

    @property
    def name(self) -> str:
        """Name of the collection's folder."""
        return self._store.name

    @property
    def path(self) -> Path:
        """The collection's folder."""
        return self._store.path

    @property
    def settings(self) -> CollectionSettings:
        """How documents become passages, and how vectors are compared."""
        return self._store.definition.settings

    @property
    def model(self) -> str:
        """Name of the model of the stored vectors; nothing is loaded for it."""
        return self._store.definition.encoder.model

    @property
    def encoder(self) -> Encoder:
        """The encoder of the stored vectors, loaded on first use."""
        return self._store.encoder

    def add(self, documents: Iterable[Document | str]) -> SyncReport:
        """Add documents (replacing those of the same id), encode what is new, and commit.

        A table of pandas, Polars or Arrow is as good as documents: a row is one, with its columns ``text``, ``id``,
        ``title``, ``source``, and the others as metadata (extra ``frames``).

        What the iterable of documents raises is passed on; the batches that were committed before stay.
        """
        return self._store.sync(documents)

    def sync(
        self,
        documents: Iterable[Document | str],
        *,
        prune: Sequence[str] | None = None,
        dry_run: bool = False,
        progress: Callable[[SyncReport], None] | None = None,
    ) -> SyncReport:
        """As :meth:`add`, and with ``prune`` also remove what is gone from these sources.

        ``progress`` is called after each commit with the counts up to then. A ``dry_run`` counts what
        would happen and changes nothing.
        """
        return self._store.sync(documents, prune=prune, dry_run=dry_run, progress=progress)

    def delete(self, ids: Sequence[str]) -> int:
        """Remove documents, effective at once for every reader; returns how many there were."""
        return self._store.delete(ids)

    def reencode(self, encoder: Encoder, *, progress: Callable[[SyncReport], None] | None = None) -> SyncReport:
        """Encode all documents again with this encoder, which becomes the collection's.

        Searches see the old state until all is done. A run that was stopped is taken up by the next one with the
        same encoder. Others who have the collection open must open it again.
        """
        return self._store.reencode(encoder, progress)

    def compact(self) -> None:
        """Remove deleted rows from the files and build the index anew, without stopping readers."""
        self._store.compact()

    def tune(
        self, *, recall: float | None = None, latency_ms: float | None = None, factory: str | None = None
    ) -> Status:
        """Choose how much of the index a query looks at, for one of two: a recall@10, or the milliseconds of a query.

        The choice is measured, stored, and made again whenever the index is. ``factory`` is a FAISS factory string,
        such as ``HNSW32``: the index to have when it is next built, or ``auto``. Returns the new status.
        """
        has_target = factory is None or recall is not None or latency_ms is not None
        target = target_of(recall, latency_ms) if has_target else None
        if factory is not None:
            self._store.use_index(factory)
        if target is not None:
            self._store.tune(target)
        return self.status()

    def drop(self) -> None:
        """Delete the collection and its files for good."""
        self._store.drop()

    def ids(self) -> list[str]:
        """Ids of all documents, in alphabetical order."""
        return self._store.ids()

    def get(self, document: str) -> Document | None:
        """The document of this id; ``None`` if there is none."""
        return self._store.document(document)

    def __contains__(self, document: object) -> bool:
        """Whether there is a document of this id."""
        return isinstance(document, str) and self._store.document(document) is not None

    def __len__(self) -> int:
        """How many documents there are."""
        return self._store.count()

    def __bool__(self) -> bool:
        """An empty collection is one, too."""
        return True

    def __iter__(self) -> Iterator[Document]:
        """All documents of one committed state, in the order in which they came."""
        return self._store.documents()

    def vectors(self) -> tuple[list[str], Float32]:
        """The vector of every passage, float32[passages, dimension], and the id of the document of each."""
        rows = list(self._store.passages_with_vectors())
        empty = np.zeros((0, self._store.definition.encoder.dimension), np.float32)
        ids = [str(passage.document.id) for passage, _ in rows]
        return ids, np.stack([vector for _, vector in rows]) if rows else empty

    def __repr__(self) -> str:
        return f"<Collection {self.name!r}: {self._describe()}>"

    def _repr_html_(self) -> str:
        from html import escape

        return f"<p><b>{escape(self.name)}</b>, a collection: {escape(self._describe())}</p>"

    def _describe(self) -> str:
        try:
            count = len(self)
        except SemsearchError as error:  # closed, dropped, damaged: it can be shown all the same
            return str(error)
        model = self._store.definition.encoder.model
        return f"{count:,} {'document' if count == 1 else 'documents'}, {model}, {self.path}"

    def status(self) -> Status:
        """The collection in figures."""
        return self._store.status()

    def fields(self) -> dict[str, dict[str, int]]:
        """The fields that a filter may ask about, and how many documents have a value of which type in each.

        ``{"year": {"integer": 50}, "tags": {"string[]": 33}}``; ``[]`` is a list of such.
        """
        return self._store.fields()

    def verify(self) -> Report:
        """Compare everything on disk with its checksums, and say what is wrong and how it can be mended."""
        from semsearch.storage.upkeep.verify import verify_folder

        return verify_folder(self.path)

    def export(self, target: IO[bytes] | str | Path) -> None:
        """Write the newest committed state as one archive, while others read and write; see :meth:`load`.

        A file of this path appears when it is whole; raises :class:`InputError` if there is one already.
        """
        with open_target(target) as file:
            self._store.export(file)

    def close(self) -> None:
        """Let go of all files; what is asked of it after that is a :class:`CollectionError`."""
        self._store.shut()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def search(self, text: str | None = None, k: int = 10, **options: Unpack[SearchOptions]) -> Hits:
        """The ``k`` best passages for ``text``, best first.

        The options are those of :class:`SearchOptions`: a filter, examples, the mode, pages, groups, explanations.
        There are always ``k`` hits if there are ``k`` passages that may be found and the mode is not ``lexical``. The
        score is on the scale of the vectors' (see docs/search.md); ``parts`` of a hit has each score that made it.
        """
        return answer(self._store, SearchRequest.of(text, k, options))

    def answer(self, request: SearchRequest) -> Hits:
        """The answer to a question that is a value, of whatever kind."""
        return answer(self._store, request)

    def search_many(self, texts: Sequence[str], k: int = 10, **options: Unpack[SearchOptions]) -> list[Hits]:
        """As :meth:`search` for each of several texts, which is much faster than one after the other."""
        queries = check_strings(texts, "queries", QueryError)
        return answer_many(self._store, [SearchRequest.of(text, k, options) for text in queries])

    def why(self, document: str, text: str | None = None, k: int = 10, **options: Unpack[SearchOptions]) -> Why:
        """Why a document is a hit of a search or is none: its rank among all passages, its scores, what left it out.

        The question is that of :meth:`search`, asked exactly and to the end. Raises :class:`QueryError` if there is no
        such document.
        """
        from semsearch.query.accounts.why import explain_absence

        return explain_absence(self._store, SearchRequest.of(text, k, options), document)

    def search_vectors(
        self, vectors: npt.ArrayLike, k: int = 10, *, where: Where | None = None, exact: bool = False
    ) -> list[Hits]:
        """The ``k`` passages nearest to each vector, numbers[m, dimension], or to the only one, numbers[dimension].

        Raises :class:`QueryError` for NaN, another dimension, or for a cosine zeros.
        """
        queries = check_vectors(self._store, vectors)
        requests = [SearchRequest(vector=query, k=k, where=where, exact=exact) for query in queries]
        return answer_many(self._store, requests)

    def within(self, text: str, score: float, *, where: Where | None = None, mode: Mode | str = Mode.DENSE) -> Hits:
        """All passages that score ``score`` or more against ``text``, best first."""
        request = SearchRequest(text, k=None, min_score=check_score(score), where=where, mode=mode)
        return answer(self._store, request)

    def similar(self, document: str, k: int = 10, *, where: Where | None = None) -> Hits:
        """The ``k`` other documents nearest to the stored document of this id, best first.

        Each is judged by its nearest passage. A document of several passages is represented by the mean of their
        vectors.
        """
        return answer(self._store, SearchRequest(similar=document, k=k, where=where, per_document=True))

    def duplicates(self, score: float = 0.95, *, where: Where | None = None) -> list[Duplicates]:
        """Groups of passages of different documents that are nearly the same, the largest group first.

        Each passage is compared with each; pairs with a cosine of ``score`` or more join groups. Raises
        :class:`QueryError` if there are millions of pairs.
        """
        from semsearch.query.overview.duplicates import find_duplicates

        return find_duplicates(self._store, score, where)

    def clusters(self, count: int | None = None, k: int = 3, *, where: Where | None = None) -> list[Cluster]:
        """The passages in at most ``count`` clusters, the largest first, with typical words and ``k`` central passages.

        Unless told otherwise there are as many as half the square root of the passages, from 2 to 20.
        """
        from semsearch.query.overview.clusters import list_clusters

        return list_clusters(self._store, count, k, where)

    def outliers(self, k: int = 10, *, where: Where | None = None) -> Hits:
        """The ``k`` passages that are farthest from those of other documents, the farthest first.

        The score is the mean cosine with the three nearest of them.
        """
        from semsearch.query.overview.outliers import list_outliers

        return list_outliers(self._store, k, where)

    def analogy(
        self,
        positive: Sequence[str],
        negative: Sequence[str] = (),
        k: int = 10,
        formula: Formula | str = Formula.COS_ADD,
    ) -> list[PassageAnswer]:
        """The ``k`` passages that score best between positive and negative texts, best first.

        "A is to B as C is to …" has the positives B, C and the negative A; formulas take what they take in
        :meth:`Space.answer`, and scores are theirs, of cosines whatever the metric. A passage that is a text of the
        question is no answer: it has no rank, and is there if it comes before the last answer.
        """
        from semsearch.query.analogy import analogy  # brings spaces of words along, which a search does without

        return analogy(self._store, positive, negative, k, formula)

    def contexts(
        self, word: str, sentence: str | None = None, k: int = 10, *, same_word: bool = False
    ) -> list[Occurrence]:
        """The ``k`` occurrences of ``word`` nearest to it in the sense that it has in ``sentence``, best first.

        The score is the cosine of the last layer's vectors, less the mean of all occurrences: above 0 is on the side
        of the sentence. Without a sentence they are compared with the word by itself.

        A collection made with ``word_vectors`` is asked for the nearest occurrences of any word, by the cosine alone,
        unless they must be of the ``same_word``.

        ``word`` is one word or several, whatever their case. Of a frequent one a sample of the passages is encoded,
        of which a :class:`SampleWarning` tells. Raises :class:`QueryError` if the sentence or the collection has no
        such word.
        """
        from semsearch.words.contexts.contexts import contexts

        return contexts(self._store, word, sentence, k, same_word)

    def senses(self, word: str, k: int = 3) -> list[Sense]:
        """The occurrences of ``word`` in groups of like contexts, the largest first, with the ``k`` most central.

        What is looked at is what :meth:`contexts` looks at; the errors are the same.
        """
        from semsearch.words.contexts.senses import senses

        return senses(self._store, word, k)
