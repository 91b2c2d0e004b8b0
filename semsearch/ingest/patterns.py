"""Which files of a folder are meant: patterns as git has them, and the rules of ``.gitignore`` and the like."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

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
ANY_FOLDER = "(?P<ps_d>/)"
NAMED_GROUP = re.compile(r"\(\?P<\w+>")
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

    def fit(self, relative: str, folder: str) -> bool:
        """Whether one of them fits a path in a folder of this name."""
        return self._has_any and any(self._spec.match_file(path) for path in (relative, f"{folder}/{relative}"))


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

    def __init__(self, folder: str) -> None:
        path = Path(folder)
        self._top = next((above for above in (path, *path.parents) if (above / ".git").exists()), path)
        always = _Rules(_compile((*ALWAYS, *_read_rules(self._top / ".git" / "info" / "exclude"))))
        self._always = _Scoped(always, len(_with_slash(str(self._top))))
        self._chains: dict[str, tuple[_Scoped, ...]] = {}

    def ignore(self, folder: str, name: str, *, is_folder: bool) -> bool:
        """Whether the rules leave an entry out, of a folder that they do not leave out."""
        path = f"{_with_slash(folder)}{name}{'/' if is_folder else ''}"
        for rules, start in self._chain(folder):
            decision = rules.decide(path[start:])
            if decision is not None:
                return decision
        return False

    def _chain(self, folder: str) -> tuple[_Scoped, ...]:
        """The rules for the entries of a folder, those that decide first in front."""
        if folder not in self._chains:
            path = Path(folder)
            lines = [line for name in RULES for line in _read_rules(path / name)]
            own = (_Scoped(_Rules(_compile(lines)), len(_with_slash(folder))),) if lines else ()
            is_top = path in (self._top, path.parent)
            self._chains[folder] = own + ((self._always,) if is_top else self._chain(str(path.parent)))
        return self._chains[folder]


class _Rules:
    """The rules of one place. A rule for a folder says nothing here of what is in it: that is not looked at."""

    def __init__(self, spec: GitIgnoreSpec) -> None:
        self._patterns = [
            (_anchored(pattern.regex), bool(pattern.include))
            for pattern in reversed(list(spec.patterns))
            if pattern.regex is not None and pattern.include is not None
        ]
        plain = (NAMED_GROUP.sub("(?:", regex.pattern) for regex, _ in self._patterns)
        self._any = re.compile("|".join(f"(?:{pattern})" for pattern in plain))

    def decide(self, path: str) -> bool | None:
        """What the last rule that fits says of a path, a folder's ending with ``/``; ``None`` if none fits."""
        if not self._patterns or self._any.match(path) is None:  # most paths: one look for all rules
            return None
        for regex, include in self._patterns:
            match = regex.match(path)
            if match is None:
                continue
            is_folder_rule = match.groupdict().get("ps_d") is not None  # pathspec's own name for the slash behind one
            reaches = match.end("ps_d") if is_folder_rule else None
            is_for_inside = reaches is None and match.end() == len(path) and path.endswith("/")  # docs/** is not docs/
            if reaches in (None, len(path)) and not is_for_inside:
                return include
        return None


def _anchored(regex: re.Pattern[str]) -> re.Pattern[str]:
    """A rule's expression, to be matched from the start; that of ``*/``, any folder, is meant to be searched for."""
    return re.compile(f".*{regex.pattern}") if regex.pattern == ANY_FOLDER else regex


class _Scoped(NamedTuple):
    """Rules, and where in an absolute path that begins of which they speak."""

    rules: _Rules
    start: int


def _with_slash(folder: str) -> str:
    return folder if folder.endswith("/") else f"{folder}/"


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
