"""The OpenVINO library as one process uses it: without its conversion tools, and with one core."""

from __future__ import annotations

import sys
import threading
from typing import Any

from semsearch.common.forks import keep_for_ever, renew_in_child, unforked

__all__ = ["import_openvino", "openvino_core"]


class _Process:
    """What a process has one of: its core, whose threads do not come through a fork."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.core: Any = None

    def after_fork(self) -> None:
        keep_for_ever(self.core)
        self.lock, self.core = threading.RLock(), None


_process = _Process()
renew_in_child(_process)


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
    with unforked(), _process.lock:
        if _process.core is None:
            openvino = import_openvino()
            _read_tensor(openvino)
            _process.core = openvino.Core()
        return _process.core


def _read_tensor(openvino: Any) -> None:
    """Have one thread read the numbers of a tensor before any other does.

    The first time, OpenVINO's binding makes a table of NumPy's types, and lets go of the interpreter's lock meanwhile:
    a second thread then waits for the table with that lock in its hand, and both wait for ever.
    """
    _ = openvino.Tensor(openvino.Type.i64, openvino.Shape([1])).data
