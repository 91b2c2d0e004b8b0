"""Which files of a folder are meant: patterns as git has them, and the rules of ``.gitignore`` and the like."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from pathspec import GitIgnoreSpec

from semsearch.common.errors import InputError

__all__ = ["IgnoreRules", "Patterns"]

RULES = (".gitignore", ".semsearchignore")
"""Files with rules for the folder that they are in and all below; the last rule that fits decides."""
ALWAYS = (
    *("node_modules/", "__pycache__/", "*.egg-info/", "venv/", "site-packages/", "bower_components/"),
    *(
        "*.min.js",
        "*.min.css",
        "*.map",
        "package-lock.json",
        "yarn.lock",
        "pnpm-lock.yaml",
        "Cargo.lock",
        "poetry.lock",
    ),
)
"""What nobody has written; a rule that begins with ``!`` takes it in again."""
LONGEST_RULES = 2**20
"""Bytes of a file with rules."""
BRACES = re.compile(r"\{([^{}]*,[^{}]*)\}")
MOST_PATTERNS = 1000
"""That one pattern with braces may stand for."""


class Patterns:
    """Patterns of paths in a folder, as git's: ``*.md`` at any depth, ``docs/*.md``, ``**/*.md``, ``*.{md,txt}``.

    A path may also begin with the folder's own name, as ids do. Raises :class:`InputError` for what is no pattern.
    """

    def __init__(self, patterns: Sequence[str]) -> None:
        plain = [one for pattern in patterns for one in _expand_braces(pattern)]
        try:
            self._spec = GitIgnoreSpec.from_lines(re.sub(r"^(\./)+", "/", one) for one in plain)
        except ValueError as error:
            raise InputError(f"{error}; write a pattern such as '*.md' or 'docs/**'") from error
        self._has_any = bool(patterns)

    def __bool__(self) -> bool:
        return self._has_any

    def fit(self, relative: PurePosixPath, folder: str) -> bool:
        """Whether one of them fits a path in a folder of this name."""
        paths = (str(relative), f"{folder}/{relative}")
        return any(self._spec.match_file(path) for path in paths)


def _expand_braces(pattern: str) -> list[str]:
    """The patterns without braces that a pattern with some stands for, as a shell has it."""
    patterns = [pattern]
    while len(patterns) < MOST_PATTERNS and (found := next(filter(None, map(BRACES.search, patterns)), None)):
        patterns = [
            one[: found.start()] + choice + one[found.end() :] if one == found.string else one
            for one in patterns
            for choice in (found[1].split(",") if one == found.string else ("",))
        ]
    return patterns


class IgnoreRules:
    """The rules that hold in a folder: those in it and below, and those above it up to the top of its repository."""

    def __init__(self, folder: Path) -> None:
        self._top = next((above for above in (folder, *folder.parents) if (above / ".git").exists()), folder)
        self._specs: dict[Path, GitIgnoreSpec | None] = {}
        self._always = _compile((*ALWAYS, *_read_rules(self._top / ".git" / "info" / "exclude")))

    def ignore(self, path: Path, *, is_folder: bool) -> bool:
        """Whether the rules leave a path out, whose folder they do not leave out."""
        end = "/" if is_folder else ""
        for above in path.parents:
            spec = self._spec(above)
            decision = _decide(spec, path.relative_to(above).as_posix() + end) if spec else None
            if decision is not None:
                return decision
            if above == self._top:
                break
        return bool(_decide(self._always, path.relative_to(self._top).as_posix() + end))

    def _spec(self, folder: Path) -> GitIgnoreSpec | None:
        if folder not in self._specs:
            lines = [line for name in RULES for line in _read_rules(folder / name)]
            self._specs[folder] = _compile(lines) if lines else None
        return self._specs[folder]


def _decide(spec: GitIgnoreSpec, path: str) -> bool | None:
    """What the last rule that fits says of a path, a folder's ending with ``/``; ``None`` if none fits.

    A rule for a folder says nothing here of what is in it: that is not looked at if the folder is left out.
    """
    for pattern in reversed(list(spec.patterns)):
        match = pattern.regex.match(path) if pattern.regex is not None and pattern.include is not None else None
        if match is None:
            continue
        is_folder_rule = match.groupdict().get("ps_d") is not None  # pathspec's own name for the slash behind a folder
        reaches = match.end("ps_d") if is_folder_rule else None
        is_for_inside = reaches is None and match.end() == len(path) and path.endswith("/")  # docs/** is not docs/
        if reaches in (None, len(path)) and not is_for_inside:
            return bool(pattern.include)
    return None


def _compile(lines: Sequence[str]) -> GitIgnoreSpec:
    """The rules of these lines; one that makes no sense is none, as for git."""
    try:
        return GitIgnoreSpec.from_lines(lines)
    except ValueError:
        return GitIgnoreSpec.from_lines(line for line in lines if _is_rule(line))


def _is_rule(line: str) -> bool:
    try:
        GitIgnoreSpec.from_lines([line])
    except ValueError:
        return False
    return True


def _read_rules(path: Path) -> Iterable[str]:
    """The lines of a file with rules; none if it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(LONGEST_RULES).decode("utf-8", "surrogateescape").splitlines()
    except (OSError, ValueError):
        return ()
