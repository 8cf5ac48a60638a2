"""Journeys: what leads each person through steps, and where each of them stands."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from attune.kernel.models import TenantModel
from attune.kernel.phrase_field import PhraseField
from attune.kernel.tenancy import TenantForeignKey
from campaigns.contacts.models import Contact
from campaigns.delivery.models import Campaign, Send


class Journey(TenantModel):
    """A campaign by steps. `draft` is edited freely; what runs is the live version."""

    campaign = TenantForeignKey(Campaign, on_delete=models.CASCADE, related_name="journeys")
    draft = models.JSONField()
    edited = models.PositiveIntegerField(default=1)  # goes up with each change of the draft
    live = TenantForeignKey(
        "JourneyVersion", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta(TenantModel.Meta):
        db_table = "automation"
        constraints = [
            models.UniqueConstraint(name="one_journey_a_campaign", fields=["tenant_id", "campaign"])
        ]

    def __str__(self) -> str:
        return str(self.campaign)

    @property
    def state(self) -> str:
        return self.campaign.state


class JourneyVersion(TenantModel):
    """A flow as it was published; appended, never edited."""

    journey = TenantForeignKey(Journey, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    flow = models.JSONField()
    by_label = models.CharField(max_length=120, blank=True, default="")

    class Meta(TenantModel.Meta):
        db_table = "automation_version"
        constraints = [
            models.UniqueConstraint(
                name="one_journey_version_a_number", fields=["tenant_id", "journey", "number"]
            ),
        ]

    def __str__(self) -> str:
        return f"{self.journey} {self.number}"


class JourneyRun(TenantModel):
    """One person's way through a journey: at which step, since and until when. `entry` is what let
    them in, which lets them in once."""

    class State(models.TextChoices):
        ACTIVE = "active", _("On the way")
        ENDED = "ended", _("Ended")
        STUCK = "stuck", _("Stuck")

    class Outcome(models.TextChoices):
        NONE = "", _("On the way")
        FINISHED = "finished", _("Went to the end")
        CONVERTED = "converted", _("Reached the goal")
        LEFT = "left", _("Left the segment")
        EXITED = "exited", _("Led out by a step")
        RESTARTED = "restarted", _("Began anew")
        REMOVED = "removed", _("The step was removed")
        STOPPED = "stopped", _("The journey ended")

    journey = TenantForeignKey(Journey, on_delete=models.CASCADE, related_name="runs")
    version = TenantForeignKey(JourneyVersion, on_delete=models.CASCADE, related_name="runs")
    contact = TenantForeignKey(Contact, on_delete=models.CASCADE, related_name="journey_runs")
    key = models.CharField(max_length=200, blank=True, default="")
    entry = models.CharField(max_length=60)
    state = models.CharField(max_length=6, choices=State, default=State.ACTIVE)
    outcome = models.CharField(max_length=9, choices=Outcome, blank=True, default=Outcome.NONE)
    node = models.CharField(max_length=12, blank=True, default="")
    entered_at = models.DateTimeField()
    since = models.DateTimeField()  # when they came to this step
    due_at = models.DateTimeField(null=True, blank=True)
    send = TenantForeignKey(
        Send, null=True, blank=True, on_delete=models.SET_NULL, related_name="journey_runs"
    )
    problem = PhraseField(default=str)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantModel.Meta):
        db_table = "automation_run"
        constraints = [
            models.UniqueConstraint(
                name="one_run_an_entry", fields=["tenant_id", "journey", "entry"]
            ),
            models.UniqueConstraint(
                name="one_run_a_person_and_key",
                fields=["tenant_id", "journey", "contact", "key"],
                condition=~models.Q(state="ended"),
            ),
        ]
        indexes = [
            models.Index(
                fields=["tenant_id", "journey", "due_at"], name="run_due",
                condition=models.Q(state="active", due_at__isnull=False),
            ),
            models.Index(
                fields=["tenant_id", "contact"], name="run_on_the_way",
                condition=models.Q(state="active"),
            ),
            models.Index(
                fields=["tenant_id", "journey", "send"], name="run_sending",
                condition=models.Q(state="active", send__isnull=False),
            ),
            models.Index(fields=["tenant_id", "journey", "-id"], name="run_newest"),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.contact_id} at {self.node or 'the end'}"


class JourneyStep(TenantModel):
    """Something that happened on the way: came to a step, took a branch, was led out."""

    run = TenantForeignKey(JourneyRun, on_delete=models.CASCADE, related_name="steps")
    journey = TenantForeignKey(Journey, on_delete=models.CASCADE, related_name="steps")
    node = models.CharField(max_length=12)
    what = models.CharField(max_length=20)  # "arrived", a branch's key, or what became of a message
    at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        db_table = "automation_step"
        indexes = [
            models.Index(fields=["tenant_id", "journey", "node", "what"], name="step_counts"),
            models.Index(fields=["tenant_id", "run", "id"], name="step_of_run"),
        ]

    def __str__(self) -> str:
        return f"{self.node}: {self.what}"


class TurnedAway(TenantModel):
    """An event that let nobody in because its person was not in the audience then: it lets them in
    no more when they join it later. Kept while the event is fresh."""

    journey = TenantForeignKey(Journey, on_delete=models.CASCADE, related_name="turned_away")
    event_id = models.UUIDField()

    class Meta(TenantModel.Meta):
        db_table = "automation_turned_away"
        constraints = [
            models.UniqueConstraint(
                name="turned_away_once", fields=["tenant_id", "journey", "event_id"]
            ),
        ]

    def __str__(self) -> str:
        return f"{self.journey} · {self.event_id}"
