"""A picture on its way to a file: its name is checked first, and what it shows is said in it as text.

Letters stay letters in an SVG, so that they can be searched, copied and read aloud. Title and description go into the
file's metadata, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from semsearch.common.environment import import_extra
from semsearch.common.errors import InputError
from semsearch.common.unicode import one_line

__all__ = ["check_picture", "drawing", "shorten_label"]

KINDS = (".png", ".svg")
LONGEST_LABEL = 40


def check_picture(path: Path) -> None:
    """Raise before any work is done for a picture that could not be drawn."""
    if path.suffix.lower() not in KINDS:
        raise InputError(f"a picture cannot be written to {path}; its name must end in {' or '.join(KINDS)}")
    if not path.parent.is_dir():
        raise InputError(f"there is no folder {path.parent} for the picture; make it first")
    import_extra("matplotlib", "plot", "a picture")


@contextmanager
def drawing(path: Path, size: tuple[float, float], title: str, description: str) -> Iterator[Any]:
    """An empty figure of so many inches, which is written to ``path`` at the end of the block."""
    check_picture(path)
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure  # not pyplot, which looks for a display

    with mpl.rc_context({"svg.fonttype": "none"}):
        figure = Figure(figsize=size, layout="constrained")
        FigureCanvasAgg(figure)
        figure.suptitle(title, parse_math=False)
        yield figure
        try:
            undated = {"Date": None} if path.suffix.lower() == ".svg" else {}
            figure.savefig(path, metadata={"Title": title, "Description": description, **undated})
        except OSError as error:
            raise InputError(
                f"the picture {path} cannot be written ({error.strerror or error}); name another"
            ) from error


def shorten_label(text: str) -> str:
    """A text that has room beside an axis."""
    line = one_line(text)
    return line if len(line) <= LONGEST_LABEL else f"{line[: LONGEST_LABEL - 1]}…"
