"""What is fixed when a collection is made: how texts are split, and which encoder makes the vectors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from semsearch.common.documents import Metric, Unit
from semsearch.common.errors import CollectionError
from semsearch.encoder import Encoder, EncoderOptions

__all__ = ["CollectionSettings", "StoredEncoder", "check_name", "stored_settings"]

NAME = re.compile(r"\w[\w.+ -]{0,99}", re.UNICODE)


@dataclass(frozen=True, slots=True)
class CollectionSettings:
    """How documents become passages, and how their vectors are compared.

    ``window`` and ``overlap`` count tokens and matter for the unit ``window`` alone; ``None`` is as
    large a window as the model reads, and an eighth of it as overlap. ``language`` is a code such as
    ``en``, for sentence boundaries. With ``tokens`` a vector of every word in its context is kept, too.
    """

    unit: Unit = Unit.WINDOW
    window: int | None = None
    overlap: int | None = None
    language: str = "en"
    metric: Metric = Metric.COSINE
    tokens: bool = False

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
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> CollectionSettings:
        """The inverse of :meth:`to_json`."""
        return cls(**stored)


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
        hidden_size = encoder.spec.hidden_size if settings.tokens else None
        return cls(encoder.name, encoder.options, encoder.fingerprint, encoder.dimension, hidden_size)

    @property
    def sizes(self) -> tuple[int, int | None]:
        """Numbers of a passage's vector, and of a word's."""
        return self.dimension, self.hidden_size

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


def stored_settings(meta: Mapping[str, Any]) -> tuple[CollectionSettings, StoredEncoder]:
    """What a collection says that it was made with.

    Raises :class:`KeyError`, :class:`TypeError`, :class:`ValueError` or an error of ours if that makes no sense.
    """
    if not all(isinstance(meta[key], dict) for key in ("settings", "encoder")):
        raise ValueError("settings are no table of values")
    settings, encoder = CollectionSettings.from_json(meta["settings"]), StoredEncoder.from_json(meta["encoder"])
    if settings.tokens != (encoder.hidden_size is not None):
        raise ValueError("word vectors are to be kept, and have no size")
    if encoder.dimension < 1 or (encoder.hidden_size or 1) < 1:
        raise ValueError(f"vectors have {encoder.sizes} numbers")
    return settings, encoder


def check_name(name: str) -> str:
    """Refuse collection names that are not plain folder names."""
    if not NAME.fullmatch(name):
        raise CollectionError(
            f"{name!r} cannot name a collection; use letters, digits, '.', '_', '-', '+' and spaces, "
            "beginning with a letter or digit, at most 100"
        )
    return name
