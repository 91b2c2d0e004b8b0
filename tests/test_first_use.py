"""A process whose first questions come at the same moment, from several threads."""

from __future__ import annotations

import json
import subprocess
import sys

from semsearch import Collection

PROGRAM = """
import json, sys, threading
import semsearch
collection = semsearch.Collection.open(sys.argv[1])
collection.encoder
sys.setswitchinterval(1e-6)
found, is_begun = [], False
def ask():
    while not is_begun:
        pass
    found.append([hit.text for hit in collection.search("insects")])
threads = [threading.Thread(target=ask) for _ in range(4)]
for thread in threads:
    thread.start()
is_begun = True
for thread in threads:
    thread.join()
print(json.dumps(found))
"""
PROCESSES = 4
"""Of two processes one hung, when nobody made sure that one thread alone is the first to read a tensor."""


def test_first_questions_of_several_threads_are_all_answered(tmp_path, encoder):
    """Whatever is loaded and compiled for the first of them, no thread waits for another one for ever."""
    with Collection.create(tmp_path / "notes", encoder) as collection:
        collection.add(["A bee has wings.", "A loan has interest."])
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "notes")]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(PROCESSES)]
    try:
        answers = [json.loads(process.communicate(timeout=120)[0]) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    assert answers == [[["A bee has wings.", "A loan has interest."]] * 4] * PROCESSES
