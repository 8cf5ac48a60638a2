"""Pictures that people upload: decoded and written anew, without what a camera noted. Pure.

SVG and HTML are no pictures here: they could run in a page.
"""

from __future__ import annotations

import io
import warnings

from PIL import Image, UnidentifiedImageError

from attune.kernel.phrases import Phrase, say

MOST_PIXELS = 40_000_000
KINDS = {"png": "PNG", "jpg": "JPEG", "jpeg": "JPEG", "gif": "GIF", "webp": "WEBP"}


class NoPicture(ValueError):
    """What is wrong with a picture, as a sentence."""

    def __init__(self, why: Phrase) -> None:
        super().__init__(str(why))
        self.why = why


def kind_of(name: str) -> str:
    """The end of a file's name, in small letters, where it is one of KINDS; else empty."""
    kind = name.rpartition(".")[2].lower()
    return kind if kind in KINDS else ""


def content_type(name: str) -> str:
    return f"image/{KINDS[kind_of(name)].lower()}"


def cleaned(name: str, content: bytes, *, most: int = MOST_PIXELS) -> bytes:
    """The picture anew, in the format that its name says. Raises NoPicture."""
    wanted = KINDS[kind_of(name)]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=[wanted]) as picture:
                if picture.width * picture.height > most:
                    raise NoPicture(say("%(name)s has too many pixels.", name=name))
                plain = picture.convert("RGB") if wanted == "JPEG" else picture.copy()
        out = io.BytesIO()
        plain.info = {}
        plain.save(out, format=wanted)
    except NoPicture:
        raise
    except (
        UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError,
        Image.DecompressionBombWarning,
    ) as broken:  # fmt: skip
        raise NoPicture(say("%(name)s is no picture that can be read.", name=name)) from broken
    return out.getvalue()
