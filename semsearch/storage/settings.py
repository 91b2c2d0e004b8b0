"""What is fixed when a collection is made: how texts are split, and which encoder makes the vectors."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from semsearch.common.documents import Metric, Unit
from semsearch.common.errors import NONSENSE, CollectionError, DamagedError, SemsearchError, SpaceMismatchError
from semsearch.encoder import Encoder, EncoderOptions
from semsearch.storage.vectors.kinds import PASSAGE_VECTORS, WORD_VECTORS, VectorKind

__all__ = ["CollectionSettings", "Definition", "StoredEncoder", "random_id"]

STORED_NAMES = {"word_vectors": "tokens"}
"""Settings that have another name on disk."""


def random_id() -> str:
    """The id of a new collection: 32 hexadecimal digits."""
    return secrets.token_hex(16)


@dataclass(frozen=True, slots=True)
class CollectionSettings:
    """How documents become passages, and how their vectors are compared.

    ``window`` and ``overlap`` count tokens and matter for the unit ``window`` alone; ``None`` is as
    large a window as the model reads, and an eighth of it as overlap. ``language`` is a code such as
    ``en``, for sentence boundaries and for the stems of words. With ``word_vectors`` a vector of every
    word in its context is kept, too.
    """

    unit: Unit = Unit.WINDOW
    window: int | None = None
    overlap: int | None = None
    language: str = "en"
    metric: Metric = Metric.COSINE
    word_vectors: bool = False

    def __post_init__(self) -> None:
        """Accept a unit's or a metric's name as well, and refuse what would hold nothing."""
        if self.unit not in list(Unit):
            raise CollectionError(f"unknown unit {self.unit!r}; choose one of {', '.join(Unit)}")
        object.__setattr__(self, "unit", Unit(self.unit))
        if self.metric not in list(Metric):
            raise CollectionError(f"unknown metric {self.metric!r}; choose one of {', '.join(Metric)}")
        object.__setattr__(self, "metric", Metric(self.metric))
        if self.window is not None and self.window < 1:
            raise CollectionError(f"a window of {self.window} tokens holds nothing; choose at least 1")
        if self.overlap is not None and self.overlap < 0:
            raise CollectionError(f"an overlap of {self.overlap} tokens cannot be; choose 0 or more")
        if self.overlap is not None and self.overlap >= (self.window or self.overlap + 1):
            raise CollectionError(
                f"an overlap of {self.overlap} tokens leaves nothing of a window of {self.window}; choose less"
            )

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {STORED_NAMES.get(name, name): value for name, value in asdict(self).items()}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> CollectionSettings:
        """The inverse of :meth:`to_json`."""
        names = {on_disk: name for name, on_disk in STORED_NAMES.items()}
        return cls(**{names.get(name, name): value for name, value in stored.items()})


@dataclass(frozen=True, slots=True)
class StoredEncoder:
    """The encoder that a collection's vectors come from.

    ``dimension`` is that of a passage's vector, ``hidden_size`` that of a word's; ``None`` in collections that keep
    none.
    """

    model: str
    options: EncoderOptions
    fingerprint: str
    dimension: int
    hidden_size: int | None = None

    @classmethod
    def of(cls, encoder: Encoder, settings: CollectionSettings) -> StoredEncoder:
        """What is kept of an encoder."""
        hidden_size = encoder.spec.hidden_size if settings.word_vectors else None
        return cls(encoder.name, encoder.options, encoder.fingerprint, encoder.dimension, hidden_size)

    def load(self) -> Encoder:
        """The encoder itself. A collection may come from a stranger: nothing is fetched because it says so."""
        return Encoder.load(self.model, options=self.options, local_only=True)

    def check(self, encoder: Encoder, collection: str) -> Encoder:
        """The encoder, if it makes vectors of the same space; raises :class:`SpaceMismatchError`."""
        if encoder.fingerprint != self.fingerprint:
            raise SpaceMismatchError(
                f"collection {collection!r} holds vectors of {self.model!r} ({self.fingerprint[:8]}), but the "
                f"encoder is {encoder.name!r} ({encoder.fingerprint[:8]}): their scores would mean nothing. "
                "Open it with its own model, index the sources into a new collection, or encode everything again: "
                "semsearch index NAME --reencode --model MODEL"
            )
        return encoder

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "model": self.model,
            "options": self.options.to_json(),
            "fingerprint": self.fingerprint,
            "dimension": self.dimension,
            **({} if self.hidden_size is None else {"hidden_size": self.hidden_size}),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> StoredEncoder:
        """The inverse of :meth:`to_json`, but for ``trust_remote_code``.

        A collection may come from a stranger; who trusts the code of a model says so when opening it.
        """
        if not isinstance(stored["options"], dict):
            raise ValueError("options are no table of values")
        options = {name: value for name, value in stored["options"].items() if name != "trust_remote_code"}
        return cls(
            model=str(stored["model"]),
            options=EncoderOptions.from_json(options),
            fingerprint=str(stored["fingerprint"]),
            dimension=int(stored["dimension"]),
            hidden_size=int(stored["hidden_size"]) if "hidden_size" in stored else None,
        )


@dataclass(frozen=True, slots=True)
class Definition:
    """All that a collection is made with, as its table ``meta`` has it; for ``canary`` see ``storage/canary.py``.

    ``id`` is random and goes into the checksums of vectors, so that those of another collection are noticed.
    """

    id: str
    settings: CollectionSettings
    encoder: StoredEncoder
    created: str
    canary: Mapping[str, Any] | None

    @property
    def word_vectors(self) -> bool:
        """Whether the collection keeps a vector of every word."""
        return self.settings.word_vectors

    @property
    def dimensions(self) -> dict[VectorKind, int]:
        """The kinds of vectors that the collection keeps, and how many numbers each has."""
        passages = {PASSAGE_VECTORS: self.encoder.dimension}
        return passages if self.encoder.hidden_size is None else {**passages, WORD_VECTORS: self.encoder.hidden_size}

    def metric(self, kind: VectorKind) -> Metric:
        """How vectors of a kind are compared; words always by the cosine."""
        return self.settings.metric if kind is PASSAGE_VECTORS else Metric.COSINE

    @classmethod
    def from_meta(cls, meta: Mapping[str, Any]) -> Definition:
        """What a collection says that it was made with.

        Raises one of ``NONSENSE`` or an error of ours if that makes no sense.
        """
        if not all(isinstance(meta[key], dict) for key in ("settings", "encoder")):
            raise ValueError("settings are no table of values")
        settings, encoder = CollectionSettings.from_json(meta["settings"]), StoredEncoder.from_json(meta["encoder"])
        if settings.word_vectors != (encoder.hidden_size is not None):
            raise ValueError("word vectors are to be kept, and have no size")
        definition = cls(str(meta["id"]), settings, encoder, str(meta["created"]), meta.get("canary"))
        if min(definition.dimensions.values()) < 1:
            raise ValueError(f"vectors have {list(definition.dimensions.values())} numbers")
        return definition

    @classmethod
    def read(cls, meta: Mapping[str, Any], folder: Path) -> Definition:
        """As :meth:`from_meta`; raises :class:`DamagedError` if that makes no sense."""
        try:
            return cls.from_meta(meta)
        except (SemsearchError, *NONSENSE) as error:
            raise DamagedError(
                f"settings of collection {folder} are damaged ({error}); run: semsearch verify {folder.name}"
            ) from error
