"""The documentation that every Python carries: docstrings of its standard library, as documents."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import io
import pkgutil
import sys
import types
import warnings
from collections.abc import Iterator

from semsearch.common.documents import Document

__all__ = ["standard_library"]

NOT_IMPORTED = frozenset({"antigravity", "this", "idlelib", "lib2to3", "test", "turtledemo", "__main__"})
"""Importing these opens a browser, prints a poem, or brings in applications and tests."""

BEHIND_OS = frozenset({"genericpath", "nt", "ntpath", "posix", "posixpath"})
"""Where ``os`` and ``os.path`` have their functions from; nobody imports them by these names."""


def standard_library() -> Iterator[Document]:
    """One document for each documented public module, class, function and method; ids are dotted names.

    What a package makes public from its submodules is documented once, under the package's name. Modules
    that are not on this platform are left out.
    """
    told: set[int] = set()
    for name in sorted({*sys.stdlib_module_names, "os.path"} - NOT_IMPORTED - BEHIND_OS):
        if not name.startswith("_"):
            yield from _tree(name, told)


def _tree(name: str, told: set[int]) -> Iterator[Document]:
    """A module's documents, then those of its public submodules."""
    module = _import_quietly(name)
    if module is None:
        return
    yield from _members(module, name, told)
    for submodule in pkgutil.iter_modules(getattr(module, "__path__", [])):
        if not submodule.name.startswith("_") and submodule.name not in {"tests", "test", "idle_test"}:
            yield from _tree(f"{name}.{submodule.name}", told)


def _import_quietly(name: str) -> types.ModuleType | None:
    """The module, imported without a sound; ``None`` if it cannot be here."""
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            with contextlib.redirect_stderr(io.StringIO()):
                return importlib.import_module(name)
    except (Exception, SystemExit):  # noqa: BLE001 - a module of another platform may raise anything
        return None


def _members(module: types.ModuleType, name: str, told: set[int]) -> Iterator[Document]:
    """What is in one module; ``told`` are identities of classes and functions that have been documented."""
    yield from _document(module, name, name, "module")
    for short, member in sorted(vars(module).items()):
        if short.startswith("_") or not _belongs(member, module) or id(member) in told:
            continue
        told.add(id(member))
        if inspect.isclass(member):
            yield from _document(member, f"{name}.{short}", name, "class")
            for method, function in sorted(vars(member).items()):
                if not method.startswith("_") and callable(getattr(member, method, None)):
                    yield from _document(function, f"{name}.{short}.{method}", name, "method")
        elif inspect.isroutine(member):
            yield from _document(member, f"{name}.{short}", name, "function")


def _belongs(member: object, module: types.ModuleType) -> bool:
    """Defined here, or taken from a private module or a submodule to be public here."""
    home = getattr(member, "__module__", None)
    if home == module.__name__:
        return True
    listed = getattr(member, "__name__", None) in getattr(module, "__all__", ())
    return listed and isinstance(home, str) and (home in BEHIND_OS or home.startswith(("_", f"{module.__name__}.")))


def _document(thing: object, identifier: str, module: str, kind: str) -> Iterator[Document]:
    doc = getattr(thing, "__doc__", None)
    if isinstance(doc, str) and doc.strip():
        yield Document(
            text=inspect.cleandoc(doc),
            id=identifier,
            title=identifier,
            source="python",
            metadata={"module": module, "kind": kind},
        )
