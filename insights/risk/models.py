"""Who may be lost: the question, each refresh with what it was worth, and what is told of whom."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from attune.kernel.models import JobRow, TenantModel
from attune.kernel.phrase_field import PhraseField
from attune.kernel.tenancy import TenantForeignKey
from campaigns.contacts import scores as scored
from campaigns.contacts.models import Contact
from campaigns.decisions.models import Metric
from campaigns.segments.models import Segment


class Risk(TenantModel):
    """Which customers will not do the goal's event within so many days?"""

    class State(models.TextChoices):
        ACTIVE = "active", _("Active")
        PAUSED = "paused", _("Paused")

    key = models.SlugField(max_length=60)  # what segments and policies call it
    name = models.CharField(max_length=120)
    goal = TenantForeignKey(Metric, on_delete=models.PROTECT, related_name="risks")
    days = models.PositiveSmallIntegerField(default=60)
    state = models.CharField(max_length=6, choices=State, default=State.ACTIVE)
    win_back = TenantForeignKey(Segment, null=True, blank=True, on_delete=models.SET_NULL)
    job = TenantForeignKey(JobRow, null=True, blank=True, on_delete=models.SET_NULL)

    class Meta(TenantModel.Meta):
        db_table = "risk"
        constraints = [
            models.UniqueConstraint(name="one_risk_a_key", fields=["tenant_id", "key"]),
            models.UniqueConstraint(name="one_risk_a_name", fields=["tenant_id", "name"]),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def worth_key(self) -> str:
        """The score that says whom to keep: the share of customers who would spend less, 0 to
        1."""
        return scored.WORTH + self.key.removeprefix(scored.RISK)


class RiskRun(TenantModel):
    """One refresh: what it learned from, how each way foretold what had not happened yet, what is
    at stake. Appended."""

    class State(models.TextChoices):
        DONE = "done", _("Done")
        REFUSED = "refused", _("Refused")

    risk = TenantForeignKey(Risk, on_delete=models.CASCADE, related_name="runs")
    at = models.DateTimeField()
    state = models.CharField(max_length=8, choices=State)
    reason = PhraseField(default=str)
    people = models.PositiveIntegerField(default=0)
    card = models.JSONField(default=dict)

    class Meta(TenantModel.Meta):
        db_table = "risk_run"
        indexes = [models.Index(fields=["tenant_id", "risk", "at"], name="risk_run_by_time")]

    def __str__(self) -> str:
        return f"{self.risk_id} {self.at:%Y-%m-%d}"


class RiskScore(TenantModel):
    """What is told of a customer until `expires_at`: the chance to lose them, the money expected of
    them in a year (which a high risk lowers; None where rhythm tells nothing), what they would
    spend in the time ahead at the rate they bought at, and what somebody may do about it. Where the
    goal carries no money, purchases stand for it. Nothing is done by itself. The newest alone."""

    class Action(models.TextChoices):
        ANSWER = "answer", _("Answer the complaint first")
        PERSONAL = "personal", _("Write or call personally")
        WIN_BACK = "win_back", _("Win back")
        REMIND = "remind", _("Remind")
        ASK = "ask", _("Ask for consent at the next visit")
        LEAVE = "leave", _("Leave")
        NOTHING = "nothing", _("Nothing: no discount")

    risk = TenantForeignKey(Risk, on_delete=models.CASCADE, related_name="scores")
    contact = TenantForeignKey(Contact, on_delete=models.CASCADE, related_name="risk_scores")
    p = models.FloatField()
    alive = models.FloatField(null=True)  # chance to be a customer still, where rhythm tells it
    worth = models.FloatField(null=True)
    usual = models.FloatField()
    worth_rank = models.FloatField()  # share of the customers who would spend less, 0 to 1
    action = models.CharField(max_length=8, choices=Action)
    reasons = models.JSONField(default=list)  # [feature, value, log odds of losing them]
    at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        db_table = "risk_score"
        constraints = [
            models.UniqueConstraint(
                name="one_risk_score_a_person", fields=["tenant_id", "risk", "contact"]
            ),
            models.CheckConstraint(
                name="a_risk_is_a_probability", condition=models.Q(p__gte=0, p__lte=1)
            ),
        ]
        indexes = [
            models.Index(fields=["tenant_id", "risk", "-p"], name="risk_score_by_p"),
        ]

    def __str__(self) -> str:
        return f"{self.contact_id}: {self.p:.2f}"

    @property
    def at_stake(self) -> float:
        """What they would spend in the time ahead as they did, times the chance to lose it."""
        return self.p * self.usual
