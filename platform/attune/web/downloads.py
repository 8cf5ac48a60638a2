"""Files that a page hands out: written to disk first, then sent block by block."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import IO

from asgiref.sync import sync_to_async
from django.http import StreamingHttpResponse

BLOCK = 1 << 16


def download(file: IO[bytes], name: str, kind: str) -> StreamingHttpResponse:
    """Send a file from its beginning and close it. It is never in memory as a whole: a plain
    iterator would be turned into a list by an asynchronous server."""
    file.seek(0)
    answer = StreamingHttpResponse(_blocks(file), content_type=kind)
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


async def _blocks(file: IO[bytes]) -> AsyncIterator[bytes]:
    try:
        while block := await sync_to_async(file.read)(BLOCK):
            yield block
    finally:
        file.close()
