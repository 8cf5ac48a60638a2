"""manage.py demo: everything on one machine, under one supervisor."""

from __future__ import annotations

import fcntl
import os
import secrets
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, TextIO

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from attune.embedded import servers
from attune.embedded.supervisor import Supervisor, celery, manage

LOGINS = ("owner", "marketer", "reviewer", "sender", "analyst", "agent")


class Command(BaseCommand):
    help = "Run Attune with its embedded database, a demo shop and every worker. Ctrl-C stops it."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument("--no-shop", action="store_true", help="no simulated visitors")
        parser.add_argument("--customers", type=int, default=3000)

    def handle(self, *args: Any, **options: Any) -> None:
        began = time.monotonic()
        self.port = options["port"]
        lock = self._alone()
        base = f"http://127.0.0.1:{self.port}"
        environment = {**os.environ, "PYTHONPATH": self._path(), "PUBLIC_URL": base}
        environment.setdefault("DJANGO_SETTINGS_MODULE", "attune.settings.dev")
        environment["ATTUNE_VAR"] = str(settings.VAR)
        environment.setdefault("HF_HUB_OFFLINE", "1")
        valkey = None
        supervisor = Supervisor(environment, settings.VAR / "logs", self._say)
        for stop in (signal.SIGINT, signal.SIGTERM):
            signal.signal(stop, _interrupt)
        try:
            valkey = self._servers(environment)
            self._say("preparing the database")
            supervisor.run("setup", manage("setup_database"))
            self._say("seeding the demo workspace (only the first time)")
            seeding = ["--customers", str(options["customers"]), "--shop", self._shop()]
            supervisor.run("seed", manage("seed_demo", *seeding))
            self._model_process(supervisor)
            self._processes(supervisor, shop=not options["no_shop"])
            self._await(base)
            self._welcome(base, time.monotonic() - began)
            supervisor.watch(lambda: self._model_answers(environment))
        except KeyboardInterrupt:
            self._say("stopping")
        except RuntimeError as failure:
            raise CommandError(str(failure)) from failure
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            supervisor.stop()
            if valkey is not None:
                valkey.stop()
            lock.close()
            self._say("stopped; `make demo` goes on where it was")

    def _alone(self) -> TextIO:
        """One demo a folder, and a port that nobody has: said before anything is started."""
        settings.VAR.mkdir(parents=True, exist_ok=True)
        lock = (settings.VAR / "demo.lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as taken:
            raise CommandError(
                f"A demo of {settings.VAR} is running already; stop it, or set ATTUNE_VAR to "
                "another folder."
            ) from taken
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                raise CommandError(
                    f"Port {self.port} is taken by another program; try "
                    f".venv/bin/python manage.py demo --port {self.port + 10}"
                )
        return lock

    def _shop(self) -> str:
        """Where the demo shop's own site stands: another origin, as a customer's is."""
        return f"http://127.0.0.1:{self.port + 1}"

    def _path(self) -> str:
        root = settings.ROOT
        return os.pathsep.join(
            [str(root), str(root / "platform"), os.environ.get("PYTHONPATH", "")]
        )

    def _servers(self, environment: dict[str, str]) -> servers.Valkey | None:
        """Embedded servers where no URL names real ones."""
        if "DATABASE_URL" not in os.environ:
            self._say("starting PostgreSQL")
            environment["DATABASE_URL"] = servers.start_postgres(settings.VAR / "postgres")
        if settings.REDIS_URL:
            return None
        self._say("starting Valkey")
        valkey = servers.start_valkey(settings.VAR / "valkey")
        environment["REDIS_URL"] = valkey.url
        return valkey

    def _processes(self, supervisor: Supervisor, *, shop: bool) -> None:
        self._say("starting web, workers and beat")
        supervisor.start(
            "web",
            [
                sys.executable, "-m", "uvicorn", "attune.asgi:application", "--host", "127.0.0.1",
                "--port", str(self.port), "--log-level", "warning", "--ws", "websockets-sansio",
                "--ws-per-message-deflate", "false",
                "--timeout-graceful-shutdown", "5",
            ],
        )  # fmt: skip
        if "MODEL_PROCESS_URL" in supervisor.environment and self.own_model:
            port = supervisor.environment["MODEL_PROCESS_URL"].rpartition(":")[2]
            supervisor.start(
                "models",
                [
                    sys.executable, "-m", "workers.engines.server", "--model", settings.MODEL_NAME,
                    "--runtime", settings.MODEL_RUNTIME, "--cache", str(settings.VAR / "models"),
                    "--port", port,
                ],
            )  # fmt: skip
        supervisor.start("light", celery("worker", "-Q", "light", "-c", "2", "-n", "light@%h"))
        for queue in ("model", "training", "fitting", "chat"):
            supervisor.start(
                queue,
                celery(
                    "worker", "-Q", queue, "-I", "workers.model_tasks", "-P", "solo",
                    "-n", f"{queue}@%h",
                ),
            )  # fmt: skip
        supervisor.start("beat", celery("beat"))
        if shop:
            supervisor.start("shop", manage("shop"))
        supervisor.start("storefront", manage("storefront", "--port", str(self.port + 1)))

    def _model_process(self, supervisor: Supervisor) -> None:
        """Where the model will answer; nothing where a server of others is set."""
        self.own_model = settings.MODEL_RUNTIME != "openai" and not settings.MODEL_PROCESS_URL
        if not self.own_model:
            return
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        supervisor.environment["MODEL_PROCESS_URL"] = f"http://127.0.0.1:{port}"
        supervisor.environment["MODEL_PROCESS_KEY"] = secrets.token_urlsafe(32)

    def _await(self, base: str) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"{base}/health/ready", timeout=5):  # noqa: S310
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.3)
        raise RuntimeError(f"The web process does not answer; see {settings.VAR}/logs/web.log")

    def _model_answers(self, environment: dict[str, str]) -> bool:
        """Whether the model process has loaded its weights; said once."""
        if not self.own_model:
            return True
        try:
            with urllib.request.urlopen(f"{environment['MODEL_PROCESS_URL']}/health", timeout=1):  # noqa: S310
                self._say("the language model answers now")
                return True
        except (urllib.error.URLError, OSError):
            return False

    def _welcome(self, base: str, seconds: float) -> None:
        self.stdout.write(f"\nAttune is ready after {seconds:.0f} seconds.\n")
        self.stdout.write(f"  Web admin   {base}/")
        self.stdout.write(f"  Shop        {self._shop()}/  (with the chat at its lower right)")
        self.stdout.write(f"  API         {base}/docs/api")
        self.stdout.write(f"  Logs        {Path(settings.VAR) / 'logs'}")
        self.stdout.write(f"  Mail        {Path(settings.VAR) / 'mail'}  (account mail lands here)")
        self.stdout.write("\n  Sign in with the password  attune-demo-2026  as")
        for role in LOGINS:
            self.stdout.write(f"    {role}@demo.attune.example")
        if self.own_model:
            self.stdout.write("\nThe language model loads its weights (the first time a minute or "
                              "two); a line below says when it answers.")  # fmt: skip
        self.stdout.write("\nCtrl-C stops everything; nothing is lost.\n")
        self.stdout.flush()

    def _say(self, text: str) -> None:
        self.stdout.write(f"· {text}")
        self.stdout.flush()


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt
