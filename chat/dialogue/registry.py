"""The versions of a workspace's dialogue model: trained, judged, live, and the way back."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils import timezone

from attune.kernel import audit, live
from attune.kernel.errors import Conflict, NotFound
from attune.kernel.phrases import Phrase, say
from attune.kernel.states import Machine, advance
from attune.kernel.tenancy import current_tenant
from chat.dialogue.models import DialogueFile, DialogueVersion

VERSION = Machine(
    "dialogue version",
    {
        ("training", "evaluate"): "evaluated",
        ("training", "fail"): "failed",
        ("evaluated", "go_live"): "live",
        ("retired", "go_live"): "live",
        ("live", "retire"): "retired",
    },
)
FILES = frozenset({
    "intents.safetensors", "intents.json", "tracker.safetensors", "tracker.json",
    "policy.safetensors", "policy.json",
})  # fmt: skip
MOST_BYTES = 400 * 1024 * 1024
KEPT = 4  # of the newest versions keep their weights


def version(pk: UUID | str) -> DialogueVersion:
    row = DialogueVersion.objects.select_related("before", "job").filter(pk=pk).first()
    if row is None:
        raise NotFound(say("There is no such dialogue version in this workspace."))
    return row


def versions() -> list[DialogueVersion]:
    return list(DialogueVersion.objects.select_related("job").order_by("-number")[:100])


def live_one() -> DialogueVersion | None:
    return DialogueVersion.objects.filter(state="live").first()


def begin(*, card: dict[str, Any], author_id: int | None) -> DialogueVersion:
    """The row of a version about to be trained; one is trained at a time."""
    highest = DialogueVersion.objects.aggregate(n=Max("number"))["n"] or 0
    try:
        with transaction.atomic():
            row = DialogueVersion.objects.create(number=highest + 1, card=card, author_id=author_id)
    except IntegrityError as twin:
        raise Conflict(say("A version is being trained already; wait for it.")) from twin
    audit.record("dialogue.train", row)
    return row


def digest_of(files: Mapping[str, bytes]) -> str:
    whole = hashlib.sha256()
    for name in sorted(files):
        whole.update(name.encode() + b"\0" + hashlib.sha256(files[name]).digest())
    return whole.hexdigest()


def evaluated(
    *, row: DialogueVersion, files: Mapping[str, bytes], results: dict[str, Any], passed: bool,
    verdict: Phrase,
) -> None:  # fmt: skip
    """Keep what was trained with the gate's verdict."""
    if set(files) - FILES or sum(map(len, files.values())) > MOST_BYTES:
        raise Conflict(say("The training left files that do not belong to a version."))
    DialogueFile.objects.bulk_create(
        DialogueFile(version=row, name=name, content=content) for name, content in files.items()
    )
    advance(VERSION, row, "evaluate")
    DialogueVersion.objects.filter(pk=row.pk).update(
        results=results, gate="passed" if passed else "refused", verdict=verdict,
        digest=digest_of(files),
    )  # fmt: skip
    _prune()
    live.push(current_tenant(), "dialogue", str(row.pk))


def _prune() -> None:
    """Keep the weights of the live version, of the one before it, and of the newest few."""
    newest = DialogueVersion.objects.order_by("-number").values_list("pk", flat=True)[:KEPT]
    now = live_one()
    kept = {*newest, *((now.pk, now.before_id) if now is not None else ())}
    DialogueFile.objects.exclude(version__in=[pk for pk in kept if pk]).delete()


def failed(*, row: DialogueVersion, reason: Phrase) -> None:
    if row.state != DialogueVersion.State.TRAINING:
        return
    advance(VERSION, row, "fail")
    DialogueVersion.objects.filter(pk=row.pk).update(verdict=reason)
    live.push(current_tenant(), "dialogue", str(row.pk))


def files_of(row: DialogueVersion) -> dict[str, bytes]:
    """The weights, checked against the digest that was kept when they were judged."""
    files = {f.name: bytes(f.content) for f in DialogueFile.objects.filter(version=row)}
    if digest_of(files) != row.digest:
        raise Conflict(say("The files of %(version)s are damaged; train again.", version=row))
    return files


def go_live(*, row: DialogueVersion) -> None:
    """This version reads customers from now on; the one before rests. Raises Conflict where the
    gate did not let it through."""
    if row.gate != DialogueVersion.Gate.PASSED:
        raise Conflict(say("The gate did not let this version through: %(why)s", why=row.verdict))
    now = live_one()
    _step(now, row)
    DialogueVersion.objects.filter(pk=row.pk).update(before=now)


def retire(*, row: DialogueVersion) -> None:
    """No version reads customers from now on: the rules alone go on."""
    advance(VERSION, row, "retire")


def roll_back(*, row: DialogueVersion) -> DialogueVersion | None:
    """The version that was live before this one talks again; None where the rules alone go on.
    Raises Conflict where this one is not live any more."""
    if row.state != DialogueVersion.State.LIVE:
        raise Conflict(say("%(version)s is not live any more; look at the page again.",
                           version=row))  # fmt: skip
    before = row.before
    if before is None or before.state != DialogueVersion.State.RETIRED:
        retire(row=row)
        return None
    _step(row, before)
    return before


def _step(now: DialogueVersion | None, then: DialogueVersion) -> None:
    """One talks after the other, in one transaction."""
    try:
        with transaction.atomic():
            if now is not None:
                advance(VERSION, now, "retire")
            advance(VERSION, then, "go_live")
            DialogueVersion.objects.filter(pk=then.pk).update(live_at=timezone.now())
    except IntegrityError as twin:
        raise Conflict(say("Another version went live at this moment; look again.")) from twin
