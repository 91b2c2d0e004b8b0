"""What is read from files that are not text."""

from __future__ import annotations

import os
import random
import signal
import threading
import time

import pytest

from semsearch.common.errors import MissingExtraError, RecordError
from semsearch.ingest.extraction import ahead
from semsearch.ingest.extraction.ahead import Extractors
from semsearch.ingest.extraction.extractor import Extractor
from semsearch.ingest.formats import extracted
from semsearch.ingest.reader import Reader
from tests.support import sample_files
from tests.support.sample_files import PAGES


@pytest.fixture
def read(tmp_path):
    """The documents of a file of this name and content."""

    def _read(name, data, **options):
        (tmp_path / name).write_bytes(data)
        return list(Reader([tmp_path / name], **options))

    return _read


def test_a_pdf_has_its_pages_and_its_title(read):
    """Pages end with a form feed, as every program that converts PDF has it; the title is the document's own."""
    (document,) = read("a.pdf", sample_files.pdf())
    assert document.text.split("\n\f\n") == PAGES
    assert (document.id, document.title) == ("a.pdf", "A book of things")


def test_a_word_divided_at_the_end_of_a_line_is_one(read):
    """A hyphen inside of a line stays."""
    (document,) = read("a.pdf", sample_files.pdf(["Bees collect nec-\ntar all day, well-known."]))
    assert document.text == "Bees collect nectar all day, well-known."


@pytest.mark.parametrize("title", ["", "Untitled 1", "Microsoft Word - notes.doc", "draft.tex"])
def test_what_a_program_calls_a_pdf_is_no_title(read, title):
    """There is none then."""
    (document,) = read("a.pdf", sample_files.pdf(PAGES[:1], title))
    assert document.title is None


def test_a_word_file_has_headings_and_tables_in_their_order(read):
    """Headings are lines with # signs, rows of a table lines with bars."""
    (document,) = read("a.docx", sample_files.word())
    expected = ["# Insects", PAGES[0], "## Bees at home", "kind | size\nqueen | 20 mm", PAGES[1]]
    assert document.text.split("\n\n") == expected
    assert document.title == "Things that fly"


def test_slides_have_their_titles_texts_and_notes(read):
    """A slide ends with a form feed; the first slide's title is the presentation's if it has no other."""
    (document,) = read("a.pptx", sample_files.slides())
    first, second = document.text.split("\n\f\n")
    assert first == f"# Bees\n\n{PAGES[0]}"
    assert second == f"# Jets\n\n{PAGES[1]}\n\nTell them about kerosene."
    assert document.title == "Bees"


def test_open_document_texts_and_slides(read):
    """As Word and PowerPoint files."""
    (document,) = read("a.odt", sample_files.open_document())
    assert document.text == f"## Insects\n\n{PAGES[0]}\n\nqueen | 20 mm"
    assert document.title == "Things that fly"
    (document,) = read("a.odp", sample_files.open_slides())
    assert document.text.split("\n\f\n") == PAGES[:2]


def test_a_row_of_a_sheet_is_a_document(read):
    """Under the sheet and the number that the row has there; a text column is the text, else all cells are."""
    jar, ticket, bees = read("a.xlsx", sample_files.sheets())
    assert (jar.id, jar.text) == ("a.xlsx#Prices:2", "thing: honey jar\nprice: 5\nsince: 2024-05-01")
    assert jar.metadata == {"thing": "honey jar", "price": 5, "since": "2024-05-01"}
    assert (ticket.id, ticket.metadata) == ("a.xlsx#Prices:4", {"thing": "jet ticket", "price": 99.5})
    assert (bees.id, bees.title, bees.text, bees.metadata) == ("a.xlsx#Notes:2", "Bees", PAGES[0], {"year": 2020})


def test_a_book_has_its_chapters_in_order(read):
    """With their headings."""
    (document,) = read("a.epub", sample_files.epub())
    places = [document.text.index(text) for n, page in enumerate(PAGES, 1) for text in (f"Chapter {n}", page)]
    assert places == sorted(places)
    assert document.title == "A book of things"


def test_a_message_has_its_subject_sender_and_date(read):
    """The plain text is taken if there is one, else the HTML; attachments are named."""
    (document,) = read("a.eml", sample_files.message(html="<p>in colour</p>"))
    assert (document.title, document.text.strip()) == ("Honey harvest", PAGES[0])
    assert document.metadata == {
        "path": "a.eml",
        "kind": "mail",
        "modified": document.metadata["modified"],
        "from": "Ada <ada@example.org>",
        "to": "bees@example.org",
        "date": "2024-05-01T10:00:00+02:00",
        "attachments": ["comb.bin"],
    }
    html = b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\nContent-Type: text/html; charset=utf-8\n\n<p>One.</p><p>Two.</p>"
    (document,) = read("b.eml", html)
    assert (document.title, document.text.split()) == ("Grüße", ["One.", "Two."])


def test_a_mailbox_has_its_messages(read, tmp_path):
    """Each under its number, with lines that begin like a message put right again."""
    bodies = ["One.", "Two.\n\nFrom here on it is quoted.", "Three."]
    data = sample_files.mailbox_of(tmp_path, [sample_files.message(f"s{n}", body) for n, body in enumerate(bodies)])
    documents = read("a.mbox", data)
    assert [document.id for document in documents] == ["a.mbox#1", "a.mbox#2", "a.mbox#3"]
    assert [document.text.strip() for document in documents] == bodies
    assert [document.title for document in documents] == ["s0", "s1", "s2"]


def test_a_notebook_has_its_texts_and_its_code(read):
    """Without outputs; the first heading is the title."""
    (document,) = read("a.ipynb", sample_files.notebook())
    assert document.text == f"# About bees\n\n{PAGES[0]}\n\n```python\ncount = 3\ncount + 1\n```"
    assert document.title == "About bees"


def test_a_page_has_its_main_text(read):
    """Menus, scripts and the end of the page are left out; headings, tables and the encoding are kept."""
    body = "<p>" + "</p><p>".join(f"{page} And more of it, so that it is a text." for page in PAGES) + "</p>"
    page = (
        "<html><head><title>Bäume</title><script>var x = 1</script></head><body><nav><a href=/>Home</a></nav>"
        f"<main><h1>Trees</h1>{body}<h2>Sizes</h2><table><tr><td>oak</td><td>20 m</td></tr></table></main>"
        "<footer>cookies</footer></body></html>"
    )
    (document,) = read("a.html", f'<?xml version="1.0" encoding="iso-8859-1"?>{page}'.encode("latin-1"))
    assert document.title == "Bäume"
    assert document.text.startswith("# Trees")
    assert "## Sizes" in document.text
    assert all(text in document.text for text in (*PAGES, "oak"))
    assert not any(text in document.text for text in ("Home", "var x", "cookies"))
    (document,) = read("b.htm", b"<p>short")
    assert (document.text, document.title) == ("short", None)


SAMPLES = {
    "a.pdf": sample_files.pdf,
    "a.docx": sample_files.word,
    "a.pptx": sample_files.slides,
    "a.odt": sample_files.open_document,
    "a.xlsx": sample_files.sheets,
    "a.epub": sample_files.epub,
    "a.eml": sample_files.message,
    "a.ipynb": sample_files.notebook,
}


@pytest.mark.parametrize("name", SAMPLES)
def test_damaged_files_are_told_by_name_and_can_be_skipped(tmp_path, name):
    """Cut, flipped, empty or of another kind: documents or an error with the file's name, and the others are read."""
    whole, rng = SAMPLES[name](), random.Random(5)  # noqa: S311 - no secret
    (tmp_path / "z.txt").write_text("a bee")
    damaged = [b"", b"\0" * 100, b"%PDF-1.4 and nothing", b"PK\3\4 nothing", whole[: len(whole) // 2]]
    for _ in range(12):
        data = bytearray(whole)
        for _ in range(rng.randint(1, 30)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        damaged.append(bytes(data))
    for data in damaged:
        (tmp_path / name).write_bytes(data)
        reader = Reader([tmp_path], skip_bad=True)
        texts = [document.text for document in reader]
        assert texts[-1] == "a bee"
        assert all(name in message for message in reader.messages)


def test_encrypted_files_say_so(read):
    """With the next step."""
    with pytest.raises(RecordError, match=r"a\.docx: is encrypted, or of an older version of Office; save it anew"):
        read("a.docx", b"\xd0\xcf\x11\xe0" + b"\0" * 600)


def test_an_archive_that_would_fill_the_memory_is_refused(read):
    """By what it says it would unpack to."""
    data = sample_files.archive({"word/document.xml": b"\0" * 200_000_000})
    with pytest.raises(RecordError, match=r"a\.docx: unpacks to 191 MB, which no document does"):
        read("a.docx", data)


def test_entities_in_a_book_are_not_followed(read):
    """An entity that names a file of the system brings nothing of it."""
    container = (
        '<!DOCTYPE c [<!ENTITY x SYSTEM "file:///etc/passwd">]><container><rootfiles><rootfile '
        'full-path="p.opf"/></rootfiles></container>'
    )
    package = (
        '<!DOCTYPE c [<!ENTITY x SYSTEM "file:///etc/passwd">]><package><metadata><title>T &x;</title></metadata>'
        '<manifest><item id="a" href="a.html"/></manifest><spine><itemref idref="a"/></spine></package>'
    )
    data = sample_files.archive({"META-INF/container.xml": container, "p.opf": package, "a.html": "<p>text</p>"})
    (document,) = read("a.epub", data)
    assert "root:" not in f"{document.title}{document.text}"


RUN_CHILD = "from semsearch.ingest.extraction.child import main; main()"
STUBBORN = """
import ctypes, time

def extract(data):
    from semsearch.ingest.extraction.parts import Part
    if data == b"crash":
        ctypes.string_at(0)
    if data == b"sleep":
        time.sleep(60)
    if data == b"memory":
        held = bytearray(8 * 2**30)
    if data == b"print":
        print("this is no answer", flush=True)
    yield Part(data.decode())
"""


@pytest.fixture
def stubborn(monkeypatch, tmp_path):
    """A kind of file that crashes, hangs, prints or takes all memory, as its content says."""
    (tmp_path / "semsearch_stubborn.py").write_text(STUBBORN)
    monkeypatch.syspath_prepend(tmp_path)
    hook = (
        "import sys, semsearch_stubborn; sys.modules['semsearch.ingest.extraction.kinds.stubborn'] = semsearch_stubborn"
    )
    extractor = Extractor(8, ("-c", f"{hook}; {RUN_CHILD}"))
    yield extractor
    extractor.close()


def _text(extractor, data):
    return [part.text for part in extractor.extract("stubborn", data)]


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"crash", "makes its reader crash"), (b"memory", "needs more than 4 GB of memory")],
)
def test_a_reader_that_crashes_takes_nothing_with_it(stubborn, content, told):
    """The file is refused, and the next one is read."""
    assert _text(stubborn, b"before") == ["before"]
    with pytest.raises(RecordError, match=told):
        stubborn.extract("stubborn", content)
    assert _text(stubborn, b"after") == ["after"]


def test_a_reader_that_hangs_is_ended(stubborn):
    """After so many seconds, and the next file is read."""
    stubborn._seconds = 1.5
    assert _text(stubborn, b"before") == ["before"]
    begun = time.monotonic()
    with pytest.raises(RecordError, match=r"takes more than 1\.5 seconds"):
        stubborn.extract("stubborn", b"sleep")
    assert time.monotonic() - begun < 10
    stubborn._seconds = 8
    assert _text(stubborn, b"after") == ["after"]


def test_what_a_library_prints_is_no_answer(stubborn):
    """Answers come by a channel of their own."""
    assert _text(stubborn, b"print") == ["print"]


def test_an_interrupted_extraction_leaves_no_answer_behind(stubborn):
    """Ctrl-C while a file is read: the child is ended, and the next answer is that of the next file."""
    assert _text(stubborn, b"before") == ["before"]
    timer = threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        stubborn.extract("stubborn", b"sleep")
    assert _text(stubborn, b"after") == ["after"]


def test_kinds_that_nothing_is_installed_for_are_left_out_of_folders(tmp_path, monkeypatch):
    """They are counted, and the others are read; one that is asked for by its name is an error that says what to do."""
    (tmp_path / "a.pdf").write_bytes(sample_files.pdf(PAGES[:1]))
    (tmp_path / "b.eml").write_bytes(sample_files.message())
    (tmp_path / "c.txt").write_text("a bee")
    monkeypatch.setattr(extracted, "find_spec", lambda library: None if library == "pypdfium2" else library)
    reader = Reader([tmp_path])
    assert [document.id.split("/")[-1] for document in reader] == ["b.eml", "c.txt"]
    assert (reader.unreadable, reader.ignored) == (1, 0)
    program = ("-c", f"import sys; sys.modules['pypdfium2'] = None; {RUN_CHILD}")
    hidden = Extractors(1, lambda: Extractor(30, program))
    monkeypatch.setattr(ahead, "shared_extractors", hidden)
    with pytest.raises(MissingExtraError, match=r"reading PDF needs pypdfium2.*pip install 'semsearch\[files\]'"):
        list(Reader([tmp_path / "a.pdf"]))
    hidden.close()
