"""PostgreSQL from asynchronous code, without a thread: one call of one database function.

The function opens the tenant's unit of work itself (`attune_enter`) and is a transaction of its
own. Only functions named here by a module's constant are called; nothing else of the database is
reached this way.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any
from weakref import WeakKeyDictionary

from django.db import connections
from psycopg import AsyncConnection, OperationalError
from psycopg.conninfo import make_conninfo
from psycopg.rows import tuple_row
from psycopg_pool import AsyncConnectionPool

MOST = 6  # connections of a process: on few cores more of them only wait for each other
_pools: WeakKeyDictionary[asyncio.AbstractEventLoop, AsyncConnectionPool] = WeakKeyDictionary()
FUNCTION = re.compile(r"attune_chat_[a-z_]+")


def _conninfo() -> str:
    known = connections["default"].settings_dict
    options = {k: v for k, v in known["OPTIONS"].items() if k not in {"pool"}}
    return make_conninfo(
        "", dbname=known["NAME"], user=known["USER"] or None, password=known["PASSWORD"] or None,
        host=known["HOST"] or None, port=known["PORT"] or None, **options,
    )  # fmt: skip


async def _pool() -> AsyncConnectionPool:
    """The pool of the running event loop."""
    loop = asyncio.get_running_loop()
    pool = _pools.get(loop)
    if pool is None:
        pool = AsyncConnectionPool(
            _conninfo(), min_size=1, max_size=MOST, timeout=10, open=False,
            kwargs={"autocommit": True, "row_factory": tuple_row}, max_idle=60,
            reconnect_timeout=30,
        )  # fmt: skip
        _pools[loop] = pool
        await pool.open()
    return pool


async def call(function: str, *arguments: Any) -> list[tuple[Any, ...]]:
    """The rows that a database function answers. A connection that broke is replaced, and the call
    made once more: what is called must bear that. Raises psycopg.Error."""
    if not FUNCTION.fullmatch(function):
        raise ValueError(f"{function!r} is not one of our functions.")
    statement = f"SELECT * FROM {function}({', '.join(['%s'] * len(arguments))})"  # noqa: S608
    pool = await _pool()
    for last in (False, True):
        try:
            async with pool.connection() as connection:
                return await _rows(connection, statement, arguments)
        except OperationalError:
            if last:
                raise
            await pool.check()
    return []


async def _rows(
    connection: AsyncConnection, statement: str, arguments: tuple[Any, ...]
) -> list[tuple[Any, ...]]:
    cursor = await connection.execute(statement, arguments)
    return await cursor.fetchall()


async def close() -> None:
    """Close the running loop's pool."""
    pool = _pools.pop(asyncio.get_running_loop(), None)
    if pool is not None:
        await pool.close()
