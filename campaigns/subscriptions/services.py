"""Topics, and what people say to them: every change is one more line of their consent record."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import timedelta

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.text import slugify

from attune.kernel import audit, secrets
from attune.kernel.errors import Invalid
from attune.kernel.models import new_id
from attune.kernel.phrases import say
from attune.kernel.tenancy import current_tenant
from campaigns.contacts import selectors as contacts
from campaigns.contacts import services as contact_services
from campaigns.contacts.models import Consent, Contact
from campaigns.subscriptions import selectors
from campaigns.subscriptions.jobs import ASK_TO_CONFIRM, AskToConfirm
from campaigns.subscriptions.models import Topic
from tenants.models import Tenant

CONFIRM_DAYS = 14
ASKED_LATELY = timedelta(minutes=10)  # nobody's post box is filled by a form


def save_topic(
    *, topic: Topic | None = None, name: str, description: str = "",
    mode: str = Topic.Mode.OPT_IN, double: bool = True, public: bool = True, key: str = "",
) -> Topic:  # fmt: skip
    """Make a topic, or change one; its key stays, since the consent record names it."""
    if not name.strip():
        raise Invalid.one("name", say("Give the topic a name."))
    if mode not in Topic.Mode.values:
        raise Invalid.one("mode", say("Choose one of %(names)s.", names=Topic.Mode.values))
    row = topic or Topic(key=slugify(key or name)[:40] or f"topic-{new_id().hex[-8:]}")
    if row.key == "marketing":
        raise Invalid.one("name", say("“Marketing” stands for everything; choose another name."))
    fields = ("name", "description", "mode", "double", "public")
    before = {field: getattr(row, field) for field in fields if topic}
    row.name, row.description = name.strip()[:80], description.strip()[:300]
    row.mode, row.double, row.public = mode, double, public
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as clash:
        told = say("A topic is called “%(name)s” already.", name=row.key)
        raise Invalid.one("name", told) from clash
    audit.record("subscriptions.save_topic", row, before=before, mode=mode, double=double,
                 public=public)  # fmt: skip
    return row


def archive(topic: Topic) -> None:
    """No new campaign can use it; what people said to it stays on record."""
    Topic.objects.filter(pk=topic.pk).update(archived=True)
    audit.record("subscriptions.archive_topic", topic)


def subscribe(
    *, contact: Contact, topics: Iterable[Topic], source: str, wording: str,
    confirmed: bool = False, public: bool = False, known: bool = True,
) -> list[Topic]:  # fmt: skip
    """Record that somebody asked for these topics. Where a topic asks twice, they get a letter with
    a link and nothing else until they confirmed; those topics are answered. `public`: whoever asks
    has not shown that the address is theirs, so that a refusal is taken back by the letter alone.
    Who was not `known` before gets nothing, also of topics for everybody, until they confirmed.
    """
    said = contacts.latest_consents(contact.pk, "email")
    refused = said.get("marketing") == Consent.State.REFUSED
    lately = _asked_lately(contact)
    waiting = []
    for topic in topics:
        word = said.get(topic.key, "")
        ask = (topic.double or (public and refused)) and not confirmed
        if not refused and (
            word == Consent.State.GIVEN or (ask and known and selectors.gets(topic, word))
        ):
            continue
        state = Consent.State.PENDING if ask else Consent.State.GIVEN
        _say(contact, topic, state, source, wording)
        if ask:
            waiting.append(topic)
        elif refused:
            _say(contact, None, Consent.State.GIVEN, source, wording)
    keys = sorted(topic.key for topic in waiting if topic.key not in lately)
    if keys:
        ASK_TO_CONFIRM.enqueue(AskToConfirm(contact.pk, keys),
                               dedupe_key=f"{contact.pk}:{':'.join(keys)}"[:200])  # fmt: skip
    return waiting


def leave_out(*, contact: Contact, but: Collection[str], source: str, wording: str) -> None:
    """Of the topics that everybody gets, somebody gets none `but` these."""
    everybodys = selectors.topics().filter(mode=Topic.Mode.OPT_OUT).exclude(key__in=but)
    for topic in everybodys:
        _say(contact, topic, Consent.State.REFUSED, source, wording)


def _asked_lately(contact: Contact) -> set[str]:
    """Keys of the topics for which a letter went out a moment ago."""
    rows = Consent.objects.filter(
        contact=contact, state=Consent.State.PENDING, channel="email",
        created_at__gte=timezone.now() - ASKED_LATELY,
    )  # fmt: skip
    return set(rows.values_list("purpose", flat=True))


def choose(*, contact: Contact, wanted: Collection[str], source: str, wording: str) -> int:
    """What somebody chose in their preference centre: a line for each topic that changes, how many
    did. Who has the link to it reads that address, so that nothing is asked twice."""
    changed = 0
    said = contacts.latest_consents(contact.pk, "email")
    if wanted and said.get("marketing") == Consent.State.REFUSED:
        _say(contact, None, Consent.State.GIVEN, source, wording)
        changed += 1
    for standing in selectors.standings(contact.pk):
        chosen = standing.topic.key in wanted
        state = Consent.State.GIVEN if chosen else Consent.State.REFUSED
        if chosen != standing.gets or (not chosen and standing.state == Consent.State.PENDING):
            _say(contact, standing.topic, state, source, wording)
            changed += 1
    return changed


def _say(contact: Contact, topic: Topic | None, state: str, source: str, wording: str) -> None:
    contact_services.record_consent(
        contact=contact, state=state, source=source, channel="email",
        purpose=topic.key if topic is not None else "marketing", wording=wording[:300],
    )  # fmt: skip


# -- the letter that asks --------------------------------------------------------------------------


def confirm_token(contact: Contact, topics: Collection[str]) -> str:
    """Bound to the address: a link to an old one confirms nothing."""
    return secrets.sign("confirm", {"t": current_tenant(), "c": str(contact.pk),
                                    "a": contact.email, "k": sorted(topics)})  # fmt: skip


def ask_to_confirm(contact: Contact, keys: Collection[str]) -> EmailMessage | None:
    """The letter with the link; None where there is nothing to ask any more."""
    topics = [row for row in selectors.topics() if row.key in keys]
    said = contacts.latest_consents(contact.pk, "email")
    topics = [row for row in topics if said.get(row.key) == Consent.State.PENDING]
    if not topics or not contact.email:
        return None
    tenant = Tenant.objects.get(pk=current_tenant())
    names = "\n".join(f"– {row.name}" for row in topics)
    link = settings.PUBLIC_URL + reverse(
        "delivery:confirm", args=[confirm_token(contact, [row.key for row in topics])]
    )
    title = say("Please confirm: %(workspace)s", workspace=tenant.name)
    told = say("You asked for these messages from %(workspace)s:", workspace=tenant.name)
    ask = say("Confirm by this link; it holds for %(days)s days:", days=CONFIRM_DAYS)
    not_you = say("If it was not you, do nothing: you will not be written to.")
    body = f"{told}\n\n{names}\n\n{ask}\n{link}\n\n{not_you}\n\n{tenant.postal_address}".strip()
    sender = tenant.sender_email or settings.DEFAULT_FROM_EMAIL
    return EmailMessage(str(title), body, sender, [contact.email])


def confirm(*, contact: Contact, keys: Collection[str], source: str) -> list[Topic]:
    """Somebody followed the link and pressed the button."""
    topics = [row for row in selectors.topics(archived=True) if row.key in keys]
    subscribe(contact=contact, topics=topics, source=source, confirmed=True,
              wording=str(say("Confirmed by the link in the letter.")))  # fmt: skip
    return topics
