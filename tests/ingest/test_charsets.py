"""Text in other encodings than UTF-8, compared with what it was before it was encoded."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semsearch.common.errors import RecordError
from semsearch.ingest.formats.sniff import is_binary
from semsearch.ingest.formats.texts.charsets import guess_encoding
from semsearch.ingest.formats.texts.streams import decode
from semsearch.ingest.reader import Reader

TEXTS = {
    "cp1252": "Le café était fermé à Noël, où étaient passés les élèves ? “Là-bas” — dit-elle.",
    "latin-1": "Die Übung führte zu größeren Mühen für alle Schüler der Straße.",
    "cp1251": "Пчела собирает мёд на цветках, и это хорошо для всех.",
    "koi8_r": "Пчела собирает мёд на цветках, и это хорошо для всех.",
    "cp1253": "Η μέλισσα μαζεύει μέλι από τα λουλούδια της άνοιξης.",
    "shift_jis": "ミツバチは花の蜜を集める。日本語の文章です。",
    "euc_jp": "ミツバチは花の蜜を集める。日本語の文章です。",
    "gb18030": "蜜蜂采集花蜜。这是中文文本。我们在北京的大学里学习自然语言处理，这是一个很有意思的题目。",
    "big5": "蜜蜂採集花蜜。這是中文文本。",
    "euc_kr": "꿀벌은 꽃에서 꿀을 모은다. 그리고 겨울을 난다.",
    "utf-16": "A bee has wings, and it hums.",
    "utf-16-le": "A bee has wings, and it hums, in ASCII alone.",
    "utf-16-be": "A bee has wings, and it hums, in ASCII alone.",
    "utf-32": "A bee has wings, and it hums.",
    "utf-8-sig": "Über allen Gipfeln ist Ruh.",
}


@pytest.mark.parametrize("encoding", TEXTS)
def test_a_text_in_another_encoding_is_read(tmp_path, encoding):
    """Whole files, and tables a row at a time, have the text that was encoded."""
    text = TEXTS[encoding]
    (tmp_path / "a.txt").write_bytes(text.encode(encoding))
    (document,) = Reader([tmp_path / "a.txt"])
    assert document.text == text
    (tmp_path / "a.csv").write_bytes(f'id;text\n1;"{text}"\n2;"{text}"\n'.encode(encoding))
    assert [document.text for document in Reader([tmp_path / "a.csv"])] == [text, text]


def test_a_few_letters_are_western():
    """Where nothing tells encodings apart, it is the one that most files have."""
    assert decode(b"caf\xe9") == "café"
    assert decode("Müller & Söhne".encode("cp1252")) == "Müller & Söhne"


def test_a_bad_byte_in_utf8_is_replaced_and_the_rest_kept():
    """A file of UTF-8 into which another program has written stays UTF-8."""
    text = "Über Öfen, Bäche, Bärenhäute und süße Früchte"
    assert decode(text.encode() + b" caf\xe9 " + text.encode()) == f"{text} caf\ufffd {text}"


@pytest.mark.parametrize(
    "data", [b"\x7fELF\0\1", b"\x7fELF" + bytes(200), bytes(range(256)) * 8, b"\x89PNG\r\n\x1a\n" + bytes(range(256))]
)
def test_what_is_no_text_is_refused(data):
    """Programs and pictures are not read as letters of an alphabet."""
    with pytest.raises(RecordError, match="no text"):
        decode(data)


@settings(deadline=None)
@given(st.text())
def test_utf8_is_never_taken_for_anything_else(text):
    """Whatever text it is, but for one that is mostly NULs."""
    data = text.encode()
    if data.count(0) <= 0.1 * len(data) or len(data) < 32:
        assert decode(data) == text.removeprefix("\ufeff")


@settings(deadline=None)
@given(st.binary(max_size=3000))
def test_any_bytes_are_text_or_an_error(data):
    """Nothing else comes of them: what is no UTF-8, and what no encoding is found for, is the error."""
    try:
        is_utf8 = (bool(data.decode()) or not data) and not is_binary(data)
    except UnicodeDecodeError:
        is_utf8 = False
    if guess_encoding(data) is None and not is_utf8:
        with pytest.raises(RecordError, match="no text"):
            decode(data)
    elif guess_encoding(data) is not None:
        assert isinstance(decode(data), str)
