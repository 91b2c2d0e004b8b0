"""A cache that belongs to somebody else: what a user without rights can still do."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

DROPPED = "-dac_override,-dac_read_search"


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs setpriv, of util-linux")
@pytest.mark.parametrize("mode", [0o555, pytest.param(0o000, marks=pytest.mark.long)])
def test_a_cache_folder_that_may_not_be_written(tmp_path: Path, mode: int) -> None:
    """It prevents neither a search nor an index, and one line a run tells of it."""
    for name in ("cache", "temporary"):
        (tmp_path / name).mkdir()
    (tmp_path / "cache").chmod(mode)
    (tmp_path / "a.txt").write_text("A heron.", encoding="utf-8")
    environment = os.environ | {
        "SEMSEARCH_CACHE": str(tmp_path / "cache"),
        "SEMSEARCH_INDEXES": str(tmp_path / "indexes"),
        "TMPDIR": str(tmp_path / "temporary"),
    }
    unprivileged = ["setpriv", f"--bounding-set={DROPPED}", f"--inh-caps={DROPPED}"] if os.geteuid() == 0 else []
    shown = []
    for arguments in (["index", "notes", "a.txt"], ["search", "notes", "heron"]):
        command = [*unprivileged, sys.executable, "-m", "semsearch", *arguments, "--runtime", "openvino"]
        done = subprocess.run(
            command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr
        shown.append(done.stdout)
        told = [line for line in done.stderr.splitlines() if "preparing the model" not in line]
        assert len(told) == 1
        assert "cannot be written (Permission denied)" in told[0]
        assert str(tmp_path / "temporary") in told[0]
    assert shown[0] == "notes: 1 added; 1 passage encoded\n"
    assert "A heron." in shown[1]
    (tmp_path / "cache").chmod(0o755)
    assert list((tmp_path / "cache").iterdir()) == []
