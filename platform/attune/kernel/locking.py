"""One row at a time: who changes a thing holds it, and judges it as it is now."""

from __future__ import annotations

from typing import TypeVar

from django.db import models

M = TypeVar("M", bound=models.Model)


def locked(row: M) -> M:
    """The same row, held until the transaction ends and read again: what was true when it was
    read before may not be true any more. Raises the model's DoesNotExist when it is gone."""
    manager = type(row)._default_manager
    row.refresh_from_db(from_queryset=manager.select_for_update(of=("self",)))
    return row
