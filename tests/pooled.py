"""PgBouncer in transaction mode before a test's PostgreSQL."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg
from psycopg import sql

from attune.embedded import servers

PLACES = ("pgbouncer", "/usr/sbin/pgbouncer")
PROGRAM = next((found for name in PLACES if (found := shutil.which(name))), "")


@contextmanager
def pgbouncer(url: str, database: str, *, size: int = 4) -> Iterator[str]:
    """The URL of a PgBouncer that shares `size` connections to a database of the embedded server
    at `url`, as docs/deployment.md sets it up."""
    place = parse_qs(urlsplit(url).query)["host"][0]
    with psycopg.connect(url, autocommit=True) as admin:
        for name, value in (("role", "attune_app"), ("jit", "off")):
            admin.execute(
                sql.SQL("ALTER ROLE postgres IN DATABASE {} SET {} = {}").format(
                    sql.Identifier(database), sql.Identifier(name), sql.Literal(value)
                )
            )
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)  # PgBouncer does not run as root
        port = servers.free_port()
        config = Path(folder) / "pgbouncer.ini"
        config.write_text(
            f"[databases]\n{database} = host={place} dbname={database} user=postgres\n"
            f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nauth_type = any\n"
            f"pool_mode = transaction\ndefault_pool_size = {size}\n"
            f"ignore_startup_parameters = options\nunix_socket_dir =\nlogfile = {folder}/log\n"
        )
        asked = [PROGRAM, str(config)]
        if os.geteuid() == 0:
            asked = ["runuser", "-u", Path(place).owner(), "--", *asked]
        with (Path(folder) / "out").open("wb") as out:
            process = subprocess.Popen(asked, stdout=out, stderr=out)
        try:
            _wait_for(port, process)
            yield f"postgresql://postgres@127.0.0.1:{port}/{database}"
        finally:
            process.terminate()
            process.wait()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(100):
        if process.poll() is not None:
            raise RuntimeError(f"PgBouncer ended with {process.returncode}.")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("PgBouncer does not answer.")
