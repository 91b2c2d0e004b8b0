"""What the commands say of themselves, and the page that is made of it."""

from __future__ import annotations

import ast
import importlib.util
import re
from pathlib import Path

import click
import pytest

import semsearch.cli
from semsearch.cli.program import COMMANDS, GROUPS, program

ROOT = Path(__file__).parents[2]
MODULES = sorted(Path(semsearch.cli.__file__).parent.rglob("*.py"))


@pytest.fixture(params=COMMANDS)
def name(request):
    """Every command in turn."""
    return request.param


@pytest.fixture
def command(name):
    """The command itself."""
    return program.get_command(click.Context(program), name)


def test_every_module_of_a_command_is_in_the_table():
    """No command is forgotten, and none is promised that is not there."""
    named = {path.stem.rstrip("_") for path in MODULES if path.parent.name == "commands"}
    assert named - {"__init"} == {name.replace("-", "_") for name in COMMANDS}


def test_a_summary_is_the_first_line_of_the_commands_own_help(name, command):
    """``semsearch --help`` and ``semsearch NAME --help`` say the same."""
    assert inspect_help(command)[0] == COMMANDS[name]


def test_every_command_shows_an_example_that_parses(name, command):
    """An example in the help is a real command line with options that exist."""
    shown = [line.strip() for line in inspect_help(command)]
    examples = [line for line in shown if re.search(rf"\bsemsearch {name}\b", line)]
    assert examples
    for example in examples:
        words = re.findall(r"'[^']*'|\"[^\"]*\"|\S+", example.split(" | jq")[0])
        arguments = words[words.index("semsearch") + 2 :]
        command.make_context(name, arguments, parent=click.Context(program, **program.context_settings))


def test_every_option_is_explained(command):
    """No option is without help."""
    assert not [option.opts for option in command.params if isinstance(option, click.Option) and not option.help]


def test_help_fits_a_terminal_of_80_columns(run, monkeypatch):
    """Every command has one line in the overview, under a heading."""
    monkeypatch.setenv("COLUMNS", "80")
    lines = run("--help").stdout.splitlines()
    start = lines.index("Search:")
    assert [line.split()[0] for line in lines[start:] if line.startswith("  ")] == list(COMMANDS)
    assert [line for line in lines[start:] if line and line[0] != " "] == [f"{heading}:" for heading in GROUPS]
    assert max(map(len, lines)) <= 80


def test_options_stand_under_what_they_are_about(run):
    """All of them, each once."""
    shown = run("search", "--help").stdout
    sections = dict(re.findall(r"^(\w[\w ]*):\n((?:  .*\n|\n)+)", shown, flags=re.MULTILINE))
    assert list(sections) == ["Options", "What is looked for", "What computes"]
    assert "--where" in sections["What is looked for"]
    assert "--threads" in sections["What computes"]
    assert "--format" in sections["Options"]
    flags = re.findall(r"^  (--?[a-z][\w-]*)", "".join(sections.values()), flags=re.MULTILINE)
    options = [param for param in program.get_command(None, "search").params if isinstance(param, click.Option)]
    assert sorted(flags) == sorted([*(option.opts[0] for option in options), "-h"])


def test_the_page_in_the_docs_is_up_to_date():
    """docs/cli.md is what ``python docs/generate_cli.py`` writes."""
    path = ROOT / "docs" / "generate_cli.py"
    spec = importlib.util.spec_from_file_location("generate_cli", path)
    generator = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generator)
    text = generator.page()
    assert generator.PAGE.read_text(encoding="utf-8") == text
    assert re.findall(r"^## (.*)$", text, flags=re.MULTILINE) == [
        "semsearch",
        *[f"semsearch {command}" for command in COMMANDS],
    ]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_of_the_command_line_import_nothing_heavy_at_their_top(path):
    """Layers that load models and indexes are imported by the functions that need them."""
    light = ("cli", "common", "ingest.formats", "storage.folder", "storage.upkeep.export")
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("semsearch"):
            assert node.module.removeprefix("semsearch.").startswith(light), node.module


def inspect_help(command):
    """Lines of a command's help, before it is wrapped for a terminal."""
    return command.help.replace("\b", "").splitlines()
