"""How many questions each page asks the database: frozen, and the same for one row or many."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from attune.kernel.phrases import say
from campaigns.approval import services as approval
from campaigns.approval.models import Review
from campaigns.automations.models import Journey as Automation
from campaigns.automations.models import JourneyRun
from campaigns.budget.models import BudgetPlan, Mix
from campaigns.catalog.models import Product
from campaigns.contacts.models import Contact
from campaigns.content.models import Brief, Revision
from campaigns.delivery import services as delivery
from campaigns.delivery.models import Campaign, Endpoint, Send
from campaigns.experiments.models import Experiment, Learning
from campaigns.generators.models import ModelVersion
from campaigns.hooks.models import WebhookDelivery
from campaigns.layouts.models import Template, TemplateVersion
from campaigns.predictions.models import Prediction
from campaigns.segments.models import Segment
from campaigns.strategy.models import ActionBank, PastLog, Policy, PolicyVersion
from campaigns.subscriptions.models import Topic as SubscriptionTopic
from chat.assistant import services as assistant
from chat.assistant.models import Draft, Generation, Suggestion
from chat.conversations import services as chat
from chat.conversations.models import Conversation
from chat.dialogue import registry as dialogues
from chat.dialogue import running
from chat.dialogue import services as dialogue
from chat.dialogue.models import (
    Action,
    DialogueVersion,
    Intent,
    PastConversation,
    PastImport,
    PastProblem,
    Script,
    Slot,
    Task,
    ToolCall,
)
from chat.dialogue.state import DialogueEvent
from chat.inboxes import services as inboxes
from chat.inboxes.models import CannedReply, Inbox
from chat.knowledge import services as knowledge
from chat.knowledge.models import Document
from insights.alerts.models import Alert
from insights.findings.models import Finding, Report
from insights.forecasts.models import Series
from insights.graph.models import Entity, Relation
from insights.journeys.models import Journey
from insights.reading.models import Feature
from insights.risk.models import Risk
from insights.sources.models import Document as Text
from insights.sources.models import DocumentImport, Source
from insights.topics.models import Topic
from tenants import custom_roles, teams
from tenants.models import CustomRole, Team
from tenants.roles import ALL_VERBS
from tests import make
from tests.guards.heard import heard
from tests.guards.steered import steered
from tests.guards.walked import walked

FROZEN: dict[str, int] = {
    "insights:home": 32,
    "automations:journeys": 9,
    "hooks:new": 5,
    "workspace:sender": 7,
    "workspace:leave": 7,
    "privacy:requests": 8,
    "privacy:keep": 6,
    "layouts:templates": 6,
    "layouts:new": 6,
    "layouts:edit": 7,
    "layouts:shown": 7,
    "delivery_pages:preview": 11,
    "delivery_pages:preview-html": 8,
    "delivery_pages:message-html": 8,
    "experiments:plan": 7,
    "experiments:learnings": 8,
    "experiments:learn": 5,
    "experiments:learning": 8,
    "hooks:endpoint": 9,
    "hooks:edit": 6,
    "hooks:attempt": 6,
    "automations:new": 8,
    "automations:journey": 17,
    "automations:settings": 9,
    "automations:entry": 8,
    "automations:people": 8,
    "automations:reach": 8,
    "automations:run": 9,
    "subscriptions:topics": 7,
    "subscriptions:new": 5,
    "subscriptions:edit": 7,
    "contacts:people": 9,
    "contacts:files": 6,
    "contacts:events": 7,
    "segments:segments": 8,
    "segments:new": 9,
    "catalog:products": 8,
    "catalog:new": 5,
    "catalog:voice": 7,
    "content:briefs": 9,
    "content:new-brief": 7,
    "content:new-message": 6,
    "content:compare": 8,
    "tuning:models": 11,
    "tuning:evidence": 11,
    "tuning:usage": 12,
    "tuning:forget": 5,
    "tuning:new-server": 5,
    "tuning:version": 10,
    "approval:queue": 7,
    "experiments:experiments": 10,
    "experiments:new": 7,
    "experiments:metric": 5,
    "delivery_pages:campaigns": 8,
    "delivery_pages:new": 11,
    "delivery_pages:calendar": 7,
    "delivery_pages:outbox": 9,
    "hooks:endpoints": 8,
    "delivery_pages:suppressions": 6,
    "workspace:settings": 7,
    "workspace:members": 12,
    "workspace:usage": 9,
    "delivery_pages:revise": 11,
    "workspace:brand": 6,
    "workspace:agency": 6,
    "workspace:clients": 8,
    "workspace:keys": 6,
    "workspace:audit": 9,
    "workspace:jobs": 8,
    "workspace:design": 6,
    "insights:search": 5,
    "insights:notices": 11,
    "contacts:person": 13,
    "segments:segment": 9,
    "segments:edit": 11,
    "catalog:product": 8,
    "content:brief": 14,
    "content:edit-brief": 10,
    "content:revision": 11,
    "approval:edit": 8,
    "approval:review": 13,
    "experiments:experiment": 17,
    "experiments:edit": 10,
    "delivery_pages:campaign": 10,
    "delivery_pages:edit": 13,
    "delivery_pages:reach": 9,
    "delivery_pages:message": 9,
    "insights:chain": 13,
    "conversations:inbox": 11,
    "conversations:conversation": 21,
    "inboxes:inboxes": 10,
    "inboxes:new": 6,
    "inboxes:inbox": 7,
    "inboxes:preview": 6,
    "workspace:new-team": 7,
    "workspace:new-role": 5,
    "inboxes:new-canned": 5,
    "workspace:team": 9,
    "workspace:role": 6,
    "inboxes:canned": 6,
    "knowledge:documents": 7,
    "knowledge:ask": 5,
    "knowledge:new": 5,
    "knowledge:document": 7,
    "knowledge:edit": 7,
    "assistant:quality": 26,
    "assistant:draft": 9,
    "assistant:mood": 9,
    "dialogue:overview": 13,
    "dialogue:new-intent": 5,
    "dialogue:intent": 8,
    "dialogue:outside": 6,
    "dialogue:new-slot": 5,
    "dialogue:slot": 7,
    "dialogue:new-task": 6,
    "dialogue:task": 8,
    "dialogue:new-script": 5,
    "dialogue:script": 7,
    "dialogue:versions": 9,
    "dialogue:version": 6,
    "dialogue:past": 11,
    "dialogue:past-file": 8,
    "dialogue:log": 13,
    "sources:sources": 8,
    "sources:new": 6,
    "sources:aside": 7,
    "sources:source": 9,
    "sources:edit": 8,
    "sources:file": 9,
    "reading:overview": 10,
    "reading:documents": 10,
    "reading:document": 9,
    "reading:feature": 10,
    "topics:topics": 12,
    "topics:outside": 6,
    "topics:topic": 12,
    "graph:graph": 9,
    "reading:ratings": 7,
    "dashboards:board": 9,
    "dashboards:people": 6,
    "dashboards:export": 6,
    "dashboards:export-people": 5,
    "dashboards:sql": 17,
    "dashboards:cost": 8,
    "alerts:alerts": 16,
    "alerts:week": 12,
    "labelling:labels": 14,
    "labelling:queue": 10,
    "labelling:accuracy": 8,
    "labelling:export": 8,
    "findings:findings": 9,
    "strategy:policies": 10,
    "strategy:new": 11,
    "strategy:new_bank": 5,
    "strategy:policy": 21,
    "strategy:edit": 14,
    "strategy:decisions": 8,
    "strategy:fairness": 7,
    "strategy:bank": 11,
    "strategy:version": 9,
    "strategy:past_log": 7,
    "forecasts:forecasts": 9,
    "forecasts:new": 7,
    "forecasts:occasions": 7,
    "forecasts:forecast": 9,
    "forecasts:scenario": 9,
    "forecasts:behind": 11,
    "risk:board": 9,
    "risk:new": 7,
    "risk:risk": 11,
    "risk:people": 8,
    "risk:campaign": 11,
    "alerts:alert": 14,
    "predictions:predictions": 9,
    "predictions:new": 7,
    "predictions:prediction": 9,
    "predictions:people": 8,
    "predictions:uplift": 8,
    "budget:budgets": 8,
    "budget:new": 7,
    "budget:budget": 11,
    "budget:lift": 8,
    "budget:plan": 6,
    "findings:reports": 8,
    "findings:finding": 12,
    "findings:report": 7,
    "journeys:journeys": 6,
    "journeys:new": 7,
    "journeys:edit": 9,
    "journeys:journey": 6,
    "graph:new-competitor": 5,
    "graph:competitor": 7,
    "graph:entity": 9,
    "graph:relation": 7,
}
ROWS: dict[str, Any] = {
    "contacts:person": Contact, "segments:segment": Segment, "segments:edit": Segment,
    "catalog:product": Product, "content:brief": Brief, "content:edit-brief": Brief,
    "content:revision": Revision, "content:compare": Brief, "tuning:version": ModelVersion, "approval:edit": Revision, "approval:review": Review,
    "experiments:experiment": Experiment, "experiments:edit": Experiment, "delivery_pages:campaign": Campaign,
    "delivery_pages:edit": Campaign, "delivery_pages:reach": Campaign, "delivery_pages:revise": Campaign, "delivery_pages:message": Send, "delivery_pages:message-html": Send, "insights:chain": Send,
    "conversations:conversation": Conversation, "inboxes:inbox": Inbox, "inboxes:preview": Inbox,
    "workspace:team": Team, "workspace:role": CustomRole, "inboxes:canned": CannedReply, "knowledge:document": Document,
    "knowledge:edit": Document, "assistant:draft": Conversation, "assistant:mood": Conversation,
    "dialogue:intent": Intent, "dialogue:slot": Slot, "dialogue:task": Task,
    "dialogue:script": Script, "dialogue:version": DialogueVersion,
    "dialogue:past-file": PastImport, "dialogue:log": Conversation,
    "sources:source": Source, "sources:edit": Source, "sources:file": DocumentImport,
    "reading:document": Text, "reading:feature": Feature, "topics:topic": Topic,
    "journeys:journey": Journey, "journeys:edit": Journey, "forecasts:forecast": Series, "forecasts:scenario": Series, "forecasts:behind": Series,
    "findings:finding": Finding, "findings:report": Report,
    "dashboards:cost": Campaign,
    "strategy:policy": Policy, "strategy:edit": Policy, "strategy:decisions": Policy,
    "strategy:fairness": Policy, "strategy:bank": ActionBank, "strategy:version": PolicyVersion,
    "strategy:past_log": PastLog,
    "predictions:prediction": Prediction, "predictions:people": Prediction,
    "risk:risk": Risk, "risk:people": Risk, "risk:campaign": Campaign, "alerts:alert": Alert,
    "predictions:uplift": Experiment,
    "budget:budget": Mix, "budget:lift": Mix, "budget:plan": BudgetPlan,
    "experiments:learning": Learning, "layouts:edit": Template, "layouts:shown": TemplateVersion,
    "delivery_pages:preview": Revision, "delivery_pages:preview-html": Revision,
    "hooks:endpoint": Endpoint, "hooks:edit": Endpoint, "hooks:attempt": WebhookDelivery,
    "automations:journey": Automation, "automations:settings": Automation,
    "automations:entry": Automation, "automations:people": Automation, "automations:reach": Automation,
    "automations:run": JourneyRun, "subscriptions:edit": SubscriptionTopic,
    "graph:competitor": Entity, "graph:entity": Entity, "graph:relation": Relation,
}  # fmt: skip


def door() -> Inbox:
    return Inbox.objects.first() or make.inbox()


def fill(place: make.Place, start: int, n: int) -> None:
    """n more of everything that a list shows."""
    for number in range(start, start + n):
        user = f"u{number}"
        make.record(
            make.identify(user, email=f"{user}@example.com", plan="pro"),
            make.track(user, "Order Completed", revenue=20, category="tea"),
        )
        audience = make.segment(name=f"S{number}")
        draft = make.draft(author_id=place.owner.pk)
        approval.submit(revision=draft, by_id=place.owner.pk)
        trial = make.experiment([make.approved()], holdout=0.01, running=False)
        campaign = make.campaign(audience, trial)
        make.version(number + 1)
        talk = make.conversation(f"Hello {number}", inbox=door(), who=f"Visitor {number}")
        chat.set_labels(conversation=talk, names=[f"label {number % 3}"])
        chat.note(conversation=talk, user=place.owner, text="inside")
        teams.save(name=f"Team {number}", members=[place.owner.pk], rights=ALL_VERBS)
        custom_roles.save(
            name=f"Role {number}", about="", verbs=["workspace.view"], rights=ALL_VERBS
        )
        inboxes.save_canned(code=f"c{number}", text="Hello")
        knowledge.save_document(kind="page", title=f"Page {number}", body="One. Two.")
        Generation.objects.create(
            conversation=talk, reply_to_seq=1, seq=1, route="quoted", question="?"
        )
        assistant.report(conversation=talk, seq=1, reason="other")
        Suggestion.objects.create(question=f"Why {number}?", samples=["Why?"])
        teach(number, talk)
        heard(number)
        steered(number)
        walked(number)
        if number % 2:
            delivery.launch(campaign=campaign)
            make.run_jobs()


def teach(number: int, talk: Conversation) -> None:
    """One more of everything that the assistant is taught or learned."""
    intent = dialogue.save_intent(name=f"i{number}", title="I", examples=[f"say {number}"])
    dialogue.save_slot(name=f"s{number}", kind="text", ask="What?")
    dialogue.save_task(name=f"t{number}", title="T", intent=intent, slots=[f"s{number}"])
    dialogue.save_script(name=f"c{number}", steps=[{"customer": "hi", "expect": []}])
    file = PastImport.objects.create(filename="f", format="csv", content=b"", sha256=str(number))
    PastConversation.objects.create(key=f"k{number}", source=file, turns=[
        {"who": "customer", "text": "hi"}, {"who": "agent", "text": "ho", "action": "greet"}])  # fmt: skip
    PastProblem.objects.create(of=file, line=number, field="id", why="no")
    Action.objects.create(name=f"a{number}")
    version = dialogues.begin(card={}, author_id=None)
    dialogues.evaluated(row=version, files={"intents.json": b"{}"}, results={}, passed=True,
                        verdict=say("yes"))  # fmt: skip
    running.append(conversation=talk, seq=1, steps=[DialogueEvent("user", {"text": "hi"})])
    ToolCall.objects.create(conversation=talk, seq=1, tool="call_back", state="done")
    Draft.objects.create(conversation=talk, seq=1, state="open", question="?", text="!")


def every_path(place: make.Place) -> dict[str, str]:
    """Every list, and the newest row of each kind that has a page."""
    pages = {name: reverse(name, args=[place.slug]) for name in FROZEN if name not in ROWS}
    for name, model in ROWS.items():
        rows = model.objects.order_by("-id")
        row = (rows.filter(by_journey=False) if model is Campaign else rows).first()
        pages[name] = reverse(name, args=[place.slug, row.pk])
    return pages


def counted(place: make.Place) -> dict[str, int]:
    client = Client()
    client.force_login(place.owner)
    found = {}
    for name, path in every_path(place).items():
        client.get(path)  # the session and what is cached for a process are there
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert client.get(path).status_code == 200, name
        found[name] = len(captured)
    return found


@pytest.mark.django_db
def test_each_page_asks_as_often_as_is_written_here_whatever_it_holds(tenant):
    fill(tenant, 0, 2)
    few = counted(tenant)
    fill(tenant, 2, 4)
    many = counted(tenant)
    assert {n: (few[n], many[n]) for n in few if many[n] > few[n]} == {}
    assert many == FROZEN
