"""The examples of docs/server.md."""

from __future__ import annotations

import re
from pathlib import Path

import httpx

GUIDE = (Path(__file__).parents[2] / "docs" / "server.md").read_text(encoding="utf-8")


def test_examples_run(address, capsys):
    """Each prints what it says: three hits with the bee first, and vectors of 384 numbers."""
    printed = []
    for example in re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL):
        exec(example.replace("http://127.0.0.1:8642", address), {})  # noqa: S102 - our own page
        printed.append(capsys.readouterr().out.splitlines())
    hits, (vector,) = printed
    assert hits[0].split()[1] == "bee"
    assert len(hits) == 3
    assert vector.startswith("384 ")


def test_every_route_is_in_the_guide(address):
    """And no other."""
    described = httpx.get(f"{address}/openapi.json").json()["paths"]
    there = {(method.upper(), path) for path, methods in described.items() for method in methods}
    spelled = {
        (method, re.sub(r"\{(document|model)\}", "ID", path).replace("{name}", "NAME")) for method, path in there
    }
    assert set(re.findall(r"`(GET|POST|DELETE) (\S+)`", GUIDE)) - {("GET", "/openapi.json")} == spelled
