"""Manual pages, compared with what groff prints of them."""

from __future__ import annotations

import gzip
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from semsearch.ingest.formats.texts.manual import manual_text
from semsearch.ingest.reader import Reader

MAN = r"""
.\" a comment
.de XX
.B not shown
..
.TH BEE 1 2026-01-01 "hive 1.0" "Insects"
.SH NAME
bee \- hum and make honey
.SH SYNOPSIS
.B bee
[\fB\-v\fR] [\fIFLOWER\fR ...]
.if n .ad l
.SH DESCRIPTION
Bees visit
.BR flowers (5)
and \(lqmake\(rq honey\&.
.PP
A second paragraph, \fIslanted\fP.
.SS "Kinds of bees"
.TP
.BR \-v ", " \-\-verbose
Hum louder.
.TP
.I FLOWER
Which one.
.nf
  code\e n
.fi
"""
MDOC = r"""
.Dd January 1, 2026
.Dt BEE 1
.Os
.Sh NAME
.Nm bee
.Nd hum and make honey
.Sh SYNOPSIS
.Nm
.Op Fl v
.Ar flower ...
.Sh DESCRIPTION
The
.Nm
utility visits
.Xr flowers 5 .
.Bl -tag -width Ds
.It Fl v
Hum louder.
.El
"""


def test_a_page_of_man_has_its_words_and_headings():
    """Fonts, comments, definitions and conditions are gone."""
    text, title = manual_text(MAN)
    assert title == "bee - hum and make honey"
    assert text.splitlines()[0] == "# NAME"
    assert "# DESCRIPTION" in text
    assert "## Kinds of bees" in text
    for words in (
        "bee [-v] [FLOWER ...]",
        "Bees visit flowers(5) and “make” honey.",
        "-v, --verbose",
        "A second paragraph, slanted.",
    ):
        assert words in text
    assert "not shown" not in text
    assert "comment" not in text


def test_a_page_of_mdoc_has_its_words_and_headings():
    """Macros among the words are gone, flags have their hyphens, and the name stands where it is meant."""
    text, title = manual_text(MDOC)
    assert title == "bee – hum and make honey"
    for words in ("The bee utility visits flowers(5).", "-v", "Hum louder.", "# SYNOPSIS"):
        assert words in text


def test_a_log_with_the_extension_of_a_page_is_text(tmp_path):
    """Rotated logs end with numbers, too."""
    (tmp_path / "app.log.1").write_text("INFO: a bee\n.hidden line\n")
    (document,) = Reader([tmp_path / "app.log.1"])
    assert document.text == "INFO: a bee\n.hidden line\n"
    assert document.title is None


def _installed_pages():
    folder = Path("/usr/share/man/man1")
    return sorted(folder.glob("*.1.gz"))[::23][:40] if folder.is_dir() else []


@pytest.mark.skipif(not shutil.which("groff") or not _installed_pages(), reason="groff or its pages are not installed")
def test_pages_of_this_machine_have_the_words_that_groff_prints():
    """Of all words of all pages at least 97 in a hundred, and hardly any that groff does not print."""
    missing = surplus = total = 0
    for page in _installed_pages():
        source = gzip.decompress(page.read_bytes()).decode("utf-8", "replace")
        if source.lstrip().startswith(".so "):
            continue
        printed = subprocess.run(
            ["groff", "-mandoc", "-t", "-Tutf8", "-P-c", "-P-b", "-P-o", "-P-u", "-rHY=0", "-rLL=400n"],
            input=source, capture_output=True, text=True, check=True, timeout=60,
        ).stdout  # fmt: skip
        ours, theirs = _words(manual_text(source)[0]), _words(re.sub("\x1b\\[[0-9;]*m", "", printed))
        missing, surplus, total = missing + len(theirs - ours), surplus + len(ours - theirs), total + len(theirs)
    assert total > 1000
    assert missing < 0.03 * total
    assert surplus < 0.03 * total


def _words(text):
    return {word.lower() for word in re.findall(r"[A-Za-z]{3,}", text)}
