"""``contexts`` and ``senses``."""

from __future__ import annotations

import csv
import io
import json

import pytest

from semsearch.words.contexts import occurrences

TEXTS = [
    "They sat on the bank of the river and fished.",
    "Willows grow along the muddy bank of the stream.",
    "The boat drifted to the far bank of the river.",
    "We swam across the water to the opposite bank.",
    "The bank raised its interest rates again.",
    "She took out a loan from the bank.",
    "My bank charges a fee for every account.",
    "The robbers stole the money from the bank.",
    "The bank manager signed the cheque.",
    "A \x1b[31m Bank\x9b holiday\nbegins.",
]


@pytest.fixture(scope="session")
def banks(run, tmp_path_factory):
    """A folder with the collection ``banks``, which no test changes."""
    folder = tmp_path_factory.mktemp("banks")
    records = [{"id": str(number), "text": text, "title": f"Text {number}"} for number, text in enumerate(TEXTS)]
    lines = "".join(json.dumps(record) + "\n" for record in records)
    result = run("index", "banks", "-", "--as", "jsonl", "--indexes", folder, stdin=lines)
    assert result.exit_code == 0, result.stderr
    return folder


@pytest.fixture
def answer(run, banks):
    """What a command prints about ``banks``."""

    def _answer(command, *arguments):
        result = run(command, "banks", *arguments, "--indexes", banks)
        assert result.exit_code == 0, result.stderr
        return result

    return _answer


def test_contexts_ranks_occurrences_by_their_sense(answer):
    """Every field is in JSON, and the place is in the document's text."""
    arguments = ["bank", "--in", "The other bank of the river.", "--format", "json", "-k", "20"]
    found = json.loads(answer("contexts", *arguments).stdout)
    assert [row["rank"] for row in found] == list(range(1, 11))
    assert {row["document"] for row in found[:4]} == {"0", "1", "2", "3"}
    for row in found:
        text = TEXTS[int(row["document"])]
        assert text[row["start"] : row["end"]] == row["word"]
        assert (row["snippet"], row["title"]) == (text, f"Text {row['document']}")
    assert set(found[0]) == {
        *("rank", "score", "document", "passage", "word", "start", "end", "snippet", "title", "source", "metadata")
    }


def test_contexts_for_people(answer):
    """Rank, score, document and snippet, on one line that steers no terminal."""
    lines = answer("contexts", "BANK", "-k", "20").stdout.splitlines()
    assert len(lines) == 10
    rank, _, document, snippet = next(line for line in lines if "holiday" in line).split("\t")
    assert (document, snippet) == ("9", "A [31m Bank holiday begins.")
    assert rank.isdecimal()
    table = answer("contexts", "bank", "-k", "1", "--format", "table").stdout
    assert [word for word in ("rank", "score", "document", "text") if word not in table] == []


def test_senses_has_a_row_for_each_central_occurrence(answer):
    """With number, size, share and typical words of its sense, for people and for programs."""
    found = json.loads(answer("senses", "bank", "-k", "2", "--format", "json").stdout)
    assert [row["sense"] for row in found] == [1, 1, 2, 2]
    assert [row["rank"] for row in found] == [1, 2, 1, 2]
    assert {row["sense"]: row["count"] for row in found} == {1: 6, 2: 4}
    assert [row["share"] for row in found] == [0.6, 0.6, 0.4, 0.4]
    assert "river" in found[2]["typical"]
    lines = [line.split("\t") for line in answer("senses", "bank", "-k", "1").stdout.splitlines()]
    assert [line[:2] for line in lines] == [["1", "0.6000"], ["2", "0.4000"]]
    assert lines[1][2:] == [", ".join(found[2]["typical"]), found[2]["snippet"]]
    rows = list(csv.DictReader(io.StringIO(answer("senses", "bank", "-k", "1", "--format", "csv").stdout)))
    assert json.loads(rows[1]["typical"]) == found[2]["typical"]


def test_a_sample_is_told_on_stderr(answer, monkeypatch):
    """Results stay on stdout."""
    monkeypatch.setattr(occurrences, "MOST_PASSAGES", 3)
    result = answer("contexts", "bank")
    assert len(result.stdout.splitlines()) == 3
    assert result.stderr.startswith("warning: 10 passages may have 'bank'; 3 of them")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["contexts", "banks", "bnak"], ["no 'bnak' in collection 'banks'", "did you mean 'Bank'?"]),
        (["senses", "banks", "bnak"], ["did you mean 'Bank'?"]),
        (["contexts", "banks", ""], ["no token but special ones in ''"]),
        (["contexts", "banks", "bank", "--in", "The river."], ["'bank' is not a word of the sentence 'The river.'"]),
        (["contexts", "banks", "bank", "-k", "0"], ["k is 0"]),
        (["senses", "banks", "bank", "-k", "0"], ["k is 0"]),
        (["contexts", "bank", "bank"], ["no collection 'bank'", "did you mean 'banks'?"]),
    ],
)
def test_bad_input_of_the_context_commands(refused, banks, arguments, named):
    """One line names the mistake and the next step."""
    message = refused(*arguments, "--indexes", banks)
    for part in named:
        assert part in message


def test_a_collection_with_word_vectors(run, banks):
    """``--word-vectors`` keeps them, ``status`` counts them, ``contexts`` finds other words near in that sense."""
    records = "".join(json.dumps({"id": str(number), "text": text}) + "\n" for number, text in enumerate(TEXTS))
    made = run("index", "words", "-", "--as", "jsonl", "--word-vectors", stdin=records)
    assert made.exit_code == 0, made.stderr
    assert json.loads(run("status", "words", "--format", "json").stdout)["words"] > 70
    assert json.loads(run("status", "banks", "--indexes", banks, "--format", "json").stdout)["words"] is None
    question = ["words", "shore", "--in", "They sat on the shore of the river.", "--format", "json", "-k", "8"]
    found = json.loads(run("contexts", *question).stdout)
    assert len(found) == 8
    assert {row["document"] for row in found} <= {"0", "1", "2", "3"}
    same = json.loads(run("contexts", "words", "bank", "--same-word", "--format", "json", "-k", "20").stdout)
    assert {row["word"].lower() for row in same} == {"bank"}
    assert len(same) == 10


def test_word_vectors_are_a_choice_for_the_whole_collection(run, refused, banks):
    """A collection that was built without them does not get them later by accident."""
    message = refused("index", "banks", "-", "--word-vectors", "--indexes", banks, stdin="A bank.")
    assert "was built with --word-vectors left out" in message
    assert run("index", "banks", "-", "--dry-run", "--indexes", banks, stdin="A bank.").exit_code == 0
