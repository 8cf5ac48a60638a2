"""What people ask of their data, and how long a workspace keeps what it has."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from attune.kernel.models import TenantModel
from attune.kernel.tenancy import TenantForeignKey
from campaigns.contacts.models import Contact


class PrivacyRequest(TenantModel):
    """A person asks for a copy of their data, or for it to be erased. Due within a month."""

    class Kind(models.TextChoices):
        EXPORT = "export", _("A copy of their data")
        ERASE = "erase", _("Erase their data")

    class State(models.TextChoices):
        OPEN = "open", _("Open")
        DONE = "done", _("Done")
        REFUSED = "refused", _("Refused")

    contact = TenantForeignKey(Contact, on_delete=models.CASCADE, related_name="privacy_requests")
    kind = models.CharField(max_length=6, choices=Kind)
    state = models.CharField(max_length=7, choices=State, default=State.OPEN)
    note = models.CharField(max_length=300, blank=True, default="")  # why it was refused
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantModel.Meta):
        db_table = "privacy_request"
        constraints = [
            models.UniqueConstraint(
                name="one_open_request_a_person_and_kind",
                fields=["tenant_id", "contact", "kind"], condition=models.Q(state="open"),
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.kind} of {self.contact_id}"


class RetentionRule(TenantModel):
    """How long something is kept; what is older goes by itself, once a day."""

    class What(models.TextChoices):
        EVENTS = "events", _("Details of events: who, properties; that they happened stays")
        COPIES = "copies", _("Exact copies of messages; that they were sent stays")
        CHATS = "chats", _("Conversations that are resolved")
        PEOPLE = "people", _("People who did nothing for so long: they are erased")

    what = models.CharField(max_length=6, choices=What)
    days = models.PositiveIntegerField()
    ran_at = models.DateTimeField(null=True, blank=True)
    removed = models.PositiveIntegerField(default=0)  # by the newest run

    class Meta(TenantModel.Meta):
        db_table = "retention_rule"
        constraints = [
            models.UniqueConstraint(name="one_rule_a_kind", fields=["tenant_id", "what"]),
        ]

    def __str__(self) -> str:
        return f"{self.what} for {self.days} days"
