"""One collection, many threads."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from semsearch import Document
from tests.support.fake_encoder import cosines


@pytest.mark.parametrize("indexed", [False, True])
def test_searches_while_another_thread_writes(notes, small_index, indexed):
    """Each of many results is the exact answer for one state that was committed, in the order of commits."""
    if indexed:
        small_index(tail=3, part=1000)
    alive = {str(n): f"bee {n} old" for n in range(40)}
    notes.add([Document(id=name, text=text) for name, text in alive.items()])
    states = [dict(alive)]
    stop = threading.Event()

    def write():
        for step in range(40):
            name = str(step % 10)
            if step % 3 == 0:
                alive.pop(name, None)
                states.append(dict(alive))
                notes.delete([name])
            else:
                alive[name] = f"bee {name} new{step}"
                states.append(dict(alive))
                notes.add([Document(id=name, text=alive[name])])
        stop.set()

    def read(number):
        results = []
        while not stop.is_set() or len(results) < 5:
            hits = notes.search(f"bee {number}", k=500, mode="dense")
            results.append({hit.document: (hit.text, hit.score) for hit in hits})
            assert len(results[-1]) == len(hits)
        notes._store.close()
        return results

    with ThreadPoolExecutor(9) as pool:
        writer = pool.submit(write)
        readers = [pool.submit(read, number) for number in range(8)]
        writer.result()
        found = [reader.result() for reader in readers]
    for number, results in enumerate(found):
        place = 0
        for result in results:
            while {name: text for name, (text, _) in result.items()} != states[place]:
                place += 1
                assert place < len(states), "a result that no committed state has"
            expected = cosines(f"bee {number}", [text for text, _ in result.values()])
            np.testing.assert_allclose([score for _, score in result.values()], expected, atol=1e-5)
    assert {hit.document: hit.text for hit in notes.search("bee", k=500, mode="dense")} == alive
    assert (notes.status().index != "exact") is indexed


def test_threads_that_write_take_turns(notes):
    """Adding from several threads at once adds everything."""
    with ThreadPoolExecutor(4) as pool:
        reports = list(pool.map(lambda part: notes.add(f"bee {part} {n}" for n in range(10)), range(4)))
    assert [report.added for report in reports] == [10] * 4
    assert len(notes.search("bee", k=100, mode="dense")) == 40
