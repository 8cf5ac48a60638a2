"""Reading content."""

from __future__ import annotations

import difflib
import uuid
from collections.abc import Callable, Iterable

from django.db.models import Q, QuerySet

from attune.kernel.errors import NotFound
from attune.kernel.phrases import say
from campaigns.content.models import Asset, Brief, Channel, GenerationRun, Revision


def briefs(*, q: str = "") -> QuerySet[Brief]:
    rows = Brief.objects.select_related("audience").order_by("-id")
    return rows.filter(Q(name__icontains=q) | Q(goal__icontains=q)) if q else rows


def newest_of(revision: Revision, *, lock: bool = False) -> Revision:
    """The newest revision of the same text; with `lock` nobody else edits the text meanwhile."""
    if lock:
        Asset.objects.select_for_update().get(pk=revision.asset_id)
    rows = Revision.objects.select_related("asset", "asset__brief", "parent")
    return rows.filter(asset_id=revision.asset_id).order_by("-number")[0]


def brief(brief_id: uuid.UUID | str, *, lock: bool = False) -> Brief:
    rows = Brief.objects.select_for_update(of=("self",)) if lock else Brief.objects.all()
    row = rows.select_related("audience").filter(pk=brief_id).first()
    if row is None:
        raise NotFound(say("There is no such brief in this workspace."))
    return row


def revision(revision_id: uuid.UUID | str) -> Revision:
    row = Revision.objects.select_related("asset", "asset__brief", "parent", "run").filter(
        pk=revision_id
    )
    found = row.first()
    if found is None:
        raise NotFound(say("There is no such revision in this workspace."))
    return found


def newest_revisions(brief_id: uuid.UUID) -> list[Revision]:
    """The newest revision of each of a brief's messages, with its checks."""
    rows = (
        Revision.objects.filter(asset__brief_id=brief_id)
        .exclude(state=Revision.State.SUPERSEDED)
        .select_related("asset", "version")
        .prefetch_related("checks")
        .order_by("blocked", "-id")
    )
    newest: dict[uuid.UUID | None, uuid.UUID] = {}  # of each run its newest text
    for row in rows:
        newest[row.run_id] = max(newest.get(row.run_id, row.pk), row.pk)
    rank = {pk: place for place, pk in enumerate(sorted(newest.values(), reverse=True))}
    return sorted(
        rows, key=lambda r: (r.blocked, rank[newest[r.run_id]], r.scores.get("place", 99))
    )


def runs(brief_id: uuid.UUID) -> list[GenerationRun]:
    return list(
        GenerationRun.objects.filter(brief_id=brief_id).select_related("job").order_by("-id")
    )


def approved_revisions(channel: str = "") -> QuerySet[Revision]:
    rows = Revision.objects.filter(state=Revision.State.APPROVED)
    rows = rows.select_related("asset", "version")
    return rows.filter(asset__channel=channel).order_by("-id") if channel else rows.order_by("-id")


def grouped(
    rows: Iterable[Revision], label: Callable[[Revision], str]
) -> list[tuple[str, list[tuple[str, str]]]]:
    """[(channel, [(id, label)])] for a form, in the order of the channels."""
    found: dict[str, list[tuple[str, str]]] = {}
    for row in sorted(rows, key=lambda r: Channel.values.index(r.asset.channel)):
        name = str(row.asset.get_channel_display())
        found.setdefault(name, []).append((str(row.pk), label(row)))
    return list(found.items())


def diff(before: str, after: str) -> list[tuple[str, str]]:
    """Word by word: (same | gone | new, words)."""
    old, new = before.split(), after.split()
    parts: list[tuple[str, str]] = []
    for tag, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            parts.append(("same", " ".join(old[a:b])))
            continue
        if b > a:
            parts.append(("gone", " ".join(old[a:b])))
        if d > c:
            parts.append(("new", " ".join(new[c:d])))
    return parts
