"""Where functions, classes and the like begin in source code: by a grammar if there is one, else by indentation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from itertools import accumulate
from pathlib import PurePosixPath
from typing import Any

__all__ = ["find_definitions"]

GRAMMARS = {
    **dict.fromkeys((".py", ".pyi"), ("tree_sitter_python", "language")),
    **dict.fromkeys((".js", ".mjs", ".cjs", ".jsx"), ("tree_sitter_javascript", "language")),
    ".ts": ("tree_sitter_typescript", "language_typescript"),
    ".tsx": ("tree_sitter_typescript", "language_tsx"),
    ".java": ("tree_sitter_java", "language"),
    **dict.fromkeys((".c", ".h"), ("tree_sitter_c", "language")),
    **dict.fromkeys((".cc", ".cpp", ".cxx", ".hpp", ".hh"), ("tree_sitter_cpp", "language")),
    ".cs": ("tree_sitter_c_sharp", "language"),
    ".go": ("tree_sitter_go", "language"),
    ".rs": ("tree_sitter_rust", "language"),
    ".rb": ("tree_sitter_ruby", "language"),
    ".php": ("tree_sitter_php", "language_php"),
    **dict.fromkeys((".sh", ".bash"), ("tree_sitter_bash", "language")),
}
"""The module of a language's grammar and its function, by the extension of files."""
LARGEST = 2_000_000
"""Characters of a file whose grammar is looked at; larger ones were written by a program."""
DEFINITION = re.compile(
    r"(?:function|method|class|interface|struct|enum|trait|impl|module|mod|namespace|record|type|object|protocol|constructor"
    r"|macro|union|template|decorated|singleton_method|singleton_class)(?:_.*)?"
    r"_?(?:definition|declaration|item|specifier|signature)|method|class|module|singleton_method|export_statement"
)
"""Kinds of nodes that define something."""
CONTAINER = re.compile(
    r"class|interface|trait|impl|module|mod|namespace|struct|enum|object|export|declaration_list|body|block"
)
"""Kinds of nodes in which definitions of their own may stand."""
DEEPEST = 6
"""Levels of nodes that are looked through."""
BY_INDENT = re.compile(r"(?:^|\n)[ \t]*\n(?=[^\s})\]])")
"""A line that is not indented, behind one that is blank."""


def find_definitions(text: str, source: str) -> list[int]:
    """Where definitions begin, with the comments above them: positions of lines in ascending order."""
    grammar = GRAMMARS.get(PurePosixPath(source).suffix.lower())
    parser = _load_parser(*grammar) if grammar and len(text) <= LARGEST else None
    if parser is None:
        return [match.end() for match in BY_INDENT.finditer(text)]
    data = text.encode("utf-8", "replace")
    starts = list(accumulate((len(line) + 1 for line in text.split("\n")), initial=0))
    rows = sorted(set(_definition_rows(parser.parse(data).root_node, 0)))
    return [starts[row] for row in rows if row]


@cache
def _load_parser(module: str, function: str) -> Any:
    """The parser of a language; ``None`` if it is not installed."""
    try:
        tree_sitter, grammar = import_module("tree_sitter"), import_module(module)
    except ImportError:
        return None
    return tree_sitter.Parser(tree_sitter.Language(getattr(grammar, function)()))


def _definition_rows(node: Any, depth: int) -> Iterator[int]:
    """The lines on which the definitions in a node begin, those in its classes and modules included."""
    above: int | None = None  # where the comments begin that end on the line before
    last = -2
    for child in node.children:
        kind, row = child.type, child.start_point[0]
        if "comment" in kind:
            above = row if above is None or row > last + 1 else above
            last = child.end_point[0]
            continue
        is_definition = DEFINITION.fullmatch(kind) is not None
        if is_definition:
            yield above if above is not None and row <= last + 1 else row
        if depth < DEEPEST and CONTAINER.search(kind):
            yield from _definition_rows(child, depth + 1)
        above, last = None, -2
