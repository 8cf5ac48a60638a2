"""How much a workspace may use in a month: what its own people set, what its agency grants, and
what whoever runs the house does. The lowest holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import orjson
from django.db import connection
from django.db.models import Max, Sum
from django.utils import timezone

from attune.kernel import audit
from attune.kernel.errors import AttuneError, FieldError, Invalid
from attune.kernel.models import new_id
from attune.kernel.phrases import Phrase, say
from attune.kernel.tenancy import current_tenant
from tenants.models import Allowance, Meter, Tenant

NEAR = 0.8  # of a cap: people are told
FULL = {
    Meter.Kind.MESSAGES: say("Used up: what is not sent yet waits for the next month, or for a "
                             "higher cap."),
    Meter.Kind.EVENTS: say("Used up: new events are refused, and their senders keep them."),
    Meter.Kind.CONTACTS: say("Used up: imports stop until there is room."),
}  # fmt: skip
CAPPED = (Meter.Kind.MESSAGES, Meter.Kind.EVENTS, Meter.Kind.CONTACTS)
MOST = 10**12
BEGIN_SQL = """
INSERT INTO allowance (id, tenant_id, month, kind, n) VALUES (%s, %s, %s, %s, 0)
ON CONFLICT (tenant_id, month, kind) DO NOTHING RETURNING id"""
TAKE_SQL = """
UPDATE allowance SET n = n + %s WHERE tenant_id = %s AND month = %s AND kind = %s AND n + %s <= %s
RETURNING n"""


class CapReached(AttuneError):
    """The month's allowance is used up."""

    status, code, title = 429, "cap_reached", say("The month's allowance is used up")


@dataclass(frozen=True, slots=True)
class Line:
    """One kind of use: how much this month, and the caps on it, if any."""

    kind: str
    label: str
    used: int
    own: int | None = None
    agency: int | None = None
    house: int | None = None

    @property
    def cap(self) -> int | None:
        return lowest(self.own, self.agency, self.house)

    @property
    def share(self) -> float | None:
        """Of the cap, what is used: 0 to 1 and beyond."""
        if self.cap is None:
            return None
        return self.used / self.cap if self.cap else 1.0

    @property
    def told(self) -> Phrase | None:
        """What a cap that is near or reached means; None while there is room."""
        if self.share is None or self.share < NEAR:
            return None
        if self.share >= 1:
            return FULL.get(Meter.Kind(self.kind))
        return say("%(share)s %% of it are used.", share=int(self.share * 100))

    @property
    def full(self) -> bool:
        return self.share is not None and self.share >= 1


def lowest(*caps: int | None) -> int | None:
    return min((cap for cap in caps if cap is not None), default=None)


def cap_of(tenant: Tenant, kind: str) -> int | None:
    """The cap that holds for a kind; None for none."""
    return lowest(*(caps.get(kind) for caps in (tenant.own_caps, tenant.agency_caps,
                                                tenant.house_caps)))  # fmt: skip


def month_of(tenant: Tenant) -> date:
    """The first day of the month that it is for the workspace now, whoever asks."""
    return timezone.localdate(timezone=ZoneInfo(tenant.timezone)).replace(day=1)


def begin_of(month: date, tenant: Tenant) -> datetime:
    """The moment at which a month begins for the workspace."""
    return datetime.combine(month, time.min, ZoneInfo(tenant.timezone))


def next_month(month: date) -> date:
    return (month + timedelta(days=32)).replace(day=1)


def lines(tenant: Tenant, month: date | None = None) -> list[Line]:
    """What the open workspace used in a month, this one if none is named, kind by kind; what is
    capped, as the cap counts."""
    month = month or month_of(tenant)
    rows = Meter.objects.filter(day__gte=month, day__lt=next_month(month)).values("kind")
    found = {r["kind"]: r for r in rows.annotate(total=Sum("n"), most=Max("n"))}
    exact = dict(Allowance.objects.filter(month=month).values_list("kind", "n"))
    return [
        Line(
            kind, str(label), exact.get(kind, used_of(kind, found.get(kind))),
            tenant.own_caps.get(kind), tenant.agency_caps.get(kind), tenant.house_caps.get(kind),
        )
        for kind, label in Meter.Kind.choices
    ]  # fmt: skip


def used_of(kind: str, row: Mapping[str, int] | None) -> int:
    """A month's use from its days: contacts are as many as there were at most, the rest add up."""
    if row is None:
        return 0
    return row["most"] if kind == Meter.Kind.CONTACTS else row["total"]


def checked(caps: Mapping[str, int | None]) -> dict[str, int]:
    """Caps as they are stored; None takes one away. Raises Invalid by field."""
    unknown = sorted(set(caps) - set(CAPPED))
    wrong = [FieldError(name, say("There is no cap of this name.")) for name in unknown]
    wrong += [
        FieldError(name, say("Give 0 or more, or nothing for no cap."))
        for name, cap in caps.items()
        if cap is not None and not 0 <= cap <= MOST
    ]
    if wrong:
        raise Invalid(wrong)
    return {str(name): cap for name, cap in caps.items() if cap is not None}


def save_own(caps: Mapping[str, int | None]) -> None:
    """The caps that the workspace's own people set."""
    _save("own_caps", checked(caps))


def save_agency(caps: Mapping[str, int | None]) -> None:
    """The caps that its agency grants the open workspace."""
    _save("agency_caps", checked(caps))


def save_house(caps: Mapping[str, int | None]) -> None:
    """The caps that whoever runs the house grants it."""
    _save("house_caps", checked(caps))


def _save(field: str, caps: dict[str, int]) -> None:
    tenant = Tenant.objects.select_for_update().get(pk=current_tenant())
    before = getattr(tenant, field)
    if before == caps:
        return
    setattr(tenant, field, caps)
    other = {kind for kind in CAPPED if before.get(kind) != caps.get(kind)}
    tenant.warned = {kind: told for kind, told in tenant.warned.items() if kind not in other}
    tenant.save(update_fields=[field, "warned"])
    Allowance.objects.filter(kind__in=other).delete()  # counted again under the new cap
    audit.record(f"workspace.{field}", tenant, before={field: before}, **{field: caps})


def told(kind: str, cap: int) -> Phrase:
    """The sentence for whoever meets a cap."""
    label = dict(Meter.Kind.choices)[Meter.Kind(kind)]
    return say(
        "This month's cap is reached: %(kind)s, %(cap)s. An owner or admin raises it under Usage, "
        "or the agency does.",
        kind=label, cap=f"{cap:,}",
    )  # fmt: skip


def begun(kind: str, month: date, count: Callable[[], int]) -> None:
    """Have the exact count of a month: whoever makes its row counts what was before, everybody else
    waits for them; what comes meanwhile is counted by none twice, since all have to pass here."""
    with connection.cursor() as cursor:
        cursor.execute(BEGIN_SQL, [new_id(), current_tenant(), month, kind])
        made = cursor.fetchone() is not None
    if made:
        Allowance.objects.filter(month=month, kind=kind).update(n=count())


def take(kind: str, month: date, cap: int, n: int = 1) -> bool:
    """Take n out of what the cap leaves of a month; False, and nothing taken, where that is less.
    Those who take of one workspace wait here for each other's transactions."""
    with connection.cursor() as cursor:
        cursor.execute(TAKE_SQL, [n, current_tenant(), month, kind, n, cap])
        return cursor.fetchone() is not None


def stored(text: str) -> dict[str, int]:
    """Caps as the database wrote them."""
    found: dict[str, int] = orjson.loads(text)
    return found
