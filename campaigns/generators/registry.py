"""The registry of a workspace's own models: who may write, at which stage, and the way back."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from attune.kernel import audit, live
from attune.kernel.errors import Conflict, NotFound
from attune.kernel.phrases import Phrase, say
from attune.kernel.states import Machine, advance
from attune.kernel.tenancy import current_tenant
from campaigns.generators.models import AdapterFile, ModelVersion

VERSION = Machine(
    "model version",
    {
        ("training", "evaluate"): "evaluated",
        ("training", "fail"): "failed",
        ("evaluated", "shadow"): "shadow",
        ("evaluated", "canary"): "canary",
        ("shadow", "canary"): "canary",
        ("canary", "go_live"): "live",
        ("shadow", "retire"): "retired",
        ("canary", "retire"): "retired",
        ("live", "retire"): "retired",
        ("retired", "go_live"): "live",
        ("evaluated", "revoke"): "revoked",
        ("shadow", "revoke"): "revoked",
        ("canary", "revoke"): "revoked",
        ("live", "revoke"): "revoked",
        ("retired", "revoke"): "revoked",
    },
)
FILES = frozenset({"adapter_config.json", "adapter_model.safetensors"})
MOST_BYTES = 200 * 1024 * 1024


def version(version_id: UUID | str) -> ModelVersion:
    row = ModelVersion.objects.select_related("before", "job").filter(pk=version_id).first()
    if row is None:
        raise NotFound(say("There is no such model version in this workspace."))
    return row


def versions() -> list[ModelVersion]:
    return list(ModelVersion.objects.select_related("job").order_by("-number"))


def by_state(*states: str) -> ModelVersion | None:
    return ModelVersion.objects.filter(state__in=states).order_by("-number").first()


def writers() -> tuple[ModelVersion | None, ModelVersion | None]:
    """(the live version, the version on trial): what the next run is written by, beside the base.
    One that saw what had to be erased writes no more, and none on another base than its own."""
    found = by_state("live"), by_state("shadow", "canary")
    live, trial = (row if row and fits(row) and row.tainted_at is None else None for row in found)
    return live, trial


def fits(row: ModelVersion) -> bool:
    """Whether the base that this installation runs is the one that the version was trained on, and
    one that takes adapters."""
    return row.base == settings.MODEL_NAME and settings.MODEL_RUNTIME != "openai"


def begin(*, base: str, card: dict[str, Any], author_id: int | None) -> ModelVersion:
    """A version in training. One at a time: Conflict while another trains."""
    if ModelVersion.objects.filter(state=ModelVersion.State.TRAINING).exists():
        raise Conflict(say("A version is being trained already; wait for it or cancel its job."))
    highest = ModelVersion.objects.aggregate(n=Max("number"))["n"] or 0
    row = ModelVersion.objects.create(
        number=highest + 1, base=base, card=card, author_id=author_id, before=by_state("live")
    )
    audit.record("generators.begin", row, number=row.number)
    return row


@transaction.atomic
def evaluated(
    *, row: ModelVersion, files: dict[str, bytes], results: dict[str, Any], passed: bool,
    verdict: Phrase,
) -> None:  # fmt: skip
    """Keep what training made, with the gate's verdict. A refused one is kept too, to be read."""
    if set(files) != FILES or sum(map(len, files.values())) > MOST_BYTES:
        raise Conflict(say("The training left no adapter, or one that is too large to keep."))
    AdapterFile.objects.bulk_create(
        AdapterFile(version=row, name=name, content=content) for name, content in files.items()
    )
    row.digest, row.results = digest_of(files), results
    row.gate = ModelVersion.Gate.PASSED if passed else ModelVersion.Gate.REFUSED
    row.verdict = verdict
    row.save(update_fields=["digest", "results", "gate", "verdict"])
    advance(VERSION, row, "evaluate", gate=row.gate)
    live.push(current_tenant(), "models", str(row.pk))


def failed(*, row: ModelVersion, reason: Phrase) -> None:
    ModelVersion.objects.filter(pk=row.pk).update(verdict=reason)
    advance(VERSION, row, "fail")
    live.push(current_tenant(), "models", str(row.pk))


def digest_of(files: dict[str, bytes]) -> str:
    """SHA-256 over names and contents, in order of name."""
    total = hashlib.sha256()
    for name in sorted(files):
        total.update(name.encode() + b"\0" + hashlib.sha256(files[name]).digest())
    return total.hexdigest()


def files_of(row: ModelVersion) -> dict[str, bytes]:
    """The adapter's files, whole and unaltered; Conflict when they are not."""
    found = {f.name: bytes(f.content) for f in AdapterFile.objects.filter(version=row)}
    if not found or digest_of(found) != row.digest:
        raise Conflict(say("The files of %(version)s are missing or were altered.", version=row))
    return found


@transaction.atomic
def move(*, row: ModelVersion, verb: str) -> None:
    """Shadow, canary, go live, retire, revoke. Only what passed the gate goes on; what goes live
    retires the one before; what is revoked loses its weights."""
    list(ModelVersion.objects.select_for_update().order_by("id").values_list("pk"))  # one mover
    row.refresh_from_db()
    if verb in {"shadow", "canary", "go_live"}:
        _may_write(row)
        for other in ModelVersion.objects.select_for_update().filter(
            state__in=["live"] if verb == "go_live" else ["shadow", "canary"]
        ):
            if other.pk != row.pk:
                advance(VERSION, other, "retire")
    advance(VERSION, row, verb)
    if verb == "go_live":
        ModelVersion.objects.filter(pk=row.pk).update(live_at=timezone.now())
    if verb == "revoke":
        AdapterFile.objects.filter(version=row).delete()
    live.push(current_tenant(), "models", str(row.pk))


def _may_write(row: ModelVersion) -> None:
    if row.gate != ModelVersion.Gate.PASSED:
        raise Conflict(say("The gate refused it: %(why)s", why=row.verdict))
    if row.tainted_at is not None:
        raise Conflict(say("It learned from what was erased since; train a new version."))
    files_of(row)


@transaction.atomic
def roll_back() -> ModelVersion | None:
    """Take the live version out of service. What was live before it writes again, where it still
    may; else the base does (None)."""
    current = ModelVersion.objects.select_for_update().filter(state="live").first()
    if current is None:
        raise Conflict(say("No version is live: the base model writes."))
    advance(VERSION, current, "retire")
    previous = (
        ModelVersion.objects.filter(state="retired", gate="passed", tainted_at=None)
        .exclude(pk=current.pk).exclude(live_at=None).order_by("-live_at").first()
    )  # fmt: skip
    if previous is not None:
        advance(VERSION, previous, "go_live")
        ModelVersion.objects.filter(pk=previous.pk).update(live_at=timezone.now())
    audit.record("generators.roll_back", current, to=str(previous or "base"))
    live.push(current_tenant(), "models")
    return previous


def taint(version_ids: Iterable[UUID]) -> int:
    """Mark versions that saw what is now erased: they write no more, and say why."""
    rows = ModelVersion.objects.filter(pk__in=list(version_ids), tainted_at=None).exclude(
        state__in=["failed", "revoked"]
    )
    count = 0
    for row in rows:
        ModelVersion.objects.filter(pk=row.pk).update(tainted_at=timezone.now())
        audit.record("generators.taint", row)
        count += 1
    live.push(current_tenant(), "models")
    return count
