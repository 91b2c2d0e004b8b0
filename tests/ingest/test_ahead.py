"""Files that children extract before the reader comes to them, against one child that is asked for one by one."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from pathlib import Path

import pytest

import semsearch
from semsearch.common.errors import RecordError
from semsearch.ingest.extraction import ahead
from semsearch.ingest.extraction.ahead import Extractors
from semsearch.ingest.extraction.extractor import Extractor
from semsearch.ingest.reader import Reader
from tests.support import sample_files
from tests.support.fake_encoder import FakeEncoder
from tests.support.sample_files import PAGES

RUN_CHILD = "from semsearch.ingest.extraction.child import main; main()"
KIND = """
import os, time
from pathlib import Path
from semsearch.ingest.extraction.parts import Part

def extract(data):
    word, _, folder = data.decode().partition(" ")
    if word == "crash":
        os._exit(1)
    if word == "meet":
        Path(folder, str(os.getpid())).touch()
        while len(os.listdir(folder)) < 2:
            time.sleep(0.01)
    yield Part(word)
"""


@pytest.fixture
def make(monkeypatch, tmp_path):
    """Makes children that know the kind ``odd``."""
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "semsearch_odd.py").write_text(KIND)
    monkeypatch.syspath_prepend(tmp_path / "code")
    hook = "import sys, semsearch_odd; sys.modules['semsearch.ingest.extraction.kinds.odd'] = semsearch_odd"
    return lambda: Extractor(20, ("-c", f"{hook}; {RUN_CHILD}"))


@pytest.fixture
def two(make):
    """Two such children."""
    extractors = Extractors(2, make)
    yield extractors
    extractors.close()


def _texts(extractors, path, content=None):
    data = path.read_bytes() if content is None else content
    return [part.text for part in extractors.extract("odd", data, str(path))]


def _foresee(extractors, path):
    extractors.foresee("odd", str(path), path.stat().st_size)


def test_documents_and_errors_do_not_depend_on_how_many_children_there_are(monkeypatch, tmp_path):
    """PDF, mail and HTML, one of them broken: the same in the same order by one child and by three."""
    for number in range(4):
        (tmp_path / f"{number}.pdf").write_bytes(sample_files.pdf(PAGES[: 1 + number % 2]))
        (tmp_path / f"{number}.eml").write_bytes(sample_files.message())
        (tmp_path / f"{number}.txt").write_text(f"bee {number}")
    (tmp_path / "2.pdf").write_bytes(b"%PDF-1.4 nonsense")
    found = []
    for children in (1, 3):
        extractors = Extractors(children)
        monkeypatch.setattr(ahead, "shared_extractors", extractors)
        reader = Reader([tmp_path], skip_bad=True)
        found.append((list(reader), reader.messages))
        assert extractors._foreseen == {}
        extractors.close()
    assert found[0] == found[1]
    assert len(found[0][0]) == 11
    assert "2.pdf" in found[0][1][0]


def test_children_work_at_the_same_time(two, tmp_path):
    """Each of two files waits for the other one's reader to be there."""
    room = tmp_path / "room"
    room.mkdir()
    files = [tmp_path / "a.odd", tmp_path / "b.odd"]
    for file in files:
        file.write_text(f"meet {room}")
        _foresee(two, file)
    assert [_texts(two, file) for file in files] == [["meet"], ["meet"]]
    assert len(list(room.iterdir())) == 2


def test_a_file_that_changes_after_it_was_foreseen_is_read_as_it_is(two, tmp_path):
    """What counts are the bytes that the reader has."""
    file = tmp_path / "a.odd"
    file.write_text("bee")
    _foresee(two, file)
    assert _texts(two, file, b"eagle") == ["eagle"]


def test_a_file_that_is_gone_when_it_is_foreseen_is_read_by_what_was_read_of_it(two, tmp_path):
    """The child found nothing; the reader had it open."""
    two.foresee("odd", str(tmp_path / "gone.odd"), 3)
    assert _texts(two, tmp_path / "gone.odd", b"bee") == ["bee"]


def test_a_foreseen_file_that_crashes_its_child_is_refused_in_its_place(two, tmp_path):
    """The error comes when the file is asked for, and the files around it are read."""
    files = [tmp_path / f"{number}.odd" for number in range(3)]
    for file, content in zip(files, ("bee", "crash", "eagle"), strict=True):
        file.write_text(content)
        _foresee(two, file)
    assert _texts(two, files[0]) == ["bee"]
    with pytest.raises(RecordError, match="makes its reader crash"):
        _texts(two, files[1])
    assert _texts(two, files[2]) == ["eagle"]


def test_an_error_of_bytes_that_have_changed_is_not_told(two, tmp_path):
    """The file could not be read when it was foreseen, and can be now."""
    file = tmp_path / "a.odd"
    file.write_text("crash")
    _foresee(two, file)
    assert _texts(two, file, b"bee") == ["bee"]


def test_packed_files_are_read_as_they_are_unpacked(tmp_path):
    """What is in them is not what lies on the disk; they are read in their turn."""
    page = b"<html><head><title>Bees</title></head><body><p>A bee makes honey in a hive.</p></body></html>"
    for name in ("a.html.gz", "b.html.gz"):
        (tmp_path / name).write_bytes(gzip.compress(page))
    (tmp_path / "c.html").write_bytes(page)
    texts = [document.text for document in Reader([tmp_path])]
    assert len(texts) == 3
    assert len(set(texts)) == 1
    assert "honey" in texts[0]


def test_large_files_wait_for_their_turn(two, tmp_path):
    """Several of them would fill the memory."""
    two.foresee("odd", str(tmp_path / "a.odd"), ahead.MOST_BYTES + 1)
    assert two._foreseen == {}


def test_files_that_have_not_changed_are_not_foreseen(monkeypatch, tmp_path):
    """A second run over the same folder begins with no file ahead."""
    for name in "abc":
        (tmp_path / f"{name}.eml").write_bytes(sample_files.message())
    extractors = Extractors(1)
    monkeypatch.setattr(ahead, "shared_extractors", extractors)
    begun = []
    foresee = extractors.foresee
    monkeypatch.setattr(extractors, "foresee", lambda *file: begun.append(file[1]) or foresee(*file))
    with semsearch.Collection.create(tmp_path / "indexes" / "mail", FakeEncoder()) as collection:
        collection.sync(Reader([tmp_path]))
        assert [Path(path).name for path in begun] == ["a.eml", "b.eml", "c.eml"]
        collection.sync(Reader([tmp_path]))
    assert len(begun) == 3
    extractors.close()


def test_a_program_ends_while_a_child_is_at_work(make, tmp_path):
    """A file that was foreseen and hangs does not keep the program from ending."""
    (tmp_path / "room").mkdir()
    (tmp_path / "a.odd").write_text(f"meet {tmp_path / 'room'}")
    program = (
        "from semsearch.ingest.extraction import ahead\n"
        f"child = ahead.Extractor(600, {make()._program!r})\n"
        "ahead.shared_extractors._idle.get(); ahead.shared_extractors._children[:] = [child]\n"
        "ahead.shared_extractors._idle.put(child)\n"
        f"ahead.shared_extractors.foresee('odd', {str(tmp_path / 'a.odd')!r}, 9)\n"
        f"import os, time\nwhile not os.listdir({str(tmp_path / 'room')!r}): time.sleep(0.01)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path / "code"), *filter(None, sys.path)])}
    done = subprocess.run([sys.executable, "-c", program], env=environment, timeout=60, capture_output=True, check=True)
    assert done.stderr == b""
