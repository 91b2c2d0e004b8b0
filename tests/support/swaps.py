"""Files of one collection in the place of another's: what comes of it.

Two collections of the same shape differ in the words of their documents; so do all their files.
"""

from __future__ import annotations

import itertools
import shutil
import warnings

from semsearch import Collection, CollectionSettings, Document
from semsearch.common.errors import DamagedError, DamagedIndexWarning, SemsearchError
from semsearch.storage.upkeep.verify import verify_folder
from tests.support.fake_encoder import FakeEncoder


def make_pair(folder, word_vectors):
    """Two collections of the same shape, generation and file names, whose documents differ in one word each."""
    for name, word in (("one", "bee"), ("other", "jet")):
        settings = CollectionSettings(unit="line", word_vectors=word_vectors)
        with Collection.create(folder / name, FakeEncoder(), settings) as collection:
            collection.add([Document(f"{word}{n} flies over hill{n}", id=f"d{n}") for n in range(40)])
            collection.delete(["d3"])
            collection.add([Document(f"{word}{n} again", id=f"d{n}") for n in range(2)])
    return folder / "one", folder / "other"


def answers(folder):
    """What the collection says, or ``None`` where it refuses to."""
    try:
        with warnings.catch_warnings(), Collection.open(folder, FakeEncoder()) as collection:
            warnings.simplefilter("ignore", DamagedIndexWarning)
            hits = [
                collection.search(text, k=100, exact=exact, mode="dense")
                for text in ("bee7 hill7", "jet1")
                for exact in (0, 1)
            ]
            words = collection.contexts("hill7", k=5) if collection.settings.word_vectors else None
            return hits, words
    except DamagedError:
        return None


def groups(names):
    """Every file by itself, every two, and all but one."""
    for size in (1, 2, len(names) - 1):
        yield from itertools.combinations(names, size)


def swap_files(one, other, scratch):
    """Swap every group of files: how many were tried and found, and the groups that gave other answers unnoticed."""
    names = sorted(file.name for file in other.iterdir() if file.name not in ("write.lock", "collection.db-shm"))
    assert names == sorted(file.name for file in one.iterdir() if file.name in names)
    before, others = answers(one), answers(other)
    tried = found = 0
    wrong = []
    for chosen in groups(names):
        shutil.copytree(one, scratch)
        for name in chosen:
            shutil.copyfile(other / name, scratch / name)
        said, is_sound = answers(scratch), is_found_sound(scratch)
        is_other_whole = "collection.db" in chosen and said == others
        if said not in (before, others, None) or (is_sound and said != before and not is_other_whole):
            wrong.append(chosen)
        tried, found = tried + 1, found + (not is_sound)
        shutil.rmtree(scratch)
    return {"tried": tried, "found": found, "wrong": wrong}


def is_found_sound(folder):
    """What ``verify`` says."""
    try:
        return verify_folder(folder).sound
    except SemsearchError:
        return False
