"""What people without an account reach: unsubscribe, preferences, sign-up, confirmation, and what
links and pictures in messages tell. Each address is a signed token."""

from __future__ import annotations

import base64

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from attune.kernel import secrets
from attune.kernel.errors import NotFound
from attune.kernel.phrases import say
from attune.kernel.tenancy import tenant_context
from campaigns.contacts import selectors as contacts
from campaigns.delivery import preferences as choosing
from campaigns.delivery import selectors, suppression, tracking
from campaigns.delivery.forms import SignUpForm
from campaigns.subscriptions import selectors as subscriptions
from campaigns.subscriptions import services as subscribing
from tenants import branding
from tenants.models import Tenant

DOT = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")  # clear, 1 × 1


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
        preferences = tracking.preferences_url(send.contact_id)
    context = {"tenant": tenant, "brand": branding.brand_of(tenant), "done": done,
               "preferences": preferences}  # fmt: skip
    return render(request, "delivery/unsubscribe.html", context)


@require_http_methods(["GET", "HEAD"])
def click(request: HttpRequest, token: str) -> HttpResponse:
    """Record the click and go on to the signed address; a HEAD request is a machine's."""
    place = secrets.unsign("click", token)
    target = place["u"]
    if not target.startswith(("https://", "http://")):
        raise NotFound(say("This link leads nowhere."))
    _noticed(request, place, "Message Clicked")
    return HttpResponseRedirect(target)


@require_http_methods(["GET", "HEAD"])
def opened(request: HttpRequest, token: str) -> HttpResponse:
    """The dot in an e-mail was loaded, by a person's reader or by a machine before them."""
    _noticed(request, secrets.unsign("open", token), "Message Opened")
    answer = HttpResponse(DOT, content_type="image/gif")
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _noticed(request: HttpRequest, place: dict[str, str], name: str) -> None:
    agent = request.headers.get("User-Agent", "")
    if request.method == "HEAD":
        agent = f"scanner (HEAD) {agent}"
    with tenant_context(int(place["t"])):
        tracking.record(selectors.send(place["s"]), name, agent=agent[:300])


@require_http_methods(["GET", "POST"])
def preferences(request: HttpRequest, token: str) -> HttpResponse:
    """Where a person chooses what they get. It shows no more of them than a masked address."""
    place = secrets.unsign("preferences", token)
    with tenant_context(place["t"]):
        contact = choosing.person(place["c"])
        tenant = Tenant.objects.get(pk=place["t"])
        saved = request.method == "POST"
        if saved and "nothing" in request.POST:
            choosing.refuse_all(contact)
        elif saved:
            choosing.choose(contact, request.POST.getlist("topic"), shown=_shown())
        context = {
            "tenant": tenant, "brand": branding.brand_of(tenant), "saved": saved,
            "address": suppression.hint(contact.email),
            "standings": subscriptions.standings(contact.pk),
            "refused": choosing.refused_all(contact), "token": token,
        }  # fmt: skip
    return render(request, "delivery/preferences.html", context)


def _shown() -> str:
    return _("Choose what you get")


@require_http_methods(["GET", "POST"])
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """Double opt-in. GET only asks, since scanners follow links; POST confirms."""
    days = subscribing.CONFIRM_DAYS * 86_400
    place = secrets.unsign("confirm", token, max_age=days)
    with tenant_context(place["t"]):
        contact = contacts.contact(place["c"])
        tenant = Tenant.objects.get(pk=place["t"])
        ours = contact.email == place["a"]
        done = request.method == "POST" and ours
        if done:
            choosing.confirm(contact, place["k"])
        rows = subscriptions.topics(archived=True).filter(key__in=place["k"])
        context = {"tenant": tenant, "brand": branding.brand_of(tenant), "done": done,
                   "topics": list(rows)}  # fmt: skip
    if not ours:
        raise NotFound(say("This link is for an address that is not used any more."))
    return render(request, "delivery/confirm.html", context)


@require_http_methods(["GET", "POST"])
def sign_up(request: HttpRequest, token: str) -> HttpResponse:
    """The workspace's own form to subscribe. It answers the same whether an address is known."""
    place = secrets.unsign("sign-up", token)
    with tenant_context(place["t"]):
        tenant = Tenant.objects.get(pk=place["t"])
        form = SignUpForm(request.POST or None)
        done = request.method == "POST" and form.is_valid()
        if done:
            choosing.sign_up(form.cleaned_data, wording=str(form.wording))
    context = {"tenant": tenant, "brand": branding.brand_of(tenant), "form": form, "done": done}
    status = 422 if form.is_bound and form.errors else 200
    return render(request, "delivery/sign_up.html", context, status=status)
