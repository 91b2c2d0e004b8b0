"""``semsearch embed``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
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
from semsearch.common.documents import Precision
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
    attention: bool
    steps: bool
    layer: int | None
    head: int | None
    no_special: bool

    @property
    def are_of_tokens(self) -> bool:
        """Whether each token has a vector, and not each text."""
        return self.tokens or self.static or self.parts

    def check(self) -> None:
        """Refuse options that contradict each other."""
        if self.tokens + self.static + self.parts + self.attention + self.steps > 1:
            raise InputError("--tokens, --static, --parts, --attention and --steps show different things; choose one")
        if self.layer is not None and not (self.tokens or self.attention):
            raise InputError(f"--layer {self.layer} is for the vectors of tokens; add --tokens")
        if self.head is not None and not self.attention:
            raise InputError(f"--head {self.head} is one of --attention; add it")
        if self.no_special and not (self.are_of_tokens or self.attention):
            raise InputError("--no-special is for the vectors of tokens; add --tokens, --static or --parts")

    def check_files(self, out: Path | None, plot: Path | None) -> None:
        """Refuse files that cannot be written, or that have nothing to hold."""
        if plot and not self.attention:
            raise InputError(f"--plot {plot} draws the attention; add --attention")
        if out and (self.attention or self.steps):
            raise InputError(f"--out {out} is for vectors; leave out --attention and --steps, or use --json")
        if out:
            from semsearch.cli.output.arrays import check_file

            check_file(out)
        if plot:
            from semsearch.plot import check_picture

            check_picture(plot)

    def space(self, encoder: Encoder) -> str | None:
        """The space that the vectors are of, as nearest --space has it; none for parts, which are of several."""
        if self.tokens:
            return f"layer:{encoder.check_layers(-1 if self.layer is None else self.layer)[0]}"
        return "static" if self.static else None if self.parts else "encoded"

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
        click.option("--attention", is_flag=True, help="Which tokens each token looks at, as shares of 1."),
        click.option("--steps", is_flag=True, help="How the tokens' vectors become the text's, step by step."),
        click.option(
            "--layer",
            type=int,
            metavar="N",
            help="Layer for --tokens, from 0, or for --attention, from 1.  [default: -1, the last]",
        ),
        click.option("--head", type=int, metavar="N", help="Head for --attention, from 1.  [default: mean of all]"),
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
@click.option(
    "--plot", metavar="FILE", type=click.Path(path_type=Path), help="Draw the attention to a .png or .svg file."
)
@model_option
@format_option
@run_options
def command(
    texts: tuple[str, ...],
    vectors: VectorOptions,
    out: Path | None,
    plot: Path | None,
    model: str,
    style: str | None,
    run: RunOptions,
) -> None:
    """Show the vectors that a model makes of texts.

    One pooled vector a text, or with --tokens, --static or --parts the vectors of its tokens. A table shows the
    length of a vector and its first numbers; json, jsonl and csv hold all of them. A .safetensors file knows which
    model, layer and tokens its vectors are of, and nearest --decode goes by that.

    \b
    semsearch embed "I love mathematics!"
    semsearch embed "I love mathematics!" --tokens --no-special --out love.npy
    semsearch embed "I love mathematics!" --parts
    semsearch embed "I love mathematics!" --attention --layer 1 --plot love.svg
    semsearch embed "I love mathematics!" --steps
    """
    vectors.check()
    check_texts(texts)
    vectors.check_files(out, plot)
    if vectors.attention:
        from semsearch.cli.output.inside import show_attention

        show_attention(run.load(model), texts, vectors, plot, style)
        return
    if vectors.steps:
        from semsearch.cli.output.inside import show_steps

        show_steps(replace(run, precision=Precision.F32.value).load(model), texts, style)
        return
    encoder = run.load(model)
    blocks = list(vectors.encode(encoder, texts))
    if out:
        from semsearch.cli.output.arrays import Origin, write_arrays

        space = vectors.space(encoder)
        origin = Origin(encoder.name, encoder.fingerprint, space) if space else None
        arrays = {block.key: block.vectors for block in blocks}
        names = {block.key: block.labels for block in blocks}
        written = write_arrays(out, arrays, names, vectors.are_of_tokens, origin)
        click.echo(f"wrote {written}", err=True)
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
