"""What tests of a collection's index have in common."""

from __future__ import annotations

import numpy as np

from semsearch import Document
from tests.support.fake_encoder import cosines


def documents(start, stop):
    """Documents of different words."""
    return [Document(id=f"d{n}", text=f"bee{n} wing{n % 7} sky{n % 11}") for n in range(start, stop)]


def stamps(collection, pattern="*index-*.faiss"):
    """What changes of a file when it is written to."""
    found = sorted(collection.path.glob(pattern))
    return {file.name: (file.stat().st_ino, file.stat().st_mtime_ns, file.stat().st_size) for file in found}


def check_alive(collection, names, query="bee3 wing3 sky3"):
    """All and only these documents are found, with their cosines, with the index and without it."""
    for exact in (False, True):
        hits = collection.search(query, 1000, exact=exact, mode="dense")
        assert sorted(hit.document for hit in hits) == sorted(names)
        np.testing.assert_allclose([hit.score for hit in hits], cosines(query, [hit.text for hit in hits]), atol=1e-5)
    best = [hit.score for hit in collection.search(query, 10, exact=True, mode="dense")]
    everything = [hit.text for hit in hits]
    np.testing.assert_allclose(best, sorted(cosines(query, everything))[::-1][:10], atol=1e-5)
