"""The kinds of files by their names, and the extensions that stand for them: known without any reader."""

from __future__ import annotations

import os

from semsearch.ingest.formats.packing import split_packing

__all__ = ["EXTENSIONS", "TABLE_MARK", "kind_of"]

TABLE_MARK = "?table="
"""Stands between the path of a database and the name of a table."""

_PROGRAMS = (
    *(".py", ".pyi", ".js", ".mjs", ".cjs", ".jsx", ".ts", ".tsx", ".java", ".kt", ".scala", ".groovy", ".clj"),
    *(".c", ".h", ".cc", ".cpp", ".cxx", ".hpp", ".hh", ".m", ".mm", ".cs", ".fs", ".go", ".rs", ".swift", ".zig"),
    *(".rb", ".php", ".pl", ".pm", ".lua", ".r", ".jl", ".dart", ".ex", ".exs", ".erl", ".hs", ".ml", ".lisp"),
    *(".el", ".sh", ".bash", ".zsh", ".fish", ".ps1", ".bat", ".sql", ".css", ".scss", ".vue", ".svelte"),
    *(".proto", ".graphql", ".yaml", ".yml", ".toml", ".ini", ".cfg", ".cmake", ".gradle", ".tf"),
)
"""Of source code."""

EXTENSIONS: dict[str, tuple[str, ...]] = {
    "text": (".txt", ".text", ".rst", ".log", ".tex", ".adoc", ".org"),
    "markdown": (".md", ".markdown"),
    "code": _PROGRAMS,
    "lines": (),
    "jsonl": (".jsonl", ".ndjson"),
    "json": (".json",),
    "csv": (".csv",),
    "tsv": (".tsv",),
    "parquet": (".parquet", ".pq"),
    "arrow": (".arrow", ".feather", ".ipc"),
    "sqlite": (),
    "notebook": (".ipynb",),
    "html": (".html", ".htm", ".xhtml"),
    "pdf": (".pdf",),
    "word": (".docx",),
    "slides": (".pptx",),
    "open-document": (".odt", ".odp"),
    "sheets": (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"),
    "epub": (".epub",),
    "mail": (".eml",),
    "mailbox": (".mbox",),
    "manual": (".1", ".2", ".3", ".4", ".5", ".6", ".7", ".8", ".9", ".man", ".mdoc"),
}
"""In small letters, with their dot; kinds in the order in which they are listed."""

_KINDS = {extension: kind for kind, extensions in EXTENSIONS.items() for extension in extensions}


def kind_of(name: str) -> str | None:
    """The kind that the extension of a file's name or path stands for; of a packed file that of what is inside."""
    kind = _KINDS.get(name[name.rfind(".") :].lower())  # most names: this is asked 20,000 times
    if kind is None or name.startswith("."):
        return _KINDS.get(os.path.splitext(split_packing(name)[0])[1].lower())  # noqa: PTH122 - of a string
    return None if name[: name.rfind(".")].endswith("/") else kind
