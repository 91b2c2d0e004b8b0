"""Writes docs/cli.md from what the commands say of themselves: ``python docs/generate_cli.py``."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from semsearch.cli.program import COMMANDS, program

PAGE = Path(__file__).with_name("cli.md")
WIDTH = 100

INTRODUCTION = """\
# Command line

Generated from `--help` by `docs/generate_cli.py`. `python -m semsearch` and, in a checkout, `python cli.py` are the
same program as `semsearch`.

Results go to standard output, messages and progress to standard error. The exit status is 0 for success, 1 for an
error (one line, `error: …`, that says what is wrong and what to do), 2 for a wrong use of the command line, and 130
after Ctrl-C.

`--format` prints rows as a `table` (the default on a terminal), as `plain` text (the default in a pipe: one row a line,
columns separated by tabs), as `json`, as `jsonl` (one object a line) or as `csv`. A table and plain text show what
people read; the other three hold every field. In plain text a hit of `search` has rank, score, document, place, the
words of the question that are in it, and text; other hits lack the words. Fields of a hit are `rank`, `score`,
`document`, `passage`, `text`, `start`, `end`, `title`, `source`, `metadata`, `parts` and more; `start` and `end` are
positions in the document's text, in characters.

To complete commands, options and names of collections with the Tab key, run the line for your shell once, or put it
into its start file:

```sh
eval "$(_SEMSEARCH_COMPLETE=bash_source semsearch)"           # bash
eval "$(_SEMSEARCH_COMPLETE=zsh_source semsearch)"            # zsh
_SEMSEARCH_COMPLETE=fish_source semsearch | source            # fish
```
"""


def page() -> str:
    """The whole page."""
    parts = [INTRODUCTION, _section("semsearch", [])]
    parts += [_section(f"semsearch {name}", [name]) for name in COMMANDS]
    return "\n".join(parts)


def _section(heading: str, arguments: list[str]) -> str:
    shown = CliRunner().invoke(program, [*arguments, "--help"], prog_name="semsearch", terminal_width=WIDTH)
    return f"## {heading}\n\n```text\n{shown.stdout.rstrip()}\n```\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
