"""How much a workspace may use in a month: what its own people set, and what its agency or whoever
runs the house grants. The lower one holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import orjson
from django.db.models import Max, Sum
from django.utils import timezone

from attune.kernel import audit
from attune.kernel.errors import AttuneError, FieldError, Invalid
from attune.kernel.phrases import Phrase, say
from attune.kernel.tenancy import current_tenant
from tenants.models import Allowance, Meter, Tenant

CAPPED = (Meter.Kind.MESSAGES, Meter.Kind.EVENTS, Meter.Kind.CONTACTS)
MOST = 10**12


class CapReached(AttuneError):
    """The month's allowance is used up."""

    status, code, title = 429, "cap_reached", say("The month's allowance is used up")


@dataclass(frozen=True, slots=True)
class Line:
    """One kind of use: how much this month, and the caps on it, if any."""

    kind: str
    label: str
    used: int
    own: int | None
    granted: int | None

    @property
    def cap(self) -> int | None:
        return lowest(self.own, self.granted)

    @property
    def share(self) -> float | None:
        """Of the cap, what is used: 0 to 1 and beyond."""
        if self.cap is None:
            return None
        return self.used / self.cap if self.cap else 1.0


def lowest(*caps: int | None) -> int | None:
    return min((cap for cap in caps if cap is not None), default=None)


def cap_of(tenant: Tenant, kind: str) -> int | None:
    """The cap that holds for a kind; None for none."""
    return lowest(tenant.own_caps.get(kind), tenant.granted_caps.get(kind))


def this_month() -> date:
    """The first day of the workspace's month."""
    return timezone.localdate().replace(day=1)


def lines(tenant: Tenant) -> list[Line]:
    """What the open workspace used this month, kind by kind."""
    rows = Meter.objects.filter(day__gte=this_month()).values("kind")
    found = {r["kind"]: r for r in rows.annotate(total=Sum("n"), most=Max("n"))}
    return [
        Line(
            kind, str(label), used_of(kind, found.get(kind)),
            tenant.own_caps.get(kind), tenant.granted_caps.get(kind),
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


def grant(caps: Mapping[str, int | None]) -> None:
    """The caps that bind the open workspace from outside: by its agency, or the house."""
    _save("granted_caps", checked(caps))


def _save(field: str, caps: dict[str, int]) -> None:
    tenant = Tenant.objects.select_for_update().get(pk=current_tenant())
    before = getattr(tenant, field)
    if before == caps:
        return
    setattr(tenant, field, caps)
    tenant.warned = {}
    tenant.save(update_fields=[field, "warned"])
    Allowance.objects.filter(month=this_month()).delete()  # counted again under the new cap
    audit.record("workspace.caps", tenant, before={field: before}, **{field: caps})


def told(kind: str, cap: int) -> Phrase:
    """The sentence for whoever meets a cap."""
    label = dict(Meter.Kind.choices)[Meter.Kind(kind)]
    return say(
        "This month's cap is reached: %(kind)s, %(cap)s. An owner or admin raises it in Settings → "
        "Usage, or the agency does.",
        kind=label, cap=f"{cap:,}",
    )  # fmt: skip


def stored(text: str) -> dict[str, int]:
    """Caps as the database wrote them."""
    found: dict[str, int] = orjson.loads(text)
    return found
