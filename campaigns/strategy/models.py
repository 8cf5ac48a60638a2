"""Policies: what they may do, what binds them, their versions, and how a version comes to serve."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from attune.kernel.models import JobRow, TenantModel
from attune.kernel.phrase_field import PhraseField
from attune.kernel.phrases import Phrase, known_words, say_many
from attune.kernel.tenancy import TenantForeignKey
from campaigns.content.models import Revision
from campaigns.segments.models import Segment

known_words("fair", "broken", "unsure", "unknown")  # what is said of a fairness rule


class ActionBank(TenantModel):
    """What a policy may choose from: an action is one option of every dimension."""

    name = models.CharField(max_length=120)

    class Meta(TenantModel.Meta):
        db_table = "action_bank"
        constraints = [
            models.UniqueConstraint(name="one_action_bank_a_name", fields=["tenant_id", "name"]),
        ]

    def __str__(self) -> str:
        return self.name


class Option(TenantModel):
    """One choice of a dimension. One that is taken out is chosen no more; the log keeps it.
    Without an hour, days or a segment it is a name that the caller makes sense of."""

    class Dimension(models.TextChoices):
        CHANNEL = "channel", _("Channel")
        OFFER = "offer", _("Offer")
        CREATIVE = "creative", _("Creative")
        SEND_TIME = "send_time", _("Send time")
        FREQUENCY = "frequency", _("Frequency")
        AUDIENCE = "audience", _("Audience")

    bank = TenantForeignKey(ActionBank, on_delete=models.CASCADE, related_name="options")
    dimension = models.CharField(max_length=10, choices=Dimension)
    key = models.SlugField(max_length=30)
    name = models.CharField(max_length=120)
    revision = TenantForeignKey(Revision, null=True, blank=True, on_delete=models.PROTECT)
    cost_cents = models.PositiveIntegerField(default=0)
    hour = models.PositiveSmallIntegerField(null=True)  # of the person's day: when it is done
    days = models.PositiveSmallIntegerField(null=True)  # nothing is decided anew before they pass
    segment = TenantForeignKey(Segment, null=True, blank=True, on_delete=models.PROTECT)
    in_use = models.BooleanField(default=True)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta(TenantModel.Meta):
        db_table = "option"
        constraints = [
            models.UniqueConstraint(
                name="one_option_a_key", fields=["tenant_id", "bank", "dimension", "key"]
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def code(self) -> str:  # as actions and constraints name it
        return f"{self.dimension}:{self.key}"

    @property
    def cost(self) -> float:
        """In units of the workspace's currency."""
        return self.cost_cents / 100


class Policy(TenantModel):
    """Who is decided for, among what, how often, for which reward, and which version serves."""

    class Kind(models.TextChoices):
        CONTEXTUAL = "contextual", _("Contextual bandit")
        SEQUENTIAL = "rl", _("Reinforcement learning")

    class Rule(models.TextChoices):
        THOMPSON = "thompson", _("Thompson sampling")
        UCB = "ucb", _("Upper confidence (LinUCB)")
        GREEDY = "greedy", _("Best by estimate")

    class State(models.TextChoices):
        DRAFT = "draft", _("Draft")
        RUNNING = "running", _("Running")
        PAUSED = "paused", _("Paused")
        RETIRED = "retired", _("Retired")

    key = models.SlugField(max_length=60)
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.CONTEXTUAL)
    rule = models.CharField(max_length=8, choices=Rule, default=Rule.THOMPSON)
    state = models.CharField(max_length=8, choices=State, default=State.DRAFT)
    bank = TenantForeignKey(ActionBank, on_delete=models.PROTECT, related_name="policies")
    audience = TenantForeignKey(Segment, null=True, blank=True, on_delete=models.PROTECT)
    default_action = models.CharField(max_length=160, default="wait")
    may_wait = models.BooleanField(default=True)
    features = models.JSONField(default=list)
    control_share = models.FloatField(default=0.1)
    floor = models.FloatField(default=0.02)
    every_hours = models.PositiveIntegerField(default=24)
    window_hours = models.PositiveIntegerField(default=168)
    discount = models.FloatField(default=0.9)
    stale_hours = models.PositiveIntegerField(default=720)
    refreshes = models.BooleanField(default=False)
    version = models.PositiveIntegerField(default=0)  # the number of the one that serves
    reason = PhraseField(default=str)  # why it is as it is: who stopped it, what rolled it back
    stalled = PhraseField(default=str)  # why it falls back until that is mended
    started_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantModel.Meta):
        db_table = "policy"
        constraints = [
            models.UniqueConstraint(name="one_policy_a_key", fields=["tenant_id", "key"]),
            models.CheckConstraint(
                name="a_policy_keeps_a_control",
                condition=models.Q(control_share__gte=0.01, control_share__lte=0.5),
            ),
            models.CheckConstraint(
                name="a_policy_explores", condition=models.Q(floor__gte=0, floor__lte=0.5)
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def every_words(self) -> Phrase:
        days, rest = divmod(self.every_hours, 24)
        if rest or not days:
            return say_many("every hour", "every %(n)s hours", n=self.every_hours)
        return say_many("every day", "every %(n)s days", n=days)


class PolicyVersion(TenantModel):
    """A snapshot that decides by itself: immutable, small, named by its hash."""

    class Kind(models.TextChoices):
        EVEN = "even", _("Even shares, to explore")
        LINEAR = "linear", _("Linear beliefs")
        SEQUENTIAL = "sequential", _("Discounted return")

    policy = TenantForeignKey(Policy, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    kind = models.CharField(max_length=10, choices=Kind)
    snapshot = models.JSONField()
    digest = models.CharField(max_length=64)
    rounds = models.PositiveIntegerField(default=0)
    until = models.DateTimeField()  # what it learned from ends here
    drivers = models.JSONField(default=list)
    rehearsal = models.JSONField(default=dict)  # people, steps, {who: [return, error]}, simulated

    class Meta(TenantModel.Meta):
        db_table = "policy_version"
        constraints = [
            models.UniqueConstraint(
                name="one_policy_version_a_number", fields=["tenant_id", "policy", "number"]
            ),
        ]

    def __str__(self) -> str:
        return f"version {self.number}"


class OffPolicyEstimate(TenantModel):
    """The gate's report on a version by a log that it did not make. Appended."""

    version = TenantForeignKey(PolicyVersion, on_delete=models.CASCADE, related_name="estimates")
    log = models.CharField(max_length=40, default="decisions")  # or the id of an imported log
    since = models.DateTimeField(null=True)
    until = models.DateTimeField()
    rounds = models.PositiveIntegerField(default=0)
    effective = models.FloatField(default=0.0)
    largest = models.FloatField(default=0.0)
    heaviest = models.FloatField(default=0.0)
    untried = models.FloatField(null=True)
    rewarded = models.PositiveIntegerField(default=0)
    verdict = models.CharField(max_length=8)
    reason = PhraseField(default=str)
    why = PhraseField(default=str)
    warnings = models.JSONField(default=list)
    estimator = models.CharField(max_length=8, blank=True, default="")
    estimates = models.JSONField(default=dict)  # name: [value, low, high], gain and logged too
    steps = models.PositiveSmallIntegerField(default=1)  # decisions in a row that it was followed
    by_steps = models.JSONField(default=list)  # [steps, gain, low, high, effective], of sequences

    class Meta(TenantModel.Meta):
        db_table = "off_policy_estimate"

    def __str__(self) -> str:
        return self.verdict


class Ramp(TenantModel):
    """How a version comes to serve: by steps, each with its share, time, people, approval."""

    class State(models.TextChoices):
        PENDING = "pending", _("Pending")
        READY = "ready", _("Waits for approval")
        RUNNING = "running", _("Running")
        PAUSED = "paused", _("Paused")
        COMPLETED = "completed", _("Completed")
        ROLLED_BACK = "rolled_back", _("Rolled back")

    OPEN = (State.PENDING, State.READY, State.RUNNING, State.PAUSED)

    policy = TenantForeignKey(Policy, on_delete=models.CASCADE, related_name="ramps")
    version = TenantForeignKey(PolicyVersion, on_delete=models.CASCADE, related_name="ramps")
    state = models.CharField(max_length=12, choices=State, default=State.PENDING)
    steps = models.JSONField()
    step = models.PositiveSmallIntegerField(default=0)
    step_since = models.DateTimeField(null=True)
    reason = PhraseField(default=str)

    class Meta(TenantModel.Meta):
        db_table = "ramp"
        constraints = [
            models.UniqueConstraint(
                name="one_open_ramp_a_policy",
                fields=["tenant_id", "policy"],
                condition=models.Q(state__in=["pending", "ready", "running", "paused"]),
            ),
        ]

    def __str__(self) -> str:
        return self.state

    @property
    def coverage(self) -> float:
        """The share of people whom the version serves now; nobody before it runs."""
        return float(self.steps[self.step]["coverage"]) if self.in_force else 0.0

    @property
    def in_force(self) -> bool:
        """Whether its step holds now; not before it runs, and not while it is paused."""
        return self.state in {self.State.RUNNING, self.State.READY}


class RampLook(TenantModel):
    """What was seen of a ramp at a moment, and what followed. Appended where it says anew."""

    ramp = TenantForeignKey(Ramp, on_delete=models.CASCADE, related_name="looks")
    at = models.DateTimeField()
    did = models.CharField(max_length=10)
    sentence = PhraseField(default=str)
    results = models.JSONField(default=dict)

    class Meta(TenantModel.Meta):
        db_table = "ramp_look"

    def __str__(self) -> str:
        return self.did


class Constraint(TenantModel):
    """What a policy must keep to, as data: read at every decision."""

    class Kind(models.TextChoices):
        ELIGIBILITY = "eligible", _("Only for a segment")
        CAP = "cap", _("At most so often a person")
        QUIET = "quiet", _("Not at these hours")
        BUDGET = "budget", _("At most so much money")
        EXCLUSION = "exclusion", _("Never both together")
        SHARE = "share", _("Least and greatest share")

    policy = TenantForeignKey(Policy, on_delete=models.CASCADE, related_name="constraints")
    kind = models.CharField(max_length=10, choices=Kind)
    options = models.JSONField(default=list)  # "dimension:key"; none: whatever is done
    values = models.JSONField(default=dict)
    segment = TenantForeignKey(Segment, null=True, blank=True, on_delete=models.PROTECT)
    in_force = models.BooleanField(default=True)

    class Meta(TenantModel.Meta):
        db_table = "policy_constraint"

    def __str__(self) -> str:
        return self.kind


class PolicySpend(TenantModel):
    """What a budget constraint has let through in its period; locked while a choice is made."""

    constraint = TenantForeignKey(Constraint, on_delete=models.CASCADE, related_name="spends")
    period = models.DateField()
    cents = models.BigIntegerField(default=0)

    class Meta(TenantModel.Meta):
        db_table = "policy_spend"
        constraints = [
            models.UniqueConstraint(
                name="one_spend_a_period", fields=["tenant_id", "constraint", "period"]
            ),
        ]

    def __str__(self) -> str:
        return f"{self.period}: {self.cents}"


class FairnessRule(TenantModel):
    """Groups that people declared, and how far their exposure or benefit may lie apart."""

    class Measure(models.TextChoices):
        EXPOSURE = "exposure", _("Exposure: who gets it")
        BENEFIT = "benefit", _("Benefit: what they get out of it")

    class Breach(models.TextChoices):
        WARN = "warn", _("Warn")
        BLOCK = "block", _("Block")

    policy = TenantForeignKey(Policy, on_delete=models.CASCADE, related_name="fairness")
    trait = models.CharField(max_length=80)
    measure = models.CharField(max_length=8, choices=Measure)
    option = models.CharField(max_length=60, blank=True, default="")  # exposure to what
    tolerance = models.FloatField(default=0.2)
    least_people = models.PositiveIntegerField(default=100)
    on_breach = models.CharField(max_length=5, choices=Breach, default=Breach.WARN)

    class Meta(TenantModel.Meta):
        db_table = "fairness_rule"
        constraints = [
            models.UniqueConstraint(
                name="one_fairness_rule_a_measure",
                fields=["tenant_id", "policy", "trait", "measure", "option"],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.measure} by {self.trait}"


class PolicyLook(TenantModel):
    """What was known of a policy at a moment: value by group and week, shares, what bound it."""

    policy = TenantForeignKey(Policy, on_delete=models.CASCADE, related_name="looks")
    at = models.DateTimeField()
    results = models.JSONField()

    class Meta(TenantModel.Meta):
        db_table = "policy_look"
        indexes = [models.Index(fields=["tenant_id", "policy", "at"], name="policy_look_by_time")]

    def __str__(self) -> str:
        return str(self.at)


class PastLog(TenantModel):
    """A log of another system, brought in to judge versions by."""

    class Format(models.TextChoices):
        JSONL = "jsonl", _("Attune (JSONL)")
        OBP = "obp", _("Open Bandit (CSV)")
        VW = "vw", _("Vowpal Wabbit (--cb)")

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        READY = "ready", _("Ready")
        REFUSED = "refused", _("Refused")

    policy = TenantForeignKey(Policy, on_delete=models.CASCADE, related_name="past_logs")
    filename = models.CharField(max_length=200)
    format = models.CharField(max_length=5, choices=Format)
    file = models.FileField(upload_to="strategy/%Y/%m", max_length=300)
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    rounds = models.PositiveIntegerField(default=0)
    problems = models.JSONField(default=list)  # the first few: line, field, reason
    refused = models.PositiveIntegerField(default=0)
    job = TenantForeignKey(JobRow, null=True, blank=True, on_delete=models.SET_NULL)

    class Meta(TenantModel.Meta):
        db_table = "past_log"

    def __str__(self) -> str:
        return self.filename


class PastRound(TenantModel):
    """One round of a past log."""

    of = TenantForeignKey(PastLog, on_delete=models.CASCADE, related_name="rows")
    line = models.PositiveIntegerField()
    action = models.CharField(max_length=160)
    reward = models.FloatField()
    propensity = models.FloatField()
    propensities = models.JSONField(default=dict)  # of every action, where the log says so
    features = models.JSONField(default=dict)
    unit = models.CharField(max_length=120, blank=True, default="")  # whose round it was

    class Meta(TenantModel.Meta):
        db_table = "past_round"

    def __str__(self) -> str:
        return self.action
