"""The webhook of a source: whoever knows its signed address may put texts in, and nothing else."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from rest_framework.exceptions import ParseError

from attune.api import parsers
from attune.kernel import audit, secrets
from attune.kernel.errors import Invalid
from attune.kernel.phrases import say
from attune.kernel.tenancy import tenant_context
from insights.sources import services


@csrf_exempt  # programs of others post here; the signed address is what admits them
@require_POST
def hook(request: HttpRequest, token: str) -> HttpResponse:
    """One JSON object, or a list of them, as the source's columns say. Answers how many were taken
    and why the others were not; those stand in the source's problems."""
    place = secrets.unsign("insight-source", token)
    try:
        value = parsers.parse_json(parsers.read(request))
    except ParseError as wrong:
        raise Invalid.one("body", say("%(why)s", why=str(wrong.detail))) from wrong
    sent = value if isinstance(value, list) else [value]
    if not all(isinstance(one, dict) for one in sent):
        raise Invalid.one("body", say("Send a JSON object, or a list of them."))
    who = audit.Actor(kind="system", id="", label="webhook")
    with audit.acting(who), tenant_context(place["t"]):
        source = services.through_door(place)
        items = [_ours(one, source.columns) for one in sent]
        receipt = services.take(source=source, items=items, now=timezone.now())
    body = {
        "accepted": receipt.accepted, "known": receipt.known,
        "refused": [{"index": n - 1, "field": f, "reason": why} for n, f, why in receipt.refused],
    }  # fmt: skip
    return JsonResponse(body, status=202)


def _ours(value: dict[str, Any], columns: dict[str, str]) -> dict[str, Any]:
    """Their fields under our names; `review.body` is the field `body` of the object `review`."""
    if not columns:
        return value
    found = {}
    for theirs, ours in columns.items():
        at: Any = value
        for part in theirs.split("."):
            at = at.get(part) if isinstance(at, dict) else None
        if at is not None:
            found[ours] = at
    return found
