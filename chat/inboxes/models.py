"""Where customers write, who answers there and when, and what agents keep at hand."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from attune.kernel.models import TenantModel
from tenants.models import User


class Inbox(TenantModel):
    """A door of the chat: one embedded widget, its look, its hours and its rules.

    The public key says which inbox is meant and opens nothing by itself. `hours` maps a weekday
    ("0" is Monday) to intervals of minutes since midnight in `timezone`; empty means always open.
    """

    class State(models.TextChoices):
        ACTIVE = "active", _("Active")
        CLOSED = "closed", _("Closed")

    class Language(models.TextChoices):
        BROWSER = "", _("As the browser")
        ENGLISH = "en", _("English")
        CHINESE = "zh-hans", _("Chinese")

    name = models.CharField(max_length=80)
    public_key = models.CharField(max_length=40)
    state = models.CharField(max_length=8, choices=State, default=State.ACTIVE)
    colour = models.CharField(max_length=7, default="#2f4fd0")
    greeting = models.CharField(max_length=200, blank=True, default="")
    away_message = models.CharField(max_length=300, blank=True, default="")
    language = models.CharField(max_length=8, choices=Language, blank=True, default="")
    allowed_origins = models.JSONField(default=list, blank=True)
    sealed_secret = models.TextField(blank=True, default="")
    identity_required = models.BooleanField(default=False)
    bot_enabled = models.BooleanField(default=True)
    bot_name = models.CharField(max_length=40, default="Assistant")
    timezone = models.CharField(max_length=50, default="UTC")
    hours = models.JSONField(default=dict, blank=True)
    first_response_minutes = models.PositiveIntegerField(default=60)
    resolution_minutes = models.PositiveIntegerField(default=1440)
    csat_enabled = models.BooleanField(default=True)
    csat_question = models.CharField(max_length=200, blank=True, default="")

    class Meta(TenantModel.Meta):
        db_table = "inbox"
        constraints = [
            models.UniqueConstraint(name="one_inbox_a_key", fields=["tenant_id", "public_key"]),
            models.UniqueConstraint(name="one_inbox_a_name", fields=["tenant_id", "name"]),
        ]
        indexes = [models.Index(fields=["public_key"], name="inbox_by_key")]

    def __str__(self) -> str:
        return self.name


class Availability(TenantModel):
    """Whether an agent takes conversations now, and how many at once."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="availability")
    available = models.BooleanField(default=False)
    capacity = models.PositiveSmallIntegerField(default=8)

    class Meta(TenantModel.Meta):
        db_table = "availability"
        constraints = [
            models.UniqueConstraint(name="one_availability_an_agent", fields=["tenant_id", "user"]),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {'available' if self.available else 'away'}"


class CannedReply(TenantModel):
    """A reply kept for use again, called by its short code."""

    code = models.CharField(max_length=30)
    text = models.CharField(max_length=2000)

    class Meta(TenantModel.Meta):
        db_table = "canned_reply"
        constraints = [
            models.UniqueConstraint(name="one_canned_reply_a_code", fields=["tenant_id", "code"]),
        ]

    def __str__(self) -> str:
        return f"/{self.code}"


class Label(TenantModel):
    """A word that conversations are sorted by."""

    name = models.CharField(max_length=40)
    colour = models.CharField(max_length=7, default="#5a5a55")

    class Meta(TenantModel.Meta):
        db_table = "chat_label"
        constraints = [
            models.UniqueConstraint(name="one_label_a_name", fields=["tenant_id", "name"]),
        ]

    def __str__(self) -> str:
        return self.name
