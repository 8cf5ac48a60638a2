"""What the demo workspace's chat consists of: an inbox, knowledge, a few conversations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile

from campaigns.contacts import recording
from chat.conversations import handing, services, visiting
from chat.conversations.models import Visitor
from chat.conversations.visiting import Browser
from chat.dialogue import services as dialogue
from chat.dialogue import starters, taking
from chat.dialogue.tools import TOOLS
from chat.inboxes import services as inboxes
from chat.inboxes.models import Inbox
from chat.knowledge import services as knowledge
from tenants.models import User
from workers import demo_talks

FOLDER = Path(__file__).parent / "demo_knowledge"
TALKS: tuple[tuple[str, str, str], ...] = (
    ("customer-00003", "My Glass Teapot arrived with a crack in the lid. What now?", "damaged"),
    ("customer-00007", "Can you recommend a coffee for French press?", ""),
    ("customer-00011", "I would like to move my tasting to next month", ""),
)
OUTSIDE = (
    "sing me a song", "what is the weather like", "who won the match", "do my homework",
    "tell me a joke", "are you married",
)  # fmt: skip
KEPT = (
    ("hello", "Hello, and thank you for writing! I am looking into it right now."),
    ("photo", "Could you send a picture of it here? Then I can send you a new one today."),
    ("label", "I have sent the return label to your e-mail address."),
)


def chat(users: dict[str, int], origins: list[str]) -> dict[str, Any]:
    """The inbox with its knowledge, made once; its key and secret for the demo's own shop."""
    row = Inbox.objects.filter(name="Harbour shop").first()
    if row is None:
        row = _inbox(origins)
        knowledge_base()
        teach()
        _talks(row, User.objects.get(pk=users["agent"]))
    elif set(origins) - set(row.allowed_origins):
        inboxes.save_inbox(inbox=row, allowed_origins=[*row.allowed_origins, *origins])
    return {"inbox_key": row.public_key, "inbox_secret": inboxes.secret_of(row)}


def _inbox(origins: list[str]) -> Inbox:
    for code, text in KEPT:
        inboxes.save_canned(code=code, text=text)
    return inboxes.save_inbox(
        name="Harbour shop", greeting="Good day! Ask about tea, coffee, or your parcel.",
        bot_name="Hanna", allowed_origins=origins, timezone="Europe/Berlin", colour="#1f5f5b",
        csat_question="Did we help you?",
    )  # fmt: skip


def knowledge_base() -> None:
    """Pages (title, address, text) and questions with their answers, as files beside this one."""
    for path in sorted(FOLDER.glob("*.md")):
        text = path.read_text()
        if path.stem == "faq":
            for pair in text.strip().split("\n\n"):
                question, answer = pair.split("\n", 1)
                knowledge.save_document(kind="faq", title=question, body=answer)
        else:
            title, url, body = text.split("\n", 2)
            knowledge.save_document(kind="page", title=title, body=body, url=url)
    knowledge.take_catalogue()


def teach() -> None:
    """A task for each tool, and a file of past conversations about tastings to learn from."""
    for name in TOOLS:
        starters.begin(name)
    intent = dialogue.save_intent(
        name="book_tasting", title="Book a tasting", examples=demo_talks.WANTS
    )
    dialogue.save_intent(name="tasting_price", title="What a tasting costs",
                         examples=[*demo_talks.PRICES, "price of a tasting"])  # fmt: skip
    for name, values in demo_talks.VALUES.items():
        dialogue.save_slot(name=name, kind="choice", ask=demo_talks.ASK[name], values=values)
    dialogue.save_task(
        name="book_tasting", title="Book a tasting", intent=intent, slots=["kind", "day", "people"],
        done="I noted it: {kind}, {day}, {people}. Somebody confirms it by e-mail.",
    )  # fmt: skip
    content = demo_talks.conversations().encode()
    taking.upload(file=SimpleUploadedFile("tastings.jsonl", content), by_id=None)
    dialogue.save_outside(examples=OUTSIDE)


def _talks(inbox: Inbox, agent: User) -> None:
    """Three customers: one waits for a person, one was answered, one is resolved and rated."""
    made = []
    for user_id, text, label in TALKS:
        contact_id = recording.contact_id(user_id=user_id)
        visitor, _ = Visitor.objects.get_or_create(inbox=inbox, contact_id=contact_id)
        if visitor.contact is not None:
            visitor.name, visitor.email = visitor.contact.name, visitor.contact.email
            visitor.save()
        session, _ = visiting.start(
            inbox=inbox, visitor=visitor, browser=Browser(), client_id=f"demo-{user_id}",
            body=text, person=True,
        )  # fmt: skip
        if session.conversation is not None:
            made.append(session.conversation)
            services.set_labels(conversation=session.conversation, names=[label] if label else [])
    handing.assign_to(made[0], agent)
    services.reply(
        conversation=made[1], user=agent, client_id="demo-agent-1",
        body="For French press we like Morning Roast, coarsely ground; the shop grinds it for you.",
    )  # fmt: skip
    services.reply(
        conversation=made[2], user=agent, client_id="demo-agent-2",
        body="Done: you are on the list of next month.",
    )  # fmt: skip
    services.resolve(conversation=made[2], by="person")
    visiting.rate(conversation=made[2], rating=5, comment="That was quick")
