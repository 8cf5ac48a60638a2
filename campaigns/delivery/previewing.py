"""A text as a given person would get it, without a message being made: to look at, and to send to
oneself."""

from __future__ import annotations

import html
from dataclasses import replace

from django.db.models import QuerySet

from attune.kernel import audit
from attune.kernel.errors import Invalid
from attune.kernel.phrases import say
from attune.kernel.tenancy import current_tenant
from campaigns.contacts.models import Contact
from campaigns.content.models import Channel, Revision
from campaigns.content.rendering import contact_values, render
from campaigns.delivery import email, letters, services
from campaigns.delivery.jobs import SEND_TEST, SendTest
from campaigns.layouts.models import TemplateVersion
from tenants import notices
from tenants.models import Membership, Tenant, User

NOWHERE = "https://example.com/only-in-the-real-message"


def envelope(
    revision: Revision, contact: Contact, template: TemplateVersion | None
) -> email.Envelope:  # fmt: skip
    """The message as this person would get it. Its links lead nowhere: nobody is unsubscribed by a
    look."""
    tenant = Tenant.objects.get(pk=current_tenant())
    values = contact_values(contact.name, contact.email, tenant.name, NOWHERE)
    components = {name: render(text, values) for name, text in revision.components.items()}
    plain = email.Envelope(
        to=contact.email, sender=services.sender_of(tenant), components=components,
        message_id="<preview>", unsubscribe_url=NOWHERE, click_url=components.get("link", NOWHERE),
        postal_address=tenant.postal_address, preferences_url=NOWHERE,
    )  # fmt: skip
    return letters.dressed(plain, contact, tenant, template, revision.asset.locale)


def harmless(page: str, of: email.Envelope) -> str:
    """A message's HTML whose links and picture of openings lead nowhere: who looks at what another
    person got neither clicks nor opens nor unsubscribes for them."""
    own = {of.click_url, of.unsubscribe_url, of.preferences_url, of.open_url} - {""}
    for url in sorted(own, key=len, reverse=True):
        page = page.replace(html.escape(url), NOWHERE).replace(url, NOWHERE)
    return page


def some_contact() -> Contact | None:
    """Somebody to look through the eyes of, where nobody was chosen."""
    rows = Contact.objects.filter(status="enabled").exclude(email="")
    return rows.order_by("-id").first()


def readers() -> QuerySet[Membership]:
    """Members who may see what a person is called: a test shows it."""
    return Membership.objects.filter(user_id__in=notices.those_who_can("contacts.view_personal"))


def ask(
    *, revision: Revision, contact: Contact, template: TemplateVersion | None, to: list[int]
) -> int:
    """Send a test to members of the workspace, nobody else; how many."""
    if revision.asset.channel != Channel.EMAIL:
        raise Invalid.one("to", say("Only e-mails can be sent as a test."))
    members = readers().filter(user_id__in=to).values_list("user_id", flat=True)
    if not members:
        raise Invalid.one("to", say("Choose who gets the test."))
    for user_id in members:
        SEND_TEST.enqueue(
            SendTest(revision.pk, contact.pk, str(template.pk) if template else "", user_id)
        )
    audit.record("delivery.test", revision, people=len(members))
    return len(members)


def letter(
    revision: Revision, contact: Contact, template: TemplateVersion | None, user: User
) -> email.Envelope:
    """The test as it leaves: marked, to a member."""
    made = envelope(revision, contact, template)
    subject = f"[Test] {made.components.get('subject', '')}"
    return replace(made, to=user.email, components={**made.components, "subject": subject})
