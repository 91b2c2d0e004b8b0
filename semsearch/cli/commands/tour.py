"""``semsearch tour``."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import click
import numpy as np

from semsearch.cli.options import RunOptions, check_texts, cli_command, model_option, run_options
from semsearch.common.arrays import Float32, unit_length
from semsearch.common.documents import Precision
from semsearch.common.unicode import one_line

if TYPE_CHECKING:
    from semsearch.encoder import Encoder
    from semsearch.encoder.tokenizer import TextTokens

__all__ = ["command"]

TEXT = "I love mathematics!"
OTHERS = (
    "She enjoys algebra and geometry.",
    "He hates doing sums.",
    "A bee flies from flower to flower.",
    "The jet crossed the ocean.",
)
"""What a text is compared with."""
SHOWN = 4
"""Numbers of a vector that are printed."""
WIDEST = 100
Section = tuple[str, str, list[str]]
"""A heading, a sentence that says what the numbers mean, and lines of numbers."""


@cli_command
@click.argument("words", nargs=-1, metavar="[TEXT]...")
@model_option
@run_options
def command(words: tuple[str, ...], model: str, run: RunOptions) -> None:
    """Walk through what a model does with a text, step by step.

    From text to tokens, ids, embeddings, layers and one vector, to what is near to it, an analogy, and back to text.
    Each step says what its numbers mean, and which command shows more of it.

    \b
    semsearch tour
    semsearch tour "The bank of the river"
    """
    text = " ".join(words) if words else TEXT
    check_texts([text])
    encoder = replace(run, precision=Precision.F32.value).load(model)
    width = min(WIDEST, shutil.get_terminal_size().columns)
    for number, (heading, meaning, lines) in enumerate(_walk(encoder, text), 1):
        click.secho(f"{number}. {heading}", bold=True)
        click.echo(textwrap.fill(meaning, width))
        for line in lines:
            click.echo(f"    {one_line(line)}")
        click.echo()


def _walk(encoder: Encoder, text: str) -> Iterator[Section]:
    (tokens,) = encoder.tokenize([text])
    yield _show_tokens(encoder, tokens)
    yield _show_ids(encoder, tokens)
    yield from _show_vectors(encoder, text, tokens)
    yield _show_pooling(encoder, text)
    yield _show_near_texts(encoder, text)
    yield from _show_words(encoder, tokens)
    yield _show_decoding(encoder, tokens)


def _show_tokens(encoder: Encoder, tokens: TextTokens) -> Section:
    meaning = (
        f"The model knows {encoder.vocabulary_size:,} tokens: words, and pieces of words, which begin with ## in "
        f"models like BERT. The text becomes {len(tokens.ids)} of them; those in brackets mark its begin and end. "
        "More: semsearch tokenize"
    )
    return "Text to tokens", meaning, [" ".join(tokens.tokens)]


def _show_ids(encoder: Encoder, tokens: TextTokens) -> Section:
    meaning = f"Each token is a number, its row in the table of embeddings, from 0 to {encoder.vocabulary_size - 1:,}."
    return "Tokens to ids", meaning, [" ".join(map(str, tokens.ids))]


def _show_vectors(encoder: Encoder, text: str, tokens: TextTokens) -> Iterator[Section]:
    own = [number for number, special in enumerate(tokens.special) if not special]
    table = encoder.static_vectors()
    lines = _vector_lines([tokens.tokens[number] for number in own], table[[tokens.ids[number] for number in own]])
    meaning = (
        f"An id picks its row: {table.shape[1]} numbers that the model has learnt for the token, the same in every "
        "text. What the token's place says is added to them. More: semsearch embed --static, --parts"
    )
    yield "Ids to input embeddings", meaning, lines
    last = encoder.spec.layer_count
    layers = [encoder.encode_tokens([text], layer)[0].vectors for layer in range(last + 1)]
    units = [unit_length(vectors) for vectors in layers]
    moved = [
        f"{tokens.tokens[number]}: " + " ".join(f"{float(layer[number] @ units[0][number]):.2f}" for layer in units)
        for number in own
    ]
    meaning = (
        f"{last} transformer layers follow. In each, every token looks at all others and takes some of them over, so "
        "that its vector comes to mean the token in this text. The numbers are the cosine of a token's vector in layer "
        f"0, 1, … {last} with its vector in layer 0: the lower, the farther it has moved. "
        "More: semsearch embed --tokens, --attention; semsearch compare --layers"
    )
    yield "Layers: tokens in their context", meaning, moved


def _show_pooling(encoder: Encoder, text: str) -> Section:
    encoded, steps = encoder.pooling_steps(text)
    whole = encoder.encode([text])[0]
    apart = float(np.abs(steps[-1].vector - whole).max())
    lines = _vector_lines([step.name for step in steps], np.stack([step.vector for step in steps]))
    meaning = (
        f"The {len(encoded.vectors)} token vectors become one for the whole text: "
        + "; then ".join(step.meaning for step in steps)
        + f". That is the vector that the encoder gives (no number differs by more than {apart:.0e}). "
        "More: semsearch embed --steps"
    )
    return "Pooling: one vector for the text", meaning, lines


def _show_near_texts(encoder: Encoder, text: str) -> Section:
    units = unit_length(encoder.encode([text, *OTHERS]))
    cosines = units[1:] @ units[0]
    lines = [f"{cosines[number]:+.2f}  {OTHERS[number]}" for number in np.argsort(-cosines)]
    meaning = (
        "Similar is close: the cosine of two vectors is 1 for the same direction and about 0 for texts that have "
        "nothing to do with each other. A search finds the texts with the largest cosine. "
        "More: semsearch compare, search"
    )
    return "Neighbours", meaning, lines


def _show_words(encoder: Encoder, tokens: TextTokens) -> Iterator[Section]:
    from semsearch.words.spaces import Vocabulary

    words = Vocabulary(encoder, "static")
    asked = [token for token in dict.fromkeys(tokens.tokens) if token in words and token.isalpha()]
    lines = [f"{word}: " + ", ".join(near.name for near in words.nearest(word, 4)) for word in asked]
    meaning = "The same holds of single words: these are nearest in the table of embeddings. More: semsearch nearest"
    yield "Words near to words", meaning, lines or ["(the text has no whole word of the vocabulary)"]
    best = words.analogy("man", "king", "woman", k=1)[0]
    meaning = (
        "Directions mean something, too: what leads from man to king leads from woman to the word below. "
        "More: semsearch analogy"
    )
    yield "Analogy", meaning, [f"man : king = woman : {best.name}"]


def _show_decoding(encoder: Encoder, tokens: TextTokens) -> Section:
    meaning = (
        "Ids are text again, in the tokenizer's spelling. Vectors lead back to words, too: semsearch nearest --decode; "
        "and a model with a language head fills gaps: semsearch fill"
    )
    return "Back to text", meaning, [encoder.decode(tokens.ids)]


def _vector_lines(names: Sequence[str], vectors: Float32) -> list[str]:
    width = max(map(len, names), default=0)
    return [
        f"{name:{width}}  " + " ".join(f"{number:+.3f}" for number in vector[:SHOWN]) + " …"
        for name, vector in zip(names, vectors, strict=True)
    ]
