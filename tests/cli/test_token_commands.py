"""``tokenize``, ``embed``, ``compare``, ``tokens``, ``odd-one-out``, ``analogy`` and ``fill``."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from semsearch.encoder import Encoder
from semsearch.words.spaces import Space

FLYING = Path(__file__).parents[2] / "examples" / "flying.csv"
ANALOGY = ["analogy", "bee", "eagle", "jet", "--words", FLYING]
LOVE = "I love mathematics!"
IDS = [1045, 2293, 5597, 999]


@pytest.fixture
def rows(run):
    """The objects that a command prints with ``--format json``."""

    def _rows(command, *arguments):
        result = run(command, "--format", "json", *arguments)
        assert result.exit_code == 0, result.stderr
        return json.loads(result.stdout)

    return _rows


@pytest.fixture(scope="module")
def exact():
    """What the commands use, asked directly."""
    return Encoder.load()


def test_tokenize_shows_ids_places_and_kinds(rows):
    """Ids of bert-base-uncased's vocabulary, characters of the text, and pieces told from words."""
    found = rows("tokenize", LOVE, "unaffable")
    first = [row for row in found if row["number"] == 1]
    assert [row["id"] for row in first] == [101, *IDS, 102]
    assert [LOVE[row["start"] : row["end"]] for row in first] == ["", "I", "love", "mathematics", "!", ""]
    assert [row["kind"] for row in first] == ["special", *["word"] * 4, "special"]
    second = [(row["token"], row["kind"]) for row in found if row["number"] == 2][1:-1]
    assert second == [("una", "word"), ("##ffa", "piece"), ("##ble", "piece")]
    assert [row["id"] for row in rows("tokenize", LOVE, "--no-special")] == IDS


def test_tokenize_decodes_again_and_puts_models_side_by_side(run, packaged_model):
    """The decoding of a text is on stderr, and with two models the rows name theirs."""
    result = run("tokenize", LOVE, "--model", "all-MiniLM-L6-v2", "--model", packaged_model)
    assert result.stderr.splitlines() == [
        "decoded (all-MiniLM-L6-v2): i love mathematics!",
        f"decoded ({packaged_model}): i love mathematics!",
    ]
    models = [line.split("\t")[0] for line in result.stdout.splitlines()]
    assert models == ["all-MiniLM-L6-v2"] * 6 + [str(packaged_model)] * 6


def test_embed_gives_the_encoders_vectors(rows, exact):
    """Pooled, with their text and length."""
    found = rows("embed", LOVE, "a bee")
    assert [row["text"] for row in found] == [LOVE, "a bee"]
    np.testing.assert_allclose([row["vector"] for row in found], exact.encode([LOVE, "a bee"]), atol=1e-6)
    assert [row["norm"] for row in found] == pytest.approx([1, 1], abs=1e-5)


@pytest.mark.parametrize("layer", [None, 0, 3])
def test_embed_gives_token_vectors_of_any_layer(rows, exact, layer):
    """With the ids that they belong to, and without special tokens if so wished."""
    options = [] if layer is None else ["--layer", layer]
    found = rows("embed", LOVE, "--tokens", "--no-special", *options)
    assert [row["id"] for row in found] == IDS
    (expected,) = exact.encode_ids([IDS], -1 if layer is None else layer)
    np.testing.assert_allclose([row["vector"] for row in found], expected, atol=1e-5)


def test_embed_shows_the_input_and_its_parts(rows, exact):
    """The static table's rows, and parts that add up to hidden layer 0 after LayerNorm."""
    static = rows("embed", LOVE, "--static", "--no-special")
    np.testing.assert_array_equal([row["vector"] for row in static], exact.static_vectors()[IDS])
    parts = rows("embed", LOVE, "--parts", "--no-special")
    arrays = {
        name: np.array([row["vector"] for row in parts if row["part"] == name])
        for name in ("word", "position", "segment", "total", "normalized")
    }
    np.testing.assert_array_equal(arrays["word"], exact.static_vectors()[IDS])
    np.testing.assert_allclose(arrays["word"] + arrays["position"] + arrays["segment"], arrays["total"], atol=1e-6)
    np.testing.assert_allclose(arrays["normalized"], exact.encode_ids([IDS], 0)[0], atol=1e-4)


def test_embed_writes_arrays(run, exact):
    """One text's tokens are 1 x tokens x dimensions in .npy; .safetensors holds any texts, under their numbers."""
    run("embed", LOVE, "--tokens", "--no-special", "--out", "love.npy")
    array = np.load("love.npy")
    assert array.shape == (1, 4, 384)
    np.testing.assert_allclose(array, exact.encode_ids([IDS]), atol=1e-5)
    result = run("embed", LOVE, "a bee", "--tokens", "--out", "two.safetensors")
    assert (result.stdout, result.stderr) == (
        "",
        "wrote text-1 float32[6, 384], text-2 float32[4, 384] to two.safetensors\n",
    )
    assert {key: one.shape for key, one in load_file("two.safetensors").items()} == {
        "text-1": (6, 384),
        "text-2": (4, 384),
    }
    run("embed", LOVE, "a bee", "--out", "pooled.npy")
    np.testing.assert_allclose(np.load("pooled.npy"), exact.encode([LOVE, "a bee"]), atol=1e-6)


def test_embedded_texts_are_a_space_of_their_own(run, rows, exact):
    """What ``embed --out`` writes, ``--words`` reads."""
    texts = ["a bee", "an eagle", "a loan"]
    run("embed", *texts, "--out", "texts.safetensors")
    found = rows("nearest", "a bee", "--words", "texts.safetensors")
    bee, eagle, loan = exact.encode(texts)
    assert {row["name"]: row["score"] for row in found} == pytest.approx(
        {"an eagle": float(bee @ eagle), "a loan": float(bee @ loan)}, abs=1e-5
    )


def test_compare_is_a_matrix_of_cosines(rows, exact):
    """Row and column N are text N."""
    texts = ["A bee flies.", "An eagle flies.", "A loan has interest."]
    found = rows("compare", *texts)
    vectors = exact.encode(texts)
    np.testing.assert_allclose([[row[str(n)] for n in (1, 2, 3)] for row in found], vectors @ vectors.T, atol=1e-5)
    assert [row["text"] for row in found] == texts


def test_compare_aligns_tokens(rows, exact):
    """Each token of either text has the token of the other with the largest cosine."""
    texts = ["the bank of the river", "she sat by the water"]
    found = rows("compare", *texts, "--tokens", "--layer", 4)
    left, right = (one.vectors[1:-1] for one in exact.encode_tokens(texts, 4))
    left, right = (one / np.linalg.norm(one, axis=1, keepdims=True) for one in (left, right))
    cosines = left @ right.T
    assert [row["token"] for row in found] == " ".join(texts).split()
    assert [row["answer"] for row in found] == [
        *[texts[1].split()[best] for best in cosines.argmax(axis=1)],
        *[texts[0].split()[best] for best in cosines.argmax(axis=0)],
    ]
    scores = [*cosines.max(axis=1), *cosines.max(axis=0)]
    np.testing.assert_allclose([row["score"] for row in found], scores, atol=1e-5)


@pytest.mark.parametrize("kind", ["png", "svg"])
@pytest.mark.parametrize("options", [[], ["--tokens"]])
def test_compare_draws(run, kind, options):
    """A picture of the kind that the name says, with the texts in it, mathematics or not."""
    pytest.importorskip("matplotlib", reason="the extra plot is not installed")
    result = run("compare", "a $bee_1$", "an \\eagle & co", "--plot", f"picture.{kind}", *options)
    assert result.exit_code == 0, result.stderr
    content = Path(f"picture.{kind}").read_bytes()
    assert content.startswith(b"\x89PNG" if kind == "png" else b"<?xml")
    assert len(content) > 4000


def test_without_matplotlib_the_extra_is_named(refused, monkeypatch):
    """Before any work is done."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert "pip install 'semsearch[plot]'" in refused("compare", "a", "b", "--plot", "x.png")


def test_tokens_of_a_vocabulary(rows):
    """The nearest words of the model's input embeddings, in the order of their scores."""
    found = rows("nearest", "king", "--space", "static", "--drop", 0, "-k", 6)
    assert [row["rank"] for row in found] == [1, 2, 3, 4, 5, 6]
    assert {row["name"] for row in found} == {"kings", "queen", "monarch", "prince", "monarchy", "royal"}
    assert [row["score"] for row in found] == sorted((row["score"] for row in found), reverse=True)


def test_tokens_of_a_file(run, rows):
    """The teaching table is a vocabulary, as it is or centred."""
    assert [row["name"] for row in rows("nearest", "helicopter", "--words", FLYING, "-k", 1)] == ["drone"]
    plain = run("nearest", "eagle", "--words", FLYING, "-k", 2)
    assert plain.stdout == "1\t0.9806\tgoose\n2\t0.9487\tbee\n"
    table = np.array([row[1:] for row in list(csv.reader(FLYING.open()))[1:]], dtype=float)
    centred = table - table.mean(axis=0)
    centred /= np.linalg.norm(centred, axis=1, keepdims=True)
    (best,) = rows("nearest", "jet", "--words", FLYING, "-k", 1, "--center")
    assert best["score"] == pytest.approx(sorted(centred @ centred[3])[-2], abs=1e-6)


def test_the_odd_one_out(rows):
    """Least fitting first."""
    found = rows("odd-one-out", "bee", "eagle", "jet", "goose", "--words", FLYING)
    assert found[0]["name"] == "jet"
    assert rows("odd-one-out", "breakfast", "cereal", "dinner", "lunch", "--space", "static")[0]["name"] == "cereal"


def test_an_analogy_shows_both_rankings(run):
    """Words of the question have a place among all, and no rank."""
    result = run("analogy", "bee", "eagle", "drone", "--words", FLYING, "-k", 2, "--format", "csv")
    found = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [(row["rank"], row["rank_of_all"], row["name"]) for row in found] == [
        ("1", "1", "jet"),
        ("", "2", "drone"),
        ("2", "3", "helicopter"),
    ]


def test_formulas_and_further_words(rows):
    """Further pairs are averaged, further words are added and taken away, and formulas differ."""

    def names(*options):
        found = rows("analogy", "bee", "eagle", "drone", "--words", FLYING, *options)
        return [row["name"] for row in found if row["rank"]]

    assert names() == names("--formula", "3cosmul") == ["jet", "helicopter", "rocket", "goose"]
    assert names("--formula", "3cosadd") == ["helicopter", "jet", "rocket", "goose"]
    assert names("--plus", "goose", "--minus", "jet", "--formula", "3cosadd") == ["rocket", "helicopter"]
    assert names("--pair", "rocket", "helicopter") == names("--pair", "rocket", "helicopter", "--formula", "3cosavg")


SONGS = ["He sings a song.", "He sang a song.", "They sing songs.", "We ate bread.", "We eat bread."]
TENSES = ["She walks to school.", "She walked to school.", "He sings a song."]


@pytest.fixture
def songs(run, indexes):
    """A collection of short sentences."""
    result = run("index", "songs", "-", "--as", "lines", "--indexes", indexes, stdin="\n".join(SONGS))
    assert result.exit_code == 0, result.stderr


@pytest.mark.usefixtures("songs")
def test_an_analogy_over_passages(run, rows, exact):
    """Passages come with both ranks and the fields of a hit, by the cosines of the texts' vectors."""
    a, b, c, *stored = exact.encode([*TENSES, *SONGS])
    expected = dict(zip(SONGS, np.array(stored) @ (b + c - a) / np.linalg.norm(b + c - a), strict=True))
    found = rows("analogy", *TENSES, "--collection", "songs")
    assert [row["text"] for row in found] == sorted(SONGS, key=expected.__getitem__, reverse=True)
    assert {row["text"]: row["score"] for row in found} == pytest.approx(expected, abs=3e-3)
    assert [row["rank_of_all"] for row in found] == [1, 2, 3, 4, 5]
    assert [row["rank"] for row in found if row["text"] != TENSES[2]] == [1, 2, 3, 4]
    assert [row["rank"] for row in found if row["text"] == TENSES[2]] == [None]
    assert list(found[0]) == [
        *("rank", "rank_of_all", "score", "document", "passage", "text", "start", "end"),
        *("title", "source", "metadata", "parts", "percentile", "confidence", "location", "relevant"),
    ]
    plain = run("analogy", *TENSES, "--collection", "songs", "-k", 1).stdout.splitlines()
    assert [line.split("\t")[:2] + line.split("\t")[-1:] for line in plain] == [
        ["", "1", "He sings a song."],
        ["1", "2", "He sang a song."],
    ]


@pytest.mark.usefixtures("songs")
@pytest.mark.parametrize(
    ("options", "positive", "negative", "formula"),
    [
        (["--formula", "3cosmul"], TENSES[1:], TENSES[:1], "3cosmul"),
        (["--plus", "soup", "--minus", "bread"], [TENSES[1], "soup", TENSES[2]], [TENSES[0], "bread"], "3cosadd"),
        (["--formula", "pair-direction"], TENSES[1:], TENSES[:1], "pair-direction"),
        (["--pair", "We run.", "We ran."], ["We ran.", *TENSES[1:]], ["We run.", TENSES[0]], "3cosavg"),
    ],
)
def test_passages_take_the_formulas_and_further_texts(rows, exact, options, positive, negative, formula):
    """Scores are those that the texts have as a space of their own."""
    texts = list(dict.fromkeys([*SONGS, *positive, *negative]))
    answers = Space(texts, exact.encode(texts)).answer(positive, negative, len(texts), formula, exclude=False)
    expected = {one.name: one.score for one in answers}
    found = rows("analogy", *TENSES, "--collection", "songs", *options)
    assert len(found) >= 4
    assert [row["score"] for row in found] == pytest.approx([expected[row["text"]] for row in found], abs=6e-3)


def test_words_that_look_like_options(rows):
    """Behind ``--`` anything is a word or a text."""
    assert [row["token"] for row in rows("tokenize", "--no-special", "--", "-5")] == ["-", "5"]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["tokenize", "a", " "], ["text 2 is empty"]),
        (["embed", ""], ["text 1 is empty"]),
        (["embed", "a", "--tokens", "--static"], ["choose one"]),
        (["embed", "a", "--layer", "2"], ["--layer 2", "add --tokens"]),
        (["embed", "a", "--no-special"], ["add --tokens"]),
        (["embed", "a", "--tokens", "--layer", "9"], ["layer 9 does not exist", "0 (the input) to 6"]),
        (["embed", "a", "--out", "a.txt"], ["a.txt", ".npy or .safetensors"]),
        (["embed", "a", "--out", "nowhere/a.npy"], ["no folder nowhere"]),
        (["embed", "a", "b c", "--tokens", "--out", "a.npy"], ["different lengths", ".safetensors"]),
        (["compare", "a"], ["1 text", "two or more"]),
        (["compare", "a", "b", "c", "--tokens"], ["3 texts", "exactly two"]),
        (["compare", "a", ""], ["empty"]),
        (["compare", "a", "b", "--layer", "1"], ["add --tokens"]),
        (["compare", "a", "b", "--plot", "a.jpg"], ["a.jpg", ".png or .svg"]),
        (["nearest", "rokket", "--words", FLYING], ["'rokket'", "'rocket'"]),
        (["nearest", "a", "--words", "nowhere.csv"], ["no file nowhere.csv"]),
        (["nearest", "a", "--words", FLYING, "--space", "static"], ["--space static", "--words"]),
        (["nearest", "bee", "--words", FLYING, "-k", "0"], ["k is 0"]),
        (["nearest", "bee", "--words", FLYING, "--drop", "3"], ["3 components", "3 dimensions"]),
        (["nearest", "", "--space", "static"], ["no token but special ones in ''"]),
        (["nearest", "[SEP]", "--space", "static"], ["'[SEP]'"]),
        (["nearest", "king", "--space", "layer:7"], ["layer 7 does not exist"]),
        (["nearest", "king", "--space", "middle"], ["'middle'", "static, layer:N"]),
        (["odd-one-out", "bee", "jet", "--words", FLYING], ["three different words", "not from 2"]),
        (
            ["analogy", "bee", "eagle", "jet", "--words", FLYING, "--formula", "3cosavg", "--plus", "drone"],
            ["3cosavg"],
        ),
        ([*ANALOGY, "--formula", "pair-direction", "--plus", "drone"], ["pair-direction takes one analogy"]),
        ([*ANALOGY[:4], "--collection", "nowhere"], ["nowhere"]),
        ([*ANALOGY, "--collection", "nowhere"], ["--words", "leave it out"]),
        ([*ANALOGY[:4], "--collection", "nowhere", "--model", "all-MiniLM-L6-v2"], ["--model", "leave it out"]),
        ([*ANALOGY, "--indexes", "somewhere"], ["--indexes somewhere", "--collection"]),
        (["fill", "the [MASK] flew"], ["all-MiniLM-L6-v2", "no masked-language-model head", "bert-base-uncased"]),
    ],
)
def test_bad_input_of_the_token_commands(refused, arguments, named):
    """One line names the mistake and the next step."""
    message = refused(*arguments)
    for part in named:
        assert part in message


def test_fill_shows_tokens_for_each_mask(rows, tmp_path, packaged_model):
    """Rows of mask, rank, probability and token, from a model with a head."""
    from transformers import AutoTokenizer, BertConfig, BertForMaskedLM

    config = BertConfig(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16)
    BertForMaskedLM(config).save_pretrained(tmp_path / "model")
    AutoTokenizer.from_pretrained(packaged_model).save_pretrained(tmp_path / "model")
    found = rows("fill", "the [MASK] flew to the [MASK]", "--model", tmp_path / "model", "-k", 3)
    assert [(row["mask"], row["rank"]) for row in found] == [(mask, rank) for mask in (1, 2) for rank in (1, 2, 3)]
    assert all(0 < row["score"] < 0.01 for row in found)


def test_prepare_leaves_a_first_use_nothing_to_make(run, tmp_path, monkeypatch):
    """What it converts and compiles is in the cache, and encoding one text or many adds nothing to it."""
    cache = tmp_path / "cache"
    monkeypatch.setenv("SEMSEARCH_CACHE", str(cache))
    result = run("prepare")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("all-MiniLM-L6-v2: ready, 384 dimensions, ")
    assert result.stdout.endswith(f"kept in {cache}\n")
    made = {path: path.stat().st_mtime_ns for path in (cache / "openvino").rglob("*")}
    assert "openvino" not in result.stdout or len([path for path in made if path.suffix == ".blob"]) == 2
    Path("many.txt").write_text("".join(f"line {n}\n" for n in range(600)), encoding="utf-8")
    for arguments in (["embed", "a bee"], ["index", "made", "many.txt", "--as", "lines", "--indexes", str(tmp_path)]):
        done = run(*arguments)
        assert done.exit_code == 0, done.output
    assert {path: path.stat().st_mtime_ns for path in (cache / "openvino").rglob("*")} == made


ODD = ["odd-one-out", "bee", "jet", "drone"]
LOVE_FILE = ["love.npy", "--space", "static"]


@pytest.mark.parametrize(
    ("former", "today"),
    [
        (["tokens", "drone", "--vectors", FLYING], ["nearest", "drone", "--words", FLYING]),
        (["tokens", "drone", f"--vectors={FLYING}"], ["nearest", "drone", "--words", FLYING]),
        (
            ["odd-one-out", "bee", "jet", "drone", "--vectors", FLYING],
            ["odd-one-out", "bee", "jet", "drone", "--words", FLYING],
        ),
        (
            ["tokens", "--vector", "love.npy", "--space", "static"],
            ["nearest", "--decode", "love.npy", "--space", "static"],
        ),
    ],
    ids=["command", "with =", "another command", "decode"],
)
def test_former_names_still_work(run, former, today):
    """For one version, and unseen in the help."""
    run("embed", "love", "--static", "--no-special", "--out", "love.npy")
    answers = [run(*arguments, "--json") for arguments in (former, today)]
    assert answers[0].exit_code == 0
    assert answers[0].stdout == answers[1].stdout
    assert "--vector " not in run(today[0], "--help").stdout


def test_a_collection_keeps_words_by_the_former_name(run):
    """``index --tokens`` is ``index --word-vectors``, and ``--tokens`` of other commands is their own."""
    run("index", "words", "-", "--tokens", stdin="A bee flies.")
    assert json.loads(run("status", "words", "--json").stdout)["words"] > 0
    assert run("index", "--help").stdout.count("--tokens") == 0
    assert "--tokens" in run("compare", "--help").stdout
