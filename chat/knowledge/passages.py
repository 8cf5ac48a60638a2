"""Documents cut into passages, and words as they are searched. Pure.

A passage is a few whole paragraphs or sentences under one heading, about 80 to 160 words: small
enough to be about one thing, large enough to answer from. Chinese, which has no spaces, is searched
by pairs of characters (bigrams).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

LEAST, MOST = 200, 900  # letters; a Chinese character counts three
HEADING = re.compile(r"^(?:#{1,6}\s+(?P<marked>.+)|(?P<plain>[^\n.!?。！？]{3,80}))$")
SENTENCE = re.compile(r".+?(?:[.!?。！？]+[\"”’)）]*(?=\s|$|[\u4e00-\u9fff])|$)", re.DOTALL)
HAN = re.compile(r"[\u3400-\u9fff]+")


@dataclass(frozen=True, slots=True)
class Piece:
    """A passage: what stands above it, and its text."""

    heading: str
    text: str


def sentences(text: str) -> list[str]:
    """The sentences of a text, in order, without their outer space."""
    found = (s.strip() for line in text.splitlines() for s in SENTENCE.findall(line))
    return [s for s in found if s]


def weight(text: str) -> int:
    return len(text) + 2 * sum(map(len, HAN.findall(text)))


def cut(body: str) -> list[Piece]:
    """The passages of a document, in order. Every sentence is in exactly one of them."""
    pieces: list[Piece] = []
    heading, held = "", ""

    def close() -> None:
        nonlocal held
        if held.strip():
            pieces.append(Piece(heading[:300], held.strip()))
        held = ""

    for block in re.split(r"\n\s*\n", body.replace("\r\n", "\n")):
        lines = block.strip().split("\n")
        found = HEADING.match(lines[0].strip()) if lines[0].strip() else None
        if found and (found["marked"] or len(lines) == 1):
            close()
            heading = (found["marked"] or found["plain"]).strip()
            lines = lines[1:]
        for part in _parts("\n".join(lines).strip()):
            if held and weight(held) + weight(part) > MOST:
                close()
            held = f"{held}\n{part}" if held else part
    close()
    if not pieces and heading:
        pieces.append(Piece("", heading))
    return _joined(pieces)


def _parts(paragraph: str) -> list[str]:
    """A paragraph, or its sentences where it is too long to stay whole."""
    if weight(paragraph) <= MOST:
        return [paragraph] if paragraph else []
    return [s[i : i + MOST] for s in sentences(paragraph) for i in range(0, len(s), MOST)]


def _joined(pieces: list[Piece]) -> list[Piece]:
    """Short neighbours under the same heading become one."""
    found: list[Piece] = []
    for piece in pieces:
        last = found[-1] if found else None
        if last and last.heading == piece.heading and weight(last.text) < LEAST:
            found[-1] = Piece(last.heading, f"{last.text}\n{piece.text}")
        else:
            found.append(piece)
    return found


def bigrams(text: str) -> str:
    """The pairs of neighbouring Chinese characters, with spaces between."""
    return " ".join(
        run[i : i + 2] for run in HAN.findall(text) for i in range(max(1, len(run) - 1))
    )
