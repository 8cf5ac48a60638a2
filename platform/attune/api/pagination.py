"""Cursor pagination, newest first, by the UUIDv7 key: stable under inserts."""

from __future__ import annotations

from typing import Any

from rest_framework.pagination import CursorPagination


class NewestFirst(CursorPagination):
    ordering = "-id"
    page_size = 50
    max_page_size = 500
    page_size_query_param = "limit"

    def decode_cursor(self, request: Any) -> Any:
        """A cursor is opaque; a damaged one answers 404 with a sentence, never 500."""
        cursor = super().decode_cursor(request)
        if cursor is not None and cursor.position is not None and len(str(cursor.position)) != 36:
            return None
        return cursor
