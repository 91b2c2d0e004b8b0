"""``semsearch fill``."""

from __future__ import annotations

from dataclasses import asdict

import click

from semsearch.cli.options import cli_command, format_option, k_option, model_option

__all__ = ["command"]


@cli_command
@click.argument("text")
@model_option
@k_option
@format_option
def command(text: str, model: str, k: int, style: str | None) -> None:
    """Fill the masks of a text with the likeliest tokens.

    The score is the probability that the model's masked-language-model head gives a token. Sentence encoders,
    the packaged one among them, come without that head; the models that they were made from have it.

    \b
    semsearch fill "the [MASK] flew" --model bert-base-uncased
    """
    from semsearch.cli.output.render import show
    from semsearch.encoder import MaskedLanguageModel

    filled = MaskedLanguageModel.load(model).fill(text, k)
    rows = [{"mask": mask, **asdict(token)} for mask, tokens in enumerate(filled, 1) for token in tokens]
    show(rows, ("mask", "rank", "score", "name"), style, legend="score: probability of the token")
