"""One encoder for many threads: texts of requests that arrive together are encoded together."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any, cast

import numpy as np

from semsearch.common.arguments import check_strings
from semsearch.common.arrays import Float32
from semsearch.common.documents import Role
from semsearch.encoder import Encoded, Encoder, Progress

__all__ = ["share"]

MOST_TOGETHER = 64
"""Texts from which on no more calls are added: more take no less time each, and let others wait. A call with as many is
encoded by itself."""


def share(encoder: Encoder) -> Encoder:
    """The same encoder, which many threads may ask at once."""
    return cast("Encoder", _SharedEncoder(encoder))


@dataclass(slots=True)
class _Call:
    """What one thread wants to have encoded."""

    texts: list[str]
    role: Role | str | None
    done: Future[Encoded] = field(default_factory=Future)


class _SharedEncoder:
    """Everything that an encoder is; a thread of its own encodes what waits, all of it together.

    There is no time for which requests are collected: it is what the encoder takes for those before, a few milliseconds
    for short texts. Who comes when it is idle waits for nobody.
    """

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._waiting: SimpleQueue[_Call] = SimpleQueue()
        threading.Thread(target=self._work, name="semsearch-encoder", daemon=True).start()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._encoder, name)

    def encode(self, texts: Iterable[str], role: Role | str | None = None, progress: Progress | None = None) -> Float32:
        """As :meth:`Encoder.encode`."""
        encoded = self.encode_counted(texts, role, progress)
        self._encoder.warn_of_cut(encoded.cut)
        return encoded.vectors

    def encode_counted(
        self, texts: Iterable[str], role: Role | str | None = None, progress: Progress | None = None
    ) -> Encoded:
        """As :meth:`Encoder.encode_counted`."""
        texts = check_strings(texts, "texts")
        if len(texts) >= MOST_TOGETHER:
            return self._encoder.encode_counted(texts, role, progress)
        call = _Call(texts, role)
        self._waiting.put(call)
        return call.done.result()

    def _work(self) -> None:
        while True:
            calls = [self._waiting.get()]
            while sum(len(call.texts) for call in calls) < MOST_TOGETHER:
                try:
                    calls.append(self._waiting.get_nowait())
                except Empty:
                    break
            for role in dict.fromkeys(call.role for call in calls):
                self._encode([call for call in calls if call.role == role])

    def _encode(self, calls: list[_Call]) -> None:
        try:
            texts = [text for call in calls for text in call.texts]
            encoded = self._encoder.encode_counted(texts, calls[0].role)
        except BaseException as error:  # noqa: BLE001 - it belongs to who waits
            if len(calls) == 1:
                calls[0].done.set_exception(error)
            for call in calls if len(calls) > 1 else []:  # the others' texts may be fine
                self._encode([call])
            return
        ends = np.cumsum([len(call.texts) for call in calls])
        for call, end in zip(calls, ends.tolist(), strict=True):
            own = slice(end - len(call.texts), end)
            parts = (encoded.vectors[own], encoded.cut[own], encoded.unknown[own], encoded.read[own])
            call.done.set_result(Encoded(*parts))
