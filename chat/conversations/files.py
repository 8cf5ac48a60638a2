"""Files that come with messages: what may come in, as what. Pure.

Allowed by extension and by content: pictures (decoded and written anew, without what a camera
noted), PDF and plain text. Nothing else; HTML and SVG could run in a page.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from attune.kernel import pictures
from attune.kernel.errors import Invalid
from attune.kernel.phrases import say

MOST_BYTES = 5 * 1024 * 1024
MOST_FILES = 10  # of one message
PICTURES = pictures.KINDS
OTHERS = {"pdf": "application/pdf", "txt": "text/plain; charset=utf-8"}
TYPES = ", ".join([*PICTURES, *OTHERS])


@dataclass(frozen=True, slots=True)
class Checked:
    """A file that may be kept."""

    name: str
    content_type: str
    content: bytes


def checked(name: str, content: bytes) -> Checked:
    """The file as it is kept. Raises Invalid, naming what is wrong with it."""
    clean = _name(name)
    kind = clean.rpartition(".")[2].lower()
    if len(content) > MOST_BYTES:
        raise _wrong(say("%(name)s is larger than %(most)s MB.", name=clean, most=5))
    if not content:
        raise _wrong(say("%(name)s is empty.", name=clean))
    if kind in PICTURES:
        try:
            return Checked(clean, pictures.content_type(clean), pictures.cleaned(clean, content))
        except pictures.NoPicture as no:
            raise _wrong(no.why) from no
    if kind == "pdf" and content.startswith(b"%PDF-"):
        return Checked(clean, OTHERS[kind], content)
    if kind == "txt":
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as binary:
            raise _wrong(say("%(name)s is no UTF-8 text.", name=clean)) from binary
        return Checked(clean, OTHERS[kind], text.replace("\x00", "").encode())
    raise _wrong(say("%(name)s cannot be sent; send one of: %(types)s.", name=clean, types=TYPES))


def _name(text: str) -> str:
    """A file name without a path, without control characters and direction marks."""
    base = re.split(r"[/\\]", text)[-1]
    kept = "".join(c for c in base if unicodedata.category(c) not in {"Cc", "Cf", "Cs"})
    stem, dot, kind = kept.strip().rpartition(".")
    return f"{stem[:100] or 'file'}{dot}{kind[:10]}" if dot else kept.strip()[:100] or "file"


def _wrong(why: str) -> Invalid:
    return Invalid.one("file", why)
