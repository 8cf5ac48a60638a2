"""Files that come with messages: what may come in, as what. Pure.

Allowed by extension and by content: pictures (decoded and written anew, without what a camera
noted), PDF and plain text. Nothing else; HTML and SVG could run in a page.
"""

from __future__ import annotations

import io
import re
import unicodedata
import warnings
from dataclasses import dataclass

from PIL import Image, UnidentifiedImageError

from attune.kernel.errors import Invalid
from attune.kernel.phrases import say

MOST_BYTES = 5 * 1024 * 1024
MOST_PIXELS = 40_000_000
MOST_FILES = 10  # of one message
PICTURES = {"png": "PNG", "jpg": "JPEG", "jpeg": "JPEG", "gif": "GIF", "webp": "WEBP"}
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
        return Checked(clean, f"image/{PICTURES[kind].lower()}", _picture(clean, kind, content))
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


def _picture(name: str, kind: str, content: bytes) -> bytes:
    wanted = PICTURES[kind]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=[wanted]) as picture:
                if picture.width * picture.height > MOST_PIXELS:
                    raise _wrong(say("%(name)s has too many pixels.", name=name))
                plain = picture.convert("RGB") if wanted == "JPEG" else picture.copy()
        out = io.BytesIO()
        plain.info = {}
        plain.save(out, format=wanted)
    except (
        UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError,
        Image.DecompressionBombWarning,
    ) as broken:  # fmt: skip
        raise _wrong(say("%(name)s is no picture that can be read.", name=name)) from broken
    return out.getvalue()


def _wrong(why: str) -> Invalid:
    return Invalid.one("file", why)
