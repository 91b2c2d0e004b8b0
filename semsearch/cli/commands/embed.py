"""``semsearch embed``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from semsearch.cli.options import check_texts, cli_command, format_option, model_option, model_options, notify
from semsearch.common.errors import InputError

if TYPE_CHECKING:
    from semsearch.common.documents import Float32, TextTokens
    from semsearch.encoder import Encoder

__all__ = ["command"]


@dataclass(frozen=True, slots=True)
class Block:
    """Vectors with a row a label: of all texts together, or of the tokens of text ``number``."""

    key: str
    vectors: Float32
    labels: Sequence[str]
    about: Sequence[dict[str, Any]]


@cli_command
@click.argument("texts", nargs=-1, required=True, metavar="TEXT...")
@click.option("--tokens", is_flag=True, help="A vector for each token in its context.")
@click.option("--static", is_flag=True, help="A vector for each token from the input embeddings.")
@click.option("--parts", is_flag=True, help="Embeddings of word, position and segment, their sum, and its LayerNorm.")
@click.option("--layer", type=int, metavar="N", help="Hidden layer for --tokens, from 0.  [default: -1, the last]")
@click.option("--no-special", is_flag=True, help="Leave the special tokens out; the model does not read them either.")
@click.option(
    "--out", metavar="FILE", type=click.Path(path_type=Path), help="Write the vectors to a .npy or .safetensors file."
)
@model_option
@format_option
@model_options
def command(
    texts: tuple[str, ...],
    tokens: bool,
    static: bool,
    parts: bool,
    layer: int | None,
    no_special: bool,
    out: Path | None,
    model: str,
    style: str | None,
    **how: Any,
) -> None:
    """Show the vectors that a model makes of texts.

    One pooled vector a text, or with --tokens, --static or --parts the vectors of its tokens. A table shows the
    length of a vector and its first numbers; json, jsonl and csv hold all of them.

    \b
    semsearch embed "I love mathematics!"
    semsearch embed "I love mathematics!" --tokens --no-special --out love.npy
    semsearch embed "I love mathematics!" --parts
    """
    _check(tokens, static, parts, layer, no_special)
    check_texts(texts)
    if out:
        from semsearch.cli.output.arrays import check_file

        check_file(out)
    from semsearch.encoder import Encoder

    encoder = Encoder.load(model, notify=notify, **how)
    if tokens:
        blocks = _tokens(encoder, texts, -1 if layer is None else layer, not no_special)
    elif static:
        blocks = _static(encoder, texts, not no_special)
    elif parts:
        blocks = _parts(encoder, texts, not no_special)
    else:
        blocks = iter([_pooled(encoder, texts)])
    _give(list(blocks), out, style, stack=tokens or static or parts)


def _check(tokens: bool, static: bool, parts: bool, layer: int | None, no_special: bool) -> None:
    if tokens + static + parts > 1:
        raise InputError("--tokens, --static and --parts are three different vectors of a token; choose one")
    if layer is not None and not tokens:
        raise InputError(f"--layer {layer} is for the vectors of tokens; add --tokens")
    if no_special and not (tokens or static or parts):
        raise InputError("--no-special is for the vectors of tokens; add --tokens, --static or --parts")


def _pooled(encoder: Encoder, texts: Sequence[str]) -> Block:
    about = [{"number": number, "text": text} for number, text in enumerate(texts, 1)]
    return Block("vectors", encoder.encode(texts), texts, about)


def _tokens(encoder: Encoder, texts: Sequence[str], layer: int, special: bool) -> Iterator[Block]:
    for number, found in enumerate(encoder.encode_tokens(texts, layer, special), 1):
        yield _block(number, found.tokens, found.vectors)


def _static(encoder: Encoder, texts: Sequence[str], special: bool) -> Iterator[Block]:
    table = encoder.static_vectors()
    for number, tokens in enumerate(encoder.tokenize(texts, special), 1):
        yield _block(number, tokens, table[list(tokens.ids)])


def _parts(encoder: Encoder, texts: Sequence[str], special: bool) -> Iterator[Block]:
    for number, text in enumerate(texts, 1):
        tokens, parts = encoder.input_parts(text, special)
        for part in fields(parts):
            yield _block(number, tokens, getattr(parts, part.name), part.name)


def _block(number: int, tokens: TextTokens, vectors: Float32, part: str = "") -> Block:
    about = [
        {"number": number, **({"part": part} if part else {}), "token": token, "id": one}
        for token, one in zip(tokens.tokens, tokens.ids, strict=True)
    ]
    return Block(f"text-{number}{part and '-'}{part}", vectors, tokens.tokens, about)


def _give(blocks: Sequence[Block], out: Path | None, style: str | None, stack: bool) -> None:
    """Write the vectors to the file, or print them."""
    if out:
        from semsearch.cli.output.arrays import write_arrays

        arrays = {block.key: block.vectors for block in blocks}
        written = write_arrays(out, arrays, {block.key: block.labels for block in blocks}, stack)
        click.echo(f"wrote {written}", err=True)
        return
    from semsearch.cli.output.render import show

    rows = [row for block in blocks for row in _rows(block)]
    names = tuple(rows[0]) if rows else ()
    several = bool(rows) and rows[-1]["number"] > 1
    first = [name for name in names if name != "text" and (name != "number" or several)]
    show(rows, (*first, *(["text"] if "text" in names else [])), style, every=names, nothing="no tokens")


def _rows(block: Block) -> Iterator[dict[str, Any]]:
    for about, vector in zip(block.about, block.vectors, strict=True):
        yield {**about, "norm": float((vector @ vector) ** 0.5), "vector": vector.tolist()}
