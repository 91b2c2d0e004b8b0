"""BM25 over segments, against the formula computed text by text."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st

from semsearch.common.named_arrays import pack_arrays, unpack_arrays
from semsearch.lexical.bm25 import K1, B, LexicalIndex
from semsearch.lexical.postings import Postings, build_postings, merge_postings
from semsearch.lexical.terms import Analyzer

ANALYZER = Analyzer("en")
WORDS = ["bee", "bees", "wing", "sky", "os.path", "the", "honey", "東京大学", "C++"]
TEXTS = st.lists(st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join), min_size=1, max_size=30)


def brute_force(texts, query, dead=()):
    """The scores of all texts by the definition, float64; those of deleted ones 0."""
    counted = [ANALYZER.terms(text) for text in texts]
    live = [row for row in range(len(texts)) if row not in dead]
    mean = sum(counted[row][1] for row in live) / len(live) if any(counted[row][1] for row in live) else 1.0
    scores = np.zeros(len(texts))
    for term, times in ANALYZER.query_terms(query).items():
        having = sum(term in counted[row][0] for row in live)
        idf = math.log(1 + (len(live) - having + 0.5) / (having + 0.5))
        for row in live:
            count = Counter(counted[row][0])[term]
            norm = K1 * (1 - B + B * counted[row][1] / mean)
            scores[row] += times * idf * count * (K1 + 1) / (count + norm)
    return scores


def segments_of(texts, cuts):
    """The texts in segments that end at the cuts."""
    ends = sorted({min(cut, len(texts)) for cut in cuts} | {len(texts)} - {0})
    starts = [0, *ends[:-1]]
    pairs = [(start, end) for start, end in zip(starts, ends, strict=True) if start < end]
    return [build_postings(texts[start:end], ANALYZER, start) for start, end in pairs]


@given(TEXTS, st.lists(st.integers(0, 30), max_size=3), st.sampled_from(["bee", "the", "bee sky os.path", "東京", "x"]))
@settings(deadline=None)
def test_scores_are_those_of_the_formula_whatever_the_segments(texts, cuts, query):
    """Statistics are those of all segments, and merging changes nothing."""
    expected = brute_force(texts, query)
    segments = segments_of(texts, cuts)
    terms = ANALYZER.query_terms(query)
    scores = LexicalIndex(segments, np.empty(0, np.int64)).scores(terms)
    np.testing.assert_allclose(scores, expected, rtol=1e-5, atol=1e-6)
    merged = LexicalIndex([merge_postings(segments)], np.empty(0, np.int64)).scores(terms)
    np.testing.assert_array_equal(merged, scores)


@given(TEXTS, st.sets(st.integers(0, 29), max_size=10), st.sampled_from(["bee honey", "wing c++"]))
@settings(deadline=None)
def test_deleted_rows_count_nowhere(texts, gone, query):
    """Neither in scores nor in statistics; leaving them out of the segment gives the same."""
    dead = np.array(sorted(row for row in gone if row < len(texts)), np.int64)
    live = np.ones(len(texts), np.bool_)
    live[dead] = False
    if not live.any():
        return
    terms = ANALYZER.query_terms(query)
    segment = build_postings(texts, ANALYZER, 0)
    scores = LexicalIndex([segment], dead).scores(terms)
    np.testing.assert_allclose(scores, brute_force(texts, query, set(dead.tolist())), rtol=1e-5, atol=1e-6)
    kept = LexicalIndex([segment.keep(live, 0)], np.empty(0, np.int64)).scores(terms)
    np.testing.assert_array_equal(kept, scores[live])


@given(TEXTS, st.lists(st.integers(0, 29), min_size=1, max_size=5))
@settings(deadline=None)
def test_the_shares_of_words_add_up_to_the_score(texts, wanted):
    """For any rows, in any order."""
    rows = np.array([row % len(texts) for row in wanted], np.int64)
    index = LexicalIndex(segments_of(texts, [7]), np.empty(0, np.int64))
    terms = ANALYZER.query_terms("bee wing sky os.path")
    total = sum(index.shares(terms, rows).values())
    np.testing.assert_allclose(total, index.scores(terms)[rows], rtol=1e-5, atol=1e-6)


@given(TEXTS)
@settings(deadline=None)
def test_a_segment_is_read_as_it_was_written(texts):
    """All arrays come back, and the segment is sound."""
    segment = build_postings(texts, ANALYZER, 3)
    again = Postings.unpack(b"".join(segment.pack()), 3)
    again.check()
    assert list(again.terms) == list(segment.terms) == sorted(segment.terms)
    for name, array in segment.arrays.items():
        np.testing.assert_array_equal(again.arrays[name], array)
    assert (again.first, again.end) == (3, 3 + len(texts))


def test_a_count_beyond_a_byte_is_the_largest():
    """A word that fills a text does not overflow to a rare one."""
    segment = build_postings(["bee " * 300], ANALYZER, 0)
    assert segment.find("bee")[1].tolist() == [255]


@pytest.mark.parametrize(
    ("name", "place", "value"), [("rows", 0, 99), ("starts", 1, 9), ("starts", -1, 7)], ids=["row", "backwards", "end"]
)
def test_a_segment_that_says_what_cannot_be_is_refused(name, place, value):
    """Well packed, and of rows that it has not, or with postings that run backwards or end elsewhere."""
    arrays = {key: array.copy() for key, array in build_postings(["bee sky", "sky"], ANALYZER, 0).arrays.items()}
    arrays[name][place] = value
    with pytest.raises(ValueError, match=r"rows that it has not|do not fit"):
        Postings.unpack(b"".join(pack_arrays(arrays)), 0).check()


def test_arrays_are_packed_as_safetensors_packs_them():
    """The same bytes as the format's own program writes, empty arrays and names that are not ASCII included."""
    arrays = {
        "terms": np.frombuffer(b"bee", np.uint8),
        "rows": np.arange(5, dtype=np.uint32),
        "starts": np.arange(3, dtype=np.uint64),
        "weiß": np.empty(0, np.float64),
        "every second": np.arange(6, dtype=np.int64)[::2],
    }
    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    assert b"".join(pack_arrays(arrays)) == safetensors.numpy.save(contiguous)


@given(st.lists(TEXTS, min_size=2, max_size=4))
@settings(deadline=None)
def test_merged_segments_are_as_if_built_at_once(parts):
    """Terms, postings, counts and lengths of several segments as one."""
    segments, first = [], 0
    for texts in parts:
        segments.append(build_postings(texts, ANALYZER, first))
        first = segments[-1].end
    whole = build_postings([text for texts in parts for text in texts], ANALYZER, 0)
    merged = merge_postings(segments)
    for name, array in whole.arrays.items():
        np.testing.assert_array_equal(merged.arrays[name], array)


def test_bytes_that_are_no_arrays_are_refused():
    """A header that ends behind the end is noticed before it is read."""
    with pytest.raises(ValueError, match="header"):
        unpack_arrays(b"\xff" * 16)
