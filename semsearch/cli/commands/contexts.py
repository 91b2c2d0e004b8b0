"""``semsearch contexts``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from semsearch.cli.options import (
    RunOptions,
    cli_command,
    collection_path,
    format_option,
    indexes_option,
    k_option,
    name_argument,
    run_options,
)

__all__ = ["command"]


@cli_command
@name_argument
@click.argument("word")
@click.option(
    "--in", "sentence", metavar="SENTENCE", help="The sentence that has WORD in the sense that is looked for."
)
@click.option("--same-word", is_flag=True, help="Of a collection with word vectors, show occurrences of WORD alone.")
@k_option
@format_option
@run_options
@indexes_option
def command(
    name: str,
    word: str,
    sentence: str | None,
    same_word: bool,
    k: int,
    style: str | None,
    indexes: Path | None,
    run: RunOptions,
) -> None:
    """Find where a collection has a word in the sense of a sentence.

    The occurrences of WORD, upper or lower case, in collection NAME are compared with WORD in SENTENCE, or by itself.
    The score is the cosine of what the model makes of the word in its two contexts, without what all occurrences have
    in common: about 1 for the same sense, below 0 for another. WORD may be several words. Of a frequent word a sample
    of the passages is looked at, which is said.

    A collection that was built with index --word-vectors has a vector of every word. It is asked for the words that are
    nearest to WORD in SENTENCE, whichever they are, by the plain cosine; with --same-word as above.

    \b
    semsearch contexts notes bank --in "We sat on the bank of the river."
    semsearch contexts notes "New York" -k 3
    semsearch contexts novels bank --in "We sat on the bank of the river." --same-word
    """
    from semsearch.cli.opening import open_collection
    from semsearch.cli.output.render import show_occurrences

    with open_collection(collection_path(indexes, name), run) as collection:
        occurrences = collection.contexts(word, sentence, k, same_word=same_word)
        legend = "score: cosine of the word's vectors in both places, less their mean; above 0 is the same sense"
        rows = [asdict(occurrence) for occurrence in occurrences]
        show_occurrences(rows, ("rank", "score", "document"), style, "" if collection.settings.word_vectors else legend)
