"""What a notebook shows of tokens and of spaces."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import numpy as np

from semsearch import read_space
from semsearch.words.spaces import Space


class Cells(HTMLParser):
    """The texts of a table's cells, row by row; what is no tag of a table fails."""

    def __init__(self, html):
        super().__init__()
        self.rows = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        """Begin a row or a cell."""
        assert tag in {"table", "caption", "tr", "th", "td", "i"}
        assert not attrs
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data):
        """Add to the cell."""
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data


def test_tokens_are_a_table(encoder):
    """Tokens above their ids; what looks like a tag is text."""
    (tokens,) = encoder.tokenize(["I love <b>mathematics!"])
    first, second = Cells(tokens._repr_html_()).rows
    assert first == ["token", *tokens.tokens]
    assert second == ["id", *map(str, tokens.ids)]
    assert "<" in first


def test_a_space_shows_its_first_names():
    """With the names of its numbers where a table has them, and a short text elsewhere."""
    space = read_space(Path(__file__).parents[2] / "examples/flying.csv")
    rows = Cells(space._repr_html_()).rows
    assert rows[0] == ["", "wings", "engine", "sky"]
    assert rows[1] == ["bee", "2.000", "0.000", "4.000"]
    assert len(rows) == 1 + len(space)
    assert repr(space) == (
        "<Space of 7 names with 3 numbers each: 'bee', 'eagle', 'goose', 'jet', 'helicopter', 'drone', 'rocket'>"
    )
    large = Space([f"<{number}>" for number in range(1000)], np.ones((1000, 50)))
    rows = Cells(large._repr_html_()).rows
    assert [len(row) for row in rows] == [9] * 8
    assert rows[3][0] == "<3>"
    assert repr(large).startswith("<Space of 1,000 names with 50 numbers each: '<0>', ")
    assert repr(large).endswith(", …>")
