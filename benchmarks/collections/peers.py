"""The same job in the peers: index 10,000 summaries, query from a new process, query again and again.

Same weights, default settings, each in a process of its own, run in turn with ours.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.reporting.corpora import summaries
from benchmarks.reporting.processes import median, run
from semsearch.common.environment import DEFAULT_MODEL
from semsearch.encoder.locate import locate

TEXTS = 10_000
COLD_QUERIES = 5
PYTHON = Path(".venv-peers/bin/python")
SCRIPTS = Path(__file__).parent / "peer_scripts"
OFFLINE = {"HF_HUB_OFFLINE": "1", "ANONYMIZED_TELEMETRY": "False", "LANCEDB_CONFIG_DIR": "/dev/null"}


def measure() -> dict[str, Any]:
    if not PYTHON.is_file():
        sys.exit(f"error: the peers are not installed in {PYTHON.parent.parent}; run: make bench")
    model = str(locate(DEFAULT_MODEL))
    figures = {}
    with tempfile.TemporaryDirectory() as scratch:
        lines = Path(scratch) / "lines.txt"
        lines.write_text("\n".join(summaries(TEXTS)) + "\n", encoding="utf-8")
        commands = {
            path.stem: [str(PYTHON), str(path), model, str(lines), f"{scratch}/{path.stem}"]
            for path in sorted(SCRIPTS.glob("*.py"))
        }
        commands["semsearch"] = [sys.executable, "-m", "benchmarks.collections.own_script", model, str(lines), scratch]
        for name, command in commands.items():
            figures[name] = _job(command)
            print(name, figures[name], flush=True)
    return {"texts": TEXTS, "rows": figures}


def _job(command: list[str]) -> dict[str, Any]:
    """Each script knows three verbs: ``build``, ``query`` once, and ``warm``, which prints milliseconds."""
    build = run(*command, "build", **OFFLINE)
    cold = [run(*command, "query", **OFFLINE) for _ in range(COLD_QUERIES)]
    warm = run(*command, "warm", **OFFLINE)
    return {
        "build_seconds": round(build.seconds, 1),
        "cold_query_seconds": median([one.seconds for one in cold]),
        "query_peak_mb": round(max(one.peak_mb for one in cold)),
        "warm_query_ms": json.loads(warm.output.strip().splitlines()[-1]),
    }
