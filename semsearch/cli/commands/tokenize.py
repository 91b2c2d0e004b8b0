"""``semsearch tokenize``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from semsearch.cli.options import check_texts, cli_command, format_option
from semsearch.common.environment import DEFAULT_MODEL
from semsearch.common.unicode import one_line

if TYPE_CHECKING:
    from semsearch.encoder import Encoder, TextTokens

__all__ = ["command"]

COLUMNS = ("token", "id", "start", "end", "kind", "decoded")


@cli_command
@click.argument("texts", nargs=-1, required=True, metavar="TEXT...")
@click.option(
    "--model",
    "models",
    multiple=True,
    metavar="MODEL",
    help=f"Folder, name or Hub id; several are shown one after another.  [default: {DEFAULT_MODEL}]",
)
@click.option("--no-special", is_flag=True, help="Leave out the special tokens around a text.")
@format_option
def command(texts: tuple[str, ...], models: tuple[str, ...], no_special: bool, style: str | None) -> None:
    """Show the tokens that a model makes of texts.

    A row a token, with its id, its place in the text, whether it is a word, a further piece of one, or special,
    and what its id is decoded to. The decoding of each whole text goes to standard error.

    \b
    semsearch tokenize "I love mathematics!"
    semsearch tokenize "unaffable bees" --no-special --format json
    """
    from semsearch.cli.output.render import show
    from semsearch.encoder import Encoder

    check_texts(texts)
    rows: list[dict[str, Any]] = []
    for model in models or (DEFAULT_MODEL,):
        encoder = Encoder.load(model)
        for number, tokens in enumerate(encoder.tokenize(texts, special=not no_special), 1):
            rows += [{"model": model, "number": number, **row} for row in _rows(encoder, tokens)]
            click.echo(f"decoded ({model}): {one_line(encoder.decode(tokens.ids))}", err=True)
    which = (*(["model"] if len(models) > 1 else []), *(["number"] if len(texts) > 1 else []))
    show(rows, (*which, *COLUMNS), style, every=("model", "number", *COLUMNS), nothing="no tokens")


def _rows(encoder: Encoder, tokens: TextTokens) -> list[dict[str, Any]]:
    kinds = [
        "special" if special else "word" if start else "piece"
        for special, start in zip(tokens.special, tokens.starts, strict=True)
    ]
    return [
        {
            "token": token,
            "id": token_id,
            "start": start,
            "end": end,
            "kind": kind,
            "decoded": encoder.decode([token_id], False),
        }
        for token, token_id, (start, end), kind in zip(tokens.tokens, tokens.ids, tokens.offsets, kinds, strict=True)
    ]
