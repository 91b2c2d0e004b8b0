"""``semsearch search`` and ``semsearch similar``: what is close to this?"""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from semsearch.encoder import Encoder
from tests.support import sample_files


@pytest.mark.parametrize(
    ("query", "document"),
    [("insects that fly", "bee"), ("aeroplane", "jet"), ("a warm meal", "soup"), ("orchestra", "violin")],
)
@pytest.mark.usefixtures("garden")
def test_the_nearest_in_meaning_comes_first(hits, query, document):
    """No word is shared by a query and its answer."""
    assert hits("garden", query)[0]["document"] == document


@pytest.mark.usefixtures("garden")
def test_scores_are_the_cosines_of_texts_behind_their_titles(hits, records):
    """All passages are ranked by the cosine between the vectors of the query and of title and text."""
    encoder = Encoder.load()
    texts = [" ".join(filter(None, [record.get("title"), record["text"]])) for record in records]
    vectors = encoder.encode([*texts, "insects that fly"])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    expected = dict(zip((record["id"] for record in records), vectors[:-1] @ vectors[-1], strict=True))
    found = hits("garden", "insects that fly", "--mode", "dense")
    assert [hit["rank"] for hit in found] == [1, 2, 3, 4, 5, 6]
    assert [hit["document"] for hit in found] == sorted(expected, key=expected.__getitem__, reverse=True)
    for hit in found:
        assert hit["score"] == pytest.approx(expected[hit["document"]], abs=3e-3)
        assert hit["parts"] == {"dense": hit["score"]}


@pytest.mark.usefixtures("garden")
def test_k_limits_the_results_and_more_than_there_are_is_no_error(hits, records):
    """``-k`` is the most that comes back."""
    everything = hits("garden", "bee", "-k", 1000)
    assert len(everything) == len(records)
    assert hits("garden", "bee", "-k", 2) == everything[:2]


@pytest.mark.usefixtures("garden")
def test_a_query_can_come_from_standard_input(run):
    """``-`` reads it, and bytes that are not UTF-8 do not matter."""
    given = run("search", "garden", "insects that fly").stdout
    assert run("search", "garden", "-", stdin="insects that fly\n").stdout == given
    assert run("search", "garden", "-", stdin=b"insects that fly \xff").exit_code == 0


def test_indexes_option_goes_before_the_environment(run, built, indexes):
    """A collection is looked for in ``--indexes DIR``."""
    assert run("search", "garden", "bee").exit_code == 1
    assert run("search", "garden", "bee", "--indexes", built).exit_code == 0
    assert not indexes.exists()


@pytest.mark.usefixtures("garden")
def test_both_runtimes_find_the_same(hits):
    """Torch and OpenVINO differ by rounding alone."""
    one = hits("garden", "insects that fly", "--runtime", "torch", "--precision", "f32")
    other = hits("garden", "insects that fly", "--runtime", "openvino", "--precision", "f32", "--threads", 1)
    assert [hit["document"] for hit in one] == [hit["document"] for hit in other]
    assert [hit["score"] for hit in one] == pytest.approx([hit["score"] for hit in other], abs=1e-4)


@pytest.mark.usefixtures("garden")
def test_a_query_that_is_too_long_is_cut_with_a_warning(run, records):
    """Nothing is cut silently: stderr says how many tokens were not read."""
    result = run("search", "garden", "bee " * 500)
    assert result.exit_code == 0
    assert result.stderr.startswith("warning: 1 of 1 texts were longer than 256 tokens")
    assert len(result.stdout.splitlines()) == len(records)


def test_similar_finds_neighbours_of_a_stored_document_and_not_itself(run):
    """Neighbours are other documents, each once, by its nearest passage."""
    lines = ["The bee makes honey.\nSoup is hot.", "Bees collect nectar for their honey.", "Jets burn kerosene."]
    records = [json.dumps({"id": str(number), "text": text}) for number, text in enumerate(lines)]
    run("index", "made", "-", "--as", "jsonl", "--unit", "line", stdin="\n".join(records))
    found = json.loads(run("similar", "made", "1", "--format", "json").stdout)
    assert [(hit["rank"], hit["document"], hit["text"]) for hit in found] == [
        (1, "0", "The bee makes honey."),
        (2, "2", "Jets burn kerosene."),
    ]
    assert json.loads(run("similar", "made", "1", "-k", 1, "--format", "json").stdout) == found[:1]


@pytest.mark.usefixtures("garden")
def test_no_results_are_said_on_stderr_and_are_no_error(run, records):
    """A collection that has lost all its documents answers with nothing."""
    run("delete", "garden", *[record["id"] for record in records])
    result = run("search", "garden", "bee")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "no results\n")
    assert json.loads(run("search", "garden", "bee", "--format", "json").stdout) == []
    header = "rank,score,document,passage,text,start,end,title,source,metadata,parts"
    header += ",percentile,confidence,location,relevant\n"
    assert run("search", "garden", "bee", "--format", "csv").stdout == header


@pytest.mark.usefixtures("garden")
def test_the_best_sentence_is_shown(run, hits):
    """For people in the place of the text, for programs as a span in it."""
    text = "A violin has strings. The jet burns kerosene. A bee hums.\n"
    run("index", "long", "-", "--unit", "document", stdin=text)
    plain = run("search", "long", "kerosene", "--snippet").stdout.strip()
    assert plain.split("\t")[-1] == "The jet burns kerosene."
    (row,) = hits("long", "kerosene", "--snippet")
    assert row["text"][slice(*row["snippet"])] == "The jet burns kerosene."
    table = run("search", "long", "kerosene", "--snippet", "--format", "csv").stdout
    (fields,) = csv.DictReader(table.splitlines())
    assert json.loads(fields["snippet"]) == row["snippet"]
    assert (row["relevant"], fields["relevant"]) == (None, "")  # one passage says nothing of others
    refused = run("search", "long", "kerosene", "--min-score", 0.1, "--fusion", "ranks")
    assert refused.exit_code == 2


@pytest.mark.usefixtures("garden")
def test_what_the_filter_removed_goes_to_stderr(run, hits):
    """With --explain, by its rank and score without the filter; stdout stays data."""
    best = hits("garden", "bee", "-k", 1)[0]
    result = run("search", "garden", "bee", "-k", 1, "--explain", "--where", f"id != '{best['document']}'")
    assert f"left out by the filter, with their ranks without it: 1. {best['document']} (" in result.stderr


@pytest.mark.usefixtures("garden")
def test_clusters_and_outliers_are_shown(run, records):
    """For people a line a passage, for programs every field; a filter narrows both, and a bad number is one line."""
    plain = run("clusters", "garden", "--count", 2, "-k", 1).stdout.splitlines()
    assert [line.split("\t")[0] for line in plain] == ["1", "2"]
    assert sum(int(line.split("\t")[1]) for line in plain) == len(records)
    rows = json.loads(run("clusters", "garden", "--count", 2, "--format", "json").stdout)
    assert all(isinstance(row["words"], list) and row["words"] for row in rows)
    assert {row["cluster"] for row in rows} == {1, 2}
    found = json.loads(run("outliers", "garden", "-k", 2, "--format", "json").stdout)
    assert [row["rank"] for row in found] == [1, 2]
    assert found[0]["score"] <= found[1]["score"]
    narrow = json.loads(run("clusters", "garden", "--where", "id = 'bee'", "--format", "json").stdout)
    assert {row["document"] for row in narrow} == {"bee"}
    assert run("outliers", "garden", "--where", "id = 'bee'").stderr == "no results\n"
    refused = run("clusters", "garden", "--count", 0)
    assert (refused.exit_code, refused.stderr) == (1, "error: 0 is no number of clusters; ask for at least 1\n")


def test_a_table_says_where_in_its_file_a_hit_is(run, tmp_path):
    """A page or several, the row of a sheet, a line; a table without files has no such column."""
    (tmp_path / "a.pdf").write_bytes(sample_files.pdf())
    (tmp_path / "b.xlsx").write_bytes(sample_files.sheets())
    (tmp_path / "c.txt").write_text("first\n\nthe quick violin\n")
    run("index", "places", tmp_path / "a.pdf", tmp_path / "b.xlsx", tmp_path / "c.txt")
    table = run("search", "places", "honey", "--format", "table").stdout
    assert "place" in table.splitlines()[0]
    for place in ("a.pdf, page 1-3", "b.xlsx, Prices, row 2", "c.txt:1"):
        assert place in table
    run("index", "pipe", "-", stdin="a bee\n")
    assert "place" not in run("search", "pipe", "bee", "--format", "table").stdout


@pytest.mark.usefixtures("garden")
def test_a_question_needs_no_quotation_marks(run):
    """Its words are joined; options may stand between them."""
    quoted = run("search", "garden", "insects that make honey", "-k", 2).stdout
    assert run("search", "garden", "insects", "that", "make", "honey", "-n", 2).stdout == quoted
    assert run("search", "garden", "insects", "that", "--limit", 2, "make", "honey").stdout == quoted


@pytest.mark.usefixtures("garden")
def test_json_has_a_short_name(run):
    """The same as --format json."""
    long = run("search", "garden", "bee", "--format", "json").stdout
    assert run("search", "garden", "bee", "--json").stdout == long
    assert json.loads(long)[0]["document"] == "bee"


def test_a_collection_can_be_named_by_its_path(run, garden, refused, monkeypatch, tmp_path):
    """From any folder; what is at no such path is no name."""
    by_name = run("search", "garden", "bee").stdout
    monkeypatch.setenv("SEMSEARCH_INDEXES", str(tmp_path / "none"))
    assert run("search", garden, "bee").stdout == by_name
    monkeypatch.chdir(garden.parent)
    assert run("search", "./garden", "bee").stdout == by_name
    assert "cannot name a collection" in refused("search", "./gardn", "bee")


def test_a_collection_that_is_not_there_is_looked_for_in_a_folder_that_is_told(refused, indexes):
    """The whole path, and what chooses it."""
    message = refused("search", "gardn", "bee")
    assert str(indexes.absolute()) in message
    assert "$SEMSEARCH_INDEXES" in message


def test_a_hit_whose_file_is_gone_is_told(run):
    """After the hits, on stderr, with what removes it."""
    for name in ("a", "b"):
        Path(f"{name}.md").write_text(f"A bee in {name}.", encoding="utf-8")
    run("index", "made", "a.md", "b.md")
    assert run("search", "made", "bee").stderr == ""
    Path("a.md").unlink()
    for arguments in (("search", "made", "bee"), ("similar", "made", "b.md")):
        result = run(*arguments)
        assert result.exit_code == 0
        assert result.stderr == (
            f"warning: 1 file of these hits is gone: {Path('a.md').resolve()}; "
            "semsearch sync made --prune removes what is in them\n"
        )
    run("sync", "made", "--prune")
    assert run("search", "made", "bee").stderr == ""
