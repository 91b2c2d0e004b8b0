"""The sentences of a paragraph, and what of them the segmenter takes for one."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import regex

from semsearch.common.documents import Span

__all__ = ["find_sentence_ends", "find_sentences"]

_MOST_ENCLOSED = 3
"""Sentences that a quotation or a parenthesis may hold and still be one sentence with what is around it."""

_MARKS = regex.compile(r"[\p{Ps}\p{Pe}\p{Pi}\p{Pf}\"'`´<>＂＇＜＞]")
"""Quotation marks and brackets of all scripts; the segmenter cuts nowhere between two that it takes for a pair."""

_CLOSING = regex.compile(r"[\p{Pe}\p{Pf}]*")
"""Marks that begin nothing."""

_CLOSERS = regex.compile(r"[\p{Pe}\p{Pf}\p{Pi}\"'`´>＂＇＞]*")
"""What may follow the end of a sentence and still belong to it."""

_ENDS = regex.compile(r"[.!?…]+(?=\W)|(?![.!?…])\p{STerm}")
"""Marks that may end a sentence inside a text; scripts that have marks of their own need no space behind them."""

_LIST_MARKER = regex.compile(r"\s*(?:[^\w\s\p{Ps}\p{Pi}\"']|\(?\w{1,5}[.)]{1,2})\s+(?=\S)")
"""What an item of a list begins with; the segmenter takes the last item to reach to the end of its paragraph."""


def find_sentences(paragraph: str, language: str) -> list[Span]:
    """The sentences of one paragraph, side by side; the paragraph itself if none can be found."""
    return [
        (start + left, start + right)
        for start, end in _segment_items(paragraph, language)
        for left, right in _cut_enclosed(paragraph[start:end], language)
    ]


def _segment_items(text: str, language: str) -> list[Span]:
    """What the segmenter makes of a text, and of items of lists in it by themselves."""
    return [
        (start + left, start + right)
        for start, end in _segment(text, language)
        for left, right in _cut_item(text[start:end], language)
    ]


def _cut_item(item: str, language: str) -> list[Span]:
    """The sentences in what the segmenter takes for one: an item of a list may be several if its marker is away."""
    marker = _LIST_MARKER.match(item)
    if marker is None or not _ENDS.search(item, marker.end()):
        return [(0, len(item))]
    begin = marker.end()
    (_, first), *others = _segment(item[begin:], language)
    return [(0, begin + first), *((begin + start, begin + end) for start, end in others)]


def _cut_enclosed(piece: str, language: str) -> list[Span]:
    """The sentences in what the segmenter takes for one: there may be many between two marks far apart."""
    if len(_ENDS.findall(piece)) < _MOST_ENCLOSED:
        return [(0, len(piece))]
    ends = find_sentence_ends(piece, language)
    return list(pairwise([0, *ends, len(piece)])) if len(ends) >= _MOST_ENCLOSED else [(0, len(piece))]


def find_sentence_ends(text: str, language: str) -> list[int]:
    """Where sentences end inside a text, whatever quotations and parentheses they are in."""
    kept = [place for place, character in enumerate(text) if not _MARKS.match(character)]
    bare = "".join(map(text.__getitem__, kept))
    ends = {_end_of_sentence(text, kept[end - 1] + 1) for _, end in _segment_items(bare, language)[:-1]}
    return sorted(ends - {0, len(text)})


def _end_of_sentence(text: str, cut: int) -> int:
    """Where a sentence ends whose last mark is somewhere before ``cut``, with the quotation marks that close it."""
    while cut and text[cut - 1].isspace():
        cut -= 1
    return int(_CLOSERS.match(text, cut).end())


def _segment(text: str, language: str) -> list[Span]:
    """What the segmenter makes of a text, side by side; all of it if that cannot be trusted."""
    sentences = _boundaries(text, language)
    if any(text[item["start_index"] : item["end_index"]] != item["text"] for item in sentences):
        sentences = []
    cuts = {0, len(text), *(_behind_closing(text, item["end_index"]) for item in sentences)}
    return list(pairwise(sorted(cuts)))


def _behind_closing(text: str, cut: int) -> int:
    """The cut moved behind marks that close what is before it; the segmenter does not know all of them."""
    return cut if text[cut - 1 : cut].isspace() else int(_CLOSING.match(text, cut).end())


def _boundaries(text: str, language: str) -> list[dict[str, Any]]:
    """What the segmenter finds; nothing if it breaks down."""
    import sentencex

    try:
        return list(sentencex.get_sentence_boundaries(language, text))
    except BaseException as error:
        # A panic in Rust arrives as a BaseException of a class that cannot be imported. One odd
        # paragraph must not end the reading of a whole corpus.
        if type(error).__name__ != "PanicException":
            raise
        return []
