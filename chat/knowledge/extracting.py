"""A PDF or Word file as text, read in a process of its own with bounded time and memory: files come
from anywhere, and one that is made to exhaust its reader exhausts nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SECONDS, BYTES, PAGES, LETTERS = 20, 1 << 30, 500, 2_000_000
LOCKED, TOO_LONG, UNREADABLE = 3, 4, 5
ROOT = Path(__file__).resolve().parents[2]


class Unreadable(ValueError):
    """The file gives no text; `code` says why: LOCKED, TOO_LONG or UNREADABLE."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def text_of(kind: str, content: bytes) -> str:
    """What a file of this kind (pdf, docx) says. Raises Unreadable."""
    command = [sys.executable, "-m", "chat.knowledge.file_reader", kind]
    try:
        done = subprocess.run(  # noqa: S603
            command, input=content, capture_output=True, timeout=SECONDS, cwd=ROOT, check=False
        )
    except subprocess.TimeoutExpired as endless:
        raise Unreadable(TOO_LONG) from endless
    if done.returncode:
        known = {LOCKED, TOO_LONG}
        raise Unreadable(done.returncode if done.returncode in known else UNREADABLE)
    return done.stdout.decode("utf-8", "replace").replace("\x00", "")
