"""``semsearch embed``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from semsearch.cli.options import (
    RunOptions,
    as_value,
    check_texts,
    cli_command,
    format_option,
    model_option,
    run_options,
)
from semsearch.common.errors import InputError

if TYPE_CHECKING:
    from semsearch.common.arrays import Float32
    from semsearch.encoder import Encoder
    from semsearch.encoder.tokenizer import TextTokens

__all__ = ["command"]


@dataclass(frozen=True, slots=True)
class Block:
    """Vectors with a row a label: of all texts together, or of the tokens of text ``number``."""

    key: str
    vectors: Float32
    labels: Sequence[str]
    about: Sequence[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class VectorOptions:
    """Which vectors are shown: pooled ones unless told otherwise."""

    tokens: bool
    static: bool
    parts: bool
    layer: int | None
    no_special: bool

    @property
    def are_of_tokens(self) -> bool:
        """Whether each token has a vector, and not each text."""
        return self.tokens or self.static or self.parts

    def check(self) -> None:
        """Refuse options that contradict each other."""
        if self.tokens + self.static + self.parts > 1:
            raise InputError("--tokens, --static and --parts are three different vectors of a token; choose one")
        if self.layer is not None and not self.tokens:
            raise InputError(f"--layer {self.layer} is for the vectors of tokens; add --tokens")
        if self.no_special and not self.are_of_tokens:
            raise InputError("--no-special is for the vectors of tokens; add --tokens, --static or --parts")

    def encode(self, encoder: Encoder, texts: Sequence[str]) -> Iterator[Block]:
        """The vectors of texts."""
        special = not self.no_special
        if self.tokens:
            return _encode_tokens(encoder, texts, -1 if self.layer is None else self.layer, special)
        if self.static:
            return _look_up_static(encoder, texts, special)
        if self.parts:
            return _add_up_parts(encoder, texts, special)
        return iter([_encode_pooled(encoder, texts)])


vector_options = as_value(
    VectorOptions,
    "vectors",
    "Which vectors",
    (
        click.option("--tokens", is_flag=True, help="A vector for each token in its context."),
        click.option("--static", is_flag=True, help="A vector for each token from the input embeddings."),
        click.option(
            "--parts", is_flag=True, help="Embeddings of word, position and segment, their sum, and its LayerNorm."
        ),
        click.option(
            "--layer", type=int, metavar="N", help="Hidden layer for --tokens, from 0.  [default: -1, the last]"
        ),
        click.option(
            "--no-special", is_flag=True, help="Leave the special tokens out; the model does not read them either."
        ),
    ),
)


@cli_command
@click.argument("texts", nargs=-1, required=True, metavar="TEXT...")
@vector_options
@click.option(
    "--out", metavar="FILE", type=click.Path(path_type=Path), help="Write the vectors to a .npy or .safetensors file."
)
@model_option
@format_option
@run_options
def command(
    texts: tuple[str, ...], vectors: VectorOptions, out: Path | None, model: str, style: str | None, run: RunOptions
) -> None:
    """Show the vectors that a model makes of texts.

    One pooled vector a text, or with --tokens, --static or --parts the vectors of its tokens. A table shows the
    length of a vector and its first numbers; json, jsonl and csv hold all of them.

    \b
    semsearch embed "I love mathematics!"
    semsearch embed "I love mathematics!" --tokens --no-special --out love.npy
    semsearch embed "I love mathematics!" --parts
    """
    vectors.check()
    check_texts(texts)
    if out:
        from semsearch.cli.output.arrays import check_file

        check_file(out)
    blocks = list(vectors.encode(run.load(model), texts))
    if out:
        from semsearch.cli.output.arrays import write_arrays

        arrays = {block.key: block.vectors for block in blocks}
        names = {block.key: block.labels for block in blocks}
        click.echo(f"wrote {write_arrays(out, arrays, names, stack=vectors.are_of_tokens)}", err=True)
    else:
        _show(blocks, style)


def _encode_pooled(encoder: Encoder, texts: Sequence[str]) -> Block:
    about = [{"number": number, "text": text} for number, text in enumerate(texts, 1)]
    return Block("vectors", encoder.encode(texts), texts, about)


def _encode_tokens(encoder: Encoder, texts: Sequence[str], layer: int, special: bool) -> Iterator[Block]:
    for number, encoded in enumerate(encoder.encode_tokens(texts, layer, special), 1):
        yield _block(number, encoded.tokens, encoded.vectors)


def _look_up_static(encoder: Encoder, texts: Sequence[str], special: bool) -> Iterator[Block]:
    table = encoder.static_vectors()
    for number, tokens in enumerate(encoder.tokenize(texts, special), 1):
        yield _block(number, tokens, table[list(tokens.ids)])


def _add_up_parts(encoder: Encoder, texts: Sequence[str], special: bool) -> Iterator[Block]:
    for number, text in enumerate(texts, 1):
        tokens, parts = encoder.input_parts(text, special)
        for part in fields(parts):
            yield _block(number, tokens, getattr(parts, part.name), part.name)


def _block(number: int, tokens: TextTokens, vectors: Float32, part: str = "") -> Block:
    about = [
        {"number": number, **({"part": part} if part else {}), "token": token, "id": token_id}
        for token, token_id in zip(tokens.tokens, tokens.ids, strict=True)
    ]
    return Block(f"text-{number}{part and '-'}{part}", vectors, tokens.tokens, about)


def _show(blocks: Sequence[Block], style: str | None) -> None:
    from semsearch.cli.output.render import show

    rows = [row for block in blocks for row in _rows(block)]
    names = tuple(rows[0]) if rows else ()
    several = bool(rows) and rows[-1]["number"] > 1
    first = [name for name in names if name != "text" and (name != "number" or several)]
    shown = (*first, *(["text"] if "text" in names else []))
    legend = "norm: length of the vector; vector: its first numbers, all of them with --json or --out"
    show(rows, shown, style, every=names, nothing="no tokens", legend=legend)


def _rows(block: Block) -> Iterator[dict[str, Any]]:
    for about, vector in zip(block.about, block.vectors, strict=True):
        yield {**about, "norm": float((vector @ vector) ** 0.5), "vector": vector.tolist()}
