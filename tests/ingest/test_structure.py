"""Parts of texts: headings, pages, definitions; and windows that end with them."""

from __future__ import annotations

import ast
import inspect
import json
import textwrap

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semsearch.ingest import definitions
from semsearch.ingest.definitions import GRAMMARS, find_definitions
from semsearch.ingest.structure import find_parts
from semsearch.ingest.windows import windows

SOURCES = {
    ".py": "import os\n\n# about a\ndef a():\n  pass\n\nclass B:\n  x = 1\n\n  @cached\n  def c(self):\n    pass\n",
    ".js": "let x = 1;\n\n/** about a */\nfunction a() {\n}\n\nexport class B {\n  c() {\n  }\n}\n",
    ".ts": "interface A {\n  x: number;\n}\n\nexport function b(): void {\n}\n",
    ".java": "package p;\n\nclass A {\n  int x;\n\n  // about b\n  void b() {\n  }\n}\n",
    ".c": "#include <a.h>\n\nint x;\n\nint a(void)\n{\n  return 1;\n}\n",
    ".cpp": "namespace n {\nclass A {\n};\n\nint b() {\n  return 1;\n}\n}\n",
    ".cs": "namespace N\n{\n  class A\n  {\n    void B() { }\n  }\n}\n",
    ".go": "package p\n\n// about A\nfunc A() {\n}\n\ntype B struct {\n}\n",
    ".rs": "use a;\n\n/// about a\nfn a() {\n}\n\nimpl B {\n    fn c() {}\n}\n",
    ".rb": "class A\n  def b\n  end\n\n  def c\n  end\nend\n",
    ".php": "<?php\n\nfunction a() {\n}\n\nclass B {\n  function c() {\n  }\n}\n",
    ".sh": "set -e\n\n# about a\na() {\n  echo\n}\n\nb() {\n  echo\n}\n",
}
LINES = {
    ".py": ["# about a", "class B:", "  @cached"],
    ".js": ["/** about a */", "export class B {", "  c() {"],
    ".ts": ["export function b(): void {"],
    ".java": ["class A {", "  // about b"],
    ".c": ["int a(void)"],
    ".cpp": ["class A {", "int b() {"],
    ".cs": ["  class A", "    void B() { }"],
    ".go": ["// about A", "type B struct {"],
    ".rs": ["/// about a", "impl B {", "    fn c() {}"],
    ".rb": ["  def b", "  def c"],
    ".php": ["function a() {", "class B {", "  function c() {"],
    ".sh": ["# about a", "b() {"],
}


def _lines_at(text, places):
    return [text[place:].split("\n", 1)[0] for place in places]


@pytest.mark.parametrize("extension", SOURCES)
def test_definitions_of_each_language_are_found(extension):
    """Functions, classes and methods, each with the comments above it."""
    pytest.importorskip(GRAMMARS[extension][0], reason="the grammar is not installed")
    text = SOURCES[extension]
    assert _lines_at(text, find_definitions(text, f"a{extension}")) == LINES[extension]


@pytest.mark.parametrize("module", [ast, inspect, json.decoder, textwrap])
def test_definitions_of_python_are_those_of_its_own_parser(module):
    """All functions and classes at the top of real modules, and all methods of these classes."""
    pytest.importorskip("tree_sitter_python", reason="the grammar is not installed")
    text = inspect.getsource(module)
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    wanted = set()
    for node in ast.parse(text).body:
        inside = node.body if isinstance(node, ast.ClassDef) else []
        wanted |= {
            min([one.lineno, *(deco.lineno for deco in one.decorator_list)])
            for one in [node, *inside]
            if isinstance(one, kinds)
        }
    lines = text.split("\n")
    found = {text.count("\n", 0, place) + 1 for place in find_definitions(text, "a.py")}
    starts = {line for line in found if not lines[line - 1].lstrip().startswith("#")}
    assert starts <= wanted
    assert len(wanted) - len(found) <= 1  # one on the first line begins no part


def test_without_a_grammar_parts_are_found_by_indentation(monkeypatch):
    """Lines that are not indented, behind a blank one, but for closing brackets."""
    monkeypatch.setattr(definitions, "_load_parser", lambda *_: None)
    text = "a = 1\nb = 2\n\ndef c():\n    x\n\n    y\n\n}\n\nd {\n}\n"
    for name in ("a.py", "a.zig"):
        assert _lines_at(text, find_definitions(text, name)) == ["def c():", "d {"]


def test_headings_and_pages_begin_parts():
    """Those of each kind of file; a hash in a block of code is none, and text of other kinds has no parts."""
    text = "intro\n\n# One\n\n```\n# code\n```\n\n## Two\n\ntext\n"
    assert _lines_at(text, find_parts(text, "/x/a.md")) == ["# One", "## Two"]
    assert find_parts(text, "/x/a.txt") == find_parts(text, None) == find_parts(text, "/x/a.csv") == []
    pages = "One.\n\f\nTwo.\n\f\nThree."
    assert _lines_at(pages.replace("\f\n", "\f"), find_parts(pages.replace("\f\n", "\f"), "/x/a.pdf")) == [
        "Two.",
        "Three.",
    ]


def _tokenize(text):
    """Words as tokens, as a tokenizer gives them."""
    offsets, place = [], 0
    for word in text.split():
        start = text.index(word, place)
        offsets.append((start, start + len(word)))
        place = start + len(word)
    return offsets, [True] * len(offsets)


def test_no_window_reaches_into_the_next_part():
    """Long parts have windows of their own; short ones are put together."""
    parts = ["a " * 30, "b " * 3, "c " * 3, "d " * 8, "e " * 40]
    text = "\n".join(parts)
    places = [text.index(letter) for letter in "abcde"]
    spans = windows(text, *_tokenize(text), size=16, overlap=2, parts=places)
    pieces = [set(text[start:end].split()) for start, end in spans]
    assert pieces == [{"a"}, {"a"}, {"b", "c"}, {"d"}, {"e"}, {"e"}, {"e"}]


@settings(deadline=None)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=12), st.integers(1, 30), st.data())
def test_windows_of_parts_cover_everything(sizes, size, data):
    """Each token is in a window of at most so many; none reaches behind the end of a part that fills one."""
    overlap = data.draw(st.integers(0, size - 1))
    words = [f"p{part}" for part, count in enumerate(sizes) for _ in range(count)]
    text = " ".join(words)
    offsets, starts = _tokenize(text)
    firsts = [sum(sizes[:part]) for part in range(len(sizes))]
    spans = windows(text, offsets, starts, size, overlap, [offsets[first][0] for first in firsts])
    covered = {
        number for start, end in spans for number, (left, right) in enumerate(offsets) if start <= left and right <= end
    }
    assert covered == set(range(len(words)))
    for start, end in spans:
        inside = text[start:end].split()
        assert len(inside) <= size
        large = {part for part in set(inside) if sizes[int(part[1:])] >= size}
        assert (
            not large
            or len(set(inside)) == 1
            or min(int(part[1:]) for part in set(inside)) not in {int(p[1:]) for p in large}
        )
