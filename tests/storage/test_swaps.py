"""Files of one collection in the place of another's: noticed, or without consequence."""

from __future__ import annotations

import shutil

import pytest

from semsearch import Collection
from semsearch.common.errors import DamagedError
from semsearch.storage.upkeep.verify import verify_folder
from tests.support.fake_encoder import FakeEncoder
from tests.support.swaps import make_pair, swap_files

pytestmark = pytest.mark.filterwarnings("ignore::semsearch.common.errors.DamagedIndexWarning")


@pytest.fixture
def pair(tmp_path, small_index):
    """Makes two collections of one shape, with an index in parts."""

    def made(word_vectors=False):
        small_index(tail=8, part=16)
        return make_pair(tmp_path, word_vectors)

    return made


@pytest.mark.parametrize("word_vectors", [False, True], ids=["passages", "words"])
def test_files_of_another_collection_are_noticed_or_change_nothing(tmp_path, pair, word_vectors):
    """After any swap the answers are as before, or those of the other collection whole, or the damage is told."""
    result = swap_files(*pair(word_vectors), tmp_path / "mixed")
    assert result["wrong"] == []
    assert result["found"] > result["tried"] / 2 > 5


def test_the_vector_file_of_another_collection_is_refused_by_a_search(pair):
    """No hit has a score that another collection's vector gave it."""
    one, other = pair()
    shutil.copyfile(other / "vectors-0.f16", one / "vectors-0.f16")
    with Collection.open(one, FakeEncoder()) as collection, pytest.raises(DamagedError, match="vectors-0"):
        collection.search("bee7", exact=True)
    assert {finding.part for finding in verify_folder(one).findings} == {"vector"}


def test_the_vector_file_of_an_earlier_epoch_is_refused(pair):
    """Rows of before a compaction are other rows, even where their numbers are right."""
    one, _ = pair()
    kept = one.with_name("kept")
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
