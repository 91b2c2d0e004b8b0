"""What a learner looks at: attention, pooling, a word through the layers, pictures, the tour, files that know."""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

LOVE = "I love mathematics!"
FLYING = str(Path(__file__).parents[2] / "examples/flying.csv")
BANKS = ["They sat on the bank of the river.", "The bank lends money.", "Her bank pays interest."]
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def rows(run):
    """The objects that a command prints with ``--json``."""

    def read(*arguments):
        result = run(*arguments, "--json")
        assert result.exit_code == 0, result.stderr
        return json.loads(result.stdout)

    return read


def read_svg(path):
    """Title, description and all texts of a picture; it must be well-formed."""
    tree = ElementTree.parse(path)  # noqa: S314 - a file that we have just drawn
    texts = [unescape("".join(element.itertext())) for element in tree.iter(f"{SVG}text")]
    description = next(tree.iter("{http://purl.org/dc/elements/1.1/}description")).text
    return tree.find(f"{SVG}title").text, description, texts


def test_attention_is_shown_and_drawn(run, rows, encoder):
    """Shares of a layer's head, or their mean; the picture has the tokens as text."""
    pytest.importorskip("matplotlib", reason="the extra plot is not installed")
    _, shares = encoder.attention(LOVE)
    for options, expected in (
        ([], shares[5].mean(axis=0)),
        (["--layer", 1, "--head", 2], shares[0][1]),
        (["--layer", -6, "--head", -11], shares[0][1]),
    ):
        found = rows("embed", LOVE, "--attention", *options)
        np.testing.assert_allclose([row["shares"] for row in found], expected, atol=1e-5)
    shown = run("embed", LOVE, "--attention", "--plot", "love.svg").stdout
    assert shown.splitlines()[3].startswith("mathematics\t")
    title, description, texts = read_svg("love.svg")
    assert title == "Attention, layer 6, mean of all heads"
    assert "6 by 6 table of shares" in description
    assert {"mathematics", "[CLS]", title} <= set(texts)


def test_steps_lead_to_the_vector_of_the_text(rows, encoder):
    """The rows are the tokens, the pooling, the normalisation, and what the encoder gives."""
    found = rows("embed", LOVE, "--steps")
    assert [row["step"] for row in found] == ["token"] * 6 + ["mean", "normalize", "encoder"]
    tokens = np.array([row["vector"] for row in found[:6]])
    np.testing.assert_allclose(tokens.mean(axis=0), found[6]["vector"], atol=1e-5)
    np.testing.assert_allclose(found[7]["vector"], encoder.encode([LOVE])[0], atol=1e-4)
    assert found[7]["norm"] == pytest.approx(1, abs=1e-5)
    assert "differs by more than" in found[8]["what"]


def test_a_word_is_followed_through_the_layers(rows, run, encoder):
    """The cosine of each pair of texts in each layer, by the word's own token."""
    pytest.importorskip("matplotlib", reason="the extra plot is not installed")
    found = rows("compare", *BANKS, "--layers", "bank")
    assert [row["layer"] for row in found] == list(range(7))
    for layer in range(7):
        encoded = encoder.encode_tokens(BANKS, layer)
        vectors = [one.vectors[one.tokens.tokens.index("bank")] for one in encoded]
        units = [vector / np.linalg.norm(vector) for vector in vectors]
        for pair, (left, right) in {"1-2": (0, 1), "1-3": (0, 2), "2-3": (1, 2)}.items():
            assert found[layer][pair] == pytest.approx(float(units[left] @ units[right]), abs=1e-4)
    assert found[-1]["2-3"] > found[-1]["1-2"]
    assert run("compare", *BANKS, "--layers", "BANK", "--plot", "bank.svg").exit_code == 0
    title, description, texts = read_svg("bank.svg")
    assert "BANK" in title
    assert "layer, from 0 to 6" in description
    assert "cosine" in texts


@pytest.mark.parametrize("kind", ["svg", "png"])
def test_words_and_analogies_are_drawn(run, kind):
    """A table of three numbers in three dimensions with its columns' names; a model's words in two."""
    pytest.importorskip("matplotlib", reason="the extra plot is not installed")
    for number, arguments in enumerate(
        [
            ("nearest", "drone", "--words", FLYING),
            ("analogy", "bee", "eagle", "drone", "--words", FLYING),
            ("analogy", "man", "king", "woman", "--space", "static", "-k", 1),
            ("nearest", "king", "--space", "static", "-k", 3),
        ]
    ):
        result = run(*arguments, "--plot", f"{number}.{kind}")
        assert result.exit_code == 0, result.stderr
        assert Path(f"{number}.{kind}").stat().st_size > 1000
    if kind == "svg":
        assert {"wings", "engine", "sky", " helicopter"} <= set(read_svg("0.svg")[2])
        assert read_svg("1.svg")[0] == "bee is to eagle as drone is to jet"
        title, description, texts = read_svg("2.svg")
        assert title == "man is to king as woman is to queen"
        assert "man, king, woman, queen" in description
        assert any(re.fullmatch(r"principal component 1 \(\d+%\)", text) for text in texts)


def test_points_keep_the_largest_distances():
    """Two principal components of points that lie in a plane are that plane: all distances stay."""
    from semsearch.plot.points import flatten

    rng = np.random.default_rng(3)
    plane = (rng.normal(size=(20, 2)) @ rng.normal(size=(2, 9))).astype(np.float32)
    flat, names = flatten(plane)
    assert flat.shape == (20, 2)
    np.testing.assert_allclose(
        np.linalg.norm(flat[:, None] - flat[None], axis=-1),
        np.linalg.norm(plane[:, None] - plane[None], axis=-1),
        atol=1e-4,
    )
    assert len(names) == 2
    assert flatten(plane[:1])[0].shape == (1, 2)


@pytest.mark.parametrize(
    ("options", "space"),
    [(["--static"], "static"), (["--tokens", "--layer", 0], "layer:0")],
)
def test_a_file_knows_which_space_its_vectors_are_of(run, rows, options, space):
    """It is decoded in that space unasked, and in another one refused."""
    assert run("embed", "bee king", *options, "--no-special", "--out", "v.safetensors").exit_code == 0
    found = rows("nearest", "--decode", "v.safetensors", "-k", 1)
    assert found == rows("nearest", "--decode", "v.safetensors", "-k", 1, "--space", space)
    assert found[1]["name"] == "king"
    other = "static" if space != "static" else "layer:1"
    refused = run("nearest", "--decode", "v.safetensors", "--space", other)
    assert refused.exit_code == 1
    assert f"are of the space {space} of model 'all-MiniLM-L6-v2'" in refused.stderr
    refused = run("nearest", "--decode", "v.safetensors", "--words", FLYING)
    assert refused.exit_code == 1
    assert "leave --words out" in refused.stderr


def test_words_without_a_token_are_told(run):
    """Their vectors are made of pieces, and the answer says so on stderr."""
    result = run("nearest", "rokket", "--space", "static", "-k", 1)
    assert "'rokket' is no word of the vocabulary; it is read as ro ##kk ##et" in result.stderr
    assert "is no word" not in run("nearest", "rocket", "--space", "static", "-k", 1).stderr
    assert "'rokket'" in run("odd-one-out", "rokket", "bee", "ant", "--space", "static").stderr
    assert "'rokket'" in run("analogy", "man", "king", "rokket", "--space", "static").stderr


def test_the_tour_shows_every_step(run):
    """From the text to tokens and ids, layers, a vector, neighbours, an analogy, and back."""
    result = run("tour")
    assert result.exit_code == 0, result.stderr
    for expected in (
        "[CLS] i love mathematics ! [SEP]",
        "101 1045 2293 5597 999 102",
        "384 numbers",
        "man : king = woman : queen",
        "i love mathematics!",
    ):
        assert expected in result.stdout
    assert result.stdout.index("algebra") < result.stdout.index("The jet crossed the ocean.")
    assert "river" in run("tour", "the", "bank", "of", "the", "river").stdout
    assert run("tour", " ").exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "reasons"),
    [
        (["embed", "a", "b", "--attention"], ["2 texts"]),
        (["embed", "a", "--attention", "--layer", 7], ["layer 7 does not exist", "1 to 6"]),
        (["embed", "a", "--attention", "--layer", 0], ["layer 0 does not exist"]),
        (["embed", "a", "--attention", "--head", 13], ["head 13 does not exist", "1 to 12"]),
        (["embed", "a", "--head", 1], ["--head 1", "--attention"]),
        (["embed", "a", "--attention", "--steps"], ["choose one"]),
        (["embed", "a", "--steps", "--out", "a.npy"], ["--out a.npy"]),
        (["embed", "a", "--plot", "a.svg"], ["--plot a.svg", "--attention"]),
        (["embed", "a", "--attention", "--plot", "a.jpg"], ["a.jpg", ".png or .svg"]),
        (["compare", "a bank", "a bench", "--layers", "bank"], ["'bank' is not in text 2"]),
        (["compare", "a bank", "a bank", "--layers", " "], ["is not in text 1"]),
        (["compare", "a bank", "a bank", "--layers", "bank", "--tokens"], ["choose one"]),
        (["nearest", "king", "--plot", "nowhere/a.svg"], ["no folder nowhere"]),
        (["nearest", "--decode", "a.npy", "--plot", "a.svg"], ["leave --decode out"]),
    ],
)
def test_mistakes_are_told(run, arguments, reasons):
    """In one line, with what to do."""
    result = run(*arguments)
    assert result.exit_code == 1
    assert result.stderr.startswith("error: ")
    assert all(reason in result.stderr for reason in reasons), result.stderr
