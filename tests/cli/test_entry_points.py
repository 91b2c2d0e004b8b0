"""The program in processes of its own: entry points, terminals, pipes and signals."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from importlib import metadata
from pathlib import Path

import pytest

from semsearch.collection import Collection

ROOT = Path(__file__).parents[2]
ENTRY_POINTS = {
    "semsearch": [str(Path(sys.executable).with_name("semsearch"))],
    "python -m semsearch": [sys.executable, "-m", "semsearch"],
    "python cli.py": [sys.executable, str(ROOT / "cli.py")],
}
SEMSEARCH = ENTRY_POINTS["python -m semsearch"]
SMALL_BATCHES = """
from semsearch.cli import main
from semsearch.storage import sync
sync.BATCH_DOCUMENTS = 40
main()
"""
HEAVY = {"torch", "transformers", "sentence_transformers"}


def completed(command, **options):
    """Run a process to its end; its streams come back as text."""
    return subprocess.run(command, capture_output=True, encoding="utf-8", check=False, timeout=120, **options)


@contextmanager
def started(command):
    """A running process with its three streams as pipes of text; one that hangs is ended, and says where it hung."""
    streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    environment = os.environ | {"PYTHONFAULTHANDLER": "1"}
    with subprocess.Popen(command, encoding="utf-8", env=environment, **streams) as process:
        try:
            yield process
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGABRT)
            pytest.fail(process.communicate(timeout=10)[1])
        finally:
            process.kill()


@pytest.mark.parametrize("command", ENTRY_POINTS.values(), ids=ENTRY_POINTS)
def test_every_entry_point_is_the_same_program(command):
    """They print the version of the installed distribution, and call themselves semsearch."""
    shown = completed([*command, "--version"])
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout == f"semsearch {metadata.version('semsearch')}\n"
    assert completed([*command, "frobnicate"]).stderr.startswith("Usage: semsearch [OPTIONS]")


@pytest.mark.usefixtures("garden")
def test_status_of_the_process_is_the_programs(records):
    """A shell sees 0, 1 and 2, with results on stdout and errors on stderr."""
    good = completed([*SEMSEARCH, "search", "garden", "insects that fly", "--format", "jsonl"])
    assert (good.returncode, good.stderr) == (0, "")
    assert len(good.stdout.splitlines()) == len(records)
    bad = completed([*SEMSEARCH, "search", "gardn", "bee"])
    assert (bad.returncode, bad.stdout) == (1, "")
    assert re.fullmatch(r"error: .*\n", bad.stderr)
    assert completed([*SEMSEARCH, "serch"]).returncode == 2


IMPORTED = """
import os, sys
def tell(status, leave=os._exit):
    print(*sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr, flush=True)
    leave(status)
os._exit = tell
from semsearch.cli import main
main()
"""


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["search", "--help"], ["index", "--help"]])
def test_help_imports_nothing_heavy(arguments):
    """Neither model libraries nor FAISS are needed to explain oneself."""
    shown = completed([sys.executable, "-c", IMPORTED, *arguments])
    assert shown.returncode == 0
    imported = set(shown.stderr.split())
    assert "semsearch" in imported
    assert not {*HEAVY, "openvino", "faiss", "tokenizers", "rich"} & imported


@pytest.mark.usefixtures("garden")
def test_a_search_does_without_torch_and_transformers():
    """What answers a query on a processor is OpenVINO and FAISS alone."""
    shown = completed([sys.executable, "-c", IMPORTED, "search", "garden", "bee", "--runtime", "openvino"])
    assert shown.returncode == 0
    imported = set(shown.stderr.split())
    assert {"openvino", "faiss"} <= imported
    assert not HEAVY & imported


@pytest.mark.usefixtures("garden")
def test_a_pipe_gets_utf_8_whatever_the_locale(records):
    """A file that was written on one machine can be read on another."""
    environment = {**os.environ, "PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"}
    shown = completed([*SEMSEARCH, "search", "garden", "bee", "--format", "jsonl"], env=environment)
    assert shown.returncode == 0, shown.stderr
    texts = {json.loads(line)["text"] for line in shown.stdout.splitlines()}
    assert texts == {record["text"] for record in records}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_get_their_completion_script(shell):
    """Click's own protocol answers, and the script calls it by the right variable."""
    shown = completed(ENTRY_POINTS["semsearch"], env={**os.environ, "_SEMSEARCH_COMPLETE": f"{shell}_source"})
    assert shown.returncode == 0, shown.stderr
    assert f"_SEMSEARCH_COMPLETE={shell}_complete" in shown.stdout


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("semsearch s", {"search", "senses", "similar", "status", "sync", "serve"}),
        ("semsearch search g", {"garden"}),
        ("semsearch drop x", set()),
        ("semsearch search garden -k 1 -k 2 --offs", {"--offset"}),
    ],
)
@pytest.mark.usefixtures("garden")
def test_commands_and_collections_are_completed(words, expected):
    """The Tab key knows the commands, and the names of the collections that are there."""
    asked = {"_SEMSEARCH_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    shown = completed(ENTRY_POINTS["semsearch"], env={**os.environ, **asked})
    assert {line.split(",")[1] for line in shown.stdout.split()} == expected


@pytest.fixture(scope="module")
def crowd(run, tmp_path_factory):
    """A folder with a collection whose results are longer than what a pipe holds."""
    folder = tmp_path_factory.mktemp("crowd")
    records = [{"id": str(number), "text": f"Bee {number}", "padding": "x" * 2000} for number in range(100)]
    lines = "\n".join(json.dumps(record) for record in records)
    assert run("index", "crowd", "-", "--as", "jsonl", "--indexes", folder, stdin=lines).exit_code == 0
    return folder


@pytest.mark.parametrize("style", ["jsonl", "json", "csv", "table"])
def test_a_reader_that_stops_early_is_no_error(crowd, style):
    """``| head -1`` gets its line, and stderr stays empty."""
    command = [*SEMSEARCH, "search", "crowd", "bee", "-k", "1000", "--format", style, "--indexes", str(crowd)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout.readline().strip()
        process.stdout.close()
        assert process.stderr.read() == b""
        process.wait(timeout=60)
    assert process.returncode in (0, 1)


def on_a_terminal(command, columns=100):
    """Run a process with a terminal for its streams; what it wrote there, and its exit status."""
    pty = pytest.importorskip("pty", reason="only POSIX has such terminals")
    termios = pytest.importorskip("termios")
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (40, columns))
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "NO_COLOR")}
    streams = dict.fromkeys(("stdin", "stdout", "stderr"), slave)
    with subprocess.Popen(command, env={**environment, "TERM": "xterm-256color"}, **streams) as process:
        os.close(slave)
        written = b""
        with suppress(OSError):  # a terminal whose other end is closed raises instead of ending
            while block := os.read(master, 65536):
                written += block
        os.close(master)
        process.wait(timeout=60)
    return written.decode(), process.returncode


@pytest.mark.usefixtures("garden")
def test_a_terminal_gets_a_table_by_default():
    """Of its own width, and without the control characters of the data."""
    written, status = on_a_terminal([*SEMSEARCH, "search", "garden", "bee"], columns=70)
    assert status == 0
    lines = re.sub(r"\x1b\[[0-9;]*m", "", written).replace("\r\n", "\n").split("\n")
    assert lines[0].split() == ["rank", "score", "document", "text"]
    assert lines[1] == "─" * 70
    assert not re.search("[\x00-\x1f\x7f-\x9f]", "".join(lines))


def test_a_terminal_gets_a_progress_bar_with_rate_and_time():
    """It ends at 100 %, with the number of passages, passages a second, and the time taken."""
    Path("many.txt").write_text("".join(f"Bee number {number}\n" for number in range(300)), encoding="utf-8")
    written, status = on_a_terminal([*SEMSEARCH, "index", "made", "many.txt", "--as", "lines"])
    assert status == 0
    lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", written).replace("\r", "\n").split("\n")
    last_bar = [line for line in lines if "indexing" in line][-1]
    assert re.search(r"100% 300 passages, [\d,]+/s \d:\d\d:\d\d", last_bar)
    assert "made: 300 added; 300 passages encoded" in lines


def test_the_progress_bar_shows_what_is_committed_and_not_what_is_read():
    """The share of bytes goes with the share of passages, although reading is a batch ahead."""
    records = [{"text": f"Bee number {number}", "padding": "x" * 2000} for number in range(400)]
    Path("many.jsonl").write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
    written, status = on_a_terminal([sys.executable, "-c", SMALL_BATCHES, "index", "made", "many.jsonl"])
    assert status == 0
    shown = re.findall(r"(\d+)% ([\d,]+) passages", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", written))
    assert len(set(shown)) > 1
    for share, passages in shown:
        assert int(share) == pytest.approx(int(passages) / 4, abs=4)


def test_a_pipe_gets_no_progress_bar():
    """Neither on stdout nor on stderr."""
    Path("a.txt").write_text("A bee.", encoding="utf-8")
    shown = completed([*SEMSEARCH, "index", "made", "a.txt"])
    assert (shown.stdout, shown.stderr) == ("made: 1 added; 1 passage encoded\n", "")


LINES = 2000


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_run_keeps_its_commits_and_the_next_one_adds_the_rest(run, hits, indexes, sent):
    """Ctrl-C ends with one line and status 130, a kill with nothing, and both leave a collection that is sound."""
    Path("many.txt").write_text("".join(f"Bee number {number}\n" for number in range(LINES)), encoding="utf-8")
    arguments = ["index", "many", "many.txt", "--as", "lines"]
    run("index", "other", "-", stdin="The model is prepared by now.")
    command = [sys.executable, "-c", SMALL_BATCHES, *arguments]
    with started(command) as process:
        deadline = time.monotonic() + 60
        while documents(indexes / "many") < 80:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(sent)
        output, messages = process.communicate(timeout=60)
    assert output == ""
    if sent == signal.SIGINT:
        assert process.returncode == 130
        assert messages == "stopped; what was committed is kept, and the same command goes on from there\n"
    else:
        assert process.returncode == -signal.SIGKILL
    kept = documents(indexes / "many")
    assert 80 <= kept < LINES
    assert hits("many", "Bee number 7", "-k", 1)[0]["text"] == "Bee number 7"
    assert len(hits("many", "bee", "-k", LINES)) == kept
    rest = LINES - kept
    assert run(*arguments).stdout == f"many: {rest:,} added, {kept:,} unchanged; {rest:,} passages encoded\n"
    assert len(hits("many", "bee", "-k", LINES)) == LINES


def documents(path):
    """Number of documents that are committed in a collection; none if it is not there yet."""
    if not (path / "collection.db").exists():
        return 0
    with Collection.open(path) as collection:
        return collection.status().documents


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
def test_ctrl_c_before_the_first_commit_leaves_nothing_behind(indexes):
    """A collection that never got a document is not there."""
    with started([*SEMSEARCH, "index", "made", "-"]) as process:
        process.stdin.write("A bee.\n")
        process.stdin.flush()
        deadline = time.monotonic() + 60
        while not (indexes / "made").exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        time.sleep(0.5)  # until it waits for more input
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 130
        assert process.stdout.read() == ""
        assert process.stderr.read().startswith("stopped")
    assert list(indexes.iterdir()) == []
