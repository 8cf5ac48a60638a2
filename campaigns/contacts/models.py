"""Customers and what they did. Events are facts: appended, never edited."""

from __future__ import annotations

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from attune.kernel.models import JobRow, TenantModel
from attune.kernel.phrase_field import PhraseField
from attune.kernel.phrases import Phrase, as_is, known_words, say
from attune.kernel.tenancy import TenantForeignKey


class Contact(TenantModel):
    """A customer, anonymous or known. Traits follow from `identify` events."""

    class Status(models.TextChoices):
        ENABLED = "enabled", _("Enabled")
        BLOCKLISTED = "blocklisted", _("Blocklisted")
        MERGED = "merged", _("Merged")
        ERASED = "erased", _("Erased")

    external_id = models.CharField(max_length=120, blank=True, default="")
    email = models.CharField(max_length=254, blank=True, default="")  # lower case
    phone = models.CharField(max_length=40, blank=True, default="")
    name = models.CharField(max_length=200, blank=True, default="")
    locale = models.CharField(max_length=20, blank=True, default="")
    timezone = models.CharField(max_length=50, blank=True, default="")
    traits = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    status = models.CharField(max_length=12, choices=Status, default=Status.ENABLED)

    class Meta(TenantModel.Meta):
        db_table = "contact"
        constraints = [
            models.UniqueConstraint(
                name="one_contact_an_external_id",
                fields=["tenant_id", "external_id"],
                condition=~models.Q(external_id=""),
            ),
        ]
        indexes = [
            models.Index(fields=["tenant_id", "email"], name="contact_by_email"),
            models.Index(fields=["tenant_id", "-id"], name="contact_newest"),
        ]

    def __str__(self) -> str:
        return str(self.phrase)

    @property
    def phrase(self) -> Phrase:
        """What they are called, as each reader says it."""
        known = self.name or self.email or self.external_id
        return as_is(known) if known else say("Visitor %(id)s", id=str(self.pk)[-6:])


class Identity(TenantModel):
    """A name under which a contact is known: a user id or an anonymous id."""

    class Kind(models.TextChoices):
        USER = "user", _("User")
        ANONYMOUS = "anonymous", _("Anonymous")

    kind = models.CharField(max_length=10, choices=Kind)
    value = models.CharField(max_length=120)
    contact = TenantForeignKey(Contact, on_delete=models.CASCADE, related_name="identities")

    class Meta(TenantModel.Meta):
        db_table = "identity"
        constraints = [
            models.UniqueConstraint(
                name="one_contact_an_identity", fields=["tenant_id", "kind", "value"]
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind}:{self.value}"


class IdentityMerge(TenantModel):
    """An anonymous contact became a known one. Logged, and reversible."""

    source = TenantForeignKey(Contact, on_delete=models.CASCADE, related_name="merged_away")
    target = TenantForeignKey(Contact, on_delete=models.CASCADE, related_name="merged_in")
    identities = models.JSONField(default=list)
    reason = PhraseField(default=str)
    undone_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantModel.Meta):
        db_table = "identity_merge"
        constraints = [
            models.UniqueConstraint(
                name="one_open_merge_a_source",
                fields=["tenant_id", "source"],
                condition=models.Q(undone_at=None),
            ),
        ]

    def __str__(self) -> str:
        return self.reason


class Event(TenantModel):
    """Something a contact did. `at` is the corrected time; the client's own is kept beside it."""

    message_id = models.CharField(max_length=120)
    type = models.CharField(max_length=10)
    name = models.CharField(max_length=200, blank=True, default="")
    contact = TenantForeignKey(Contact, on_delete=models.CASCADE, related_name="events")
    user_id = models.CharField(max_length=120, blank=True, default="")
    anonymous_id = models.CharField(max_length=120, blank=True, default="")
    properties = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    context = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    value_cents = models.BigIntegerField(null=True, blank=True)
    category = models.CharField(max_length=100, blank=True, default="")
    at = models.DateTimeField()
    client_at = models.DateTimeField(null=True, blank=True)
    received_at = models.DateTimeField(db_default=Now())
    source = models.CharField(max_length=40, blank=True, default="")
    is_machine = models.BooleanField(default=False)

    class Meta(TenantModel.Meta):
        db_table = "event"
        constraints = [
            models.UniqueConstraint(
                name="one_event_a_message_id", fields=["tenant_id", "message_id"]
            ),
        ]
        indexes = [
            models.Index(fields=["tenant_id", "contact", "at"], name="event_by_contact"),
            models.Index(fields=["tenant_id", "name", "at"], name="event_by_name"),
        ]

    def __str__(self) -> str:
        return self.name or self.type


class EventCount(TenantModel):
    """How many events of a name a day brought; kept in the transaction of the events."""

    day = models.DateField()
    name = models.CharField(max_length=200)
    n = models.BigIntegerField(default=0)

    class Meta(TenantModel.Meta):
        db_table = "event_count"
        constraints = [
            models.UniqueConstraint(
                name="one_count_a_day_and_name", fields=["tenant_id", "day", "name"]
            ),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.name}: {self.n}"


class RejectedEvent(TenantModel):
    """An event that could not be accepted: kept with its reason, visible, replayable."""

    raw = models.JSONField(encoder=DjangoJSONEncoder)
    field = models.CharField(max_length=80)
    reason = PhraseField(default=str)
    source = models.CharField(max_length=40, blank=True, default="")
    replayed_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantModel.Meta):
        db_table = "rejected_event"

    def __str__(self) -> str:
        return f"{self.field}: {self.reason}"


class ContactChange(TenantModel):
    """A contact whose profile and segments have to be worked out again. A queue, not a fact."""

    contact = TenantForeignKey(Contact, on_delete=models.CASCADE)

    class Meta(TenantModel.Meta):
        db_table = "contact_change"
        indexes = [models.Index(fields=["tenant_id", "contact"], name="change_by_contact")]

    def __str__(self) -> str:
        return str(self.contact_id)


class Trait(TenantModel):
    """One trait of a contact in columns that an index can serve under row-level security."""

    contact = TenantForeignKey(Contact, on_delete=models.CASCADE)
    key = models.CharField(max_length=80)
    text = models.CharField(max_length=300, blank=True, default="")
    number = models.FloatField(null=True, blank=True)

    class Meta(TenantModel.Meta):
        db_table = "trait"
        constraints = [
            models.UniqueConstraint(
                name="one_value_a_trait", fields=["tenant_id", "contact", "key"]
            ),
        ]
        indexes = [
            models.Index(fields=["tenant_id", "key", "text"], name="trait_by_text"),
            models.Index(fields=["tenant_id", "key", "number"], name="trait_by_number"),
        ]

    def __str__(self) -> str:
        return f"{self.key}={self.text}"


STAGES = ("visitor", "new", "active", "loyal", "lapsed", "dormant")
known_words(*STAGES, "unknown", "marketing", "email", "sms", "push")


class Profile(TenantModel):
    """What follows from a contact's events: recency, frequency, value, affinities, response."""

    contact = TenantForeignKey(Contact, on_delete=models.CASCADE, related_name="profiles")
    first_seen_at = models.DateTimeField(null=True)
    last_seen_at = models.DateTimeField(null=True)
    events = models.IntegerField(default=0)
    orders = models.IntegerField(default=0)
    revenue_cents = models.BigIntegerField(default=0)
    last_order_at = models.DateTimeField(null=True)
    categories = models.JSONField(default=dict)
    top_category = models.CharField(max_length=100, blank=True, default="")
    messages = models.IntegerField(default=0)
    clicks = models.IntegerField(default=0)
    lifecycle = models.CharField(max_length=12, default="visitor")
    updated_at = models.DateTimeField(db_default=Now())

    class Meta(TenantModel.Meta):
        db_table = "profile"
        constraints = [
            models.UniqueConstraint(name="one_profile_a_contact", fields=["tenant_id", "contact"]),
        ]
        indexes = [
            models.Index(fields=["tenant_id", "lifecycle"], name="profile_by_lifecycle"),
            models.Index(fields=["tenant_id", "orders"], name="profile_by_orders"),
            models.Index(fields=["tenant_id", "last_order_at"], name="profile_by_last_order"),
        ]

    def __str__(self) -> str:
        return self.lifecycle


class Score(TenantModel):
    """What a model foretells of a contact, 0 to 1, with the reasons that moved it most. The newest
    alone; a refresh replaces it."""

    contact = TenantForeignKey(Contact, on_delete=models.CASCADE, related_name="scores")
    key = models.SlugField(max_length=60)  # of the prediction
    value = models.FloatField()
    rank = models.FloatField()  # share of the contacts that have a lower one, 0 to 1
    reasons = models.JSONField(default=list)  # [feature, value, log odds]
    at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        db_table = "score"
        constraints = [
            models.UniqueConstraint(name="one_score_a_key", fields=["tenant_id", "contact", "key"]),
        ]
        indexes = [
            models.Index(fields=["tenant_id", "key", "value"], name="score_by_value"),
        ]

    def __str__(self) -> str:
        return f"{self.key}={self.value:.3f}"


class Consent(TenantModel):
    """What a contact agreed to, or refused: per channel and purpose. Appended, never edited."""

    class State(models.TextChoices):
        GIVEN = "given", _("Given")
        PENDING = "pending", _("Asked for, not confirmed")
        REFUSED = "refused", _("Refused")

    contact = TenantForeignKey(Contact, on_delete=models.CASCADE, related_name="consents")
    channel = models.CharField(max_length=20, default="email")
    purpose = models.CharField(max_length=40, default="marketing")
    state = models.CharField(max_length=8, choices=State)
    lawful_basis = models.CharField(max_length=20, default="consent")
    source = models.CharField(max_length=80)
    wording = models.CharField(max_length=300, blank=True, default="")

    class Meta(TenantModel.Meta):
        db_table = "consent"
        indexes = [
            models.Index(
                fields=["tenant_id", "contact", "channel", "-created_at"], name="consent_latest"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.purpose} by {self.channel}: {self.state}"


FORMATS = [("csv", _("CSV")), ("jsonl", _("JSONL")), ("xlsx", _("Excel"))]


class ContactImport(TenantModel):
    """A file of customers: mapped, tried, run; resumes where it stopped."""

    class State(models.TextChoices):
        UPLOADED = "uploaded", _("Uploaded")
        CHECKED = "checked", _("Checked")
        RUNNING = "running", _("Running")
        FINISHED = "finished", _("Finished")

    filename = models.CharField(max_length=200)
    format = models.CharField(max_length=5, choices=FORMATS)
    file = models.FileField(upload_to="imports/%Y/%m", max_length=300)
    columns = models.JSONField(default=list)
    sample = models.JSONField(default=list)
    mapping = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=State, default=State.UPLOADED)
    rows = models.IntegerField(default=0)
    next_row = models.IntegerField(default=0)
    accepted = models.IntegerField(default=0)
    rejected = models.IntegerField(default=0)
    job = TenantForeignKey(JobRow, null=True, blank=True, on_delete=models.SET_NULL)
    problem = PhraseField(default=str)

    class Meta(TenantModel.Meta):
        db_table = "contact_import"

    def __str__(self) -> str:
        return self.filename


class ImportProblem(TenantModel):
    """A row of a file that could not be taken: its line, its field, why, and the row itself."""

    of = TenantForeignKey(ContactImport, on_delete=models.CASCADE, related_name="problems")
    line = models.IntegerField()
    field = models.CharField(max_length=80)
    reason = PhraseField(default=str)
    raw = models.TextField()
    dry = models.BooleanField(default=False)

    class Meta(TenantModel.Meta):
        db_table = "import_problem"

    def __str__(self) -> str:
        return f"line {self.line}: {self.reason}"
