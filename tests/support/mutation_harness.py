"""Change inputs at random, a few bytes at a time, and see that all of them are read or refused in our own words.

Run as a program: ``mutation_harness.py FOLDER COUNT SEED`` prints one line of JSON a kind of input.
"""

from __future__ import annotations

import gzip
import io
import json
import random
import sqlite3
import struct
import sys
import traceback
from contextlib import closing
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from semsearch import Collection
from semsearch.common.errors import SemsearchError
from semsearch.ingest.locations import find_location
from semsearch.ingest.reader import Reader
from semsearch.ingest.structure import find_parts
from semsearch.storage.upkeep.archive import import_archive
from semsearch.words.vector_files.reader import read_space
from tests.support import sample_files
from tests.support.fake_encoder import FakeEncoder

SPICE = (
    *(b"\0", b"\xff", b'"', b"[" * 2000, b"{", b"\n", b"\r", b",", b"1e999", b"-1"),
    *(b"9" * 300, b"9" * 5000, b"\xf0\x9f\x90\x9d", b"\\ud800"),
)
TEXTS = {
    "a.txt": b"A bee hums.\n\nA jet roars.\n",
    "a.md": b"---\ntitle: Bees\ntags: [a, b]\n---\n# Heading\n\n```\n# code\n```\nText.\n",
    "a.jsonl": b'{"id": "a", "text": "A bee.", "year": 2020, "tags": ["x", {"y": null}]}\n{"text": "A jet."}\n' * 3,
    "a.csv": b'id,text,title\n1,"A ""bee"", humming",Bees\n2,"two\nlines",\n3,A jet,"Jets"\n' * 2,
    "a.tsv": b'id\ttext\n1\tA bee\n2\tA 15" jet\n',
    "a.json": b'{"count": 2, "data": [{"id": "a", "text": "A bee.", "x": [1, null]}, {"text": "A jet."}]}\n',
    "a.py": b"import os\n\n\ndef bee():\n    return 1\n\n\nclass Jet:\n    def fly(self):\n        pass\n",
    "a.html": b"<!DOCTYPE html><html><title>Bees</title><body><h1>Bees</h1><p>A bee hums.</p></body></html>",
    "a.1": b'.TH BEE 1\n.SH NAME\nbee \\- hum\n.PP\n.BR a ", " b\n.TP\n\\fIx\\fP\n.if n \\{\\\n.ad l\n.\\}\n',
    "a.txt.gz": gzip.compress(b"A bee hums.\n" * 50),
}
LIBRARIES = {"a.parquet": "pyarrow", "a.arrow": "pyarrow", "a.pdf": "pypdfium2", "a.docx": "docx", "a.pptx": "pptx"}
LIBRARIES |= {"a.odt": "odf", "a.xlsx": "python_calamine", "a.epub": "lxml", "a.html": "trafilatura"}


def make_files(folder):
    """Files of the kinds that are no text, but for those whose libraries are not there."""
    made = {"a.ipynb": sample_files.notebook(), "a.eml": sample_files.message(html="<p>A bee.</p>")}
    made["a.mbox"] = sample_files.mailbox_of(folder, [sample_files.message(), sample_files.message("Jets")])
    makers = {"a.pdf": sample_files.pdf, "a.docx": sample_files.word, "a.pptx": sample_files.slides}
    makers |= {"a.odt": sample_files.open_document, "a.xlsx": sample_files.sheets, "a.epub": sample_files.epub}
    makers |= {"a.parquet": partial(make_arrow, "parquet"), "a.arrow": partial(make_arrow, "feather")}
    made |= {name: make() for name, make in makers.items() if find_spec(LIBRARIES[name])}
    with closing(sqlite3.connect(folder / "sound.db")) as connection:
        connection.execute("CREATE TABLE notes (id TEXT, text TEXT, year INTEGER)")
        connection.execute("INSERT INTO notes VALUES ('a', 'A bee.', 1), ('b', 'A jet.', NULL)")
        connection.commit()
    return made | {"a.db": (folder / "sound.db").read_bytes()}


def make_arrow(kind):
    """A table as Parquet or Feather."""
    import pyarrow as pa
    from pyarrow import feather, parquet

    target = io.BytesIO()
    table = pa.Table.from_pylist([{"id": "a", "text": "A bee.", "tags": ["x"]}, {"id": "b", "text": "A jet."}])
    (parquet.write_table if kind == "parquet" else feather.write_feather)(table, target)
    return target.getvalue()


def make_inputs(folder):
    """One sound input of each kind: its bytes, and what reads them."""
    vectors = np.arange(12, dtype=np.float32).reshape(4, 3)
    texts = {name: content for name, content in TEXTS.items() if name not in LIBRARIES or find_spec(LIBRARIES[name])}
    inputs = {name: (content, read_documents) for name, content in (texts | make_files(folder)).items()}
    inputs["a.vec"] = (b"4 3\nbee 1 0 0\njet 0 1 0\nsoup 0 0 1\nsky 1 1 0\n", read_vectors)
    inputs["b.csv"] = (b"word,0,1,2\nbee,1,0,0\njet,0,1,0\n", read_vectors)
    words = b"".join(
        name + b" " + row.tobytes() for name, row in zip((b"bee", b"jet", b"a", b"b"), vectors, strict=True)
    )
    inputs["a.bin"] = (b"4 3\n" + words, read_vectors)
    npy = io.BytesIO()
    np.save(npy, vectors)
    inputs["a.npy"] = (npy.getvalue(), read_vectors)
    head = json.dumps({"v": {"dtype": "F32", "shape": [4, 3], "data_offsets": [0, 48]}}).encode()
    inputs["a.safetensors"] = (struct.pack("<Q", len(head)) + head + vectors.tobytes(), read_vectors)
    (folder / "a.names.txt").write_text("bee\njet\nsoup\nsky\n")
    inputs["archive"] = (make_archive(folder), read_archive)
    return inputs


def make_archive(folder):
    """An archive of a small collection."""
    target = io.BytesIO()
    with Collection.create(folder / "sound", FakeEncoder()) as collection:
        collection.add(["A bee hums.", "A jet roars."])
        collection.export(target)
    return target.getvalue()


def read_documents(path):
    """All documents, the broken ones left out."""
    for document in Reader([path], skip_bad=True):
        find_parts(document.text, document.source)
        find_location(document.source, document.id, document.text, (0, len(document.text)))


def read_vectors(path):
    """The space in a file."""
    read_space(path)


def read_archive(path):
    """A collection, which is asked and dropped again."""
    with path.open("rb") as source:
        made = import_archive(source, path.parent / "indexes", "copy")
    with Collection.open(made, FakeEncoder()) as collection:
        collection.search("bee", mode="dense")
        collection.drop()


def mutate(content, chance):
    """The bytes with a few changes: flipped, cut out, doubled, or with something put in."""
    changed = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        at, end = sorted(chance.choices(range(len(changed) + 1), k=2))
        kind = chance.randrange(4)
        if kind == 0 and at < len(changed):
            changed[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            del changed[at : min(end, at + chance.randint(1, 40))]
        elif kind == 2:
            changed[at:at] = changed[at:end]
        else:
            changed[at:at] = chance.choice(SPICE)
    return bytes(changed)


def outcome(path, read):
    """``read``, ``refused``, or what else was raised."""
    try:
        read(path)
    except SemsearchError as error:
        return "refused" if "\n" not in str(error) else f"an error of several lines: {error}"
    except Exception:  # noqa: BLE001 - this is what must not be
        return traceback.format_exc()
    return "read"


def main(folder, count, seed):
    """Try ``count`` changes of each kind of input."""
    for name, (content, read) in make_inputs(folder).items():
        chance = random.Random(f"{name} {seed}")  # noqa: S311 - no secret
        outcomes = []
        for _ in range(count):
            path = folder / name
            path.write_bytes(mutate(content, chance))
            outcomes.append(outcome(path, read))
        wrong = [one for one in outcomes if one not in ("read", "refused")]
        told = {"kind": name, "tried": count, "refused": outcomes.count("refused"), "wrong": wrong[:3]}
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
