"""What people without an account reach: unsubscribe and click links, each a signed token."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from attune.kernel import secrets
from attune.kernel.errors import NotFound
from attune.kernel.phrases import say
from attune.kernel.tenancy import tenant_context
from campaigns.delivery import selectors, suppression, tracking
from tenants.models import Tenant


@csrf_exempt  # RFC 8058: mailbox providers POST without cookies
@require_http_methods(["GET", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """GET only shows a page, since scanners follow links; POST unsubscribes, at once."""
    place = secrets.unsign("send", token)
    with tenant_context(place["t"]):
        send = selectors.send(place["s"])
        tenant = Tenant.objects.get(pk=place["t"])
        done = request.method == "POST"
        if done:
            suppression.unsubscribe(send=send, source="one-click link")
            tracking.record(send, "Unsubscribed")
    return render(request, "delivery/unsubscribe.html", {"tenant": tenant, "done": done})


@require_http_methods(["GET", "HEAD"])
def click(request: HttpRequest, token: str) -> HttpResponse:
    """Record the click and go on to the signed address; a HEAD request is a machine's."""
    place = secrets.unsign("click", token)
    target = place["u"]
    if not target.startswith(("https://", "http://")):
        raise NotFound(say("This link leads nowhere."))
    with tenant_context(place["t"]):
        send = selectors.send(place["s"])
        agent = request.headers.get("User-Agent", "")
        if request.method == "HEAD":
            agent = f"scanner (HEAD) {agent}"
        tracking.record(send, "Message Clicked", agent=agent[:300])
    return HttpResponseRedirect(target)
