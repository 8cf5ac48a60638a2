"""JSON in, strictly: UTF-8, no NaN, no NUL, bounded depth. A violation names its remedy."""

from __future__ import annotations

import zlib
from typing import Any

import orjson
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from attune.kernel import limits
from attune.kernel.errors import TooLarge
from attune.kernel.phrases import say
from attune.kernel.storable import unstorable


class StrictJSONParser(BaseParser):
    media_type = "application/json"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        return parse_json(read(stream, encoding(parser_context)))


class IntakeParser(StrictJSONParser):
    """Events are judged one by one (contacts/intake.py), so that a bad one never sinks a batch."""

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        return parse_json(read(stream, encoding(parser_context)), check=False)


class BeaconParser(IntakeParser):
    """navigator.sendBeacon sends JSON as text/plain, with the key in the body as writeKey."""

    media_type = "text/plain"


def encoding(parser_context: Any) -> str:
    """How the body is packed: "" or gzip, as clients of the Segment API send it."""
    request = (parser_context or {}).get("request")
    named = request.headers.get("Content-Encoding", "").strip().lower() if request else ""
    if named not in {"", "identity", "gzip"}:
        raise ParseError("The body may be packed with gzip, or not at all (Content-Encoding).")
    return "gzip" if named == "gzip" else ""


def read(stream: Any, packed: str = "") -> bytes:
    """The body, never more of it in memory than we accept, packed or not."""
    raw: bytes = stream.read(limits.BATCH_BYTES + 1)
    if packed:
        try:
            raw = zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(raw, limits.BATCH_BYTES + 1)
        except zlib.error as wrong:
            raise ParseError(f"The body is not gzip, as its header says: {wrong}.") from wrong
    if len(raw) > limits.BATCH_BYTES:
        raise TooLarge(
            say(
                "The body is larger than %(size)s kB; send less at once.",
                size=limits.BATCH_BYTES // 1024,
            )
        )
    return raw


def parse_json(raw: bytes, *, check: bool = True) -> Any:
    try:
        value = orjson.loads(raw)
    except (orjson.JSONDecodeError, ValueError) as wrong:
        raise ParseError(f"The body is not valid JSON: {wrong}.") from wrong
    problem = unstorable(value) if check else ""
    if problem:
        raise ParseError(problem)
    return value
