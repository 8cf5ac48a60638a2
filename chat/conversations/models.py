"""Visitors, conversations and what was said in them."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from attune.kernel.models import TenantModel
from attune.kernel.phrase_field import PhraseField
from attune.kernel.tenancy import TenantForeignKey
from campaigns.contacts.models import Contact
from chat.inboxes.models import Inbox, Label
from tenants.models import Team, User


class Visitor(TenantModel):
    """Somebody at an inbox. `key_hash` is what is kept of the secret that their browser made;
    a visitor of a contact was vouched for by the customer's own server."""

    inbox = TenantForeignKey(Inbox, on_delete=models.CASCADE, related_name="visitors")
    contact = TenantForeignKey(Contact, on_delete=models.SET_NULL, null=True, blank=True)
    key_hash = models.CharField(max_length=64, blank=True, default="")
    name = models.CharField(max_length=120, blank=True, default="")
    email = models.CharField(max_length=254, blank=True, default="")
    language = models.CharField(max_length=16, blank=True, default="")
    page = models.CharField(max_length=500, blank=True, default="")
    agent = models.CharField(max_length=300, blank=True, default="")
    token_version = models.PositiveIntegerField(default=1)
    blocked_at = models.DateTimeField(null=True, blank=True)
    seen_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantModel.Meta):
        db_table = "visitor"
        constraints = [
            models.UniqueConstraint(
                name="one_visitor_a_key", fields=["tenant_id", "inbox", "key_hash"],
                condition=~models.Q(key_hash=""),
            ),
            models.UniqueConstraint(
                name="one_visitor_a_contact", fields=["tenant_id", "inbox", "contact"],
                condition=models.Q(contact__isnull=False),
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.name or self.email or str(_("Visitor %s")) % self.pk.hex[-5:]

    @property
    def verified(self) -> bool:
        return self.contact_id is not None


class Conversation(TenantModel):
    """What one visitor and the house say to each other. While `handler` is the bot it answers;
    a person who takes over silences it. Messages are numbered 1, 2, 3 … by `last_seq`."""

    class State(models.TextChoices):
        PENDING = "pending", _("With the assistant")
        OPEN = "open", _("With people")
        SNOOZED = "snoozed", _("Snoozed")
        RESOLVED = "resolved", _("Resolved")

    class Handler(models.TextChoices):
        BOT = "bot", _("Assistant")
        PERSON = "person", _("A person")

    class Priority(models.IntegerChoices):
        LOW = 0, _("Low")
        MEDIUM = 1, _("Medium")
        HIGH = 2, _("High")
        URGENT = 3, _("Urgent")

    inbox = TenantForeignKey(Inbox, on_delete=models.CASCADE, related_name="conversations")
    visitor = TenantForeignKey(Visitor, on_delete=models.CASCADE, related_name="conversations")
    contact = TenantForeignKey(Contact, on_delete=models.SET_NULL, null=True, blank=True)
    start_id = models.CharField(max_length=64)
    state = models.CharField(max_length=8, choices=State, default=State.PENDING)
    handler = models.CharField(max_length=6, choices=Handler, default=Handler.BOT)
    assignee = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.SET_NULL, related_name="conversations"
    )
    team = TenantForeignKey(Team, null=True, blank=True, on_delete=models.SET_NULL)
    priority = models.PositiveSmallIntegerField(choices=Priority, default=Priority.MEDIUM)
    labels = models.ManyToManyField(Label, through="Labelling", related_name="conversations")
    language = models.CharField(max_length=16, blank=True, default="")
    last_seq = models.PositiveIntegerField(default=0)
    last_text = models.CharField(max_length=160, blank=True, default="")
    last_kind = models.CharField(max_length=8, blank=True, default="")
    last_at = models.DateTimeField(null=True, blank=True)
    incoming = models.PositiveIntegerField(default=0)
    agent_seen_seq = models.PositiveIntegerField(default=0)
    visitor_seen_seq = models.PositiveIntegerField(default=0)
    waiting_since = models.DateTimeField(null=True, blank=True)
    first_reply_at = models.DateTimeField(null=True, blank=True)
    first_person_reply_at = models.DateTimeField(null=True, blank=True)
    person_since = models.DateTimeField(null=True, blank=True)
    snoozed_until = models.DateTimeField(null=True, blank=True)
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolved_by = models.CharField(max_length=8, blank=True, default="")
    reopened = models.PositiveSmallIntegerField(default=0)
    sentiment = models.FloatField(null=True, blank=True)
    upset_at = models.DateTimeField(null=True, blank=True)  # until it is resolved

    class Meta(TenantModel.Meta):
        db_table = "conversation"
        constraints = [
            models.UniqueConstraint(
                name="a_conversation_starts_once", fields=["tenant_id", "visitor", "start_id"]
            ),
            models.CheckConstraint(
                name="a_pending_conversation_is_the_bots",
                condition=~models.Q(state="pending") | models.Q(handler="bot"),
            ),
            models.CheckConstraint(
                name="an_open_conversation_is_a_persons",
                condition=~models.Q(state="open") | models.Q(handler="person"),
            ),
        ]
        indexes = [
            models.Index(fields=["tenant_id", "state", "-last_at"], name="conversation_by_state"),
            models.Index(fields=["tenant_id", "assignee", "state"], name="conversation_by_agent"),
            models.Index(fields=["tenant_id", "visitor", "-id"], name="conversation_by_visitor"),
            models.Index(fields=["tenant_id", "contact", "-id"], name="conversation_by_contact"),
        ]

    def __str__(self) -> str:
        return str(self.visitor)

    @property
    def unread(self) -> int:
        return max(0, self.last_seq - self.agent_seen_seq)


class Labelling(TenantModel):
    conversation = TenantForeignKey(Conversation, on_delete=models.CASCADE)
    label = TenantForeignKey(Label, on_delete=models.CASCADE)

    class Meta(TenantModel.Meta):
        db_table = "labelling"
        constraints = [
            models.UniqueConstraint(
                name="a_label_once_a_conversation", fields=["tenant_id", "conversation", "label"]
            ),
        ]

    def __str__(self) -> str:
        return f"{self.label_id} on {self.conversation_id}"


class Message(TenantModel):
    """One message that both sides see. Written by attune_chat_append alone (appending.py)."""

    class Kind(models.TextChoices):
        INCOMING = "incoming", _("From the customer")
        OUTGOING = "outgoing", _("To the customer")
        NOTICE = "notice", _("Notice")

    class Author(models.TextChoices):
        VISITOR = "visitor", _("Customer")
        AGENT = "agent", _("Agent")
        BOT = "bot", _("Assistant")
        SYSTEM = "system", _("Attune")

    conversation = TenantForeignKey(Conversation, on_delete=models.CASCADE, related_name="messages")
    seq = models.PositiveIntegerField()
    client_id = models.CharField(max_length=64, blank=True, default="")
    kind = models.CharField(max_length=8, choices=Kind)
    author = models.CharField(max_length=7, choices=Author)
    author_id = models.BigIntegerField(null=True)
    author_name = models.CharField(max_length=120, blank=True, default="")
    body = models.TextField(blank=True, default="")
    payload = models.JSONField(default=dict)

    class Meta(TenantModel.Meta):
        db_table = "message"
        constraints = [
            models.UniqueConstraint(
                name="one_message_a_number", fields=["tenant_id", "conversation", "seq"]
            ),
            models.UniqueConstraint(
                name="one_message_a_client_id",
                fields=["tenant_id", "conversation", "client_id"],
                condition=~models.Q(client_id=""),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.seq}: {self.body[:60]}"


class Attachment(TenantModel):
    """A file that came with a message; it is checked before, and only ever served as a download
    or, for pictures, as a picture."""

    conversation = TenantForeignKey(
        Conversation, on_delete=models.CASCADE, related_name="attachments"
    )
    name = models.CharField(max_length=120)
    content_type = models.CharField(max_length=80)
    size = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    content = models.BinaryField()
    by_visitor = models.BooleanField(default=True)

    class Meta(TenantModel.Meta):
        db_table = "chat_attachment"

    def __str__(self) -> str:
        return self.name


class Note(TenantModel):
    """What only agents see: a private note, or what happened to the conversation."""

    class Kind(models.TextChoices):
        NOTE = "note", _("Note")
        ACTIVITY = "activity", _("Activity")

    conversation = TenantForeignKey(Conversation, on_delete=models.CASCADE, related_name="notes")
    after_seq = models.PositiveIntegerField()
    kind = models.CharField(max_length=8, choices=Kind)
    text = PhraseField(default=str)
    author_id = models.BigIntegerField(null=True)
    author_name = models.CharField(max_length=120, blank=True, default="")
    mentions = models.JSONField(default=list)

    class Meta(TenantModel.Meta):
        db_table = "chat_note"
        indexes = [models.Index(fields=["tenant_id", "conversation", "id"], name="chat_note_of")]

    def __str__(self) -> str:
        return str(self.text)[:60]


class Handoff(TenantModel):
    """The assistant gives a conversation to people: who asked, why, and what they must know."""

    class State(models.TextChoices):
        QUEUED = "queued", _("Waiting for a person")
        ACCEPTED = "accepted", _("Accepted")
        RETURNED = "returned", _("Returned to the assistant")
        RESOLVED = "resolved", _("Resolved")

    class By(models.TextChoices):
        CUSTOMER = "customer", _("the customer")
        MODEL = "model", _("the assistant")
        RULE = "rule", _("a rule")

    class Reason(models.TextChoices):
        CUSTOMER_REQUEST = "customer_request", _("The customer asked for a person")
        MISSING_KNOWLEDGE = "missing_knowledge", _("Nothing known answers it")
        UNSUPPORTED_REQUEST = "unsupported_request", _("The assistant cannot do this")
        POLICY_RESTRICTION = "policy_restriction", _("A rule keeps the assistant from it")
        TOOL_FAILURE = "tool_failure", _("A tool or the model failed")
        PENDING_CLARIFICATION = "pending_clarification", _("It stayed unclear what was meant")
        USAGE_LIMIT = "usage_limit", _("The month's allowance is used up")
        NEGATIVE_SENTIMENT = "negative_sentiment", _("The customer is upset")
        LOW_CONFIDENCE = "low_confidence", _("The assistant was not sure enough")

    conversation = TenantForeignKey(Conversation, on_delete=models.CASCADE, related_name="handoffs")
    state = models.CharField(max_length=8, choices=State, default=State.QUEUED)
    requested_by = models.CharField(max_length=8, choices=By)
    reason = models.CharField(max_length=24, choices=Reason)
    summary = models.TextField(blank=True, default="")
    slots = models.JSONField(default=dict)
    accepted_by = models.BigIntegerField(null=True)
    accepted_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantModel.Meta):
        db_table = "handoff"
        constraints = [
            models.UniqueConstraint(
                name="one_open_handoff_a_conversation", fields=["tenant_id", "conversation"],
                condition=models.Q(state__in=["queued", "accepted"]),
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.get_reason_display()


class Rating(TenantModel):
    """How a customer found it (CSAT): asked once after each time it was resolved."""

    conversation = TenantForeignKey(Conversation, on_delete=models.CASCADE, related_name="ratings")
    asked_seq = models.PositiveIntegerField()
    handler = models.CharField(max_length=6, choices=Conversation.Handler)
    agent_id = models.BigIntegerField(null=True)
    rating = models.PositiveSmallIntegerField(null=True, blank=True)
    comment = models.CharField(max_length=1000, blank=True, default="")
    answered_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantModel.Meta):
        db_table = "csat_rating"
        constraints = [
            models.UniqueConstraint(
                name="asked_once_a_message", fields=["tenant_id", "conversation", "asked_seq"]
            ),
            models.CheckConstraint(
                name="a_rating_is_one_to_five",
                condition=models.Q(rating=None) | models.Q(rating__gte=1, rating__lte=5),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rating or '–'} of 5"
