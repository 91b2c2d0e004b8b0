"""A model's vocabulary as a space, compared with what the encoder gives word by word."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from semsearch.common.errors import ModelError, QueryError
from semsearch.encoder import Encoder
from semsearch.words.spaces import Vocabulary
from semsearch.words.spaces.preparation import SpellingMap
from semsearch.words.spaces.whole_words import spell_out, whole_words


@pytest.fixture(scope="module")
def static(encoder):
    """The input embeddings, as they are."""
    return Vocabulary(encoder, "static", center=False, drop=0)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory, packaged_model):
    """A BERT of one layer and 16 dimensions, whose whole vocabulary is encoded in a second."""
    from transformers import AutoTokenizer, BertConfig, BertModel

    folder = tmp_path_factory.mktemp("tiny")
    config = BertConfig(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16)
    BertModel(config).save_pretrained(folder)
    AutoTokenizer.from_pretrained(packaged_model).save_pretrained(folder)
    return Encoder.load(folder, runtime="torch", precision="f32")


def alone(encoder, word, layer):
    """Mean of the hidden states of a word's pieces, between special tokens."""
    (found,) = encoder.encode_tokens([word], layer)
    return found.vectors[1:-1].mean(axis=0)


def test_names_are_words_and_nothing_else(encoder, static):
    """Pieces, special tokens and places kept free are no names; what is one is its own only token."""
    assert {"king", "ouagadougou", "##ing", "[CLS]", "[unused5]", "1984", "!"} & set(static.names) == {
        "king",
        "1984",
        "!",
    }
    some = static.names[::97]
    assert [one.ids for one in encoder.tokenize(some, special=False)] == [(token,) for token in static.tokens[::97]]


def test_static_vectors_are_rows_of_the_table(encoder, static):
    """Word for word, whatever else is in the table."""
    np.testing.assert_array_equal(static.vectors, encoder.static_vectors()[list(static.tokens)])


def test_case_and_accents_are_the_tokenizers_matter(static):
    """A word is the token that the tokenizer makes of it, so that it is not its own neighbour."""
    assert static.nearest("King", 5) == static.nearest("king", 5)
    assert "king" not in [one.name for one in static.nearest("King", 50)]
    assert static.similarity("café", "cafe") == pytest.approx(1)


def test_neighbours_of_king(static):
    """The packaged model's nearest words, as they were found before this program was written."""
    names = [one.name for one in Vocabulary(static.encoder, "static", drop=0).nearest("king", 6)]
    assert set(names) == {"kings", "queen", "monarch", "prince", "monarchy", "royal"}


@pytest.mark.parametrize(("space", "layer"), [("layer:-2", 1), ("layer:0,1", (0, 1))])
def test_a_hidden_layer_is_the_encoders(tiny, space, layer):
    """Every word has the vector that it has as a text of its own."""
    vocabulary = Vocabulary(tiny, space, center=False, drop=0)
    for word in ("king", "1984", "!", vocabulary.names[-1]):
        np.testing.assert_allclose(vocabulary[word], alone(tiny, word, layer), atol=1e-5)


def test_the_encoded_space_is_the_encoders(tiny):
    """Every word, also one of several pieces, has its pooled vector, at length one or not."""
    vocabulary = Vocabulary(tiny, "encoded", center=False, drop=0)
    words = ["king", "1984", "!"]
    np.testing.assert_allclose([vocabulary[word] for word in words], tiny.encode(words), atol=1e-5)


def test_the_mean_is_taken_out_of_every_word(tiny):
    """Centring changes all words by the mean of the vocabulary, and vectors from elsewhere likewise."""
    plain = Vocabulary(tiny, "layer:1", center=False, drop=0)
    centred = Vocabulary(tiny, "layer:1", drop=0)
    mean = plain.vectors.mean(axis=0)
    for word in ("king", "ouagadougou"):
        np.testing.assert_allclose(centred[word], plain[word] - mean, atol=1e-5)
    raw = alone(tiny, "king", 1)
    (nearest,) = centred.nearest(centred.prepare(raw[None])[0], 1)
    assert (nearest.name, nearest.score) == ("king", pytest.approx(1, abs=1e-5))


def test_words_are_spell_out_in_pieces_that_make_them(static):
    """Every sampled word has two pieces or more, whose letters are the word's."""
    sample = spell_out(static.encoder, dict(zip(static.names, static.tokens, strict=True)))
    assert len(sample) > 5000
    for word, ids in list(sample.items())[:100]:
        tokens = [static.encoder.decode([one]) for one in ids]
        assert len(tokens) > 1
        assert "".join(token.removeprefix("##") for token in tokens) == word


def test_spell_out_words_are_put_where_one_token_would_be(static):
    """By a map that is fitted on some words, others come nearer to the vectors of their own tokens."""
    sample = spell_out(static.encoder, dict(zip(static.names, static.tokens, strict=True)))
    table = static.encoder.static_vectors()
    spelled = np.stack([table[list(ids)].mean(axis=0) for ids in sample.values()])
    whole = np.stack([static[word] for word in sample])
    mapped = SpellingMap.fit(spelled[:-1000], whole[:-1000]).apply(spelled[-1000:])
    before, after = (np.linalg.norm(one - whole[-1000:], axis=1).mean() for one in (spelled[-1000:], mapped))
    assert after < 0.95 * before


def test_the_map_is_the_least_squares_one():
    """Up to the ridge, which is small, it is what NumPy's own solver finds; without words it changes nothing."""
    rng = np.random.default_rng(0)
    spelled = rng.normal(size=(500, 4)).astype(np.float32)
    whole = (spelled @ rng.normal(size=(4, 4)) + 2 + rng.normal(size=(500, 4))).astype(np.float32)
    columns = np.hstack([spelled, np.ones((500, 1))])
    solution = np.linalg.lstsq(columns, whole, rcond=None)[0]
    np.testing.assert_allclose(SpellingMap.fit(spelled, whole).apply(spelled), columns @ solution, atol=0.02)
    np.testing.assert_array_equal(SpellingMap.fit(spelled[:0], whole[:0]).apply(spelled), spelled)


def test_words_of_several_pieces_take_part_in_everything(static):
    """As query, in analogies, as odd one out and beside others; as answers they do not appear."""
    assert len(static.encoder.tokenize(["unaffable"], special=False)[0].ids) > 1
    assert static.nearest("unaffable", 3)
    assert {one.name for one in static.odd_one_out(["unaffable", "king", "queen"])} == {"unaffable", "king", "queen"}
    answers = static.answer_both(["unaffable", "king"], ["queen"], 5)
    assert [one.rank for one in answers if one.name == "unaffable"] == [None]
    assert static.similarity("unaffable", "unaffable") == pytest.approx(1, abs=1e-6)
    assert "unaffable" not in static


def test_both_rankings_agree(static):
    """The answers with a rank are those that leave the question's words out; all together those that do not."""
    question = (["king", "woman"], ["man"])
    both = static.answer_both(*question, 10)
    assert [one.name for one in both if one.rank] == [one.name for one in static.answer(*question, 10)]
    assert [one.name for one in both] == [one.name for one in static.answer(*question, len(both), exclude=False)]
    assert [one.rank_of_all for one in both] == list(range(1, len(both) + 1))
    assert {one.name for one in both if not one.rank} <= {"king", "woman", "man"}


@pytest.mark.parametrize("word", ["", " ", "[SEP]", "[CLS][SEP]", "\u200d"])
def test_a_word_without_a_token_is_refused(static, word):
    """Nothing, white space, and special tokens alone are no words."""
    with pytest.raises(QueryError, match="no token but special ones"):
        static.nearest(word)


@pytest.mark.parametrize(
    ("space", "error", "named"),
    [
        ("layer:7", ModelError, "layer 7 does not exist"),
        ("layer:1,-9", ModelError, "layer -9 does not exist"),
        ("layer:", QueryError, "unknown space 'layer:'"),
        ("dynamic", QueryError, "choose static, layer:N"),
    ],
)
def test_spaces_that_are_not_there(encoder, space, error, named):
    """The message says which there are."""
    with pytest.raises(error, match=named):
        Vocabulary(encoder, space)


def test_a_space_is_encoded_once_and_checked_when_it_is_read(tiny, cache_folder):
    """A second vocabulary comes from the cache folder; a damaged file is made again."""
    told = []
    first = Vocabulary(tiny, "layer:0", progress=lambda done, total: told.append((done, total)))
    assert told[-1][0] == told[-1][1] > len(first)
    assert [done for done, _ in told] == sorted({done for done, _ in told})
    (made,) = [path for path in (cache_folder / "spaces").iterdir() if path.stat().st_mtime_ns == _newest(cache_folder)]
    told.clear()
    again = Vocabulary(tiny, "layer:0", progress=lambda done, total: told.append((done, total)))
    assert not told
    np.testing.assert_array_equal(again.vectors, first.vectors)
    content = bytearray(made.read_bytes())
    content[-100] ^= 1
    made.write_bytes(content)
    mended = Vocabulary(tiny, "layer:0", progress=lambda done, total: told.append((done, total)))
    assert told
    np.testing.assert_array_equal(mended.vectors, first.vectors)


def _newest(cache_folder: Path) -> int:
    return max(path.stat().st_mtime_ns for path in (cache_folder / "spaces").iterdir())


def test_byte_level_tokenizers_have_words_with_a_space_before(tmp_path):
    """A word that has a token at the beginning of a text and another within is named once, by the latter."""
    from tokenizers import ByteLevelBPETokenizer
    from transformers import PreTrainedTokenizerFast, RobertaConfig, RobertaModel

    trained = ByteLevelBPETokenizer()
    trained.train_from_iterator(
        ["king queen king queen " * 40], vocab_size=300, special_tokens=["<s>", "<pad>", "</s>"]
    )
    PreTrainedTokenizerFast(tokenizer_object=trained._tokenizer, pad_token="<pad>").save_pretrained(tmp_path)  # noqa: S106 - no password
    config = RobertaConfig(
        vocab_size=300,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=66,
    )
    RobertaModel(config).save_pretrained(tmp_path)
    encoder = Encoder.load(tmp_path, runtime="torch")
    words = whole_words(encoder)
    assert encoder.decode([words["king"]]) == " king"
    assert spell_out(encoder, words) == {}
    assert Vocabulary(encoder, "static").nearest("queen", 1)
