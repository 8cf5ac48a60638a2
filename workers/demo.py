"""What the demo workspace consists of. Everything goes through the services."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from attune.embedded import shop
from attune.kernel.models import JobRow
from attune.kernel.tenancy import tenant_context
from campaigns.approval import services as approval
from campaigns.catalog import services as catalog
from campaigns.catalog.models import Product
from campaigns.contacts import services as contacts
from campaigns.content import services as content
from campaigns.content.models import Brief, Revision
from campaigns.decisions import services as decisions
from campaigns.delivery import services as delivery
from campaigns.experiments import services as experiments
from campaigns.segments import services as segments
from campaigns.segments.models import Segment
from tenants import keys as api_keys
from tenants import notices, registry
from tenants import services as tenants
from tenants.models import ApiKey, Membership, Tenant, User
from tenants.roles import Role
from workers import runner, tasks
from workers.demo_lessons import LESSONS

assert tasks  # noqa: S101 - its import registers the handlers
PASSWORD = "attune-demo-2026"  # noqa: S105 - printed on the screen, for a demo
BATCH = 500
NAME, SLUG = "Harbour Tea & Coffee", "harbour-tea-coffee"
BANNERS = (
    ("Quiet claim", {"headline": "Tea and coffee for slow days", "body": "Come in and look around.",
                     "cta": "Look around"}),
    ("Concrete taste", {"headline": "Lightly roasted, ready to pour",
                        "body": "Mountain Oolong is a lightly roasted oolong tea.",
                        "cta": "Taste Mountain Oolong"}),
    ("Price first", {"headline": "A tin of oolong for 14.00 EUR",
                     "body": "Mountain Oolong costs 14.00 EUR, and each tin holds 100 g.",
                     "cta": "See the tin"}),
)  # fmt: skip
MAILS = (
    ("Plain hello", {"subject": "Your morning cup, {{ first_name }}",
                     "preheader": "A medium roast, freshly packed.",
                     "body": "Hello {{ first_name }},\n\nMorning Roast is a medium roast coffee. Each"
                     " bag holds 250 g and costs 9.50 EUR.", "cta": "See Morning Roast"}),
    ("Question", {"subject": "What is in your cup today?", "preheader": "A thought for the morning.",
                  "body": "Hello {{ first_name }},\n\nif it is coffee, have a look at Morning Roast, our"
                  " medium roast. If it is tea, stay with it.", "cta": "Have a look"}),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Demo:
    tenant_id: int
    users: dict[str, int]


def people() -> Demo:
    """A login for every role, and the workspace they share."""
    users = {
        role.value: User.objects.filter(email=f"{role}@demo.attune.example").first()
        or User.objects.create_user(
            f"{role}@demo.attune.example", PASSWORD, name=f"Demo {role.value.title()}"
        )
        for role in Role
    }
    known = [m for m in registry.memberships_of(users["owner"].pk) if m.slug == SLUG]
    if known:
        tenant_id = known[0].tenant_id
    else:
        owner = users["owner"]
        tenant_id = tenants.create_workspace(name=NAME, slug=SLUG, owner=owner).pk
    with tenant_context(tenant_id):
        for role in Role:
            Membership.objects.get_or_create(user=users[role.value], defaults={"role": role})
    return Demo(tenant_id, {name: user.pk for name, user in users.items()})


def workspace(place: Demo) -> None:
    """Settings, catalogue, voice, metrics."""
    if Product.objects.exists():
        return
    tenant = Tenant.objects.get(pk=place.tenant_id)
    tenants.save_settings(
        tenant=tenant, sender_name="Harbour Tea & Coffee", sender_email="hello@harbour.example",
        postal_address="Harbour Tea & Coffee, 1 Quay Street, 20457 Hamburg",
        timezone="Europe/Berlin", frequency_cap=5,
    )  # fmt: skip
    for item in shop.CATALOGUE:
        values = {k: v for k, v in item.items() if k != "facts"}
        url = f"https://harbour.example/{item['sku'].lower()}"
        product = catalog.save_product(**values, currency="EUR", url=url)
        for fact in item["facts"]:
            catalog.add_fact(text=fact, product=product, source="label")
    catalog.save_voice(
        tone="warm, plain, concrete", audience="people who take time for a cup",
        banned_words=["cheap", "hurry", "revolutionary", "guru"], preferred_words=["cup", "slow"],
        samples=["A good cup needs only hot water and a minute."],
        signature="Your Harbour team",
    )  # fmt: skip
    decisions.save_metric(
        key="order", name="Ordered", event_name="Order Completed", kind="conversion"
    )
    decisions.save_metric(key="revenue", name="Revenue", event_name="Order Completed", kind="value")
    decisions.save_metric(
        key="unsubscribe", name="Unsubscribed", event_name="Unsubscribed", kind="conversion",
        higher_is_better=False,
    )  # fmt: skip
    decisions.save_metric(
        key="click", name="Clicked", event_name="Message Clicked", kind="conversion"
    )


def keys() -> dict[str, str]:
    """The shop's two keys; their secrets are kept in the demo's own folder only."""
    _, write = api_keys.create_key(
        name="Shop front", kind=ApiKey.Kind.WRITE_ONLY, scopes=[], by=None
    )
    scopes = ["decisions.make", "sends.view", "contacts.view_personal"]
    _, secret = api_keys.create_key(
        name="Shop server", kind=ApiKey.Kind.SECRET, scopes=scopes, by=None
    )
    return {"write_key": write, "secret_key": secret}


def customers(start: int, count: int) -> None:
    now = datetime.now(UTC)
    items = [e for n in range(start, start + count) for e in shop.history(shop.shopper(n), now)]
    contacts.record_events(items, source="demo", now=now)


def fold(tenant_id: int) -> None:
    """Run what the seeding put on the light queue, here, so that the first page is full."""
    while True:
        with tenant_context(tenant_id):
            row = JobRow.objects.filter(state="pending", queue="light").order_by("id").first()
        if row is None or runner.run_job(tenant_id, row.pk) != "done":
            return


def story(place: Demo) -> None:
    """Segments, two briefs with reviewed texts, a bandit that runs, a mail ready to launch."""
    if Segment.objects.exists():
        return
    tea = segments.create(
        name="Tea lovers", description="people who buy tea often",
        rule={"all": [{"profile": "top_category", "is": "tea"}, {"profile": "orders", "above": 0}]},
    )  # fmt: skip
    coffee = segments.create(
        name="Coffee drinkers", description="people who like coffee",
        rule={"all": [{"profile": "top_category", "is": "coffee"}, {"trait": "newsletter", "is": True}]},
    )  # fmt: skip
    segments.create(
        name="Bought twice in 30 days", description="customers who come back",
        rule={"did": "Order Completed", "times": 2, "within_days": 30},
    )  # fmt: skip
    segments.create(
        name="Holdout 2026", description="ten percent who never get promotions",
        rule={"bucket": "holdout-2026", "from": 0, "to": 10},
    )  # fmt: skip
    segments.create(name="Everyone with an address", rule={"trait": "email", "exists": True})
    visitors = segments.create(
        name="Outside the holdout", description="everybody but the yearly holdout",
        rule={"not": {"bucket": "holdout-2026", "from": 0, "to": 10}},
    )  # fmt: skip
    _banner(place, visitors)
    _mail(place, coffee)
    _lessons(place)
    content.save_brief(
        name="Oolong for tea lovers", goal="tell tea lovers about Mountain Oolong", channel="email",
        products=list(Product.objects.filter(sku="T-OOL")), audience=tea,
        author_id=place.users["marketer"],
    )  # fmt: skip


def _banner(place: Demo, audience: Segment) -> None:
    brief = content.save_brief(
        name="Home banner", goal="invite visitors to taste something", channel="banner",
        products=list(Product.objects.filter(sku="T-OOL")), author_id=place.users["marketer"],
    )  # fmt: skip
    texts = [_approved(place, brief, name, parts) for name, parts in BANNERS]
    arms = [
        experiments.ArmPlan(f"variant-{n}", str(text.asset), 0.3, text)
        for n, text in enumerate(texts, start=1)
    ]
    arms.insert(0, experiments.ArmPlan("holdout", "No banner", 0.1, None, is_control=True))
    trial = experiments.create(
        name="Home banner", arms=arms, primary=_metric("order"), secondary=[_metric("revenue")],
        kind="thompson", floor=0.01, window_hours=24, target_lift=0.3,
        hypothesis="A concrete taste invites more than a claim or a price.",
    )  # fmt: skip
    campaign = delivery.create(
        name="Home banner",
        via="decide",
        audience=audience,
        experiment=trial,
    )
    _settle()
    audience.refresh_from_db()
    campaign.refresh_from_db()
    delivery.launch(campaign=campaign)


def _mail(place: Demo, audience: Segment) -> None:
    brief = content.save_brief(
        name="Morning Roast", goal="invite coffee drinkers to Morning Roast", channel="email",
        products=list(Product.objects.filter(sku="C-ROA")), audience=audience,
        author_id=place.users["marketer"],
    )  # fmt: skip
    texts = [_approved(place, brief, name, parts) for name, parts in MAILS]
    arms = [
        experiments.ArmPlan(f"variant-{n}", str(text.asset), 0.4, text)
        for n, text in enumerate(texts, start=1)
    ]
    arms.insert(0, experiments.ArmPlan("holdout", "No message", 0.2, None, is_control=True))
    trial = experiments.create(
        name="Morning Roast mail", arms=arms, primary=_metric("order"),
        secondary=[_metric("revenue")], guardrails=[_metric("unsubscribe")], target_lift=0.5,
    )  # fmt: skip
    delivery.create(
        name="Morning Roast mail",
        via="email",
        audience=audience,
        experiment=trial,
    )


def _lessons(place: Demo) -> None:
    """Text messages that were approved and rejected: enough for a first version of the model."""
    by = approval.Reviewer(place.users["reviewer"], "Demo Reviewer")
    for sku, goal, good, bad in LESSONS:
        product = Product.objects.get(sku=sku)
        brief = content.save_brief(
            name=f"{product.name} by text message", goal=goal, channel="sms", products=[product],
            author_id=place.users["marketer"],
        )  # fmt: skip
        for n, body in enumerate(good, start=1):
            _approved(place, brief, f"{product.name} {n}", {"body": body})
        for n, body in enumerate(bad, start=1):
            revision = content.create_asset(
                name=f"{product.name}, loud {n}", channel="sms", components={"body": body},
                brief=brief, author_id=place.users["marketer"],
            )  # fmt: skip
            review = approval.submit(revision=revision, by_id=place.users["marketer"])
            approval.decide(review=review, by=by, kind="reject", reason="wrong_tone")
    for user_id in place.users.values():  # what was settled long ago is not news
        notices.read_all(user_id)


def _approved(place: Demo, brief: Brief, name: str, parts: dict[str, str]) -> Revision:
    revision = content.create_asset(
        name=name, channel=brief.channel, components=parts, brief=brief,
        author_id=place.users["marketer"],
    )  # fmt: skip
    review = approval.submit(revision=revision, by_id=place.users["marketer"])
    by = approval.Reviewer(place.users["reviewer"], "Demo Reviewer")
    approval.decide(review=review, by=by, kind="approve")
    revision.refresh_from_db()
    return revision


def _metric(key: str) -> decisions.Metric:
    return decisions.Metric.objects.get(key=key)


def _settle() -> None:
    """Run the segment refreshes that wait, inside the open context."""
    for row in JobRow.objects.filter(state="pending", queue="light").order_by("id"):
        runner.run_job(row.tenant_id, row.pk)
