"""OpenAI-compatible servers that a workspace chose for a task, and who may be called at all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.conf import settings

from attune.kernel import audit, outward, secrets
from attune.kernel.errors import FieldError, Invalid
from attune.kernel.phrases import say
from attune.kernel.tenancy import current_tenant
from campaigns.generators.models import ModelServer, Task


@dataclass(frozen=True, slots=True)
class Server:
    """A server to be called, its key opened. Prices are cents a million tokens."""

    base_url: str
    model: str
    key: str
    seconds: int
    retries: int
    cents_in: int
    cents_out: int

    def micros(self, tokens_in: int, tokens_out: int) -> int:
        """What a call costs, in millionths of a unit of currency (a cent is 10,000)."""
        return round((tokens_in * self.cents_in + tokens_out * self.cents_out) / 100)


def server_for(task: str) -> Server | None:
    """The workspace's own server for a task, or None: ours does it."""
    row = ModelServer.objects.filter(task=task, enabled=True).first()
    if row is None:
        return None
    key = secrets.unseal(row.sealed_key, bound_to=_bound(row)) if row.sealed_key else ""
    return Server(
        row.base_url, row.model, key, row.seconds, row.retries,
        row.cents_per_million_in, row.cents_per_million_out,
    )  # fmt: skip


def costs(task: str) -> bool:
    """Whether the workspace pays for this task by the token."""
    row = ModelServer.objects.filter(task=task, enabled=True).first()
    return row is not None and bool(row.cents_per_million_in or row.cents_per_million_out)


def servers() -> list[ModelServer]:
    return list(ModelServer.objects.order_by("task"))


def save_server(
    *, task: str, base_url: str, model: str, key: str | None = None, seconds: int = 60,
    retries: int = 2, cents_in: int = 0, cents_out: int = 0, enabled: bool = True,
    server: ModelServer | None = None,
) -> ModelServer:  # fmt: skip
    """Choose a server for a task, or change `server`, whose task stays. `key=None` keeps the key
    that is there; a new address wants its key anew."""
    base_url = base_url.strip().rstrip("/")
    row = ModelServer.objects.filter(task=task).first() or ModelServer(task=task)
    moved = bool(row.base_url) and row.base_url != base_url
    wrong = list(_faults(task, model, seconds, retries, (cents_in, cents_out)))
    if server is not None and task != server.task:
        wrong.append(FieldError("task", say("The task stays; choose a server for the other task.")))
    if moved and row.sealed_key and key is None:
        wrong.append(FieldError("key", say("Give the key of the new address.")))
    if wrong:
        raise Invalid(wrong)
    check_address(base_url)
    row.base_url, row.model, row.seconds, row.retries = base_url, model.strip(), seconds, retries
    row.cents_per_million_in, row.cents_per_million_out = cents_in, cents_out
    row.enabled = enabled
    if key is not None:
        row.sealed_key = secrets.seal(key, bound_to=_bound(row)) if key else ""
    elif moved:  # a key that was given for one host is not shown to another
        row.sealed_key = ""
    row.save()
    audit.record("generators.save_server", row, task=task)
    return row


def _faults(
    task: str, model: str, seconds: int, retries: int, cents: tuple[int, int]
) -> Iterator[FieldError]:
    if task not in {Task.WRITING, Task.CHAT, Task.EMBEDDING}:
        yield FieldError("task", say("Choose one of %(names)s.", names="writing, chat, embedding"))
    if not model.strip():
        yield FieldError("model", say("Name the model as the server does."))
    if not 1 <= seconds <= 600:
        yield FieldError("seconds", say("The time-out is 1 to 600 seconds."))
    if not 0 <= retries <= 5:
        yield FieldError("retries", say("Retry 0 to 5 times."))
    if min(cents) < 0 or max(cents) > 10**8:
        yield FieldError("cents_in", say("A price is 0 to 1,000,000 a million tokens."))


def remove_server(*, row: ModelServer) -> None:
    audit.record("generators.remove_server", row, task=row.task)
    row.delete()


def check_address(url: str) -> tuple[str, str, int]:
    """(ip, host, port) of a server that may be called; Invalid names why it may not."""
    return outward.safe_address(
        url, allow_private=settings.MODEL_SERVER_ALLOW_PRIVATE, field="base_url",
        hint=say("Who runs this installation can allow it with MODEL_SERVER_ALLOW_PRIVATE."),
    )  # fmt: skip


def _bound(row: ModelServer) -> str:
    return f"{current_tenant()}:{row.pk}"
