"""Files of one collection in the place of another's: noticed, or without consequence."""

from __future__ import annotations

import itertools
import shutil
from contextlib import suppress

import pytest

from semsearch import Collection, CollectionSettings, Document
from semsearch.common.errors import DamagedError, SemsearchError
from semsearch.storage.upkeep.verify import verify_folder
from tests.support.fake_encoder import FakeEncoder

pytestmark = pytest.mark.filterwarnings("ignore::semsearch.common.errors.DamagedIndexWarning")


def make_pair(folder, small_index, word_vectors):
    """Two collections of the same shape, generation and file names, whose documents differ in one word each."""
    small_index(tail=8, part=16)
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
        with Collection.open(folder, FakeEncoder()) as collection:
            hits = [collection.search(text, k=100, exact=exact) for text in ("bee7 hill7", "jet1") for exact in (0, 1)]
            words = collection.contexts("hill7", k=5) if collection.settings.word_vectors else None
            return hits, words
    except DamagedError:
        return None


def groups(names):
    """Every file by itself, every two, and all but one."""
    for size in (1, 2, len(names) - 1):
        yield from itertools.combinations(names, size)


@pytest.mark.parametrize("word_vectors", [False, True], ids=["passages", "words"])
def test_files_of_another_collection_are_noticed_or_change_nothing(tmp_path, small_index, word_vectors):
    """After any swap the answers are as before, or those of the other collection whole, or the damage is told."""
    one, other = make_pair(tmp_path, small_index, word_vectors)
    names = sorted(file.name for file in other.iterdir() if file.name not in ("write.lock", "collection.db-shm"))
    assert names == sorted(file.name for file in one.iterdir() if file.name in names)
    assert len(names) > 4
    before, others = answers(one), answers(other)
    tried = damaged = 0
    for chosen in groups(names):
        mixed = tmp_path / "mixed"
        shutil.copytree(one, mixed)
        for name in chosen:
            shutil.copyfile(other / name, mixed / name)
        found, report = answers(mixed), None
        with suppress(SemsearchError):
            report = verify_folder(mixed)
        is_sound = report is not None and report.sound
        is_other_whole = "collection.db" in chosen and found == others
        assert found == before or is_other_whole or not is_sound, chosen
        assert found in (before, others, None), chosen
        tried, damaged = tried + 1, damaged + (not is_sound)
        shutil.rmtree(mixed)
    assert damaged > tried / 2


def test_the_vector_file_of_another_collection_is_refused_by_a_search(tmp_path, small_index):
    """No hit has a score that another collection's vector gave it."""
    one, other = make_pair(tmp_path, small_index, word_vectors=False)
    shutil.copyfile(other / "vectors-0.f16", one / "vectors-0.f16")
    with Collection.open(one, FakeEncoder()) as collection, pytest.raises(DamagedError, match="vectors-0"):
        collection.search("bee7", exact=True)
    assert {finding.part for finding in verify_folder(one).findings} == {"vector"}


def test_the_vector_file_of_an_earlier_epoch_is_refused(tmp_path, small_index):
    """Rows of before a compaction are other rows, even where their numbers are right."""
    one, _ = make_pair(tmp_path, small_index, word_vectors=False)
    kept = tmp_path / "kept"
    shutil.copyfile(one / "vectors-0.f16", kept)
    with Collection.open(one, FakeEncoder()) as collection:
        collection.compact()
        shutil.copyfile(kept, one / "vectors-1.f16")
    with Collection.open(one, FakeEncoder()) as collection, pytest.raises(DamagedError, match="vectors-1"):
        collection.search("bee7", exact=True)


def test_an_append_of_other_vectors_with_right_checksums_of_rows_is_found(tmp_path):
    """The rows of a copy of the collection, which has the same id, fit row by row: the append's SHA-256 does not."""
    with Collection.create(tmp_path / "one", FakeEncoder()) as collection:
        collection.add(["a bee"])
    shutil.copytree(tmp_path / "one", tmp_path / "copy")
    for name, text in (("one", "a jet"), ("copy", "a soup")):
        with Collection.open(tmp_path / name, FakeEncoder()) as collection:
            collection.add([text])
    shutil.copyfile(tmp_path / "copy" / "vectors-0.f16", tmp_path / "one" / "vectors-0.f16")
    (finding,) = verify_folder(tmp_path / "one").findings
    assert (finding.part, finding.problem) == ("vector", "do not match their append's checksum")
