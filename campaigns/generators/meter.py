"""The meter of model work, and the cap that stops it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection
from django.db.models import Sum
from django.utils import timezone

from attune.kernel import audit, privacy
from attune.kernel.errors import FieldError, Invalid
from attune.kernel.models import new_id
from attune.kernel.phrases import Phrase, say
from attune.kernel.tenancy import current_tenant
from campaigns.generators.models import Usage, WritingSettings
from tenants.caps import CapReached

SQL = """
INSERT INTO usage
  (id, tenant_id, day, task, model, requests, tokens_in, tokens_out, seconds, micros)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (tenant_id, day, task, model) DO UPDATE SET
  requests = usage.requests + excluded.requests, tokens_in = usage.tokens_in + excluded.tokens_in,
  tokens_out = usage.tokens_out + excluded.tokens_out, seconds = usage.seconds + excluded.seconds,
  micros = usage.micros + excluded.micros"""


@dataclass(frozen=True, slots=True)
class Month:
    """What this month took, and what it may take."""

    tokens: int
    tokens_cap: int
    cents: float
    cents_cap: int

    @property
    def share(self) -> float:
        """Of the cap that is nearer, what is used: 0 to 1 and beyond."""
        return max(
            self.tokens / self.tokens_cap if self.tokens_cap else 1.0,
            self.cents / self.cents_cap if self.cents_cap else 0.0,
        )


def settings_of(*, lock: bool = False) -> WritingSettings:
    """The workspace's settings; the plain ones are made on first use."""
    row, _ = WritingSettings.objects.get_or_create()
    return WritingSettings.objects.select_for_update().get(pk=row.pk) if lock else row


def record(
    *, task: str, model: str, requests: int, tokens_in: int, tokens_out: int,
    seconds: float = 0.0, micros: int = 0,
) -> None:  # fmt: skip
    """Add to today's row of this task and model; concurrent calls add up."""
    with connection.cursor() as cursor:
        cursor.execute(
            SQL,
            [new_id(), current_tenant(), timezone.localdate(), task, model[:200], requests,
             tokens_in, tokens_out, seconds, micros],
        )  # fmt: skip


def month() -> Month:
    """This calendar month in the workspace's time zone."""
    first = timezone.localdate().replace(day=1)
    sums = Usage.objects.filter(day__gte=first).aggregate(
        tokens_in=Sum("tokens_in", default=0), tokens_out=Sum("tokens_out", default=0),
        micros=Sum("micros", default=0),
    )  # fmt: skip
    caps = settings_of()
    return Month(
        sums["tokens_in"] + sums["tokens_out"], caps.tokens_a_month,
        sums["micros"] / 10_000, caps.cents_a_month,
    )  # fmt: skip


def demand_allowance(*, paid: bool = False) -> Month:
    """Raise CapReached, naming the cap and where it is raised, when the month is used up. The cap
    of money holds work that costs some (`paid`): the house's own model writes on."""
    used = month()
    if used.tokens >= used.tokens_cap:
        raise CapReached(_told(say("%(n)s tokens", n=f"{used.tokens_cap:,}")))
    if paid and used.cents >= used.cents_cap:
        raise CapReached(_told(say("%(n)s of currency", n=f"{used.cents_cap / 100:.2f}")))
    return used


def _told(cap: Phrase) -> Phrase:
    return say(
        "This month's cap of %(cap)s for model work is reached; an owner or admin can raise it in "
        "Models → Usage and servers.",
        cap=cap,
    )


def save_caps(
    *, tokens_a_month: int, cents_a_month: int, canary_share: float,
    profile_fields: Sequence[str] = (),
) -> WritingSettings:  # fmt: skip
    """Change the caps, how much of each run a version on trial writes, and which traits a message
    for one person may use. A sensitive trait is refused, whoever asks."""
    wrong = [
        FieldError(
            "profile_fields",
            say("“%(name)s” is sensitive: no prompt may hold it.", name=name),
            say("Take it out."),
        )
        for name in profile_fields
        if privacy.sensitive(name)
    ]
    if not 0 <= tokens_a_month < 10**15:
        wrong.append(FieldError("tokens_a_month", say("Give 0 or more tokens.")))
    if not 0 <= cents_a_month < 10**12:
        wrong.append(FieldError("cents_a_month", say("Give 0 or more.")))
    if not 0 < canary_share < 1:
        wrong.append(FieldError("canary_share", say("The share lies between 0 and 1.")))
    if wrong:
        raise Invalid(wrong)
    row = settings_of(lock=True)
    before = {"tokens_a_month": row.tokens_a_month, "cents_a_month": row.cents_a_month}
    row.tokens_a_month, row.cents_a_month, row.canary_share = (
        tokens_a_month, cents_a_month, canary_share,
    )  # fmt: skip
    row.profile_fields = [name[:80] for name in profile_fields][:50]
    row.save()
    audit.record("generators.save_caps", row, before=before)
    return row
