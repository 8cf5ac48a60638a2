"""A text as a given person gets it: to look at, and to send to members as a test."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from attune.kernel.errors import NotFound
from attune.kernel.phrases import say, say_many
from attune.kernel.storable import as_uuid
from campaigns.contacts import selectors as contacts
from campaigns.contacts.models import Contact
from campaigns.content import selectors as content
from campaigns.delivery import email, previewing, selectors, sending
from campaigns.delivery.models import Campaign
from campaigns.layouts import selectors as layouts
from campaigns.layouts.models import TemplateVersion
from campaigns.layouts.views import alone
from tenants.pages import address, page


def _asked(bag: dict[str, str]) -> tuple[Contact, TemplateVersion | None]:
    """Through whose eyes, and in which template."""
    named, wears = bag.get("as", "").strip(), as_uuid(bag.get("template", ""))
    found = None
    if named:
        known = as_uuid(named)
        by_name = contacts.contact_by_user(named) or contacts.contact_by_email(named)
        found = by_name or (contacts.contact(known) if known else None)
        if found is None:
            raise NotFound(say("Nobody has the address or id “%(name)s”.", name=named))
    else:
        found = previewing.some_contact()
    if found is None:
        raise NotFound(say("There is nobody yet through whose eyes one could look."))
    return found, layouts.version(wears) if wears else None


@page("contacts.view_personal")
def preview(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """?as= an address, a user id or a contact; ?template= a version."""
    revision = content.revision(pk)
    contact, template = _asked(request.GET.dict())
    made = previewing.envelope(revision, contact, template)
    query = f"?as={contact.pk}" + (f"&template={template.pk}" if template else "")
    context = {
        "revision": revision, "contact": contact, "template": template, "envelope": made,
        "text": email.text_body(made), "templates": layouts.as_choices(template),
        "frame": address(request, "delivery_pages:preview-html", pk) + query,
        "crew": previewing.readers().select_related("user").order_by("user__email"),
    }  # fmt: skip
    return render(request, "delivery/preview.html", context)


@page("contacts.view_personal")
def preview_html(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    contact, template = _asked(request.GET.dict())
    return alone(email.html_body(previewing.envelope(content.revision(pk), contact, template)))


@page("sends.view")
def message_html(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The page that this person received; looking at it counts nothing of theirs."""
    send = selectors.send(pk)
    envelope = sending.envelope_of(send)
    if send.campaign.via != Campaign.Via.EMAIL:
        raise NotFound(say("This message was no e-mail; it has no page."))
    return alone(previewing.harmless(email.html_body(envelope), envelope))


@require_POST
@page("campaigns.edit")
def test(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Send it to members of the workspace."""
    revision = content.revision(pk)
    contact, template = _asked(request.POST.dict())
    to = [int(one[:15]) for one in request.POST.getlist("to") if one.isdecimal()]
    n = previewing.ask(revision=revision, contact=contact, template=template, to=to)
    told = say_many("The test is on its way to %(n)s member.",
                    "The test is on its way to %(n)s members.", n=n)  # fmt: skip
    messages.success(request, str(told))
    back = address(request, "delivery_pages:preview", pk) + f"?as={contact.pk}"
    if template is not None:
        back += f"&template={template.pk}"
    return HttpResponse(status=303, headers={"Location": back})
