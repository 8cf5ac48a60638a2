"""python -m chat.knowledge.file_reader pdf < file: its text on stdout, or an exit code that says
why there is none (extracting.py, which runs this)."""

from __future__ import annotations

import io
import resource
import sys

from docx import Document
from docx.table import Table
from pypdf import PdfReader

from chat.knowledge.extracting import BYTES, LETTERS, LOCKED, PAGES, SECONDS, TOO_LONG


def pdf(content: bytes) -> str:
    reader = PdfReader(io.BytesIO(content))
    if reader.is_encrypted and not reader.decrypt(""):
        sys.exit(LOCKED)
    if len(reader.pages) > PAGES:
        sys.exit(TOO_LONG)
    return "\n\n".join(page.extract_text() for page in reader.pages)


def docx(content: bytes) -> str:
    """Paragraphs, headings as Markdown, rows of tables with their cells beside each other."""
    lines = []
    for block in Document(io.BytesIO(content)).iter_inner_content():
        if isinstance(block, Table):
            lines += [" | ".join(cell.text.strip() for cell in row.cells) for row in block.rows]
            continue
        style = block.style.name or "" if block.style else ""
        head = style.startswith(("Heading", "Title")) and block.text.strip()
        lines.append(f"# {block.text}" if head else block.text)
    return "\n\n".join(lines)


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    text = {"pdf": pdf, "docx": docx}[sys.argv[1]](sys.stdin.buffer.read())
    if len(text) > LETTERS:
        sys.exit(TOO_LONG)
    sys.stdout.buffer.write(text.encode("utf-8", "replace"))


if __name__ == "__main__":
    main()
