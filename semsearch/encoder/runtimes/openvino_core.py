"""The OpenVINO library as one process uses it: without its conversion tools, and with one core."""

from __future__ import annotations

import sys
import threading
from typing import Any

__all__ = ["import_openvino", "openvino_core"]

_lock = threading.Lock()
_cores: list[Any] = []


def import_openvino() -> Any:
    """The ``openvino`` module, without its conversion tools.

    Importing openvino imports those tools, which report the import to a web service and double the
    start-up time; we convert through the front end instead, and need none of them.
    """
    tools = "openvino.tools.ovc"
    if "openvino" in sys.modules or tools in sys.modules:
        import openvino

        return openvino
    sys.modules[tools] = None  # type: ignore[assignment]  # makes the import fail, which openvino allows for
    try:
        import openvino
    finally:
        del sys.modules[tools]
    return openvino


def openvino_core() -> Any:
    """The process's one ``openvino.Core``, which lives as long as the process.

    OpenVINO's CPU plugin gives the thread that loads it a signal stack, and takes it away with the last use
    of its core, in whatever thread and order that happens. A thread left with a stack that is gone dies of
    its next signal: Ctrl-C would be a segmentation fault.
    """
    with _lock:
        if not _cores:
            _cores.append(import_openvino().Core())
        return _cores[0]
