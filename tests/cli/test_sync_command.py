"""``semsearch sync`` and ``--watch``: the same again, with the options of the first time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from semsearch import Collection

LONG_AGO = (1_700_000_000, 1_700_000_000)


def write(name, text):
    """Write a file that is as if it were old."""
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, LONG_AGO)
    return path


def test_sync_repeats_what_a_collection_was_built_from(run, hits, monkeypatch, tmp_path_factory):
    """All paths, from any folder, with the options that were given with them."""
    write("notes/a.md", "A bee.")
    write("notes/drafts/b.md", "A draft.")
    write("shop.jsonl", '{"body": "Honey.", "price": 3, "secret": "x"}\n')
    run("index", "made", "notes", "--exclude", "drafts/")
    run("index", "made", "shop.jsonl", "--text-field", "body", "--metadata", "price")
    write("notes/c.md", "A jet.")
    write("notes/drafts/d.md", "A draft, too.")
    write("shop.jsonl", '{"body": "Honey.", "price": 3, "secret": "x"}\n{"body": "Soup.", "price": 4, "secret": "y"}\n')
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    result = run("sync", "made")
    assert result.stdout.splitlines() == [
        "made: 1 added, 1 unchanged; 1 passage encoded",
        "made: 1 added, 1 unchanged; 1 passage encoded",
    ]
    documents = {hit["document"]: hit["metadata"] for hit in hits("made", "x")}
    assert set(documents) == {"notes/a.md", "notes/c.md", "shop.jsonl:1", "shop.jsonl:2"}
    assert documents["shop.jsonl:2"] == {"price": 4}


def test_sync_prunes_if_the_first_time_did_or_if_told_so(run):
    """What is gone from the folder is removed."""
    for name in ("a", "b", "c", "d", "e"):
        write(f"notes/{name}.md", f"Note {name}.")
    run("index", "made", "notes")
    Path("notes/a.md").unlink()
    assert run("sync", "made").stdout == "made: 4 unchanged; 0 passages encoded\n"
    assert run("sync", "made", "--prune").stdout == "made: 4 unchanged, 1 removed; 0 passages encoded\n"
    run("index", "made", "notes", "--prune")
    Path("notes/b.md").unlink()
    assert run("sync", "made").stdout == "made: 3 unchanged, 1 removed; 0 passages encoded\n"


def test_other_options_for_the_same_paths_replace_those_before(run):
    """The last word counts."""
    write("shop.jsonl", '{"body": "Honey.", "text": "Old."}\n')
    run("index", "made", "shop.jsonl")
    run("index", "made", "shop.jsonl", "--text-field", "body")
    assert run("sync", "made").stdout == "made: 1 unchanged; 0 passages encoded\n"


def test_one_path_that_is_gone_stops_no_other(run):
    """It is the error at the end, told once, and what follows it is read."""
    for name in ("a", "b"):
        write(f"{name}/{name}.md", f"Note {name}.")
        run("index", "made", name)
    Path("a/a.md").unlink()
    Path("a").rmdir()
    write("b/c.md", "Note c.")
    result = run("sync", "made")
    assert (result.exit_code, result.stdout) == (1, "made: 1 added, 1 unchanged; 1 passage encoded\n")
    warning, message = result.stderr.splitlines()
    assert warning.startswith("warning: 1 file of made is gone")
    assert message.startswith("error: no file or folder ")
    assert run("sync", "made", "--prune", "--yes").stdout.splitlines()[0] == "made: 1 removed; 0 passages encoded"


def test_a_dry_run_counts_a_moved_file_once(run):
    """With --prune: what is done is what was said."""
    for name in ("a", "b", "c", "d"):
        write(f"notes/{name}.md", f"Note {name}.")
    run("index", "made", "notes")
    Path("notes/a.md").rename("notes/z.md")
    Path("notes/b.md").unlink()
    said = json.loads(run("sync", "made", "--prune", "--dry-run", "--json").stdout)
    done = json.loads(run("sync", "made", "--prune", "--yes", "--json").stdout)
    counts = ("added", "updated", "unchanged", "removed", "moved", "gone")
    assert [said[name] for name in counts] == [done[name] for name in counts] == [1, 0, 2, 2, 1, 0]


def test_what_cannot_be_repeated_is_an_error(run, refused):
    """Standard input cannot be read again, and a collection that is not there cannot be synced."""
    run("index", "made", "-", stdin="A bee.\n")
    assert "was not built from files; run: semsearch index made PATH" in refused("sync", "made")
    assert "no collection" in refused("sync", "nowhere")


def test_the_report_of_sync_is_also_json(run):
    """One object for each path."""
    write("notes/a.md", "A bee.")
    run("index", "made", "notes")
    assert json.loads(run("sync", "made", "--json").stdout)["unchanged"] == 1


def test_watch_keeps_up_until_it_is_stopped(tmp_path, indexes):
    """Files that are written, changed and removed are followed by a process that goes on; Ctrl-C ends it well."""
    pytest.importorskip("watchfiles", reason="watchfiles is not installed")
    write(tmp_path / "notes" / "a.md", "A bee.")
    command = [sys.executable, "-m", "semsearch", "index", "made", "notes", "--watch", "--prune", "--yes"]
    process = subprocess.Popen(
        command, cwd=tmp_path, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    late = threading.Timer(120, process.kill)  # what is read then is empty
    late.start()
    try:
        assert "1 added" in process.stdout.readline()
        assert "watching" in _line_with("watching", process)
        write(tmp_path / "notes" / "sub" / "b.md", "A jet.")
        assert "1 added, 1 unchanged" in process.stdout.readline()
        (tmp_path / "notes" / "a.md").unlink()
        assert "1 unchanged, 1 removed" in process.stdout.readline()
        with Collection.open(indexes / "made") as collection:
            assert collection.ids() == ["notes/sub/b.md"]
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
        assert process.stdout.read() == ""
        assert "Traceback" not in process.stderr.read()
    finally:
        late.cancel()
        process.kill()
        process.communicate()


def _line_with(word, process):
    """The next line on stderr that has a word; nothing if the process ends first."""
    return next((line for line in process.stderr if word in line), "")


def test_files_that_are_gone_are_told_after_index(run):
    """Their documents stay, with a warning; --prune removes them, and nothing is told of files elsewhere."""
    Path("notes").mkdir()
    for name in ("a", "b", "c"):
        Path(f"notes/{name}.md").write_text(f"note {name}", encoding="utf-8")
    assert run("index", "notes", "notes").exit_code == 0
    Path("notes/a.md").unlink()
    result = run("index", "notes", "notes")
    assert "warning: 1 file of notes is gone, and what was in it is still found; semsearch sync notes" in result.stderr
    Path("notes/b.md").unlink()
    report = json.loads(run("index", "notes", "notes/c.md", "--json").stdout)
    assert (report["gone"], report["unchanged"]) == (2, 1)
    pruned = run("index", "notes", "notes", "--prune", "--yes")
    assert "2 removed" in pruned.stdout
    assert "gone" not in pruned.stderr
    assert "gone" not in run("index", "notes", "notes").stderr
