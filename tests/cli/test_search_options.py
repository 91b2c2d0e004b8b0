"""What ``semsearch search`` may be told: filters, modes, examples, pages, explanations, many questions."""

from __future__ import annotations

import json

import pytest
from click.shell_completion import ShellComplete

from semsearch.cli.program import program

pytestmark = pytest.mark.usefixtures("garden")


def ids(found):
    """Documents in their order."""
    return [hit["document"] for hit in found]


def test_a_filter_says_how_many_documents_fulfil_it(run, records):
    """On standard error, so that standard output stays data."""
    chosen = sorted(record["id"] for record in records if record["id"] in ("bee", "jet"))
    result = run("search", "garden", "anything", "--where", "id in ('bee', 'jet', 'x')", "--format", "json")
    assert sorted(ids(json.loads(result.stdout))) == chosen
    assert "documents that fulfil the filter: 2" in result.stderr


def test_a_mistake_in_a_filter_is_one_line(refused):
    """With the column and what may have been meant."""
    assert "column 1: no document has a field idd; did you mean 'id'?" in refused(
        "search", "garden", "bee", "--where", "idd = 'bee'"
    )
    assert "quotation mark" in refused("search", "garden", "bee", "--where", "id = 'bee")


@pytest.mark.parametrize("mode", ["dense", "lexical", "hybrid"])
def test_modes_pages_and_documents(hits, mode):
    """Two pages are the whole; each document once."""
    whole = hits("garden", "a bee has wings", "--mode", mode, "-k", 4)
    pages = [
        *hits("garden", "a bee has wings", "--mode", mode, "-k", 2),
        *hits("garden", "a bee has wings", "--mode", mode, "-k", 2, "--offset", 2),
    ]
    assert pages == whole
    found = ids(hits("garden", "a bee has wings", "--mode", mode, "--per-document", "-k", 100))
    assert len(set(found)) == len(found)
    assert set(whole[0]["parts"]) == ({"dense", "lexical"} if mode == "hybrid" else {mode})


def test_examples_groups_and_diversity(hits):
    """They reach the search: what is an example is no answer, and each value of a field comes once."""
    assert "bee" not in ids(hits("garden", "--like", "bee"))
    assert ids(hits("garden", "insects", "--not", "bee", "--mode", "dense", "-k", 100)).count("bee") == 0
    grouped = ids(hits("garden", "insects", "--group-by", "id", "--diversity", 0.3, "-k", 100))
    assert len(set(grouped)) == len(grouped)


def test_explanations_are_data_and_lines_for_people(run, hits):
    """In JSON as a field, in plain text as lines below the hits."""
    (first, *_) = hits("garden", "a bee has wings", "--explain", "-k", 1)
    shares = dict(map(tuple, first["explanation"]["words"].items()))
    assert sum(shares.values()) == pytest.approx(first["parts"]["lexical"], rel=1e-4)
    assert [first["text"][start:end] for start, end in first["highlights"]]
    shown = run("search", "garden", "a bee has wings", "--explain", "-k", 1, "--format", "plain").stdout
    assert "dense" in shown
    assert "words" in shown
    assert "tokens" in shown
    assert "explanation" not in hits("garden", "bee", "-k", 1)[0]


def test_why_tells_what_became_of_a_document(run, refused):
    """Its rank and scores, or what left it out; an unknown id is an error."""
    told = json.loads(run("search", "garden", "insects", "--why", "jet", "--format", "json", "-k", 1).stdout)
    assert (told["document"], told["reason"]) == ("jet", "other page")
    assert told["rank"] > told["last_rank"] == 1
    told = json.loads(run("search", "garden", "x", "--why", "jet", "--where", "id = 'bee'", "--format", "json").stdout)
    assert told["reason"] == "filter"
    assert "no document 'jett'" in refused("search", "garden", "x", "--why", "jett")


@pytest.mark.parametrize("name", ["questions.txt", "questions.jsonl", "-"])
def test_many_questions_are_answered_line_by_line(run, hits, tmp_path, name):
    """As each by itself, in their order; ids come back with the answers."""
    questions = ["insects that fly", "a warm meal"]
    lines = [json.dumps({"id": n, "text": text}) for n, text in enumerate(questions)] if "json" in name else questions
    path = name if name == "-" else tmp_path / name
    if name != "-":
        path.write_text("\n\n".join(lines), encoding="utf-8")
    result = run("search", "garden", "--queries", path, "-k", 2, stdin="\n".join(lines) if name == "-" else None)
    assert result.exit_code == 0, result.stderr
    answers = [json.loads(line) for line in result.stdout.splitlines()]
    assert [answer["query"] for answer in answers] == questions
    for answer in answers:
        assert ids(answer["hits"]) == ids(hits("garden", answer["query"], "-k", 2))
    assert [answer.get("id") for answer in answers] == ([0, 1] if "json" in name else [None, None])


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ('{"text": 3}', "questions.jsonl:1: the text is 3"),
        ("{broken", "questions.jsonl:1: no object"),
        ("7", "no object"),
    ],
)
def test_a_broken_question_is_named_by_its_line(refused, tmp_path, content, told):
    """And so is a file that is not there."""
    path = tmp_path / "questions.jsonl"
    path.write_text(content, encoding="utf-8")
    assert told in refused("search", "garden", "--queries", path)
    assert "cannot be read" in refused("search", "garden", "--queries", tmp_path / "nowhere.txt")


def test_questions_from_a_file_take_the_place_of_one(run):
    """Both at once, or another format, is wrong usage."""
    assert run("search", "garden", "bee", "--queries", "x").exit_code == 2
    assert run("search", "garden", "--queries", "x", "--format", "csv").exit_code == 2
    assert run("search", "garden", "--queries", "x", "--why", "bee").exit_code == 2


@pytest.mark.parametrize(
    "option", [["--offset", 1], ["--per-document"], ["--like", "bee"], ["--explain"], ["--why", "bee"]]
)
def test_a_least_score_goes_with_a_filter_and_a_mode_alone(run, option):
    """What it would pass over is wrong usage."""
    result = run("search", "garden", "bee", "--min-score", 0.1, *option)
    assert result.exit_code == 2
    assert "--where and --mode alone" in result.stderr


@pytest.mark.parametrize(
    ("name", "begun", "expected"),
    [
        ("garden", "i", ["id"]),
        ("garden", "id = 'bee' and ti", ["id = 'bee' and title"]),
        ("garden", "zz", []),
        ("nowhere", "i", []),
    ],
)
@pytest.mark.parametrize("option", ["--where", "--group-by"])
def test_the_shell_completes_fields(indexes, name, begun, expected, option):
    """Of the collection that the line names; where there is none, nothing is said."""
    completion = ShellComplete(program, {}, "semsearch", "_SEMSEARCH_COMPLETE")
    arguments = ["search", "--indexes", str(indexes), name, "query", option]
    assert [item.value for item in completion.get_completions(arguments, begun)] == expected


def test_hits_are_re_ranked_by_tokens(hits, refused):
    """The parts say so; a time is kept; a model that is not there is one line."""
    (best, *_) = hits("garden", "a bee has wings", "--rerank", "tokens")
    assert {"dense", "lexical", "fused", "tokens"} <= best["parts"].keys()
    (best, *others) = hits("garden", "a bee has wings", "--rerank", "tokens", "--rerank-ms", 0.001)
    assert "tokens" in best["parts"]
    assert all("tokens" not in other["parts"] for other in others)
    assert "no model folder" in refused("search", "garden", "bee", "--rerank", "./no/such/model")
    assert "needs a way to do it" in refused("search", "garden", "bee", "--rerank-ms", "10")


def test_a_question_without_a_token_is_told_by_its_line(refused, tmp_path):
    """What is wrong with one question has a place; what is wrong with the options has none."""
    path = tmp_path / "questions.txt"
    path.write_text("bee\n\n\u200b\n", encoding="utf-8")
    assert f"{path}:3: the query is empty" in refused("search", "garden", "--queries", path)
    assert "questions.txt" not in refused("search", "garden", "--queries", path, "--where", "idd = 1")


def test_copies_are_folded(hits):
    """Nothing that is left is near to a better hit."""
    assert len(hits("garden", "a bee has wings", "--fold", "0.1", "-k", 50)) < len(
        hits("garden", "a bee has wings", "-k", 50)
    )


def test_duplicates_are_shown_in_groups(run):
    """A row a passage with the number of its group; nothing found is said on standard error."""
    rows = json.loads(run("duplicates", "garden", "--min-score", "0.01", "--format", "json").stdout)
    assert {"group", "document", "score", "text"} <= rows[0].keys()
    assert rows[0]["group"] == 1
    result = run("duplicates", "garden")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "no duplicates\n")


@pytest.mark.usefixtures("garden")
def test_answers_to_many_questions_say_how_sure_they_are(run, tmp_path):
    """Each has its best hit's confidence and whether nothing is relevant; with --explain what the filter removed."""
    path = tmp_path / "questions.txt"
    path.write_text("orchestra music\nquarterly mortgage parliament invoice\ninsects that fly\n", encoding="utf-8")
    lines = run("search", "garden", "--queries", path, "--explain", "--where", "id != 'bee'").stdout.splitlines()
    good, bad, filtered = map(json.loads, lines)
    assert not good["nothing_relevant"]
    assert bad["nothing_relevant"]
    assert bad["confidence"] < 0.9 < good["confidence"]
    assert {"rank": 1, "document": "bee"} in filtered["removed"]
    assert filtered["nothing_relevant"]  # what is left is not about insects
    result = run("search", "garden", "quarterly mortgage parliament invoice", "-k", 1, "--format", "json")
    assert json.loads(result.stdout)[0]["relevant"] is False
    assert result.stderr.startswith("nothing relevant: the best passage has a confidence of 0.")
    strict = run("search", "garden", "quarterly mortgage parliament invoice", "--min-confidence", 0.9)
    assert (strict.exit_code, strict.stdout) == (0, "")
    assert strict.stderr.startswith("no results\nnothing relevant: ")
