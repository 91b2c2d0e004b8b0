"""``--format``: the same rows for people and for programs."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest
from rich.cells import cell_len

from semsearch.cli.output.render import show
from semsearch.cli.output.summary import size_text

FIELDS = ["rank", "score", "document", "passage", "text", "start", "end", "title", "source", "metadata", "parts"]
FIELDS += ["percentile", "confidence", "location", "relevant"]
RAW = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
"""What must not reach a terminal."""


@pytest.fixture(scope="session")
def texts(records):
    """Texts of the collection by id."""
    return {record["id"]: record["text"] for record in records}


@pytest.fixture
def printed(run, garden):  # noqa: ARG001 - it must be there
    """What a search for a bee prints in some format."""

    def _printed(*options):
        result = run("search", "garden", "bee", *options)
        assert result.exit_code == 0, result.stderr
        return result.stdout

    return _printed


@pytest.mark.usefixtures("garden")
def test_json_of_a_hit_has_the_promised_fields_in_order(hits, texts):
    """Neither more nor less, with the types that JSON has."""
    found = hits("garden", "bee")
    assert [list(hit) for hit in found] == [FIELDS] * len(texts)
    assert {hit["document"]: hit["text"] for hit in found} == texts
    bee = next(hit for hit in found if hit["document"] == "bee")
    assert (bee["title"], bee["metadata"], bee["passage"], bee["start"]) == ("Insects", {"legs": 6}, 0, 0)
    soup = next(hit for hit in found if hit["document"] == "soup")
    assert (soup["title"], soup["metadata"]) == (None, {"tags": ["food", "été"]})


def test_jsonl_holds_the_same_objects_one_a_line(printed, texts):
    """Every line is an object, even for a reader that takes U+2028 for the end of a line."""
    output = printed("--format", "jsonl")
    assert len(output.splitlines()) == len(texts)
    assert [json.loads(line) for line in output.splitlines()] == json.loads(printed("--format", "json"))


def test_csv_is_read_back_by_the_csv_module(printed):
    """Every field is a column, objects are JSON, and what is missing is empty."""
    rows = list(csv.DictReader(io.StringIO(printed("--format", "csv"), newline="")))
    objects = json.loads(printed("--format", "json"))
    assert list(rows[0]) == FIELDS
    for row, hit in zip(rows, objects, strict=True):
        assert row["text"] == hit["text"]
        assert float(row["score"]) == hit["score"]
        assert json.loads(row["metadata"]) == hit["metadata"]
        assert row["title"] == (hit["title"] or "")
        assert [int(row[name]) for name in ("rank", "passage", "start", "end")] == [
            hit[name] for name in ("rank", "passage", "start", "end")
        ]


def test_plain_is_one_line_a_row_with_tabs_between_six_columns(printed, hits, texts):
    """Rank, score of four digits, document, place, matching words, text behind its title in single spaces."""
    rows = [line.split("\t") for line in printed("--format", "plain").split("\n")[:-1]]
    assert [row[:3] for row in rows] == [
        [str(hit["rank"]), f"{hit['score']:.4f}", hit["document"]] for hit in hits("garden", "bee")
    ]
    assert {row[3] for row in rows} == {""}
    assert {row[4].lower() for row in rows} == {"", "bee"}
    shown = {row[2]: row[5] for row in rows}
    assert shown["bee"] == f"Insects: {texts['bee']}"
    assert shown["nasty"] == "]0;title: Red [31malert [0m second line after a tab 2J end."
    assert shown["北京/1"] == texts["北京/1"]


def test_plain_is_the_default_when_piped(printed):
    """Standard output that is no terminal gets no table."""
    assert printed() == printed("--format", "plain")


@pytest.mark.parametrize("style", ["plain", "table", "json", "jsonl"])
def test_control_characters_of_the_data_do_not_reach_the_terminal(printed, style):
    """Neither escape sequences of seven or eight bits nor other line ends get through."""
    output = printed("--format", style)
    assert "alert" in output
    assert not RAW.search(output)


def test_a_table_has_a_header_and_the_rows_in_order(printed, hits):
    """Rank, score of four digits, document and the text, behind its title."""
    *lines, _ = printed("--format", "table").splitlines()
    assert lines[0].split() == ["rank", "score", "document", "text"]
    starts = [line.split()[:3] for line in lines[2:] if line[:4].strip()]
    assert starts == [[str(hit["rank"]), f"{hit['score']:.4f}", hit["document"]] for hit in hits("garden", "bee")]
    assert any(line.rstrip().endswith("Insects: A bee has wings and makes honey.") for line in lines)


@pytest.mark.parametrize("columns", ["60", "80", "100", "200"])
def test_a_table_fits_the_terminal_and_shows_two_lines_of_a_text(run, monkeypatch, columns):
    """A long text ends in an ellipsis after its second line; an id is never broken, so that it can be copied."""
    monkeypatch.setenv("COLUMNS", columns)
    identifier = "folder/" * 5 + "name.txt"
    text = " ".join(f"word{number}" for number in range(200)) + " 北京" * 50
    record = json.dumps({"id": identifier, "text": text})
    run("index", "made", "-", "--as", "jsonl", "--unit", "document", stdin=record)
    header, _, *lines, _ = run("search", "made", "word", "--format", "table").stdout.splitlines()
    assert all(cell_len(line) <= int(columns) for line in lines)
    assert identifier in lines[0].split()
    start = header.index("text")
    shown = [line[start:].strip() for line in lines if line[start:].strip() not in ("", identifier)]
    assert len(shown) == 2
    assert shown[1].endswith("…")
    assert text.startswith(" ".join(shown).removesuffix("…"))
    assert ("document" in header) == (columns == "200")


def test_an_id_that_is_longer_than_the_terminal_is_whole(run, monkeypatch):
    """It is printed on one line, in every row, and the passages keep to their column."""
    monkeypatch.setenv("COLUMNS", "60")
    identifiers = [f"{'folder/' * 20}{number}.txt" for number in range(2)]
    records = [json.dumps({"id": one, "text": f"A bee has {number} wings."}) for number, one in enumerate(identifiers)]
    run("index", "made", "-", "--as", "jsonl", stdin="\n".join(records))
    header, _, *lines, _ = run("search", "made", "bee", "--format", "table").stdout.splitlines()
    assert sorted(line.split()[2] for line in lines[::2]) == identifiers
    assert all(line[header.index("text") :].startswith("A bee has") for line in lines[1::2])


def test_a_table_of_wide_characters_is_cut_by_their_width(run, monkeypatch):
    """A Chinese character takes two places of a terminal."""
    monkeypatch.setenv("COLUMNS", "60")
    run("index", "made", "-", stdin="北京是中国的首都。" * 12)
    identifier, *lines, _ = run("search", "made", "北京", "--format", "table").stdout.splitlines()[2:]
    assert "stdin:" in identifier
    assert len(lines) == 2
    assert all(cell_len(line) <= 60 for line in lines)
    assert lines[1].rstrip().endswith("…")


def test_sizes_are_readable_for_people_and_numbers_for_programs(run, garden):
    """Bytes are told in units in a table and in plain text, and as they are in JSON and CSV."""
    total = sum(file.stat().st_size for file in garden.iterdir())
    (row,) = json.loads(run("list", "--format", "json").stdout)
    assert row["bytes"] == total
    assert f",{total}\n" in run("list", "--format", "csv").stdout
    readable = size_text(total)
    assert run("list").stdout.rstrip().endswith(readable)
    assert readable in run("list", "--format", "table").stdout
    assert f"bytes\t{readable}\n" in run("status", "garden").stdout


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (15_306_397, "15.3 MB"),
        (999_960, "1,000.0 kB"),
        (123_456_789, "123.5 MB"),
        (2_000_000_000, "2.0 GB"),
        (3_400_000_000_000, "3.4 TB"),
    ],
)
def test_a_size_has_a_unit(count, expected):
    """Units are decimal."""
    assert size_text(count) == expected


class OldWriter:
    """What ``csv.writer`` was before Python 3.12.3: of line ends it quotes those that are in its own."""

    def __init__(self, target, lineterminator="\r\n"):
        self._target, self._end = target, lineterminator

    def writerow(self, fields):
        """Write a row."""
        quoted = [
            f'"{one.replace(chr(34), chr(34) * 2)}"' if set(one) & {",", '"', *self._end} else one for one in fields
        ]
        self._target.write(",".join(quoted) + self._end)

    def writerows(self, rows):
        """Write rows."""
        for row in rows:
            self.writerow(row)


@pytest.mark.parametrize("writer", [csv.writer, OldWriter])
@pytest.mark.parametrize("text", ["one\rtwo", "one\ntwo", "one\r\ntwo", '"', ",", "\r", " plain "])
def test_csv_keeps_every_end_of_a_line(capsys, monkeypatch, writer, text):
    """A reader gets the rows and the texts that there are, whichever Python wrote them; rows end in a line feed."""
    monkeypatch.setattr("semsearch.cli.output.render.csv.writer", writer)
    show([{"rank": 1, "text": text}, {"rank": 2, "text": "three"}], ("rank", "text"), "csv")
    shown = capsys.readouterr().out
    assert list(csv.reader(io.StringIO(shown, newline=""))) == [["rank", "text"], ["1", text], ["2", "three"]]
    assert shown.count("\r") == text.count("\r")
    assert shown.endswith("\n")


@pytest.mark.parametrize(
    ("arguments", "legend"),
    [
        (["search", "garden", "bee"], "score: meaning and words; 1 is the same text, about 0 is unrelated"),
        (["search", "garden", "bee", "--mode", "dense"], "score: cosine of the meanings; 1 is the same text"),
        (["search", "garden", "bee", "--mode", "lexical"], "score: BM25 of the words"),
        (["similar", "garden", "bee"], "score: cosine of the meanings"),
        (["outliers", "garden"], "score: mean cosine with the three nearest"),
        (["nearest", "king", "--space", "static"], "score: cosine of the words' vectors"),
        (["odd-one-out", "bee", "eagle", "jet"], "score: mean cosine with the other words"),
        (["embed", "a bee"], "norm: length of the vector"),
    ],
)
@pytest.mark.usefixtures("garden")
def test_a_table_says_what_its_numbers_mean(run, arguments, legend):
    """In its last line; in the other formats there is nothing but data."""
    assert run(*arguments, "--format", "table").stdout.splitlines()[-1].startswith(legend)
    assert legend not in run(*arguments, "--format", "plain").output


def test_ids_of_tokens_are_no_quantities(run):
    """In a table they have no commas, so that they can be compared with what a tokenizer says."""
    table = run("tokenize", "I love mathematics!", "--no-special", "--format", "table").stdout
    assert [line.split()[:2] for line in table.splitlines()[2:]] == [
        ["i", "1045"],
        ["love", "2293"],
        ["mathematics", "5597"],
        ["!", "999"],
    ]
