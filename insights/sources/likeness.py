"""Texts that say the same: exact copies by their digest, near ones by MinHash. Pure.

A text is the set of its shingles (five characters, two of Chinese), without case, marks and digits.
The smallest of each of 32 hashes over the set makes its signature (Broder 1997); the signature is
cut into eight bands of four, and two texts that share a band are compared whole: they are near
copies where their Jaccard index is at least 0.8. A pair at 0.8 shares a band with probability
1 - (1 - 0.8^4)^8 = 0.985.
"""

from __future__ import annotations

import hashlib
import math
import re
import zlib

import numpy as np

from attune.kernel import letters

BANDS, ROWS = 8, 4
NEAR = 0.8
LEAST_SHINGLES = 8  # a shorter text is only ever an exact copy
PRIME = np.uint64((1 << 61) - 1)
_RNG = np.random.default_rng(20_997)
A = _RNG.integers(1, 1 << 31, BANDS * ROWS, dtype=np.uint64)  # (32,)
B = _RNG.integers(0, 1 << 61, BANDS * ROWS, dtype=np.uint64)
MARKS = re.compile(r"[\W\d_]+")
HAN = re.compile(r"[\u3400-\u9fff]")
SHORT = 40  # letters; Chinese characters count three


def folded(text: str) -> str:
    """The text without case, marks, digits, white space and disguise."""
    return MARKS.sub(" ", letters.bare(text).casefold()).strip()


def digest(text: str) -> str:
    """The same for texts that differ in case, marks, digits or white space alone; 32 letters."""
    plain = folded(text) or text
    return hashlib.blake2b(plain.encode(), digest_size=16).hexdigest()


def shingles(text: str) -> set[int]:
    plain = folded(text)
    size = 2 if len(HAN.findall(plain)) > len(plain) / 3 else 5
    raw = [plain[i : i + size] for i in range(max(1, len(plain) - size + 1))]
    return {zlib.crc32(piece.encode()) for piece in raw}


def bands(found: set[int]) -> list[int]:
    """Eight 64-bit keys; texts that share one are worth comparing. Empty for a short text."""
    if len(found) < LEAST_SHINGLES:
        return []
    hashes = np.fromiter(found, dtype=np.uint64, count=len(found))  # (S,)
    with np.errstate(over="ignore"):
        signature = ((A[:, None] * hashes[None] + B[:, None]) % PRIME).min(1)  # (32,)
    keys = []
    for n, band in enumerate(signature.reshape(BANDS, ROWS)):
        raw = n.to_bytes(1, "big") + band.tobytes()
        keys.append(
            int.from_bytes(hashlib.blake2b(raw, digest_size=8).digest(), "big", signed=True)
        )
    return keys


def jaccard(one: set[int], other: set[int]) -> float:
    """Shared shingles over all."""
    both = len(one & other)
    return both / (len(one) + len(other) - both) if both else 0.0


def is_short(text: str) -> bool:
    """Whether people who do not know each other write just this: "very good", "很好"."""
    return len(text) + 2 * len(HAN.findall(text)) < SHORT


def weight(copies: int, *, short: bool, of: int) -> float:
    """What each of `copies` counts, of a source with `of` documents.

    People who do not know each other do not write the same long text: together its copies count
    1 + ln(copies). A short one counts in full up to fifty times or a hundredth of its source,
    whatever is more; beyond that it is a flood, and the rest counts as copies do."""
    if copies < 2:
        return 1.0
    free = max(50.0, of / 100) if short else 1.0
    if copies <= free:
        return 1.0
    return (free + math.log(copies / free)) / copies
