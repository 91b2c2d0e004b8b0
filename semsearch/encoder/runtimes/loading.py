"""Which runtime runs a model on this machine."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from enum import StrEnum
from typing import TypeVar

from semsearch.common.documents import Precision, RuntimeName
from semsearch.common.environment import thread_count
from semsearch.common.errors import ModelError, UnsupportedModelError
from semsearch.encoder.runtimes.runtime import ModelKind, Runtime
from semsearch.encoder.spec import EncoderOptions, EncoderSpec

__all__ = ["load_runtime", "parse_choice"]

logger = logging.getLogger(__name__)

E = TypeVar("E", bound=StrEnum)


def parse_choice(value: str, kinds: type[E], what: str) -> E:
    """The value as one of its kinds; raises :class:`ModelError`."""
    try:
        return kinds(value)
    except ValueError:
        raise ModelError(f"unknown {what} {value!r}; choose one of {', '.join(kinds)}") from None


def load_runtime(
    spec: EncoderSpec,
    options: EncoderOptions,
    name: str,
    device: str,
    precision: str,
    threads: int | None,
    kind: ModelKind = ModelKind.VECTORS,
) -> Runtime:
    """The runtime that was chosen by its name; for ``auto`` OpenVINO on a processor where it can, else PyTorch."""
    wanted = parse_choice(precision, Precision, "precision")
    if name not in list(RuntimeName):
        raise UnsupportedModelError(f"unknown runtime {name!r}; choose one of {', '.join(RuntimeName)}")
    if name == RuntimeName.OPENVINO and device not in ("auto", "cpu"):
        raise UnsupportedModelError(f"the openvino runtime computes on the CPU, not on {device!r}; use --runtime torch")
    if name == RuntimeName.OPENVINO or (name == RuntimeName.AUTO and device in _cpu_devices()):
        try:
            return _load_openvino(spec, options, wanted, threads, kind)
        except UnsupportedModelError as error:
            if name == RuntimeName.OPENVINO:
                raise
            logger.info("using the slower torch runtime: %s", error)
    from semsearch.encoder.runtimes.torch import TorchRuntime

    return TorchRuntime(spec, device, wanted, threads, kind)


def _cpu_devices() -> Iterator[str]:
    yield "cpu"
    if not os.path.exists("/dev/nvidiactl"):  # noqa: PTH110 - a device, not a file; asking torch would import it
        yield "auto"


def _load_openvino(
    spec: EncoderSpec, options: EncoderOptions, precision: Precision, threads: int | None, kind: ModelKind
) -> Runtime:
    from semsearch.encoder.runtimes.conversion import convert_once
    from semsearch.encoder.runtimes.openvino import OpenVinoRuntime

    return OpenVinoRuntime(spec, convert_once(spec, options, kind), precision, thread_count(threads))
