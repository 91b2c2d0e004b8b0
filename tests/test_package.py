"""The package's one front door, and what it imports."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import import_module, metadata

import pytest

import semsearch
from semsearch import Collection, CollectionSettings

MODELS = {"torch", "transformers", "sentence_transformers"}
HEAVY = MODELS | {"faiss", "openvino", "numpy", "tokenizers", "sqlite3"}

COMMAND = """
import json, os, sys
from semsearch.cli import main
def tell(status, leave=os._exit):
    print(json.dumps(sorted(sys.modules)), file=sys.stderr, flush=True)
    leave(status)
os._exit = tell
sys.argv = ["semsearch", *sys.argv[1:]]
main()
"""


def imported(*arguments):
    """Output of a Python process, and the modules that it had imported at its end."""
    done = subprocess.run([sys.executable, "-c", *arguments], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    modules = json.loads(done.stderr.splitlines()[-1])
    return done.stdout, {module.split(".")[0] for module in modules}


def test_everything_public_is_listed():
    """Every name of ``__all__`` is there, is the one of its own module, and nothing else is shown but the version."""
    assert len(set(semsearch.__all__)) == len(semsearch.__all__)
    assert dir(semsearch) == sorted([*semsearch.__all__, "__version__"])
    for name in semsearch.__all__:
        found = getattr(semsearch, name)
        assert found is getattr(import_module(found.__module__), name)
        assert found.__doc__


def test_a_star_import_gives_what_is_listed():
    """``from semsearch import *`` brings all of ``__all__`` and nothing more."""
    names = {}
    exec("from semsearch import *", names)  # noqa: S102 - it is what is tested
    assert set(names) - {"__builtins__"} == set(semsearch.__all__)


def test_the_version_is_the_installed_one():
    """The version has one source."""
    assert semsearch.__version__ == metadata.version("semsearch")


def test_other_names_are_no_attributes():
    """A wrong name is an AttributeError that quotes it."""
    with pytest.raises(AttributeError, match="'Kollection'"):
        semsearch.Kollection  # noqa: B018 - looking it up is what is tested


def test_importing_the_package_costs_nothing():
    """``import semsearch`` loads no library, and a plain value only what it needs."""
    script = "import json, sys, semsearch; {}; print(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    assert not imported(script.format("pass"))[1] & HEAVY
    assert not imported(script.format("semsearch.SemsearchError"))[1] & HEAVY
    assert not imported(script.format("semsearch.Document"))[1] & (HEAVY - {"numpy"})


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["index", "--help"], ["search", "--help"]])
def test_help_loads_no_library(arguments):
    """Help is printed without the libraries that searching needs."""
    out, modules = imported(COMMAND, *arguments)
    assert "semsearch" in out
    assert "click" in modules
    forbidden = HEAVY - {"numpy"} if arguments[0] in ("index", "search") else HEAVY
    assert not modules & forbidden


def test_a_search_does_without_the_model_libraries(tmp_path, encoder):
    """A search on the command line finds its hits without torch, transformers or sentence-transformers."""
    with Collection.create(tmp_path / "notes", encoder, CollectionSettings(unit="line")) as collection:
        collection.add(["A bee has wings.", "A loan has interest."])
    options = ["--indexes", str(tmp_path), "--format", "json", "--runtime", "openvino"]
    out, modules = imported(COMMAND, "search", "notes", "insects", *options)
    assert [hit["text"] for hit in json.loads(out)] == ["A bee has wings.", "A loan has interest."]
    assert {"openvino", "faiss"} <= modules
    assert not modules & MODELS


def test_the_module_runs_as_the_program():
    """``python -m semsearch`` is ``semsearch``."""
    done = subprocess.run(
        [sys.executable, "-m", "semsearch", "--version"], capture_output=True, text=True, check=True, env={**os.environ}
    )
    assert done.stdout.strip() == f"semsearch {semsearch.__version__}"
