"""Standard streams that are closed, full, or lose their reader: for every command one line, or none, and a status."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from semsearch.cli.program import COMMANDS

FLYING = str(Path(__file__).parents[2] / "examples" / "flying.csv")
ARGUMENTS = {
    "index": ["index", "garden", "more.txt"],
    "sync": ["sync", "garden"],
    "search": ["search", "garden", "bee"],
    "similar": ["similar", "garden", "bee"],
    "duplicates": ["duplicates", "garden", "--min-score", "0.01"],
    "clusters": ["clusters", "garden"],
    "outliers": ["outliers", "garden"],
    "tour": ["tour"],
    "serve": ["serve"],
    "tokenize": ["tokenize", "a bee"],
    "embed": ["embed", "a bee"],
    "compare": ["compare", "a bee", "a fly"],
    "nearest": ["nearest", "drone", "--words", FLYING],
    "odd-one-out": ["odd-one-out", "bee", "eagle", "jet", "--words", FLYING],
    "analogy": ["analogy", "bee", "eagle", "drone", "--words", FLYING],
    "contexts": ["contexts", "garden", "jet"],
    "senses": ["senses", "garden", "jet"],
    "fill": ["fill", "a [MASK]"],
    "prepare": ["prepare"],
    "list": ["list"],
    "status": ["status", "garden"],
    "compact": ["compact", "garden"],
    "tune": ["tune", "garden", "--recall", "0.9"],
    "verify": ["verify", "garden"],
    "export": ["export", "garden", "-", "--format", "jsonl"],
    "import": ["import", "garden.semsearch", "other"],
    "delete": ["delete", "garden", "violin"],
    "drop": ["drop", "other", "--yes"],
    "demo": ["demo", "--yes"],
}
NOT_RUN = {"demo", "fill", "serve"}
"""One reads whole libraries, the packaged model has no head for the next, the last goes on; they print as others do."""
READING = {
    "index": ["index", "garden", "-"],
    "search": ["search", "garden", "-"],
    "import": ["import", "-"],
    "drop": ["drop", "garden"],
}
"""Commands that read standard input."""
SCRIPT = """
import json, os, sys, traceback
from semsearch.cli import main
class Left(BaseException):
    pass
def leave(status):
    raise Left(status)
end, os._exit = os._exit, leave
results = []
for arguments in json.loads(sys.argv[1]):
    sys.argv[1:] = arguments
    try:
        main()
    except Left as left:
        results.append(left.args[0])
    except BaseException:
        results.append(traceback.format_exc())
with open("results.json", "w") as file:
    json.dump(results, file)
end(0)
"""

pytestmark = pytest.mark.skipif(os.name != "posix", reason="shells of other systems cannot close a stream")


@pytest.fixture
def together(garden, run):
    """Run commands one after the other in one process with redirected streams: their statuses, and all of stderr."""
    Path("more.txt").write_text("One more bee.\n", encoding="utf-8")
    assert run("export", "garden", "garden.semsearch").exit_code == 0
    assert run("import", "garden.semsearch", "other").exit_code == 0

    def run_together(commands, streams):
        shutil.rmtree(garden.parent / "other", ignore_errors=True)
        arguments = shlex.join([sys.executable, "-c", SCRIPT, json.dumps(commands)])
        command = ["sh", "-c", f"{arguments} {streams}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(Path("results.json").read_text(encoding="utf-8")), done.stderr.splitlines()

    return run_together


def commands(*but):
    """Arguments of every command but some."""
    return [ARGUMENTS[name] for name in ARGUMENTS if name not in {*NOT_RUN, *but}]


def test_every_command_is_among_these():
    """A new command is tested, too."""
    assert set(ARGUMENTS) == set(COMMANDS)


@pytest.mark.parametrize("streams", [">&-", ">/dev/full", ">&- <&-"])
def test_output_that_goes_nowhere_is_one_error(together, streams):
    """The status is 1, and one line says why."""
    asked = commands("drop", "tune")
    statuses, messages = together(asked, streams)
    assert dict(zip(map(tuple, asked), statuses, strict=True)) == dict.fromkeys(map(tuple, asked), 1)
    errors = [line for line in messages if line.startswith("error: ")]
    assert len(errors) == len(asked)
    assert all(line.startswith("error: standard output cannot be written (") for line in errors)
    assert not any("Traceback" in line or "unexpected" in line for line in messages)


@pytest.mark.parametrize("streams", ["<&-", "2>&-", "2>/dev/full", "<&- 2>&-"])
def test_streams_that_are_not_needed_may_be_closed(together, streams):
    """Commands that read no input and have nothing to complain of do what they do."""
    asked = commands("drop")
    statuses, messages = together(asked, streams + " >shown.txt")
    assert dict(zip(map(tuple, asked), statuses, strict=True)) == dict.fromkeys(map(tuple, asked), 0), messages
    assert "A bee has wings" in Path("shown.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("streams", [">&- 2>&-", "<&- >&- 2>&-", "<&- >/dev/full 2>/dev/full"])
def test_where_there_is_nowhere_to_print_the_status_says_it(together, streams):
    """Nothing but the status is left to tell of an error."""
    asked = commands("drop", "tune")
    statuses, messages = together(asked, streams)
    assert dict(zip(map(tuple, asked), statuses, strict=True)) == dict.fromkeys(map(tuple, asked), 1)
    assert messages == []


@pytest.mark.parametrize("streams", ["<&-", "0>unreadable"])
def test_input_that_cannot_be_read_is_one_error(together, streams):
    """The status is 1, one line says why, and nothing is changed."""
    asked = list(READING.values())
    Path("unreadable").touch()
    statuses, messages = together([*asked, ["verify", "garden"]], streams)
    assert statuses == [1] * len(asked) + [0], messages
    *errors, prompt, dropped = messages
    assert [line.partition(" (")[0] for line in errors] == ["error: standard input cannot be read"] * 3
    assert prompt.startswith("delete collection 'garden'")
    assert dropped.startswith("error: collection 'garden' was not deleted")


def test_files_get_no_number_of_a_closed_stream(together):
    """A database that were file 1 would get what a library prints; verify finds everything as it was written."""
    statuses, messages = together([ARGUMENTS["index"], ARGUMENTS["compact"]], "<&- >&- 2>&-")
    assert (statuses, messages) == ([1, 1], [])
    assert together([["verify", "garden"]], "") == ([0], [])


@pytest.mark.parametrize("kind", ["archive", "jsonl"])
def test_a_reader_of_an_export_that_stops_early_is_no_error(garden, kind):
    """``| head -c 1`` gets its byte, and stderr stays empty."""
    del garden
    command = shlex.join([sys.executable, "-m", "semsearch", "export", "garden", "-", "--format", kind])
    done = subprocess.run(
        ["bash", "-c", f"{command} 2>messages.txt | true; exit ${{PIPESTATUS[0]}}"], timeout=60, check=False
    )
    assert done.returncode in (0, 1)
    assert Path("messages.txt").read_text(encoding="utf-8") in ("", "garden: exported to standard output\n")


INTERRUPTED = """
import itertools, os, signal, sys
from semsearch.cli.streams import prepare_streams
prepare_streams()
numbers = itertools.count()
def interrupt(*_):
    raise KeyboardInterrupt
signal.signal(signal.SIGALRM, interrupt)
for turn in range(3_000):
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.000_02 + turn % 50 * 0.000_002)
        while True:
            sys.stdout.write(f"{next(numbers)}\\n")
            sys.stdout.flush()
    except KeyboardInterrupt:
        pass
sys.stdout.flush()
os._exit(0)
"""


def test_what_is_printed_when_ctrl_c_comes_is_printed_once():
    """Wherever the interrupt arrives, no line comes a second time."""
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, timeout=300, check=True)
    lines = done.stdout.splitlines()
    assert len(lines) > 3_000
    assert len(lines) == len(set(lines))
