"""A program gives the memory of large arrays back to the system when they are freed."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import sys
import numpy as np
from semsearch.common.allocator import return_large_arrays

def own_mb():
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) // 1024

if sys.argv[1] == "yes":
    return_large_arrays()
np.ones(20 << 20, np.uint8)  # freed at once: from here on glibc keeps arrays up to this size for itself
arrays = [np.ones(2 << 20, np.uint8) for _ in range(60)]
full = own_mb()
del arrays[:-1]  # the last one holds the end of the heap
print(full - own_mb())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the setting is glibc's")
@pytest.mark.parametrize(("asked", "least", "most"), [("yes", 100, 130), ("no", 0, 60)])
def test_freed_arrays_go_back(asked, least, most):
    """All of them if it was asked for; glibc by itself keeps them, or this test could not fail."""
    done = subprocess.run([sys.executable, "-c", PROGRAM, asked], capture_output=True, text=True, check=True)
    assert least <= int(done.stdout) <= most
