"""The package's one front door, and what it imports."""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
from importlib import import_module, metadata
from pathlib import Path

import pytest

import semsearch
from semsearch import Collection, CollectionSettings

MODELS = {"torch", "transformers", "sentence_transformers"}
WRITING = {"semsearch.storage.writer", "semsearch.storage.sync", "semsearch.ingest.formats.registry"}
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
    return done.stdout, set(json.loads(done.stderr.splitlines()[-1]))


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
    """On the command line it finds its hits without torch and transformers, and without what reads files."""
    with Collection.create(tmp_path / "notes", encoder, CollectionSettings(unit="line")) as collection:
        collection.add(["A bee has wings.", "A loan has interest."])
    options = ["--indexes", str(tmp_path), "--format", "json", "--runtime", "openvino"]
    out, modules = imported(COMMAND, "search", "notes", "insects", *options)
    assert [hit["text"] for hit in json.loads(out)] == ["A bee has wings.", "A loan has interest."]
    assert {"openvino", "faiss"} <= modules
    assert not modules & (MODELS | WRITING | {"numpy.ma"})


def test_the_module_runs_as_the_program():
    """``python -m semsearch`` is ``semsearch``."""
    done = subprocess.run(
        [sys.executable, "-m", "semsearch", "--version"], capture_output=True, text=True, check=True, env={**os.environ}
    )
    assert done.stdout.strip() == f"semsearch {semsearch.__version__}"


SURFACE = Path(__file__).parent / "support" / "collection_surface.txt"
"""All that users see of the class; who changes it changes programs of theirs."""


def test_what_users_see_of_a_collection_is_pinned():
    """Names and signatures of ``Collection``; nothing internal is among them."""
    shown = []
    for name in sorted(name for name in dir(Collection) if not name.startswith("_")):
        member = getattr(Collection, name)
        shown.append(name if isinstance(member, property) else f"{name}{inspect.signature(member)}")
    assert "\n".join(shown) == SURFACE.read_text(encoding="utf-8").strip()


PROGRAM = """
from pathlib import Path

import numpy as np

import semsearch


def use(folder: Path) -> list[str]:
    encoder: semsearch.Encoder = semsearch.Encoder.load()
    settings = semsearch.CollectionSettings(unit=semsearch.Unit.LINE, word_vectors=True)
    reports: list[semsearch.SyncReport] = []
    with semsearch.Collection.create(folder / "notes", encoder, settings) as docs:
        docs.sync([semsearch.Document("a bee", id="bee", metadata={"legs": 6}), "a wasp"], progress=reports.append)
        hits: semsearch.Hits = docs.search("insects", k=3, where="legs = 6", mode=semsearch.Mode.HYBRID)
        many: list[semsearch.Hits] = docs.search_many(["insects", "jets"])
        near = docs.search_vectors(np.zeros((1, 384), np.float32) + 1)
        places: list[semsearch.Occurrence] = docs.contexts("bee")
        answers: list[semsearch.PassageAnswer] = docs.analogy(["a", "b"], ["c"], formula=semsearch.Formula.COS_ADD)
        status: semsearch.Status = docs.tune(recall=0.99)
        return [hit.text for hit in [*hits, *many[0], *near[0]]] + [places[0].word, answers[0].hit.text, status.name]
"""


@pytest.mark.slow
def test_a_typed_program_passes_strict_checks(tmp_path):
    """Who uses the library with types is told of mistakes, and of nothing else."""
    (tmp_path / "program.py").write_text(PROGRAM, encoding="utf-8")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            "--strict",
            "--cache-dir",
            str(tmp_path / "cache"),
            str(tmp_path / "program.py"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_names_of_collections_are_listed_without_numpy_and_few_modules(tmp_path):
    """The shell's completion asks for them at every key."""
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "collection.db").touch()
    script = (
        "import json, sys; from pathlib import Path; from semsearch.storage.folder import list_collections; "
        f"print(list_collections(Path({str(tmp_path)!r}))); "
        "names = [name for name in sys.modules if name.startswith('semsearch')]; print(len(names)); "
        "print(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    )
    out, modules = imported(script)
    names, count = out.splitlines()
    assert names == "['notes']"
    assert int(count) <= 8
    assert not modules & HEAVY
