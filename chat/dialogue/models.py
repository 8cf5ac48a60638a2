"""What the assistant is taught, the conversations that it learns from, and its versions."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from attune.kernel.models import JobRow, TenantModel
from attune.kernel.phrase_field import PhraseField
from attune.kernel.phrases import Phrase, say
from attune.kernel.tenancy import TenantForeignKey
from chat.conversations.models import Conversation
from chat.dialogue.taught import Action, Example, Intent, Slot, Task

__all__ = [
    "Action", "DialogueFile", "DialogueStep", "DialogueVersion", "Example", "Intent",
    "PastConversation", "PastImport", "PastProblem", "Script", "Slot", "Task", "ToolCall",
]  # fmt: skip


class PastImport(TenantModel):
    """A file of past conversations: taken line by line, each refusal kept with its reason."""

    class State(models.TextChoices):
        RUNNING = "running", _("Being taken")
        FINISHED = "finished", _("Finished")

    filename = models.CharField(max_length=200)
    format = models.CharField(max_length=5)
    content = models.BinaryField()
    sha256 = models.CharField(max_length=64)
    state = models.CharField(max_length=8, choices=State, default=State.RUNNING)
    next_row = models.PositiveIntegerField(default=0)
    accepted = models.PositiveIntegerField(default=0)
    known = models.PositiveIntegerField(default=0)
    rejected = models.PositiveIntegerField(default=0)
    job = TenantForeignKey(JobRow, null=True, blank=True, on_delete=models.SET_NULL)
    by_id = models.BigIntegerField(null=True)

    class Meta(TenantModel.Meta):
        db_table = "past_import"
        constraints = [
            models.UniqueConstraint(name="one_file_once", fields=["tenant_id", "sha256"]),
        ]

    def __str__(self) -> str:
        return self.filename


class PastProblem(TenantModel):
    """A line or conversation of a file that was not taken, and why."""

    of = TenantForeignKey(PastImport, on_delete=models.CASCADE, related_name="problems")
    line = models.PositiveIntegerField()
    field = models.CharField(max_length=60)
    why = PhraseField(default=str)
    raw = models.TextField(blank=True, default="")

    class Meta(TenantModel.Meta):
        db_table = "past_problem"

    def __str__(self) -> str:
        return f"{self.line}: {self.why}"


class PastConversation(TenantModel):
    """A conversation to learn from: `turns` as `past.read` checks them. Whether it is held out of
    training hangs on its key alone, so that every version is judged on the same ones."""

    key = models.CharField(max_length=120)
    turns = models.JSONField(default=list)
    has_slots = models.BooleanField(default=False)
    has_actions = models.BooleanField(default=False)
    held_out = models.BooleanField(default=False)
    source = TenantForeignKey(
        PastImport, null=True, blank=True, on_delete=models.SET_NULL, related_name="conversations"
    )
    conversation = TenantForeignKey(
        Conversation, null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )

    class Meta(TenantModel.Meta):
        db_table = "past_conversation"
        constraints = [
            models.UniqueConstraint(name="one_past_conversation_a_key",
                                    fields=["tenant_id", "key"]),
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.key


class DialogueVersion(TenantModel):
    """What was learned at one time: a reader of intents, a tracker, a policy, or some of them."""

    class State(models.TextChoices):
        TRAINING = "training", _("Training")
        FAILED = "failed", _("Failed")
        EVALUATED = "evaluated", _("Evaluated")
        LIVE = "live", _("Live")
        RETIRED = "retired", _("Retired")

    class Gate(models.TextChoices):
        OPEN = "open", _("Not judged yet")
        PASSED = "passed", _("Passed")
        REFUSED = "refused", _("Refused")

    number = models.PositiveIntegerField()
    state = models.CharField(max_length=9, choices=State, default=State.TRAINING)
    gate = models.CharField(max_length=7, choices=Gate, default=Gate.OPEN)
    verdict = PhraseField(default=str)
    card = models.JSONField(default=dict)
    results = models.JSONField(default=dict)
    digest = models.CharField(max_length=64, blank=True, default="")
    before = TenantForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL)
    job = TenantForeignKey(JobRow, null=True, blank=True, on_delete=models.SET_NULL)
    live_at = models.DateTimeField(null=True, blank=True)
    author_id = models.BigIntegerField(null=True)

    class Meta(TenantModel.Meta):
        db_table = "dialogue_version"
        constraints = [
            models.UniqueConstraint(
                name="one_dialogue_version_a_number", fields=["tenant_id", "number"]
            ),
            models.UniqueConstraint(
                name="one_live_dialogue_version", fields=["tenant_id"],
                condition=models.Q(state="live"),
            ),
            models.UniqueConstraint(
                name="one_dialogue_training", fields=["tenant_id"],
                condition=models.Q(state="training"),
            ),
            models.CheckConstraint(
                name="what_talks_passed_the_gate",
                condition=~models.Q(state="live")
                | (models.Q(gate="passed") & ~models.Q(digest="")),
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return str(self.phrase)

    @property
    def phrase(self) -> Phrase:
        return say("dialogue version %(number)s", number=str(self.number))


class DialogueFile(TenantModel):
    """The weights of a version, in the database as every other row of a workspace."""

    version = TenantForeignKey(DialogueVersion, on_delete=models.CASCADE, related_name="files")
    name = models.CharField(max_length=80)
    content = models.BinaryField()

    class Meta(TenantModel.Meta):
        db_table = "dialogue_file"
        constraints = [
            models.UniqueConstraint(
                name="one_dialogue_file_a_name", fields=["tenant_id", "version", "name"]
            ),
        ]

    def __str__(self) -> str:
        return self.name


class DialogueStep(TenantModel):
    """One event of a conversation's dialogue (state.py). Appended; replayed to get the state."""

    conversation = TenantForeignKey(Conversation, on_delete=models.CASCADE, related_name="steps")
    n = models.PositiveIntegerField()
    seq = models.PositiveIntegerField()
    kind = models.CharField(max_length=12)
    data = models.JSONField(default=dict)

    class Meta(TenantModel.Meta):
        db_table = "dialogue_step"
        constraints = [
            models.UniqueConstraint(
                name="one_step_a_number", fields=["tenant_id", "conversation", "n"]
            ),
        ]

    def __str__(self) -> str:
        return f"{self.n}: {self.kind}"


class Script(TenantModel):
    """A conversation that must go as written before a version may go live."""

    name = models.CharField(max_length=120)
    steps = models.JSONField(default=list)
    enabled = models.BooleanField(default=True)

    class Meta(TenantModel.Meta):
        db_table = "dialogue_script"
        constraints = [
            models.UniqueConstraint(name="one_script_a_name", fields=["tenant_id", "name"]),
        ]

    def __str__(self) -> str:
        return self.name


class ToolCall(TenantModel):
    """A tool that the assistant called for a customer: what with, whether confirmed, and the end.
    One call a question and arguments, whatever is tried again."""

    class State(models.TextChoices):
        DONE = "done", _("Done")
        REFUSED = "refused", _("Refused")
        FAILED = "failed", _("Failed")

    conversation = TenantForeignKey(
        Conversation, on_delete=models.CASCADE, related_name="tool_calls"
    )
    seq = models.PositiveIntegerField()
    tool = models.CharField(max_length=40)
    digest = models.CharField(max_length=16)
    arguments = models.JSONField(default=dict)
    confirmed = models.BooleanField(default=False)
    state = models.CharField(max_length=7, choices=State)
    result = PhraseField(default=str)

    class Meta(TenantModel.Meta):
        db_table = "tool_call"
        constraints = [
            models.UniqueConstraint(
                name="one_tool_call_a_question",
                fields=["tenant_id", "conversation", "seq", "tool", "digest"],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tool}: {self.state}"
