"""The child process: ``python -m semsearch.ingest.extraction.child`` extracts one file after the other.

A request on standard input is a line of JSON with the module's name and the size of the file, and then the file. The
answer on standard output is a line with its size, and then JSON: ``{"parts": …}``, or ``{"error": …}`` for a file that
cannot be read. What a library prints goes to standard error. Nothing here touches the network.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict
from importlib import import_module
from typing import Any

from semsearch.common.errors import MissingExtraError, RecordError

__all__ = ["main"]

MOST_MEMORY = 4 * 2**30
"""Bytes of address space of the child: a document that needs more is refused, not the machine's last one."""
LOOKED_S = 2.0
"""Seconds between two looks whether the parent is there."""


def main() -> None:
    """Answer requests until standard input ends."""
    _limit_memory()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # a library that prints must not disturb the answers
    while line := sys.stdin.buffer.readline():
        request = json.loads(line)
        data = sys.stdin.buffer.read(request["size"])
        if len(data) < request["size"]:  # the parent is gone
            return
        answer = json.dumps(_extract(request["module"], data)).encode()
        answers.write(b"%d\n" % len(answer) + answer)
        answers.flush()


def _limit_memory() -> None:
    with suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))


def _end_with_parent() -> None:
    """A file that takes for ever must not outlive the program that asked for it."""
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(LOOKED_S)
    os._exit(1)


def _extract(module: str, data: bytes) -> dict[str, Any]:
    try:
        extract = import_module(f"semsearch.ingest.extraction.kinds.{module}").extract
        return {"parts": [asdict(part) for part in extract(data)]}
    except MissingExtraError as error:
        return {"missing": str(error)}
    except RecordError as error:
        return {"error": str(error)}
    except MemoryError:
        return {"error": f"needs more than {MOST_MEMORY // 2**30} GB of memory to be read; split it"}
    except RecursionError:
        return {"error": "nested too deep to be read; save it anew"}
    except Exception as error:  # noqa: BLE001 - whatever a library raises for a file that is damaged
        reason = " ".join(str(error).split())[:200]
        return {"error": f"cannot be read ({type(error).__name__}: {reason}); it may be damaged: save it anew"}


if __name__ == "__main__":
    main()
