"""Cursor pagination, newest first, by the UUIDv7 key: stable under inserts."""

from __future__ import annotations

from typing import Any

from rest_framework.exceptions import NotFound
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request

from attune.kernel.errors import Invalid
from attune.kernel.phrases import say
from attune.kernel.storable import as_uuid

LETTERS = 9  # of a limit


class NewestFirst(CursorPagination):
    ordering = "-id"
    page_size = 50
    max_page_size = 500
    page_size_query_param = "limit"

    def get_page_size(self, request: Request) -> int:
        """What `limit` asks for. Raises Invalid for what is no number from 1 to 500."""
        asked = request.query_params.get(self.page_size_query_param)
        if asked is None:
            return self.page_size
        sound = asked.isdecimal() and asked.isascii() and len(asked) <= LETTERS
        if not sound or not 1 <= int(asked) <= self.max_page_size:
            raise Invalid.one("limit", say("Give a whole number from 1 to 500."))
        return int(asked)

    def decode_cursor(self, request: Request) -> Any:
        """Where a list goes on. Raises Invalid for a cursor that no list gave."""
        wrong = Invalid.one("cursor", say("No list gave this cursor: take “next” or “previous” of "
                                          "an answer as it is, or begin without."))  # fmt: skip
        try:
            cursor = super().decode_cursor(request)
        except NotFound as refusal:
            raise wrong from refusal
        if cursor is not None and cursor.position is not None and as_uuid(cursor.position) is None:
            raise wrong
        return cursor
