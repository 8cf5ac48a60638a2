"""Campaigns, every message sent, and whom we must not write to."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from attune.kernel.models import JobRow, TenantModel
from attune.kernel.phrase_field import PhraseField
from attune.kernel.phrases import say
from attune.kernel.tenancy import TenantForeignKey
from campaigns.contacts.models import Contact
from campaigns.content.models import Channel, Revision
from campaigns.decisions.models import Decision
from campaigns.experiments.models import Experiment
from campaigns.layouts.models import TemplateVersion
from campaigns.segments.models import Segment
from campaigns.strategy.models import Policy
from campaigns.subscriptions.models import Topic


class Endpoint(TenantModel):
    """A partner's address that gets our messages as signed webhooks (Standard Webhooks)."""

    name = models.CharField(max_length=120)
    url = models.URLField(max_length=500)
    sealed_secret = models.CharField(max_length=300)
    former_secret = models.CharField(max_length=300, blank=True, default="")
    former_until = models.DateTimeField(null=True, blank=True)
    enabled = models.BooleanField(default=True)
    types = models.JSONField(default=list)  # of what happens, what it is told (campaigns.hooks)
    event_names = models.JSONField(default=list)
    failing_since = models.DateTimeField(null=True, blank=True)
    off_because = PhraseField(default=str)

    class Meta(TenantModel.Meta):
        db_table = "endpoint"
        constraints = [
            models.UniqueConstraint(name="one_endpoint_a_name", fields=["tenant_id", "name"])
        ]

    def __str__(self) -> str:
        return self.name


class Campaign(TenantModel):
    """Whom, what, when. An experiment says which variant, once; launch makes the sends. Or a policy
    says it, again and again: the campaign goes on until somebody ends it. Or a journey
    (campaigns.automations) leads each person through its steps."""

    class State(models.TextChoices):
        DRAFT = "draft", _("Draft")
        SCHEDULED = "scheduled", _("Scheduled")
        LOADING = "loading", _("Loading")
        RUNNING = "running", _("Running")
        PAUSED = "paused", _("Paused")
        FINISHED = "finished", _("Finished")
        CANCELLED = "cancelled", _("Cancelled")

    class Via(models.TextChoices):
        EMAIL = "email", _("E-mail")
        WEBHOOK = "webhook", _("Signed webhook")
        DECIDE = "decide", _("Your own channel, by POST /v1/decide")

    name = models.CharField(max_length=120)
    via = models.CharField(max_length=8, choices=Via, default=Via.EMAIL)
    channel = models.CharField(max_length=10, choices=Channel, default=Channel.EMAIL)
    audience = TenantForeignKey(
        Segment, null=True, blank=True, on_delete=models.PROTECT, related_name="campaigns"
    )  # a journey may let in whom an event names
    experiment = TenantForeignKey(
        Experiment, null=True, blank=True, on_delete=models.PROTECT, related_name="campaigns"
    )
    policy = TenantForeignKey(
        Policy, null=True, blank=True, on_delete=models.PROTECT, related_name="campaigns"
    )
    by_journey = models.BooleanField(default=False)
    endpoint = TenantForeignKey(Endpoint, null=True, blank=True, on_delete=models.PROTECT)
    template = TenantForeignKey(
        TemplateVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="campaigns"
    )
    topic = TenantForeignKey(
        Topic, null=True, blank=True, on_delete=models.PROTECT, related_name="campaigns"
    )
    local_time = models.TimeField(null=True, blank=True)  # of each person's day
    per_hour = models.PositiveIntegerField(null=True, blank=True)  # most messages an hour
    state = models.CharField(max_length=10, choices=State, default=State.DRAFT)
    job = TenantForeignKey(JobRow, null=True, blank=True, on_delete=models.SET_NULL)
    launch_at = models.DateTimeField(null=True, blank=True)
    launched_by = models.BigIntegerField(null=True, blank=True)  # or scheduled: who is told
    launched_at = models.DateTimeField(null=True, blank=True)
    planned = models.IntegerField(default=0)
    visit_at = models.DateTimeField(null=True, blank=True)  # by a policy: the next time
    last_visit = models.JSONField(default=dict)  # what it found, in people
    version = models.PositiveIntegerField(default=1)  # each change of what runs makes another
    timed_at = models.DateTimeField(null=True, blank=True)  # since when its local time holds

    class Meta(TenantModel.Meta):
        db_table = "campaign"
        constraints = [
            models.UniqueConstraint(name="one_campaign_a_name", fields=["tenant_id", "name"]),
            models.UniqueConstraint(
                name="one_campaign_an_experiment", fields=["tenant_id", "experiment"]
            ),
            models.UniqueConstraint(
                name="one_open_campaign_a_policy",
                fields=["tenant_id", "policy"],
                condition=~models.Q(state__in=["finished", "cancelled"]),
            ),
            models.CheckConstraint(
                name="a_campaign_is_by_one_of_three",
                condition=models.Q(by_journey=False)
                & (models.Q(experiment=None) ^ models.Q(policy=None))
                | models.Q(by_journey=True, experiment=None, policy=None),
            ),
            models.CheckConstraint(
                name="only_a_journey_has_no_audience",
                condition=models.Q(by_journey=True) | models.Q(audience__isnull=False),
            ),
            models.CheckConstraint(
                name="what_is_scheduled_has_a_time",
                condition=~models.Q(state="scheduled", launch_at=None),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def plan(self) -> str:
        """What it would send to whom, as one word: launching says which plan was seen."""
        return f"{self.audience_id}:{self.experiment_id or self.policy_id}:{self.via}"

    @property
    def decided_by(self) -> Experiment | Policy | None:
        return self.experiment or self.policy

    @property
    def standing(self) -> bool:
        """Whether a policy decides in it, again and again."""
        return self.policy_id is not None

    @property
    def goes_on(self) -> bool:
        """Whether it goes on by itself until somebody ends it."""
        return self.standing or self.by_journey


class CampaignVersion(TenantModel):
    """What was changed while a campaign ran, and for how many it still held."""

    campaign = TenantForeignKey(Campaign, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    before = models.JSONField(default=dict)  # what was, by field and by arm
    after = models.JSONField(default=dict)
    changes = models.JSONField(default=list)  # the same as phrases
    left = models.IntegerField()  # had their message
    waits = models.IntegerField()
    by_label = models.CharField(max_length=120, blank=True, default="")

    class Meta(TenantModel.Meta):
        db_table = "campaign_version"
        constraints = [
            models.UniqueConstraint(
                name="one_campaign_version_a_number", fields=["tenant_id", "campaign", "number"]
            ),
        ]

    def __str__(self) -> str:
        return f"{self.campaign} · {self.number}"


class Send(TenantModel):
    """One message to one person: who, what revision, by which decision, and what became of it.

    Once a campaign and slot, whatever crashes; `uncertain` is not sent again by itself. What a
    policy chose has the slot of its decision, and leaves when it is due; so does what met quiet
    hours or a full week, which waits (`reason`) and is not dropped.
    """

    class State(models.TextChoices):
        PENDING = "pending", _("Pending")
        SENDING = "sending", _("Sending")
        SENT = "sent", _("Sent")
        FAILED = "failed", _("Failed")
        UNCERTAIN = "uncertain", _("Uncertain")
        SUPPRESSED = "suppressed", _("Suppressed")
        CAPPED = "capped", _("Capped")
        ABORTED = "aborted", _("Aborted")

    HAS_LEFT = (State.SENT, State.SENDING, State.UNCERTAIN)
    HANDED_OVER = (*HAS_LEFT, State.FAILED)  # what a month's cap counts

    campaign = TenantForeignKey(Campaign, on_delete=models.PROTECT, related_name="sends")
    contact = TenantForeignKey(Contact, on_delete=models.CASCADE, related_name="sends")
    decision = TenantForeignKey(
        Decision, null=True, blank=True, on_delete=models.PROTECT, related_name="sends"
    )  # none where there was nothing to choose from: a step of a journey with one text
    revision = TenantForeignKey(Revision, on_delete=models.PROTECT, related_name="sends")
    template = TenantForeignKey(
        TemplateVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="sends"
    )  # the version it left in
    version = models.PositiveIntegerField(default=1)  # of the campaign, when it left
    slot = models.CharField(max_length=40, blank=True, default="")
    due_at = models.DateTimeField(null=True, blank=True)
    paced_at = models.DateTimeField(null=True, blank=True)  # its turn by the campaign's pace
    state = models.CharField(max_length=10, choices=State, default=State.PENDING)
    reason = PhraseField(default=str)
    address = models.CharField(max_length=254, blank=True, default="")
    message_id = models.CharField(max_length=200, blank=True, default="")
    components = models.JSONField(default=dict)
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantModel.Meta):
        db_table = "send"
        constraints = [
            models.UniqueConstraint(
                name="one_send_a_person_campaign_and_slot",
                fields=["tenant_id", "campaign", "contact", "slot"],
            ),
            models.CheckConstraint(
                name="what_is_sent_has_a_text",
                condition=~models.Q(state="sent", components={}),
            ),
        ]
        indexes = [
            models.Index(fields=["tenant_id", "campaign", "state"], name="send_by_state"),
            models.Index(fields=["tenant_id", "contact", "sent_at"], name="send_by_contact"),
            models.Index(
                fields=["tenant_id", "sent_at"],
                name="send_by_moment",
                condition=models.Q(sent_at__isnull=False),
            ),
            models.Index(
                fields=["tenant_id", "campaign", "due_at"],
                name="send_due",
                condition=models.Q(state="pending", due_at__isnull=False),
            ),
            models.Index(
                "tenant_id",
                models.F("sent_at").desc(nulls_last=True),
                models.F("id").desc(),
                name="send_newest",
            ),
            models.Index(
                "tenant_id",
                "campaign",
                models.F("sent_at").desc(nulls_last=True),
                models.F("id").desc(),
                name="send_newest_of_campaign",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.campaign} to {self.contact}"

    @property
    def channel(self) -> str:
        return str(self.revision.asset.channel)

    @property
    def title(self) -> str:
        """The line a person sees first, of what was rendered."""
        parts = (self.components.get(name) for name in ("subject", "headline", "title", "body"))
        return next((part for part in parts if part), str(say("Not rendered")))


class Suppression(TenantModel):
    """An address we must not write to. Kept by hash, so it outlives the contact."""

    class Reason(models.TextChoices):
        UNSUBSCRIBED = "unsubscribed", _("Unsubscribed")
        BOUNCED = "bounced", _("Bounced")
        COMPLAINT = "complaint", _("Complaint")
        MANUAL = "manual", _("Manual")

    channel = models.CharField(max_length=10, default="email")
    address_hash = models.CharField(max_length=64)
    hint = models.CharField(max_length=60, blank=True, default="")
    reason = models.CharField(max_length=12, choices=Reason)
    source = models.CharField(max_length=120, blank=True, default="")

    class Meta(TenantModel.Meta):
        db_table = "suppression"
        constraints = [
            models.UniqueConstraint(
                name="one_suppression_an_address",
                fields=["tenant_id", "channel", "address_hash"],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.hint} ({self.reason})"


class Bounce(TenantModel):
    """A message came back, or somebody called it spam: what the provider or a partner told."""

    class Kind(models.TextChoices):
        HARD = "hard", _("Address does not exist")
        SOFT = "soft", _("Not delivered this time")
        COMPLAINT = "complaint", _("Complaint")

    kind = models.CharField(max_length=9, choices=Kind)
    send = TenantForeignKey(
        Send, null=True, blank=True, on_delete=models.CASCADE, related_name="bounces"
    )
    address_hash = models.CharField(max_length=64)
    hint = models.CharField(max_length=60, blank=True, default="")
    source = models.CharField(max_length=40)  # who told: a provider, or "api"
    told_id = models.CharField(max_length=200)  # theirs: what is told twice counts once
    detail = models.CharField(max_length=300, blank=True, default="")

    class Meta(TenantModel.Meta):
        db_table = "bounce"
        constraints = [
            models.UniqueConstraint(
                name="one_bounce_a_telling", fields=["tenant_id", "source", "told_id"]
            ),
        ]
        indexes = [
            models.Index(fields=["tenant_id", "address_hash", "created_at"], name="bounce_address")
        ]

    def __str__(self) -> str:
        return f"{self.hint} ({self.kind})"
