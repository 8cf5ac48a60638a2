"""What SDKs in browsers and applications read with a publishable key."""

from __future__ import annotations

import hashlib

import orjson
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods

from attune.kernel.phrases import say
from attune.kernel.tenancy import tenant_context
from campaigns.experiments import exposures
from tenants import registry
from tenants.models import ApiKey

FRESH, STALE = 30, 3600  # seconds a copy may be used, and may be used while a new one is asked for


@require_http_methods(["GET", "HEAD", "OPTIONS"])
def features(request: HttpRequest, key: str) -> HttpResponse:
    """The experiments that the SDK assigns, as GrowthBook's SDKs read them. Only a write-only key
    is taken: it stands in the address, and may be seen by anybody."""
    known = registry.key_of(key)
    if known is None or known.kind != ApiKey.Kind.WRITE_ONLY:
        answer = HttpResponse(
            orjson.dumps({"status": 400, "message": str(say("There is no such client key."))}),
            status=400, content_type="application/json",
        )  # fmt: skip
        return _open(answer)
    with tenant_context(known.tenant_id):
        body = orjson.dumps(exposures.payload(), option=orjson.OPT_SORT_KEYS)
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    fresh = request.headers.get("If-None-Match") != tag
    answer = HttpResponse(body if fresh else b"", status=200 if fresh else 304,
                          content_type="application/json")  # fmt: skip
    answer.headers["ETag"] = tag
    answer.headers["Cache-Control"] = f"public, max-age={FRESH}, stale-while-revalidate={STALE}"
    return _open(answer)


def _open(answer: HttpResponse) -> HttpResponse:
    """Any page may read it: there is nothing in it but what visitors are shown."""
    answer.headers["Access-Control-Allow-Origin"] = "*"
    answer.headers["Access-Control-Allow-Headers"] = "If-None-Match"
    return answer
