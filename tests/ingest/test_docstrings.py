"""Docstrings of the standard library as documents."""

from __future__ import annotations

import inspect
import json
import shutil
import subprocess
import sys
import textwrap

import pytest

READ = """
import dataclasses, json, sys
from semsearch.ingest.docstrings import standard_library
documents = [dataclasses.asdict(document) for document in standard_library()]
json.dump({"documents": documents, "modules": sorted(sys.modules)}, sys.stdout)
"""


@pytest.fixture(scope="module")
def read():
    """All of them, read in a process of its own, since reading imports the whole library."""
    done = subprocess.run([sys.executable, "-c", READ], capture_output=True, encoding="utf-8", check=True)
    assert done.stderr == ""
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def documents(read):
    """Documents by id."""
    return {document["id"]: document for document in read["documents"]}


def test_there_are_thousands_and_every_id_is_its_own(read, documents):
    """No two things go by one name."""
    assert len(documents) == len(read["documents"]) > 4000


@pytest.mark.parametrize(
    ("identifier", "module", "kind"),
    [
        ("json", "json", "module"),
        ("shutil.copy2", "shutil", "function"),
        ("collections.OrderedDict", "collections", "class"),
        ("pathlib.Path.exists", "pathlib", "method"),
        ("xml.etree.ElementTree.parse", "xml.etree.ElementTree", "function"),
        ("os.path.join", "os.path", "function"),
        ("os.path.exists", "os.path", "function"),
        ("os.listdir", "os", "function"),
        ("math.cos", "math", "function"),
        ("asyncio.gather", "asyncio", "function"),
        ("unittest.TestCase.assertEqual", "unittest", "method"),
        ("json.JSONDecoder", "json", "class"),
    ],
)
def test_modules_classes_functions_and_methods_are_there(documents, identifier, module, kind):
    """Written in Python or in C, under the name that people import them by."""
    assert documents[identifier]["metadata"] == {"module": module, "kind": kind}
    assert documents[identifier]["title"] == identifier
    assert documents[identifier]["source"] == "python"


def test_a_text_is_the_docstring_without_its_indentation(documents):
    """As ``help`` would show it."""
    first, _, rest = shutil.copy2.__doc__.partition("\n")
    assert documents["shutil.copy2"]["text"] == (first + "\n" + textwrap.dedent(rest)).strip()
    assert documents["shutil.copy2"]["text"] == inspect.getdoc(shutil.copy2)


def test_a_thing_with_two_places_is_told_once(documents):
    """Where people import it from, and not where it is defined."""
    places = {"json.decoder.JSONDecoder", "asyncio.tasks.gather", "posix.listdir", "posixpath.join", "ntpath.join"}
    assert not places & set(documents)


def test_nothing_private_is_among_them(documents):
    """A leading underscore anywhere in a name keeps it out."""
    assert not [name for name in documents if any(part.startswith("_") for part in name.split("."))]


def test_modules_with_a_mind_of_their_own_are_not_imported(read):
    """One opens a browser, one prints a poem, and tests are no documentation."""
    assert not {"antigravity", "this", "idlelib", "turtledemo", "test.support"} & set(read["modules"])


def test_a_module_that_cannot_be_here_is_left_out_without_noise(monkeypatch, capfd):
    """Neither an import error nor an exit nor what a module prints gets through."""
    from semsearch.ingest import docstrings

    def unruly(name):
        print("noise")  # noqa: T201
        print("more noise", file=sys.stderr)  # noqa: T201
        raise {"a": ImportError, "b": SystemExit, "c": RuntimeError}[name]("not here")

    monkeypatch.setattr(docstrings.sys, "stdlib_module_names", frozenset("abc"))
    monkeypatch.setattr(docstrings.importlib, "import_module", unruly)
    assert list(docstrings.standard_library()) == []
    assert capfd.readouterr() == ("", "")
