"""Nothing is asked of the network, and no more is imported than is used."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from semsearch.encoder import Encoder

Python = Callable[..., subprocess.CompletedProcess[str]]
HEAVY = ["torch", "transformers", "sentence_transformers", "huggingface_hub", "openvino_telemetry", "openvino.tools"]
USE = f"""
import json, sys
from semsearch.encoder import Encoder
texts = ["similar is close", ""]
found = {{}}
for runtime in ("openvino", "torch"):
    encoder = Encoder.load(runtime=runtime, precision="f32")
    found[runtime] = encoder.encode(texts).tolist()
    encoder.encode_tokens(texts)
    encoder.static_vectors()
    encoder.tokenize(texts)
    encoder.decode([1045])
    found[runtime + " imported"] = [name for name in {HEAVY} if name in sys.modules]
print(json.dumps(found))
"""


def test_the_guard_records(python: Python, cut_off: tuple[dict[str, str], Path]) -> None:
    """What the next test relies on: an attempt to reach the network fails and is written down."""
    environment, attempts = cut_off
    found = python("import socket; socket.create_connection(('example.org', 80))", env=environment)
    assert "the network is cut off" in found.stderr
    assert "example.org" in attempts.read_text()


@pytest.mark.slow
def test_the_first_use_needs_no_network(
    python: Python, cut_off: tuple[dict[str, str], Path], tmp_path: Path, encoder: Encoder
) -> None:
    """With an empty cache the default model is prepared and used on both runtimes without one attempt to connect.

    The openvino runtime has imported neither torch nor what is built on it, nor openvino's telemetry.
    """
    environment, attempts = cut_off
    done = python(USE, env=environment | {"SEMSEARCH_CACHE": str(tmp_path / "cache")})
    assert done.returncode == 0, done.stderr
    assert attempts.read_text() == ""
    found = json.loads(done.stdout)
    assert found["openvino imported"] == []
    assert "torch" in found["torch imported"]
    assert "openvino_telemetry" not in found["torch imported"]
    for runtime in ("openvino", "torch"):
        np.testing.assert_allclose(found[runtime], encoder.encode(["similar is close", ""]), atol=1e-5)


def test_importing_the_encoder_is_light(python: Python, cut_off: tuple[dict[str, str], Path]) -> None:
    """Importing the layer imports no library that takes seconds."""
    code = f"import sys, semsearch.encoder; print([name for name in {[*HEAVY, 'openvino']} if name in sys.modules])"
    assert python(code, env=cut_off[0]).stdout.strip() == "[]"
