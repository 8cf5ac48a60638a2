"""What a workspace can begin with: a task for each tool, with sentences that customers say, and a
script that guards it."""

from __future__ import annotations

from attune.kernel.errors import Conflict, NotFound
from attune.kernel.phrases import say
from chat.dialogue import scripts, services
from chat.dialogue.models import Intent, Script, Slot, Task
from chat.dialogue.tools import TOOLS

SENTENCES = {
    "order_status": (
        "where is my order", "has my parcel been sent yet", "when will my package arrive",
        "track my order", "I have not received my delivery", "what is the status of my order",
        "my order has not come yet", "can you check where my parcel is",
    ),
    "unsubscribe": (
        "stop sending me e-mails", "unsubscribe me please", "I want no more newsletters",
        "take me off your mailing list", "no more advertising mail", "how do I unsubscribe",
        "please remove my address from the newsletter", "I get too many e-mails from you",
    ),
    "call_back": (
        "please call me back", "can somebody phone me", "I would like a call",
        "could you ring me tomorrow", "I want to be called back", "call me on my mobile",
        "book a call back", "is it possible that you call me",
    ),
}  # fmt: skip
SCRIPTS = {
    "order_status": "customer: where is my order\nasks: order_number\ncustomer: HB-10023\n"
                    "tool: order_status",
    "unsubscribe": "customer: unsubscribe me please\nconfirms: unsubscribe\ncustomer: no\n"
                   "says: leave it",
    "call_back": "customer: please call me back\nasks: phone\ncustomer: 040 1234567\nasks: time\n"
                 "customer: tomorrow at ten\nconfirms: call_back\ncustomer: yes\ntool: call_back",
}  # fmt: skip


def begin(name: str) -> Task:
    """Make the intent, slots, task and script of a tool; what exists already stays."""
    tool = TOOLS.get(name)
    if tool is None:
        raise NotFound(say("There is no such tool."))
    if Task.objects.filter(name=name).exists():
        raise Conflict(say("This task exists already."))
    intent = Intent.objects.filter(name=name).first() or services.save_intent(
        name=name, title=str(tool.title), examples=SENTENCES[name]
    )
    for argument in tool.takes:
        if not Slot.objects.filter(name=argument.name).exists():
            services.save_slot(name=argument.name, kind=argument.kind, ask=str(argument.ask))
    task = services.save_task(
        name=name, title=str(tool.title), intent=intent, slots=[a.name for a in tool.takes],
        tool=name, tools=list(TOOLS),
    )  # fmt: skip
    if not Script.objects.filter(name=str(tool.title)).exists():
        services.save_script(name=str(tool.title), steps=scripts.parse(SCRIPTS[name]))
    return task
