"""A text from outside made fit to be read and kept, or refused with the reason. Pure.

In this order: mark-up is taken off, entities and white space are made plain, junk is recognised,
personal data is masked. What remains is all that is ever stored: the raw text is not.
"""

from __future__ import annotations

import html
import re
import unicodedata
from dataclasses import dataclass, field

import nh3

from attune.kernel import letters, privacy
from attune.kernel.phrases import Phrase, say

MOST_LETTERS = 100_000
TAG = re.compile(r"<(?:[a-zA-Z/!][^<>]{0,2000})>")
BREAK = re.compile(r"<(?:/p|/div|/li|/h[1-6]|br|/tr|/section|/article)\b[^<>]{0,2000}>", re.I)
SPACE, LINES = re.compile(r"[^\S\n]+"), re.compile(r"\n{3,}")
WORDS = re.compile(r"[^\W\d_]")
MOJIBAKE = re.compile(r"(?:Ã[\u0080-\u00bf]|â€|Â[\u00a0-\u00bf]|æ[\u0080-\u00bf]|锟斤拷|ï¿½)")
JUNK = 0.1  # share of characters that are no text


@dataclass(frozen=True, slots=True)
class Clean:
    """A text that can be kept: without mark-up, personal data masked."""

    text: str
    masked: dict[str, int] = field(default_factory=dict)


class Unfit(ValueError):
    """A text that says nothing; `why` tells what to do."""

    def __init__(self, why: Phrase) -> None:
        super().__init__(str.__str__(why))
        self.why = why


def plain(text: str) -> str:
    """Without HTML, entities, control and invisible characters and idle white space. Emoji and line
    breaks stay."""
    if "<" in text and TAG.search(text):
        text = nh3.clean(
            BREAK.sub("\n", text), tags=set(), clean_content_tags={"script", "style", "head"}
        )
    if "&" in text:
        text = html.unescape(html.unescape(text))
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    if not text.isprintable():
        text = "".join(c for c in text if c == "\n" or c == "\t" or unicodedata.category(c) != "Cc")
    lines = (line.strip() for line in SPACE.sub(" ", letters.seen(text)).split("\n"))
    return LINES.sub("\n\n", "\n".join(lines)).strip()


def clean(raw: str, *, names: tuple[str, ...] = ()) -> Clean:
    """Raises Unfit for what is empty, binary, wrongly decoded, without a word, or too long."""
    if len(raw) > 4 * MOST_LETTERS:
        raise Unfit(too_long())
    if _junk(raw):
        raise Unfit(say("The text holds bytes that are not text; is the column right?"))
    text = plain(raw)
    if not text:
        raise Unfit(say("The text is empty."))
    if len(text) > MOST_LETTERS:
        raise Unfit(too_long())
    if not WORDS.search(text):
        raise Unfit(say("The text has no words in it; is the column right?"))
    broken = len(MOJIBAKE.findall(text))
    if broken >= 2 and broken > len(text) / 40:
        raise Unfit(say("The text was read in a wrong encoding; save the file as UTF-8."))
    found = privacy.mask(text, names)
    return Clean(found.text, found.found)


def too_long() -> Phrase:
    return say("The text is longer than %(most)s characters; cut it into parts.",
               most=MOST_LETTERS)  # fmt: skip


def _junk(raw: str) -> bool:
    """Whether a tenth of it is replacement or control characters, or NUL occurs at all."""
    if "\x00" in raw:
        return True
    if raw.isprintable() and "\ufffd" not in raw:
        return False
    head = raw[:4000]
    wrong = sum(c == "\ufffd" or (unicodedata.category(c) == "Cc" and c not in "\n\r\t")
                for c in head)  # fmt: skip
    return wrong > JUNK * len(head)
