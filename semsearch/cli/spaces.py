"""The space that the options of a command ask for: a model's vocabulary, or the vectors in a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from semsearch.cli.options import RUN_OPTIONS, notify
from semsearch.common.errors import InputError

if TYPE_CHECKING:
    from semsearch.words.spaces import Space

__all__ = ["open_space"]


def open_space(how: dict[str, Any]) -> Space:
    """The space of ``space_options`` and ``model_options``."""
    given = {name: how[name] for name in ("center", "drop") if how[name] is not None}
    if how["vectors"] is None:
        return _vocabulary(how, given)
    if how["space"] is not None:
        raise InputError(f"--space {how['space']} is a space of a model, and --vectors has its own; leave one out")
    from semsearch.words.spaces import read_space

    space = read_space(how["vectors"])
    return space.prepared(given.get("center", False), given.get("drop", 0)) if given else space


def _vocabulary(how: dict[str, Any], given: dict[str, Any]) -> Space:
    from semsearch.cli.output.progress import count_progress
    from semsearch.encoder import Encoder
    from semsearch.words.spaces import DEFAULT_SPACE, Vocabulary

    encoder = Encoder.load(how["model"], notify=notify, **{name: how[name] for name in RUN_OPTIONS})
    with count_progress("encoding the vocabulary, once") as progress:
        return Vocabulary(encoder, how["space"] or DEFAULT_SPACE, progress=progress, **given)
