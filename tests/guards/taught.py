"""One row of everything that an assistant is taught or learned, with canaries."""

from __future__ import annotations

from typing import Any

from attune.kernel.phrases import say
from chat.assistant.models import Draft
from chat.dialogue import registry as dialogues
from chat.dialogue import running
from chat.dialogue import services as dialogue
from chat.dialogue.models import Action, PastConversation, PastImport, PastProblem, ToolCall
from chat.dialogue.state import DialogueEvent

CANARY = "CANARY-B"


def taught(talk: Any) -> dict[str, Any]:
    """One row of everything that the assistant is taught or learned."""
    intent = dialogue.save_intent(name="canary", title=CANARY, examples=[CANARY])
    slot = dialogue.save_slot(name="canary", kind="choice", ask=CANARY, values=[CANARY])
    task = dialogue.save_task(name="canary", title=CANARY, intent=intent, slots=["canary"])
    script = dialogue.save_script(name=CANARY, steps=[{"customer": CANARY, "expect": []}])
    action = Action.objects.create(name="canary", text=CANARY)
    turns = [{"who": "customer", "text": CANARY}, {"who": "agent", "text": CANARY}]
    file = PastImport.objects.create(filename=CANARY, format="csv", content=b"x", sha256="1")
    PastProblem.objects.create(of=file, line=1, field="id", why=CANARY, raw=CANARY)
    PastConversation.objects.create(key=CANARY, source=file, turns=turns)
    version = dialogues.begin(card={"slots": {CANARY: 1}}, author_id=None)
    dialogues.evaluated(row=version, files={"intents.json": b"{}"}, results={}, passed=True,
                        verdict=say("%(words)s", words=CANARY))  # fmt: skip
    running.append(conversation=talk, seq=1, steps=[DialogueEvent("user", {"text": CANARY})])
    ToolCall.objects.create(conversation=talk, seq=1, tool="x", state="done", result=CANARY)
    draft = Draft.objects.create(conversation=talk, seq=1, state="open", question=CANARY,
                                 text=CANARY)  # fmt: skip
    return {"intent": intent.pk, "slot": slot.pk, "task": task.pk, "script": script.pk,
            "action": action.pk, "past": file.pk, "dialogue": version.pk, "draft": draft.pk}  # fmt: skip
