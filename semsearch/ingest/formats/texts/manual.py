"""Manual pages in the languages of man(7) and mdoc(7), as text with headings.

What a page looks like is left to others: fonts, indentation, tables' rules and conditions are dropped, words stay.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BufferedReader

from semsearch.common.documents import Document
from semsearch.common.errors import RecordError
from semsearch.ingest.formats.format import Fields, Format, Origin
from semsearch.ingest.formats.sniff import SNIFFED_BYTES, find_kind
from semsearch.ingest.formats.texts.text import read_text

__all__ = ["MANUAL", "manual_text"]


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


CHARACTERS = {
    "em": "—",
    "en": "–",
    "aq": "'",
    "dq": '"',
    "lq": "“",
    "rq": "”",
    "oq": "‘",
    "cq": "’",
    "bu": "•",
    "co": "©",
    "rs": "\\",
    "ti": "~",
    "ha": "^",
    "ga": "`",
    "hy": "-",
    "mi": "−",
    "mu": "×",
    "->": "→",
    "<-": "←",
    "<=": "≤",
    ">=": "≥",
    "!=": "≠",
    "+-": "±",
    "de": "°",
    "sc": "§",
    "ss": "ß",
    "at": "@",
    "sh": "#",
    "Do": "$",
    "bv": "|",
    ":a": "ä",
    ":o": "ö",
    ":u": "ü",
    ":A": "Ä",
    ":O": "Ö",
    ":U": "Ü",
    "'e": "é",
    "`e": "è",
    "^e": "ê",
    ",c": "ç",
}
ESCAPE = re.compile(
    r"\\(?:\"(?P<comment>.*)|\((?P<two>..)|\[(?P<long>[^\]]*)\]|[fFmMgk](?:\[[^\]]*\]|\(..|.)"
    r"|[*nV](?:\[[^\]]*\]|\(..|.)|s[+-]?(?:\(\d\d|\[[^\]]*\]|\d)|[hvwboDlLSNxXZ]'[^']*'|(?P<one>.)|$)"
)
SINGLE = {"-": "-", "e": "\\", " ": " ", "~": " ", "0": " ", "'": "´", "`": "`", ".": ".", "\\": "\\", "t": "\t"}
DROPPED = _names("nf fi ad na hy nh ft sz in ti ne ta tr ce so de1 am as ds nr rm rn ns rs ps vs ll pl ev ex tm")
BREAKS = _names("PP P LP sp Pp br TP TQ IP HP RS RE EX EE It Bl El Bd Ed TS TE bp")
FONTS = _names("B I SM SB BR RB BI IB IR RI OP UR UE MT ME SY YS")
INLINE = _names(
    "Ad An Ao Ac Ap Aq Ar At Bc Bo Bq Brc Bro Brq Bsx Bx Cd Cm Dc Do Dq Dv Dx Em Er Ev Fa Fl Fn Ft Fx Ic In Lb Li Lk "
    "Ms Mt Nm No Ns Nx Oc Oo Op Ot Ox Pa Pc Pf Po Pq Ql Qc Qo Qq Sc So Sq St Sx Sy Ta Tn Ux Va Vt Xc Xo Xr Ud Bk Ek "
    "D1 Dl Rs Re %A %B %D %I %J %N %O %P %R %T %U %V"
)
PUNCTUATION = frozenset(".,:;()[]?!|")


@dataclass(slots=True)
class _Page:
    """What has been written of a page: its title, its lines, and the name that ``.Nm`` stands for."""

    title: str | None = None
    name: str = ""
    lines: list[str] = field(default_factory=list)

    def write(self, words: str) -> None:
        """Go on in the line."""
        if words and self.lines and self.lines[-1] and not self.lines[-1].startswith("#"):
            self.lines[-1] += f" {words}"
        elif words:
            self.lines.append(words)

    def end_paragraph(self) -> None:
        """Leave a line blank."""
        if self.lines and self.lines[-1]:
            self.lines.append("")

    def head(self, words: str, level: int) -> None:
        """Begin a section."""
        self.end_paragraph()
        self.lines += [f"{'#' * level} {words}", ""]


def manual_text(source: str) -> tuple[str, str | None]:
    """The text of a page, and its title: what it says under NAME, or else what its head says."""
    page = _Page()
    lines = iter(source.splitlines())
    for line in lines:
        if line.startswith((".", "'")):
            _obey(page, line, lines)
        elif line.strip():
            page.write(_unescape(line).strip())
        else:
            page.end_paragraph()
    text = "\n".join(page.lines).strip()
    named = re.search(r"^# NAME\n+([^#\n].*)", text, re.MULTILINE)
    return text, named[1] if named else page.title


def _obey(page: _Page, line: str, lines: Iterator[str]) -> None:
    """Do what a line asks for; it may take further lines."""
    request, _, rest = line[1:].strip().partition(" ")
    words = _split_words(_unescape(rest))
    if request in ("de", "ig", "am"):
        _skip_to(lines, "..")
    elif request in ("if", "ie", "el"):
        _skip_block(line, lines)
    elif request in ("TH", "Dt"):
        page.title = f"{words[0].lower()}({words[1]})" if len(words) > 1 else " ".join(words) or None
    elif request in ("SH", "Sh", "SS", "Ss"):
        page.head(" ".join(words) or _unescape(next(lines, "")).strip(), 1 if request in ("SH", "Sh") else 2)
    elif request in BREAKS:
        page.end_paragraph()
        page.write(_join_inline(page, words) if request in ("IP", "It") else "")
    elif request in FONTS:
        page.write(("" if len(request) > 1 and request not in ("SM", "SB") else " ").join(words))
    elif request == "Nd":
        page.write(f"– {' '.join(words)}")
    elif request in INLINE:
        page.write(_join_inline(page, [request, *words]))
    elif request not in DROPPED and not request.startswith(('\\"', "Dd", "Os")) and words and request.isalpha():
        page.write(" ".join(words))


def _join_inline(page: _Page, words: list[str]) -> str:
    """The words of a line of mdoc, in which macros stand among the words."""
    joined: list[str] = []
    glue = prefix = ""
    for place, word in enumerate(words):
        if word in INLINE:
            is_last = place + 1 == len(words)
            prefix = "-" if word == "Fl" else ""
            if word == "Nm" and (is_last or words[place + 1] in PUNCTUATION | INLINE):
                joined.append(page.name)
            elif word == "Fl" and is_last:
                joined.append("-")
            elif word == "Ns":
                glue = "yes"
            continue
        if words[place - 1] == "Nm" and place and not page.name:
            page.name = word
        is_section = place > 1 and words[place - 2] == "Xr"
        shown = f"({word})" if is_section else f"{prefix}{word}"
        if joined and (glue or is_section or word in PUNCTUATION):
            joined[-1] += shown
        else:
            joined.append(shown)
        glue = prefix = ""
    return " ".join(filter(None, joined))


def _unescape(line: str) -> str:
    return ESCAPE.sub(_character, line)


def _character(match: re.Match[str]) -> str:
    name = match["two"] or match["long"]
    if name:
        return CHARACTERS.get(name, "")
    return SINGLE.get(match["one"] or "", "")


def _split_words(rest: str) -> list[str]:
    """The arguments of a request: quotes hold words together."""
    lexer = shlex.shlex(rest, posix=True)
    lexer.whitespace_split, lexer.quotes, lexer.escape, lexer.commenters = True, '"', "", ""
    try:
        return list(lexer)
    except ValueError:  # a quote that is not closed
        return rest.split()


def _skip_to(lines: Iterator[str], end: str) -> None:
    for line in lines:
        if line.strip() == end:
            return


def _skip_block(line: str, lines: Iterator[str]) -> None:
    """Skip what a condition governs: the line, or up to the brace that closes."""
    depth = line.count("\\{") - line.count("\\}")
    while depth > 0 and (following := next(lines, None)) is not None:
        depth += following.count("\\{") - following.count("\\}")


def _read_manual(origin: Origin, stream: BufferedReader, fields: Fields) -> Iterator[Document | RecordError]:
    """The page as one document; a file that only has such a name, as logs do, as text."""
    is_manual = find_kind(stream.peek()[:SNIFFED_BYTES]) == "manual"
    for item in read_text(origin, stream, fields):
        if isinstance(item, Document) and is_manual:
            text, title = manual_text(item.text)
            yield Document(text, item.id, title, item.source)
        else:
            yield item


MANUAL = Format("manual", _read_manual)
