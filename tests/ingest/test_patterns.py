"""Which files of a folder are meant, beside what git says."""

from __future__ import annotations

import random
import shutil
import subprocess
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semsearch.common.errors import InputError
from semsearch.ingest.patterns import Patterns
from semsearch.ingest.reader import Reader

TREE = [
    *("a.txt", "b.log", "keep.log", "build/x.txt", "build/keep.txt", "src/build/y.txt", "src/a.txt", "src/deep/a.txt"),
    *(
        "src/deep/c.md",
        "docs/a.md",
        "docs/api/b.md",
        "docs/api/generated/c.md",
        "tmp.txt",
        "src/tmp/d.txt",
        "odd [x].txt",
    ),
    *("docs/#hash.md", "!bang.md", "trailing .txt", "UPPER.TXT"),
]
RULES = [
    *(
        "*.log",
        "!keep.log",
        "build/",
        "/build",
        "src/build/",
        "tmp",
        "tmp*",
        "docs/**/generated",
        "**/deep",
        "docs/*",
        "!docs/api",
    ),
    *(
        "*.md",
        "!*/",
        "*/",
        "!c.md",
        "/a.txt",
        "src/**",
        "!src/deep/",
        "a?txt",
        "[ab].txt",
        "odd \\[x\\].txt",
        "\\#hash.md",
        "\\!bang.md",
    ),
    *(
        "# a comment",
        "",
        "   ",
        "trailing\\ .txt",
        "**/api/**",
        "!*.txt",
        "*.{log,md}",
        "upper.txt",
        "docs/api/../a.md",
    ),
]


def _write(folder, names=TREE):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)


def _read(folder, **options):
    """The paths in a folder whose files are read."""
    return sorted(
        Path(document.source).relative_to(folder.resolve()).as_posix() for document in Reader([folder], **options)
    )


def _kept_by_git(folder, names=TREE):
    """The names that ``git check-ignore`` does not name."""
    given_names = "\0".join(names).encode()
    done = subprocess.run(
        ["git", "-c", "core.excludesFile=", "check-ignore", "--no-index", "-z", "--stdin"],
        cwd=folder,
        input=given_names,
        capture_output=True,
        check=False,
    )
    ignored = set(done.stdout.decode().split("\0"))
    return sorted(name for name in names if name not in ignored)


@pytest.fixture
def repository(tmp_path):
    """A repository with the files of the tree."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    folder = tmp_path / "repo"
    folder.mkdir()
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    _write(folder)
    return folder


@pytest.mark.parametrize("seed", range(60))
def test_rules_are_understood_as_git_understands_them(repository, seed):
    """Of any rules, in one file or in files of several folders, and in .git/info/exclude."""
    rng = random.Random(seed)  # noqa: S311 - no secret
    for place in (".gitignore", "docs/.gitignore", "src/.gitignore", ".git/info/exclude"):
        if rng.random() < 0.7:
            lines = rng.sample(RULES, rng.randint(1, 8))
            (repository / place).parent.mkdir(exist_ok=True)
            (repository / place).write_text("\n".join(lines) + "\n")
    assert _read(repository) == _kept_by_git(repository)


def test_rules_above_a_folder_of_the_repository_hold_in_it(repository):
    """A folder inside is read as git sees it."""
    (repository / ".gitignore").write_text("deep/\n/src/a.txt\n")
    assert _read(repository / "src") == ["build/y.txt", "tmp/d.txt"]


def test_own_rules_override_those_of_git(tmp_path):
    """.semsearchignore comes after .gitignore in each folder, and works where there is no repository."""
    _write(tmp_path / "f", ["a.txt", "b.txt", "c.txt"])
    (tmp_path / "f" / ".gitignore").write_text("a.txt\nb.txt\n")
    (tmp_path / "f" / ".semsearchignore").write_text("!a.txt\nc.txt\n")
    reader = Reader([tmp_path / "f"])
    assert [document.id for document in reader] == ["f/a.txt"]
    assert reader.excluded == 2


def test_what_nobody_has_written_is_left_out(tmp_path):
    """Installed packages and the like, unless a rule takes them in; a file given by its name is always read."""
    _write(tmp_path / "f", ["a.txt", "node_modules/pkg/readme.md", "x/__pycache__/b.txt"])
    assert _read(tmp_path / "f") == ["a.txt"]
    assert len(list(Reader([tmp_path / "f" / "node_modules" / "pkg" / "readme.md"]))) == 1
    (tmp_path / "f" / ".semsearchignore").write_text("!node_modules/\n")
    assert _read(tmp_path / "f") == ["a.txt", "node_modules/pkg/readme.md"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"include": ["**/*.md"]}, ["sub/b.md", "sub/deep/c.md", "top.md"]),
        ({"include": ["*.md"]}, ["sub/b.md", "sub/deep/c.md", "top.md"]),
        ({"include": ["./*.md"]}, ["top.md"]),
        ({"include": ["f/*.md"]}, ["top.md"]),
        ({"include": ["sub/*.md"]}, ["sub/b.md"]),
        ({"include": ["*.{md,txt}"]}, ["a.txt", "sub/b.md", "sub/deep/c.md", "top.md"]),
        ({"include": ["sub/**"], "exclude": ["deep"]}, ["sub/b.md"]),
        ({"exclude": ["*.{md,bin}", "a.*"]}, []),
        ({"exclude": ["/top.md", "sub/deep/"]}, ["a.txt", "sub/b.md"]),
        ({"largest": 5}, ["a.txt"]),
    ],
    ids=str,
)
def test_options_choose_by_patterns_and_sizes(tmp_path, options, expected):
    """As git and pathlib read them; folder names may come first, as they do in ids."""
    _write(tmp_path / "f", ["a.txt", "top.md", "data.bin", "sub/b.md", "sub/deep/c.md"])
    assert _read(tmp_path / "f", **options) == expected


@settings(deadline=None)
@given(st.lists(st.sampled_from(["a", "b*", "{x,y}", "{1,2,3}", ".", "/"]), min_size=1, max_size=6).map("".join))
def test_braces_are_all_choices(pattern):
    """As Python's own product of the choices."""
    import itertools
    import re

    parts = [part[1:-1].split(",") if part.startswith("{") else [part] for part in re.split(r"(\{[^}]*\})", pattern)]
    expected = {"".join(choice) for choice in itertools.product(*parts)}
    plain = [Patterns([one]) for one in expected]
    for path in ("a", "b1", "x", "ay1", "x/y", "bx2/a", "1.2"):
        relative = PurePosixPath(path)
        assert Patterns([pattern]).fit(relative, "f") == any(one.fit(relative, "f") for one in plain)


def test_patterns_of_any_text_are_harmless():
    """Unclosed brackets, braces without end and a thousand choices fit something or nothing."""
    for pattern in ("[", "{a,", "{,}" * 30, "**", "a" * 10_000, "{a,b}{c,d}" * 5):
        assert Patterns([pattern]).fit(PurePosixPath("zz/top.md"), "f") in (True, False)
    with pytest.raises(InputError, match=r"write a pattern such as '\*\.md'"):
        Patterns(["!"])
