"""What happens inside a model, as rows: attention, and the steps of pooling."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from semsearch.cli.output.render import show
from semsearch.common.arrays import Float32
from semsearch.common.errors import InputError

if TYPE_CHECKING:
    from semsearch.cli.commands.embed import VectorOptions
    from semsearch.encoder import Encoder

__all__ = ["show_attention", "show_steps"]

LOOKED_AT = 3
"""Tokens that a row names."""


def show_attention(
    encoder: Encoder, texts: Sequence[str], options: VectorOptions, plot: Path | None, style: str | None
) -> None:
    """For each token of one text, which tokens it takes most of."""
    if len(texts) > 1:
        raise InputError(f"there are {len(texts)} texts; --attention is of one")
    tokens, shares = encoder.attention(texts[0], not options.no_special)
    layer = _number("layer", -1 if options.layer is None else options.layer, len(shares))
    heads = shares[layer - 1]
    head = None if options.head is None else _number("head", options.head, len(heads))
    matrix = heads.mean(axis=0) if head is None else heads[head - 1]
    rows = [
        {
            "token": token,
            "looks_at": ", ".join(f"{tokens.tokens[at]} {row[at]:.2f}" for at in np.argsort(-row)[:LOOKED_AT]),
            "shares": row.tolist(),
        }
        for token, row in zip(tokens.tokens, matrix, strict=True)
    ]
    which = f"layer {layer}, {'mean of all heads' if head is None else f'head {head}'}"
    legend = f"{which}: the share of its new vector that a token takes from each; all shares of a token add up to 1"
    show(rows, ("token", "looks_at"), style, every=("token", "shares"), legend=legend)
    if plot:
        from semsearch.plot import heatmap

        heatmap(plot, matrix, tokens.tokens, tokens.tokens, title=f"Attention, {which}", number="share")


def show_steps(encoder: Encoder, texts: Sequence[str], style: str | None) -> None:
    """From each token's vector to the text's, which is that of the encoder."""
    rows: list[dict[str, Any]] = []
    for number, (text, whole) in enumerate(zip(texts, encoder.encode(texts), strict=True), 1):
        encoded, steps = encoder.pooling_steps(text)
        shown = [("token", token, vector) for token, vector in zip(encoded.tokens.tokens, encoded.vectors, strict=True)]
        shown += [(step.name, step.meaning, step.vector) for step in steps]
        shown.append(("encoder", f"what the encoder gives; {_compare(steps[-1].vector, whole)}", whole))
        rows += [
            {
                "number": number,
                "step": name,
                "what": what,
                "norm": float(np.linalg.norm(vector)),
                "vector": vector.tolist(),
            }
            for name, what, vector in shown
        ]
    columns = ("step", "what", "norm", "vector")
    legend = "norm: length of the vector; vector: its first numbers, all of them with --json"
    show(rows, columns if len(texts) == 1 else ("number", *columns), style, every=("number", *columns), legend=legend)


def _compare(ours: Float32, theirs: Float32) -> str:
    """How far the last step is from the encoder's own vector."""
    return f"no number differs by more than {float(np.abs(ours - theirs).max()):.0e}"


def _number(what: str, given: int, count: int) -> int:
    """A layer or a head counted from 1, or from the end."""
    number = given + count + 1 if given < 0 else given
    if not 1 <= number <= count:
        raise InputError(f"{what} {given} does not exist; choose 1 to {count}, or -1 to {-count}")
    return number
