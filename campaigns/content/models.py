"""Briefs, what the model wrote for them, and the revisions that people judge."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from attune.kernel.models import JobRow, TenantModel
from attune.kernel.phrase_field import PhraseField
from attune.kernel.phrases import Phrase, known_words, restored, say
from attune.kernel.tenancy import TenantForeignKey
from campaigns.catalog.models import Product
from campaigns.contacts.models import Contact
from campaigns.generators.models import ModelVersion
from campaigns.segments.models import Segment

known_words("likelihood", "response", "voice", "repaired")  # the parts of a score, a check
PART_ORDER = ("title", "headline", "subject", "preheader", "body", "cta", "link")


class Channel(models.TextChoices):
    EMAIL = "email", _("E-mail")
    BANNER = "banner", _("Web banner")
    SMS = "sms", _("SMS")
    PUSH = "push", _("Push")
    AD = "ad", _("Advertisement")
    PRODUCT = "product", _("Product description")
    RECOMMEND = "recommend", _("Recommendation")


class Locale(models.TextChoices):
    """Languages that the prompts are kept in."""

    EN = "en", _("English")
    ZH = "zh-hans", _("Simplified Chinese")


class Brief(TenantModel):
    """What a message is for: goal, audience, products, offer, limits."""

    name = models.CharField(max_length=120)
    goal = models.CharField(max_length=300)
    channel = models.CharField(max_length=10, choices=Channel, default=Channel.EMAIL)
    audience = TenantForeignKey(Segment, null=True, blank=True, on_delete=models.SET_NULL)
    offer = models.CharField(max_length=300, blank=True, default="")
    notes = models.TextField(blank=True, default="")
    locale = models.CharField(max_length=10, default="en")
    must_mention = models.JSONField(default=list)
    tone = models.CharField(max_length=200, blank=True, default="")  # empty: the workspace's
    banned_words = models.JSONField(default=list)  # beside the workspace's
    samples = models.JSONField(default=list)  # beside the workspace's
    author_id = models.BigIntegerField(null=True)

    class Meta(TenantModel.Meta):
        db_table = "brief"

    def __str__(self) -> str:
        return self.name


class BriefProduct(TenantModel):
    """A product that a brief is about."""

    brief = TenantForeignKey(Brief, on_delete=models.CASCADE, related_name="lines")
    product = TenantForeignKey(Product, on_delete=models.CASCADE)

    class Meta(TenantModel.Meta):
        db_table = "brief_product"
        constraints = [
            models.UniqueConstraint(
                name="a_product_once_a_brief", fields=["tenant_id", "brief", "product"]
            ),
        ]

    def __str__(self) -> str:
        return str(self.product_id)


class GenerationRun(TenantModel):
    """One request to the model: exactly what it was asked, with what, and what came of it."""

    class State(models.TextChoices):
        QUEUED = "queued", _("Queued")
        RUNNING = "running", _("Running")
        FINISHED = "finished", _("Finished")
        SHORT = "short", _("Short")
        FAILED = "failed", _("Failed")

    brief = TenantForeignKey(Brief, on_delete=models.CASCADE, related_name="runs")
    job = TenantForeignKey(JobRow, null=True, on_delete=models.SET_NULL)
    state = models.CharField(max_length=8, choices=State, default=State.QUEUED)
    wanted = models.PositiveSmallIntegerField()
    budget = models.PositiveSmallIntegerField()
    tried = models.PositiveSmallIntegerField(default=0)
    passed = models.PositiveSmallIntegerField(default=0)
    model = models.CharField(max_length=120, blank=True, default="")
    prompt = models.JSONField(default=list)
    grounding = models.JSONField(default=list)
    audience_profile = models.JSONField(default=dict)
    contact = TenantForeignKey(Contact, null=True, blank=True, on_delete=models.CASCADE)
    like = TenantForeignKey(
        "Revision", null=True, blank=True, on_delete=models.SET_NULL, related_name="likened"
    )
    drafts = models.JSONField(default=dict)  # what is being written now, part by part
    trial = models.JSONField(default=dict)  # what a version in shadow would have written
    parameters = models.JSONField(default=dict)
    seed = models.BigIntegerField(default=0)
    new_tokens = models.IntegerField(default=0)
    seconds = models.FloatField(default=0)
    note = PhraseField(default=str)
    author_id = models.BigIntegerField(null=True)

    class Meta(TenantModel.Meta):
        db_table = "generation_run"

    def __str__(self) -> str:
        return f"{self.brief} ({self.model or 'waiting'})"

    @property
    def draft_parts(self) -> list[tuple[str, str]]:
        """What is being written now, in the order people read it."""
        return [(name, self.drafts[name]) for name in PART_ORDER if self.drafts.get(name)]


class Asset(TenantModel):
    """One message under a name, through all its revisions."""

    name = models.CharField(max_length=160)
    channel = models.CharField(max_length=10, choices=Channel)
    brief = TenantForeignKey(
        Brief, null=True, blank=True, on_delete=models.SET_NULL, related_name="assets"
    )
    locale = models.CharField(max_length=10, default="en")

    class Meta(TenantModel.Meta):
        db_table = "asset"

    def __str__(self) -> str:
        return self.name


class Revision(TenantModel):
    """The text as it was at one moment, hashed. What is approved is this, and nothing else."""

    class State(models.TextChoices):
        DRAFT = "draft", _("Draft")
        IN_REVIEW = "in_review", _("In review")
        CHANGES_REQUESTED = "changes_requested", _("Changes requested")
        APPROVED = "approved", _("Approved")
        REJECTED = "rejected", _("Rejected")
        SUPERSEDED = "superseded", _("Superseded")

    class Origin(models.TextChoices):
        MODEL = "model", _("Model")
        PERSON = "person", _("Person")

    asset = TenantForeignKey(Asset, on_delete=models.CASCADE, related_name="revisions")
    number = models.PositiveIntegerField()
    components = models.JSONField()
    hash = models.CharField(max_length=64)
    origin = models.CharField(max_length=6, choices=Origin)
    state = models.CharField(max_length=18, choices=State, default=State.DRAFT)
    run = TenantForeignKey(
        GenerationRun, null=True, blank=True, on_delete=models.SET_NULL, related_name="revisions"
    )
    parent = TenantForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL)
    author_id = models.BigIntegerField(null=True)
    blocked = models.BooleanField(default=False)
    version = TenantForeignKey(
        ModelVersion, null=True, blank=True, on_delete=models.SET_NULL, related_name="revisions"
    )
    scores = models.JSONField(default=dict)
    repaired = models.JSONField(default=dict)  # part: the text before its repair

    class Meta(TenantModel.Meta):
        db_table = "revision"
        constraints = [
            models.UniqueConstraint(
                name="one_revision_a_number", fields=["tenant_id", "asset", "number"]
            ),
            models.CheckConstraint(
                name="a_blocked_revision_is_not_approved",
                condition=~models.Q(state="approved", blocked=True),
            ),
            models.UniqueConstraint(
                name="one_approved_revision_an_asset",
                fields=["tenant_id", "asset"],
                condition=models.Q(state="approved"),
            ),
        ]
        indexes = [models.Index(fields=["tenant_id", "state", "-id"], name="revision_by_state")]

    def __str__(self) -> str:
        return str(self.phrase)

    @property
    def phrase(self) -> Phrase:
        """Its name, as each reader says it."""
        return say("%(text)s · revision %(number)s", text=self.asset, number=str(self.number))

    @property
    def differs(self) -> list[Phrase]:
        """In what it is furthest from the brand's voice."""
        return [restored(one) for one in self.scores.get("differs", [])]

    @property
    def parts(self) -> list[tuple[str, str]]:
        """Name and text of each part, in the order people read them."""
        known = [name for name in PART_ORDER if name in self.components]
        return [(name, self.components[name]) for name in known]


class Check(TenantModel):
    """One machine check of a revision: its verdict, the place, and what it found."""

    class Verdict(models.TextChoices):
        PASS = "pass", _("Pass")
        WARN = "warn", _("Warn")
        BLOCK = "block", _("Block")

    revision = TenantForeignKey(Revision, on_delete=models.CASCADE, related_name="checks")
    kind = models.CharField(max_length=30)
    verdict = models.CharField(max_length=5, choices=Verdict)
    component = models.CharField(max_length=20, blank=True, default="")
    message = PhraseField(default=str)
    span = models.CharField(max_length=200, blank=True, default="")
    evidence = models.CharField(max_length=300, blank=True, default="")

    class Meta(TenantModel.Meta):
        db_table = "content_check"

    def __str__(self) -> str:
        return f"{self.kind}: {self.verdict}"
