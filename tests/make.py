"""Typed builders of what tests need, through the services where there is one."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from asgiref.sync import async_to_sync
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from attune.kernel.models import JobRow
from attune.kernel.tenancy import tenant_context
from campaigns.approval import services as approval
from campaigns.catalog import services as catalog
from campaigns.catalog.models import Product
from campaigns.contacts import services as contacts
from campaigns.contacts.models import Contact
from campaigns.content import services as content
from campaigns.content.models import Brief, Revision
from campaigns.decisions import services as decisions
from campaigns.decisions.models import Metric
from campaigns.delivery import services as delivery
from campaigns.delivery.models import Campaign
from campaigns.experiments import services as experiments
from campaigns.experiments.models import Experiment
from campaigns.generators import registry
from campaigns.generators.models import AdapterFile, ModelVersion
from campaigns.segments import services as segments
from campaigns.segments.models import Segment
from chat.conversations import visiting
from chat.conversations.models import Conversation, Visitor
from chat.conversations.visiting import Browser
from chat.inboxes import services as inboxes
from chat.inboxes.models import Inbox
from tenants import keys
from tenants import services as tenants
from tenants.models import Membership, Tenant, User
from tenants.registry import Member
from tenants.roles import verbs_of
from workers import runner, tasks

assert tasks  # its import registers the handlers


@dataclass
class Place:
    """A workspace with its owner and, made on demand, a member of each role."""

    tenant: Tenant
    owner: User
    members: dict[str, User] = field(default_factory=dict)

    @property
    def id(self) -> int:
        return self.tenant.pk

    @property
    def slug(self) -> str:
        return self.tenant.slug


def user(email: str | None = None) -> User:
    return User.objects.create_user(email or f"{uuid.uuid4().hex[:8]}@example.com", "correct horse")


def workspace(name: str = "acme") -> Place:
    owner = user()
    tenant = tenants.create_workspace(name=f"{name} {uuid.uuid4().hex[:6]}", owner=owner)
    with tenant_context(tenant.pk):
        Tenant.objects.filter(pk=tenant.pk).update(
            sender_email="hello@shop.example", postal_address="1 High Street"
        )
    return Place(tenant, owner)


def member(place: Place, role: str) -> User:
    """A member of the workspace with this role; call inside its tenant context."""
    if role == "owner":
        return place.owner
    if role not in place.members:
        place.members[role] = user()
        Membership.objects.create(user=place.members[role], role=role)
    return place.members[role]


def seen_as(role: str, slug: str = "acme") -> Member:
    """A member of a role as a request knows them."""
    return Member(0, slug, slug, "UTC", "EUR", role, "", verbs_of(role), None, False)


def key(place: Place, *scopes: str, kind: str = "secret") -> str:
    with tenant_context(place.id):
        _, secret = keys.create_key(name="test", kind=kind, scopes=list(scopes), by=None)
    return secret


def track(user_id: str, event: str, **properties: Any) -> dict[str, Any]:
    return {
        "type": "track", "userId": user_id, "event": event, "properties": properties,
        "messageId": uuid.uuid4().hex,
    }  # fmt: skip


def identify(user_id: str, **traits: Any) -> dict[str, Any]:
    return {
        "type": "identify", "userId": user_id, "traits": traits, "messageId": uuid.uuid4().hex,
    }  # fmt: skip


def record(*items: dict[str, Any], **options: Any) -> Any:
    """Record events and fold them, as the worker would."""
    receipt = contacts.record_events(list(items), source="test", **options)
    run_jobs()
    return receipt


def contact(user_id: str = "", **traits: Any) -> Contact:
    user_id = user_id or uuid.uuid4().hex[:8]
    record(identify(user_id, **{"email": f"{user_id}@example.com", **traits}))
    return Contact.objects.get(external_id=user_id)


def run_jobs(
    most: int = 200, but: tuple[str, ...] = ("model", "training", "fitting", "chat")
) -> list[str]:  # fmt: skip
    """Run every due job of the open tenant in this process, until none is left; those of the
    queues `but` wait."""
    ends = []
    for _ in range(most):
        row = (
            JobRow.objects.filter(state="pending", run_at__lte=timezone.now())
            .exclude(queue__in=but)
            .order_by("id")
            .first()
        )
        if row is None:
            return ends
        ends.append(runner.run_job(row.tenant_id, row.pk))
        if ends[-1] not in {"done", "quarantined"}:
            row.refresh_from_db()
            raise AssertionError(f"{row.kind}: {ends[-1]}\n{row.error}")
    raise AssertionError("jobs never end")


def product(**fields: Any) -> Product:
    sku = fields.pop("sku", uuid.uuid4().hex[:8])
    values = {
        "name": "Mountain Oolong", "category": "tea", "price_cents": 1400, "currency": "EUR",
        "description": "A lightly roasted oolong tea.", "url": "https://shop.example/oolong",
    }  # fmt: skip
    return catalog.save_product(sku=sku, **{**values, **fields})


def brief(channel: str = "email", **fields: Any) -> Brief:
    products = fields.pop("products", None) or [product()]
    values = {"name": "Oolong news", "goal": "tell tea lovers about the oolong"}
    return content.save_brief(channel=channel, products=products, **{**values, **fields})


GOOD = {
    "email": {
        "subject": "A tea for slow days",
        "body": "Hello {{ first_name }}, come and taste it.",
    },
    "banner": {"headline": "A tea for slow days", "body": "Come and taste it."},
}


def draft(channel: str = "email", *, author_id: int | None = None, **parts: str) -> Revision:
    components = {**GOOD[channel], **parts}
    return content.create_asset(
        name=uuid.uuid4().hex[:8], channel=channel, components=components, author_id=author_id,
        brief=brief(channel),
    )  # fmt: skip


def approved(channel: str = "email", **parts: str) -> Revision:
    revision = draft(channel, **parts)
    review = approval.submit(revision=revision, by_id=None)
    approval.decide(review=review, by=approval.Reviewer(10**9, "Rita"), kind="approve")
    revision.refresh_from_db()
    return revision


def metric(key: str = "order", event: str = "Order Completed", **fields: Any) -> Metric:
    known = Metric.objects.filter(key=key).first()
    values = {"name": key, "kind": "conversion", **fields}
    return known or decisions.save_metric(key=key, event_name=event, **values)


def experiment(
    revisions: list[Revision], *, holdout: float = 0.0, running: bool = True, **fields: Any
) -> Experiment:
    share = (1 - holdout) / len(revisions)
    arms = [
        experiments.ArmPlan(f"v{n}", f"Variant {n}", share, r, is_control=not holdout and n == 1)
        for n, r in enumerate(revisions, start=1)
    ]
    if holdout:
        arms.append(experiments.ArmPlan("holdout", "Nobody", holdout, None, is_control=True))
    name = fields.pop("name", uuid.uuid4().hex[:8])
    row = experiments.create(
        name=name, arms=arms, primary=fields.pop("primary", None) or metric(), **fields
    )
    if running:
        experiments.start(experiment=row)
        row.refresh_from_db()
    return row


def segment(rule: Any = None, name: str = "") -> Segment:
    rule = rule or {"trait": "email", "exists": True}
    row = segments.create(name=name or uuid.uuid4().hex[:8], rule=rule)
    run_jobs()
    row.refresh_from_db()
    return row


def campaign(audience: Segment, of: Experiment, **fields: Any) -> Campaign:
    return delivery.create(
        name=uuid.uuid4().hex[:8], audience=audience, experiment=of,
        via=fields.pop("via", "email"), **fields,
    )  # fmt: skip


def current_role() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        return cursor.fetchone()[0]


def atomic() -> Any:
    return transaction.atomic()


def decided(trial: Experiment, person: Contact, arm: str) -> None:
    """A decision of the experiment for this person, logged as it would be with an even split."""
    now = timezone.now()
    arms = [a.key for a in experiments.arms_of(trial)]
    decisions.log(
        [
            decisions.Choice(
                source="experiment", source_id=trial.pk, contact_id=person.pk,
                propensities=dict.fromkeys(arms, 1 / len(arms)), action=arm, draw=0.5, at=now,
                window_closes_at=now + timedelta(hours=trial.window_hours), version=trial.version,
            )
        ]
    )  # fmt: skip


def version(number: int, **fields: Any) -> ModelVersion:
    """A version of the model that passed the gate, without its training."""
    files = {"adapter_config.json": b"{}", "adapter_model.safetensors": str(number).encode()}
    values = {"base": settings.MODEL_NAME, "state": "evaluated", "gate": "passed", **fields}
    row = ModelVersion.objects.create(number=number, digest=registry.digest_of(files), **values)
    for name, data in files.items():
        AdapterFile.objects.create(version=row, name=name, content=data)
    return row


def inbox(**fields: Any) -> Inbox:
    values = {"name": f"Shop {uuid.uuid4().hex[:6]}", "bot_name": "Ada", **fields}
    return inboxes.save_inbox(**values)


def conversation(body: str = "Hello", **fields: Any) -> Conversation:
    """A stranger's conversation with one message, in an inbox of its own."""
    who = fields.pop("who", "")
    session, _ = visiting.start(
        inbox=fields.pop("inbox", None) or inbox(**fields), visitor=None,
        browser=Browser(key=uuid.uuid4().hex), client_id=uuid.uuid4().hex, body=body,
    )  # fmt: skip
    assert session.conversation is not None
    if who:
        Visitor.objects.filter(pk=session.conversation.visitor_id).update(name=who)
    return session.conversation


def body(answer: Any) -> bytes:
    """What a download holds."""

    async def whole() -> bytes:
        return b"".join([part async for part in answer.streaming_content])

    return async_to_sync(whole)()
