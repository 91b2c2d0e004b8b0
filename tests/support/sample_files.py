"""Files of many kinds, made by programs that are not the ones that read them, where there are such."""

from __future__ import annotations

import io
import json
import mailbox
import zipfile
from email.message import EmailMessage

PAGES = ["Bees make honey from the nectar of flowers.", "Jets burn kerosene in their engines.", "Soup needs basil."]


def pdf(pages=PAGES, title="A book of things"):
    """A PDF with a text a page, by matplotlib."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt
    from matplotlib.backends.backend_pdf import PdfPages

    target = io.BytesIO()
    with mpl.rc_context({"pdf.fonttype": 42}), PdfPages(target, metadata={"Title": title}) as book:
        for text in pages:
            figure = plt.figure(figsize=(8, 4))
            figure.text(0.05, 0.5, text)
            book.savefig(figure)
            plt.close(figure)
    return target.getvalue()


def archive(members):
    """A zip of texts by their names."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, text in members.items():
            opened.writestr(name, text)
    return target.getvalue()


def epub(chapters=PAGES, title="A book of things"):
    """An EPUB of HTML chapters, written by hand after the specification."""
    names = [f"text/c{number}.xhtml" for number in range(len(chapters))]
    items = "".join(
        f'<item id="c{n}" href="{name}" media-type="application/xhtml+xml"/>' for n, name in enumerate(names)
    )
    spine = "".join(f'<itemref idref="c{number}"/>' for number in range(len(names)))
    return archive(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container">'
            '<rootfiles><rootfile full-path="OEBPS/content.opf"/></rootfiles></container>',
            "OEBPS/content.opf": '<package xmlns="http://www.idpf.org/2007/opf" '
            'xmlns:dc="http://purl.org/dc/elements/1.1/">'
            f"<metadata><dc:title>{title}</dc:title></metadata><manifest>{items}</manifest><spine>{spine}</spine></package>",
            **{
                f"OEBPS/{name}": f"<html><body><h1>Chapter {number}</h1><p>{text}</p></body></html>"
                for number, (name, text) in enumerate(zip(names, chapters, strict=True), start=1)
            },
        }
    )


def word():
    """A Word file with headings, a table and a title."""
    import docx

    document = docx.Document()
    document.core_properties.title = "Things that fly"
    document.add_heading("Insects", 1)
    document.add_paragraph(PAGES[0])
    document.add_heading("Bees at home", 2)
    table = document.add_table(2, 2)
    for cell, text in zip(
        [cell for row in table.rows for cell in row.cells], ["kind", "size", "queen", "20 mm"], strict=True
    ):
        cell.text = text
    document.add_paragraph(PAGES[1])
    target = io.BytesIO()
    document.save(target)
    return target.getvalue()


def slides():
    """A presentation of two slides, one with notes."""
    import pptx

    presentation = pptx.Presentation()
    for title, text in (("Bees", PAGES[0]), ("Jets", PAGES[1])):
        slide = presentation.slides.add_slide(presentation.slide_layouts[1])
        slide.shapes.title.text = title
        slide.placeholders[1].text = text
    slide.notes_slide.notes_text_frame.text = "Tell them about kerosene."
    target = io.BytesIO()
    presentation.save(target)
    return target.getvalue()


def open_document():
    """An OpenDocument text with a heading, a paragraph and a table."""
    from odf import dc, opendocument, table, text

    document = opendocument.OpenDocumentText()
    document.meta.addElement(dc.Title(text="Things that fly"))
    document.text.addElement(text.H(outlinelevel=2, text="Insects"))
    document.text.addElement(text.P(text=PAGES[0]))
    cells = table.Table(name="sizes")
    row = table.TableRow()
    for content in ("queen", "20 mm"):
        cell = table.TableCell()
        cell.addElement(text.P(text=content))
        row.addElement(cell)
    cells.addElement(row)
    document.text.addElement(cells)
    target = io.BytesIO()
    document.write(target)
    return target.getvalue()


def open_slides():
    """An OpenDocument presentation of two slides."""
    from odf import draw, opendocument, style, text

    document = opendocument.OpenDocumentPresentation()
    layout = style.PageLayout(name="layout")
    document.automaticstyles.addElement(layout)
    master = style.MasterPage(name="master", pagelayoutname=layout)
    document.masterstyles.addElement(master)
    for content in PAGES[:2]:
        page = draw.Page(masterpagename=master)
        frame, box = draw.Frame(width="10cm", height="2cm"), draw.TextBox()
        box.addElement(text.P(text=content))
        frame.addElement(box)
        page.addElement(frame)
        document.presentation.addElement(page)
    target = io.BytesIO()
    document.write(target)
    return target.getvalue()


def sheets():
    """An Excel file of two sheets, one with a text column, by XlsxWriter."""
    import datetime

    import xlsxwriter

    target = io.BytesIO()
    book = xlsxwriter.Workbook(target, {"default_date_format": "yyyy-mm-dd"})
    prices = book.add_worksheet("Prices")
    rows = [["thing", "price", "since"], ["honey jar", 5, datetime.date(2024, 5, 1)], [], ["jet ticket", 99.5, None]]
    for number, row in enumerate(rows):
        prices.write_row(number, 0, row)
    notes = book.add_worksheet("Notes")
    for number, row in enumerate([["title", "text", "year"], ["Bees", PAGES[0], 2020]]):
        notes.write_row(number, 0, row)
    book.close()
    return target.getvalue()


def message(subject="Honey harvest", body=PAGES[0], html=None):
    """An e-mail with an attachment."""
    mail = EmailMessage()
    mail["Subject"], mail["From"], mail["To"] = subject, "Ada <ada@example.org>", "bees@example.org"
    mail["Date"] = "Wed, 01 May 2024 10:00:00 +0200"
    mail.set_content(body)
    if html:
        mail.add_alternative(html, subtype="html")
    mail.add_attachment(b"\0\1", maintype="application", subtype="octet-stream", filename="comb.bin")
    return bytes(mail)


def mailbox_of(folder, messages):
    """A mailbox, by Python's own module."""
    path = folder / "box.mbox"
    box = mailbox.mbox(path)
    for one in messages:
        box.add(one)
    box.flush()
    box.close()
    return path.read_bytes()


def notebook():
    """A Jupyter notebook of format 4."""
    cells = [
        {"cell_type": "markdown", "metadata": {}, "source": ["# About bees\n", "\n", PAGES[0]]},
        {"cell_type": "code", "metadata": {}, "source": "count = 3\ncount + 1", "outputs": [{"text": "4"}]},
        {"cell_type": "code", "metadata": {}, "source": "", "outputs": []},
    ]
    kernel = {"kernelspec": {"language": "python", "name": "python3"}}
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": kernel, "cells": cells}).encode()
