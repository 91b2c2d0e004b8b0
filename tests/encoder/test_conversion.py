"""The cache of converted models: made once, checked when read, and never tripped over."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import stat
import subprocess
import sys
from pathlib import Path
from shutil import copytree
from time import sleep

import numpy as np
import pytest

from semsearch.common.arrays import Float32
from semsearch.common.errors import ModelError, StorageError, UnsupportedModelError
from semsearch.encoder import Encoder
from semsearch.encoder.runtimes import conversion
from semsearch.encoder.runtimes import openvino as openvino_runtime
from tests.support.transformers_reference import Reference

TEXTS = ["similar is close", "a bee has wings", ""]
CHILD = """
import json, logging, sys
from semsearch.encoder import Encoder
notes, texts = [], ["similar is close", "a bee has wings", ""]
logging.getLogger("semsearch").setLevel(logging.INFO)
handler = logging.Handler()
handler.emit = notes.append
logging.getLogger("semsearch").addHandler(handler)
encoder = Encoder.load(sys.argv[1], runtime="openvino", precision="f32")
print(json.dumps({"notes": len(notes), "vectors": encoder.encode(texts).tolist()}))
"""


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder for one test."""
    monkeypatch.setenv("SEMSEARCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "openvino"


@pytest.fixture(scope="session")
def expected(small_reference: Reference) -> Float32:
    """The vectors of the three texts, from transformers."""
    return small_reference.pooled(TEXTS, 512, normalize=False)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a cache with one good conversion is kept for the tests that damage it."""
    return tmp_path_factory.mktemp("template") / "cache"


@pytest.fixture
def converted(small_bert: Path, expected: Float32, own_cache: Path, template: Path, convert_here: object) -> Path:  # noqa: ARG001
    """The folder of a good conversion that has been used once."""
    if not template.exists():
        check(small_bert, expected, conversions=1)
        copytree(own_cache.parent, template)
    else:
        copytree(template, own_cache.parent)
        check(small_bert, expected, conversions=0)
    (folder,) = (path for path in own_cache.iterdir() if path.is_dir())
    return folder


def load(folder: Path) -> tuple[Encoder, list[str]]:
    """An encoder as a new process loads it, and what it said of slow work."""
    openvino_runtime._load_graph.cache_clear()
    handler, notes = logging.Handler(), list[str]()
    handler.emit = lambda record: notes.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger("semsearch").addHandler(handler)
    try:
        return Encoder.load(folder, runtime="openvino", precision="f32"), notes
    finally:
        logging.getLogger("semsearch").removeHandler(handler)


def check(folder: Path, expected: Float32, conversions: int) -> None:
    """Load, count the conversions, and compare the vectors."""
    encoder, notes = load(folder)
    assert sum(note.startswith("preparing") for note in notes) == conversions
    np.testing.assert_allclose(encoder.encode(TEXTS), expected, atol=1e-4)


def start(folder: Path, **chosen: bool) -> subprocess.Popen[str]:
    """A process that loads the model and prints what it found."""
    command = [sys.executable, "-c", CHILD, str(folder)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **chosen)


def leftovers(cache: Path) -> list[Path]:
    """Folders that are being made, or were when a process ended."""
    return [path for path in cache.glob(".*") if path.is_dir()]


def test_a_model_is_converted_once(small_bert: Path, expected: Float32, convert_here: list[list[str]]) -> None:
    """The second encoder of one space finds the work done, and says nothing."""
    check(small_bert, expected, conversions=1)
    check(small_bert, expected, conversions=0)
    assert len(convert_here) == 1


@pytest.mark.slow
def test_two_processes_at_the_same_time(small_bert: Path, expected: Float32, own_cache: Path) -> None:
    """Of two new processes one converts, the other waits for it, and both get the same vectors."""
    running = [start(small_bert), start(small_bert)]
    outputs = [process.communicate() for process in running]
    assert [process.returncode for process in running] == [0, 0], outputs
    found = [json.loads(output) for output, _ in outputs]
    assert sum(one["notes"] for one in found) == 1
    for one in found:
        np.testing.assert_allclose(one["vectors"], expected, atol=1e-4)
    assert len([path for path in own_cache.iterdir() if path.is_dir()]) == 1


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="process groups are POSIX's")
def test_a_process_that_is_killed(
    small_bert: Path,
    expected: Float32,
    own_cache: Path,
    convert_here: list[list[str]],  # noqa: ARG001
) -> None:
    """What a process killed half-way leaves is cleared away by the next, which converts as if it had not been."""
    process = start(small_bert, start_new_session=True)
    while process.poll() is None and not leftovers(own_cache):
        sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    (scratch,) = leftovers(own_cache)
    (scratch / "model.bin").write_bytes(b"half of it")
    check(small_bert, expected, conversions=1)
    assert leftovers(own_cache) == []


@pytest.mark.parametrize("name", ["model.bin", "model.xml", "record.json"])
@pytest.mark.parametrize("damage", ["truncate", "flip a bit", "remove"])
def test_a_damaged_conversion_is_made_again(
    small_bert: Path, expected: Float32, converted: Path, name: str, damage: str
) -> None:
    """A converted file that is cut off, changed (its date put back) or gone is noticed, and the vectors are right."""
    path = converted / name
    content, status = path.read_bytes(), path.stat()
    if damage == "remove":
        path.unlink()
    elif damage == "truncate":
        path.write_bytes(content[: len(content) // 2])
    else:
        middle = content.index(b'"dimension": ') + 14 if name == "record.json" else len(content) // 2
        path.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    check(small_bert, expected, conversions=1)
    check(small_bert, expected, conversions=0)


@pytest.mark.parametrize("damage", ["truncate", "empty", "flip a bit", "flip a bit of its checksum"])
def test_a_damaged_compiled_graph_is_made_again(
    small_bert: Path, expected: Float32, converted: Path, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A compiled graph that is not what was written is compiled anew from the converted model, and kept."""
    (blob,) = converted.glob("*.blob")
    content = blob.read_bytes()
    changed = {
        "truncate": content[: len(content) // 2],
        "empty": b"",
        "flip a bit": content[:-9] + bytes([content[-9] ^ 1]) + content[-8:],
        "flip a bit of its checksum": bytes([content[0] ^ 1]) + content[1:],
    }
    blob.write_bytes(changed[damage])
    check(small_bert, expected, conversions=0)
    monkeypatch.delattr(openvino_runtime, "_compile_graph")
    check(small_bert, expected, conversions=0)


def test_a_compiled_graph_is_used_again(
    small_bert: Path, expected: Float32, converted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second process reads what the first compiled: it gets along without the way of compiling."""
    assert any(converted.glob("*.blob"))
    monkeypatch.delattr(openvino_runtime, "_compile_graph")
    check(small_bert, expected, conversions=0)


@pytest.fixture
def no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache below a regular file, which cannot be; gives the folder of temporary files, which is a test's own."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("SEMSEARCH_CACHE", str(tmp_path / "file" / "cache"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    return tmp_path / "temporary"


def test_a_cache_that_cannot_be_written(
    small_bert: Path, expected: Float32, no_cache: Path, convert_here: list[list[str]], caplog: pytest.LogCaptureFixture
) -> None:
    """A temporary folder takes its place, once for all loads, and a warning names both and the variable to set."""
    for _ in range(2):
        np.testing.assert_allclose(load(small_bert)[0].encode(TEXTS), expected, atol=1e-4)
        (told,) = [record for record in caplog.records if record.levelname == "WARNING"]
        assert re.search(
            r"file/cache.* cannot be written .*SEMSEARCH_CACHE.*; until then .* kept in", told.getMessage()
        )
        assert str(no_cache) in told.getMessage()
        caplog.clear()
    assert len(convert_here) == 1
    (folder,) = no_cache.iterdir()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
@pytest.mark.parametrize("make", ["open to all", "a link", "a file"])
def test_a_temporary_folder_that_others_may_have_filled(
    small_bert: Path, expected: Float32, no_cache: Path, convert_here: list[list[str]], make: str
) -> None:
    """What is there under its name is not trusted unless it is this user's alone; then another name is taken."""
    suspect = no_cache / f"semsearch-cache-{os.getuid()}"
    if make == "open to all":
        suspect.mkdir()
        suspect.chmod(0o777)
    elif make == "a link":
        suspect.symlink_to(no_cache.parent)
    else:
        suspect.touch()
    np.testing.assert_allclose(load(small_bert)[0].encode(TEXTS), expected, atol=1e-4)
    assert len(convert_here) == 1
    (used,) = set(no_cache.iterdir()) - {suspect}
    assert (used / "openvino").is_dir()


def test_a_cache_without_space_is_told_from_a_model_that_does_not_convert(
    small_bert: Path, no_cache: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """If the child fails on a disk that is full, the temporary folder is tried."""
    del no_cache
    monkeypatch.setenv("SEMSEARCH_CACHE", str(own_cache.parent))
    failed = subprocess.CompletedProcess([], 1, stderr="error writing")
    monkeypatch.setattr(conversion.subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(ModelError, match="error writing"):
        load(small_bert)
    assert "until then" not in caplog.text
    monkeypatch.setattr(conversion, "FREE_BYTES", 1 << 62)
    caplog.clear()
    with pytest.raises(StorageError, match="is full"):
        load(small_bert)
    assert "until then" in caplog.text


def test_torch_needs_no_cache(
    small_bert: Path, expected: Float32, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing can be kept, the torch runtime works all the same."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("SEMSEARCH_CACHE", str(tmp_path / "file" / "cache"))
    found = Encoder.load(small_bert, runtime="torch").encode(TEXTS)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_a_graph_that_computes_something_else_is_refused(
    small_bert: Path, convert_here: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A converted graph is compared with torch; one that differs is not used, and not tried again."""
    monkeypatch.setattr(conversion, "LARGEST_DIFFERENCE", -1.0)
    for _ in range(2):
        with pytest.raises(UnsupportedModelError, match="differs from torch"):
            load(small_bert)
    assert len(convert_here) == 1


def test_auto_falls_back_to_torch(
    small_bert: Path,
    expected: Float32,
    convert_here: list[list[str]],  # noqa: ARG001
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A model that does not convert runs on torch, and the user hears why it is slower."""

    def fail(_: object) -> None:
        raise RuntimeError("no such operation")

    monkeypatch.setattr(conversion, "_trace", fail)
    encoder = Encoder.load(small_bert, runtime="auto", device="cpu")
    assert encoder.runtime == "torch"
    assert "slower torch runtime" in caplog.messages[-1]
    assert "no such operation" in caplog.messages[-1]
    np.testing.assert_allclose(encoder.encode(TEXTS), expected, atol=1e-4)


@pytest.mark.parametrize("runtime", ["openvino", "torch"])
def test_damaged_weights(
    small_bert: Path,
    tmp_path: Path,
    convert_here: list[list[str]],  # noqa: ARG001
    runtime: str,
) -> None:
    """Weights that are cut off are an error of ours that names the model, and no conversion is kept."""
    folder = copytree(small_bert, tmp_path / "model")
    with (folder / "model.safetensors").open("r+b") as file:
        file.truncate(100_000)
    with pytest.raises(ModelError, match=r"model .*model cannot be loaded"):
        Encoder.load(folder, runtime=runtime)
