"""Jupyter notebooks: texts as the Markdown that they are, code between fences; outputs are left out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import BufferedReader
from typing import Any

from semsearch.common.documents import Document
from semsearch.common.errors import NONSENSE, RecordError
from semsearch.common.unicode import replace_surrogates
from semsearch.ingest.formats.format import Fields, Format, Origin
from semsearch.ingest.formats.tables.records import locate
from semsearch.ingest.formats.texts.markdown import find_heading
from semsearch.ingest.formats.texts.streams import decode

__all__ = ["NOTEBOOK"]


def _read_notebook(origin: Origin, stream: BufferedReader, _: Fields) -> Iterator[Document | RecordError]:
    """The whole notebook as one document (nbformat 4, and 3 with its worksheets)."""
    try:
        notebook = json.loads(decode(stream.read()))
        sheets = notebook.get("worksheets") or [notebook]
        language = notebook.get("metadata", {}).get("kernelspec", {}).get("language", "")
        cells = [_read_cell(cell, str(language)) for sheet in sheets for cell in sheet["cells"]]
    except RecordError as error:
        yield locate(error, origin.label)
        return
    except (*NONSENSE, AttributeError) as error:
        yield locate(RecordError(f"no notebook of Jupyter ({error!r:.80}); save it anew"), origin.label)
        return
    text = replace_surrogates("\n\n".join(cell for cell in cells if cell.strip()))
    yield Document(text, origin.id, find_heading(text), origin.source)


def _read_cell(cell: dict[str, Any], language: str) -> str:
    source = cell.get("source", cell.get("input", ""))
    text = source if isinstance(source, str) else "".join(map(str, source))
    return text if cell.get("cell_type") != "code" or not text.strip() else f"```{language}\n{text}\n```"


NOTEBOOK = Format("notebook", _read_notebook)
