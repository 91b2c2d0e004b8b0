"""Tokens, ids and offsets, compared with transformers; decoding; counting what does not fit."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from shutil import copytree

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from semsearch.common.errors import InputError, ModelError, TruncationWarning
from semsearch.encoder import Encoder, EncoderOptions
from semsearch.encoder.spec import read_spec
from semsearch.encoder.tokenizer import Tokenizer
from tests.support.transformers_reference import SMALL, Reference, save, shaken

TEXT = "I love mathematics!"


def test_the_tokens_of_a_known_text(encoder: Encoder) -> None:
    """Four tokens with their published ids, between the two special ones."""
    (found,) = encoder.tokenize([TEXT])
    assert found.tokens == ("[CLS]", "i", "love", "mathematics", "!", "[SEP]")
    assert found.ids == (101, 1045, 2293, 5597, 999, 102)
    assert found.special == (True, False, False, False, False, True)


def test_bare_tokens(encoder: Encoder) -> None:
    """Without special tokens there are the text's own and nothing else."""
    (found,) = encoder.tokenize([TEXT], special=False)
    assert found.ids == (1045, 2293, 5597, 999)
    assert not any(found.special)


def test_offsets_index_the_text(encoder: Encoder) -> None:
    """A token's offsets cut its own characters out of the text that was given."""
    text = "🐝 Élan, 北京 unaffable"
    (found,) = encoder.tokenize([text], special=False)
    pieces = [text[start:end] for start, end in found.offsets]
    assert pieces == ["🐝", "Él", "an", ",", "北", "京", "una", "ffa", "ble"]


@pytest.mark.parametrize("special", [True, False])
def test_tokens_equal_those_of_transformers(
    encoder: Encoder, packaged_reference: Reference, texts: list[str], special: bool
) -> None:
    """Ids, offsets and special flags of every awkward text are the ones that transformers gives."""
    for text, found in zip(texts, encoder.tokenize(texts, special=special), strict=True):
        expected = packaged_reference.tokens(text, special=special)
        assert list(found.ids) == expected["input_ids"]
        assert list(found.offsets) == expected["offset_mapping"]
        assert list(found.special) == [bool(flag) for flag in expected["special_tokens_mask"]]
        assert list(found.tokens) == packaged_reference.tokenizer.convert_ids_to_tokens(expected["input_ids"])


def test_byte_level_tokens_equal_those_of_transformers(positions_after_padding: Path, texts: list[str]) -> None:
    """Offsets stay character positions where the tokenizer works on bytes."""
    reference = Reference(positions_after_padding)
    tokenizer = Tokenizer(read_spec(positions_after_padding, EncoderOptions()))
    for text, found in zip(texts, tokenizer.tokenize(texts), strict=True):
        expected = reference.tokens(text)
        assert list(found.ids) == expected["input_ids"]
        assert list(found.offsets) == expected["offset_mapping"]


@given(st.text(st.characters(codec=None), max_size=60))
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_text_has_offsets_within_it(encoder: Encoder, text: str) -> None:
    """Whatever the characters, lone surrogates included, offsets are ordered spans of the text."""
    (found,) = encoder.tokenize([text], special=False)
    assert len(found.ids) == len(found.tokens) == len(found.offsets) == len(found.special)
    assert all(0 <= start <= end <= len(text) for start, end in found.offsets)
    starts = [start for start, _ in found.offsets]
    assert starts == sorted(starts)


def test_a_lone_surrogate_is_one_replacement_character(encoder: Encoder) -> None:
    """A lone surrogate counts as U+FFFD, one for one, so that what follows keeps its position."""
    (broken,) = encoder.tokenize(["a\ud800\udc00\udfffbee flies"])
    (clean,) = encoder.tokenize(["a\ufffd\ufffd\ufffdbee flies"])
    assert broken == clean
    assert broken.offsets[-2] == (8, 13)


def test_tokenize_gives_all_of_a_long_text(encoder: Encoder) -> None:
    """Tokenizing cuts nothing off, whatever the model's maximum."""
    (found,) = encoder.tokenize(["word " * 10_000])
    assert len(found.ids) == 10_002
    assert found.offsets[-2] == (49_995, 49_999)


def test_decode_is_what_the_tokenizer_says(encoder: Encoder, packaged_reference: Reference) -> None:
    """Decoding gives the text that transformers gives, in the model's lower case."""
    ids = [101, 1045, 2293, 5597, 999, 102]
    assert encoder.decode(ids) == "i love mathematics!"
    assert encoder.decode(ids) == packaged_reference.tokenizer.decode(ids, skip_special_tokens=True)
    assert encoder.decode(ids, skip_special=False).startswith("[CLS] i love")


@pytest.mark.parametrize("wrong", [-1, 30_522])
def test_decode_refuses_ids_outside_of_the_vocabulary(encoder: Encoder, wrong: int) -> None:
    """An id that is no token is an error that names the range."""
    with pytest.raises(ModelError, match=rf"token id {wrong} is not .* 0 to 30521"):
        encoder.decode([1045, wrong])


def test_vocabulary_size(encoder: Encoder, packaged_reference: Reference) -> None:
    """There are as many ids as transformers counts."""
    assert encoder.vocabulary_size == len(packaged_reference.tokenizer) == 30_522
    assert encoder.special_count == 2


def test_content_offsets_tell_where_words_begin(encoder: Encoder) -> None:
    """Each token has its span and whether it is the first of its word."""
    ((spans, starts),) = encoder.content_offsets(["unaffable bees!"])
    assert [("unaffable bees!"[start:end], first) for (start, end), first in zip(spans, starts, strict=True)] == [
        ("una", True),
        ("ffa", False),
        ("ble", False),
        ("bees", True),
        ("!", True),
    ]


def test_content_offsets_refuse_a_bare_string(encoder: Encoder) -> None:
    """One string in place of a list is a mistake that is named."""
    with pytest.raises(InputError, match=r"\[text\]"):
        encoder.content_offsets("a bee")


@pytest.mark.parametrize("words", [1, 253, 254])
def test_a_text_that_fits_is_not_counted(encoder: Encoder, words: int) -> None:
    """Up to 254 tokens and the two special ones nothing is cut."""
    assert encoder.encode_counted(["word " * words]).tokens_cut == 0


@pytest.mark.parametrize("words", [255, 508, 509, 10_000])
def test_what_does_not_fit_is_counted(encoder: Encoder, words: int) -> None:
    """The count is of the text's own tokens beyond the 254th, however many pieces the rest makes."""
    found = encoder.encode_counted(["fits", "word " * words])
    assert found.cut.tolist() == [0, words - 254]
    assert (found.truncated, found.tokens_cut) == (1, words - 254)


def test_a_prompt_takes_room(small_bert: Path, convert_here: object) -> None:  # noqa: ARG001
    """The tokens of a prompt are in front of the text's, of which fewer fit."""
    encoder = Encoder.load(small_bert, runtime="openvino", query_prompt="find this: ", max_seq_length=10)
    assert encoder.encode_counted(["word " * 8]).tokens_cut == 0
    assert encoder.encode_counted(["word " * 8], role="query").tokens_cut == 3


def test_encode_warns_of_truncation(encoder: Encoder) -> None:
    """The warning says how many texts, how many tokens, and points at the caller."""
    with pytest.warns(TruncationWarning, match=r"1 of 2 texts .* 256 tokens; 46 tokens were not read") as caught:
        encoder.encode(["fits", "word " * 300])
    assert caught[0].filename == __file__


@pytest.mark.parametrize(("special", "cut"), [(True, 46), (False, 44)])
def test_encode_tokens_warns_of_truncation(encoder: Encoder, special: bool, cut: int) -> None:
    """Token vectors of a text that is too long come with the same warning; bare tokens have two more places."""
    with pytest.warns(TruncationWarning, match=f"1 of 2 texts .* {cut} tokens were not read") as caught:
        found = encoder.encode_tokens(["fits", "word " * 300], special=special)
    assert len(found[1].vectors) == len(found[1].tokens.ids) == 256
    assert caught[0].filename == __file__


def test_no_warning_for_a_text_that_just_fits(encoder: Encoder) -> None:
    """A text that fills the model exactly is not reported; the test settings make the warning an error."""
    assert len(encoder.encode_tokens(["word " * 254])[0].vectors) == 256


def test_max_seq_length_must_leave_room(small_bert: Path) -> None:
    """A maximum that the special tokens use up is refused."""
    with pytest.raises(ModelError, match="choose 3 to 512"):
        read_spec(small_bert, EncoderOptions(max_seq_length=2))


def test_an_unreadable_tokenizer_is_named(small_bert: Path, tmp_path: Path) -> None:
    """A broken tokenizer.json is an error of ours that says what to do."""
    folder = copytree(small_bert, tmp_path / "model")
    (folder / "tokenizer.json").write_text("{", encoding="utf-8")
    with pytest.raises(ModelError, match=r"tokenizer of .*save the model again"):
        Tokenizer(read_spec(folder, EncoderOptions()))


def test_a_vocabulary_file_is_enough(
    small_bert: Path, packaged_reference: Reference, tmp_path: Path, texts: list[str]
) -> None:
    """Where there is no tokenizer.json, transformers makes one from vocab.txt, once, and the ids are the same."""
    folder = copytree(small_bert, tmp_path / "model")
    (folder / "tokenizer.json").unlink()
    spec = read_spec(folder, EncoderOptions())
    found = Tokenizer(spec).tokenize(texts)
    assert [list(one.ids) for one in found] == [packaged_reference.tokens(text)["input_ids"] for text in texts]
    (folder / "vocab.txt").unlink()
    assert Tokenizer(spec).tokenize(texts) == found


def test_lower_casing_by_the_module_is_done(
    packaged_model: Path, tmp_path: Path, edit_json: Callable[..., None]
) -> None:
    """do_lower_case of the Transformer module lowers the text before a tokenizer that keeps case."""
    from transformers import BertConfig, BertModel

    folder = save(shaken(BertModel(BertConfig(**SMALL))), tmp_path / "model", packaged_model)
    stored = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    edit_json(folder / "tokenizer.json", {"normalizer": stored["normalizer"] | {"lowercase": False}})
    cased = read_spec(folder, EncoderOptions())
    edit_json(folder / "sentence_bert_config.json", {"do_lower_case": True})
    lowered = read_spec(folder, EncoderOptions())
    assert Tokenizer(cased).tokenize(["A BEE"])[0].tokens[1:-1] != ("a", "bee")
    assert Tokenizer(lowered).tokenize(["A BEE"])[0].tokens[1:-1] == ("a", "bee")
    assert cased.fingerprint != lowered.fingerprint
