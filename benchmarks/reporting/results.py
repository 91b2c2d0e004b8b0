"""Figures on disk: one JSON file a benchmark, with the machine that they were measured on."""

from __future__ import annotations

import datetime
import importlib.metadata
import json
import os
import platform
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "results"
PACKAGES = ("openvino", "torch", "sentence-transformers", "transformers", "faiss-cpu", "numpy")


def save(name: str, figures: dict[str, Any]) -> None:
    FOLDER.mkdir(exist_ok=True)
    record = {"measured": datetime.date.today().isoformat(), "machine": machine(), "figures": figures}
    (FOLDER / f"{name}.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(figures, indent=1), flush=True)


def load(name: str) -> dict[str, Any] | None:
    path = FOLDER / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def machine() -> dict[str, Any]:
    return {
        "processor": _processor(),
        "instructions": sorted(flag for flag in _flags() if flag in ("avx2", "avx512f", "avx512_bf16", "amx_bf16")),
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "packages": {name: importlib.metadata.version(name) for name in PACKAGES},
    }


def _processor() -> str:
    fields = [_field(name) for name in ("model name", "cpu family", "model\t")]
    return f"{fields[0]} (family {fields[1]}, model {fields[2]})"


def _flags() -> list[str]:
    return _field("flags").split()


def _field(name: str) -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(name)), "")
