"""A server in a process of its own, over a collection of the packaged model."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import semsearch

SENTENCES = {
    "bee": ("A bee flies from flower to flower.", 2019),
    "eagle": ("An eagle circles above the valley.", 2021),
    "jet": ("A jet takes off from the runway.", 2022),
    "honey": ("Honey is made in the hive.", 2023),
    "rocket": ("A rocket leaves the atmosphere.", 2024),
}


@pytest.fixture(scope="session")
def served_folder(tmp_path_factory: pytest.TempPathFactory, cache_folder: Path) -> Path:  # noqa: ARG001 - chosen first
    """A folder with the collections ``flying`` and ``empty``."""
    folder = tmp_path_factory.mktemp("served")
    encoder = semsearch.Encoder.load()
    with semsearch.Collection.create(folder / "flying", encoder) as collection:
        collection.add(
            semsearch.Document(text, name, metadata={"year": year, "path": f"air/{name}"})
            for name, (text, year) in SENTENCES.items()
        )
    semsearch.Collection.create(folder / "empty", encoder).close()
    return folder


def start(*arguments: object) -> tuple[subprocess.Popen[str], str]:
    """``semsearch serve`` on a free port, and its address."""
    command = [sys.executable, "-m", "semsearch", "serve", "--port", "0", *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ})
    assert process.stdout
    line = process.stdout.readline()
    assert line.startswith("serving http://"), process.communicate()
    return process, line.split()[1]


def stop(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Ctrl-C; the exit status, and what was on stderr."""
    process.send_signal(signal.SIGINT)
    return process.wait(timeout=60), process.communicate()[1]


@pytest.fixture(scope="session")
def address(served_folder: Path) -> Iterator[str]:
    """Where a server that may write answers."""
    process, where = start("--indexes", served_folder, "--allow-write")
    yield where
    status, told = stop(process)
    assert (status, told) == (0, "")
