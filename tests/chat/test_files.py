"""PDF and Word files for the knowledge base: their text, and a reason where there is none."""

from __future__ import annotations

import io
import subprocess

import docx
import pytest
from pypdf import PdfReader, PdfWriter

from attune.kernel.errors import Invalid
from chat.knowledge import extracting, services
from chat.knowledge.models import Document

LINE = "Parcels to Denmark take 3 days."


def pdf(line: str = LINE, *, password: str = "", pages: int = 1) -> bytes:
    """A file of one line a page, written by hand."""
    stream = f"BT /F1 12 Tf 72 720 Td ({line}) Tj ET".encode()
    kids = " ".join(f"{5 + n} 0 R" for n in range(pages))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {pages} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        *[b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R "
          b"/Resources << /Font << /F1 3 0 R >> >> >>"] * pages,
    ]  # fmt: skip
    out, places = bytearray(b"%PDF-1.4\n"), []
    for n, body in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (n, body)
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, table)
    if not password:
        return bytes(out)
    writer = PdfWriter(PdfReader(io.BytesIO(bytes(out))))
    writer.encrypt(password, algorithm="RC4-128")
    kept = io.BytesIO()
    writer.write(kept)
    return kept.getvalue()


def word() -> bytes:
    made = docx.Document()
    made.add_heading("Delivery", 1)
    made.add_paragraph(LINE)
    table = made.add_table(1, 2)
    table.rows[0].cells[0].text, table.rows[0].cells[1].text = "Norway", "5 days"
    kept = io.BytesIO()
    made.save(kept)
    return kept.getvalue()


def test_a_pdf_is_answered_from(tenant):
    row = services.from_file(name="delivery-times.pdf", content=pdf())
    assert (row.kind, row.title, row.body) == ("file", "delivery times", LINE)
    assert row.passages.get().text == LINE


def test_a_word_file_keeps_its_headings_and_tables(tenant):
    row = services.from_file(name="delivery.docx", content=word())
    assert row.body.split("\n\n") == ["# Delivery", LINE, "Norway | 5 days"]
    assert row.passages.first().heading == "Delivery"


@pytest.mark.parametrize(("name", "content", "told"), [
    ("a.pdf", b"%PDF-1.4 rubbish", "a.pdf cannot be read"),
    ("a.docx", b"PK\x03\x04 rubbish", "a.docx cannot be read"),
    ("a.pdf", pdf(password="secret"), "locked with a password"),
    ("a.pdf", pdf(""), "holds no text"),
    ("a.pdf", pdf(pages=extracting.PAGES + 1), "cut it into parts"),
    ("a.exe", b"MZ", "Send a .pdf, .docx"),
])  # fmt: skip
def test_a_file_without_text_is_refused_with_the_reason(tenant, name, content, told):
    with pytest.raises(Invalid, match=told):
        services.from_file(name=name, content=content)
    assert not Document.objects.exists()


def test_a_file_that_takes_forever_stops_nothing_but_its_reader(tenant, monkeypatch):
    def endless(*_: object, **options: object) -> None:
        raise subprocess.TimeoutExpired("file_reader", float(str(options["timeout"])))

    monkeypatch.setattr(subprocess, "run", endless)
    with pytest.raises(Invalid, match="too long or too intricate"):
        services.from_file(name="a.pdf", content=pdf())
