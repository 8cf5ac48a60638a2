"""One row of every kind in a workspace, with canaries in what people typed."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from attune.kernel.models import JobRow
from attune.kernel.tenancy import tenant_context
from campaigns.approval import guests
from campaigns.approval import services as approval
from campaigns.automations.models import Journey as AutomatedJourney
from campaigns.automations.models import TurnedAway
from campaigns.catalog.services import add_fact
from campaigns.contacts import services as contacts
from campaigns.contacts.importing import upload
from campaigns.contacts.models import IdentityMerge, RejectedEvent
from campaigns.content import services as content
from campaigns.delivery import endpoints
from campaigns.delivery import services as delivery
from campaigns.delivery.models import CampaignVersion, Send
from campaigns.delivery.suppression import suppress
from campaigns.experiments import services as experiments
from campaigns.generators import meter
from campaigns.generators.models import ModelServer
from campaigns.tuning import services as tuning
from campaigns.tuning.models import LessonItem
from chat.assistant import services as assistant
from chat.assistant.models import Generation, Suggestion
from chat.conversations import handing, visiting
from chat.conversations import services as chat
from chat.inboxes import services as inboxes
from chat.knowledge import services as knowledge
from tenants import custom_roles, keys, notices, people, saved_views, teams
from tenants.models import Allowance, Membership, Meter
from tenants.roles import ALL_VERBS
from tests import make
from tests.guards.heard import heard
from tests.guards.steered import steered
from tests.guards.taught import CANARY, taught
from tests.guards.walked import walked


def build(place: make.Place) -> dict[str, Any]:
    """One row of every kind in a workspace, with canaries in what people typed."""
    person = make.contact(f"{CANARY}-user", name=f"{CANARY} person", email="canary@b.example")
    visitor = {"type": "page", "anonymousId": "v9", "name": CANARY, "messageId": uuid.uuid4().hex}
    make.record(visitor)
    make.record({"type": "identify", "anonymousId": "v9", "userId": f"{CANARY}-user", "traits": {}})
    make.record({"type": "track", "userId": "x", "note": CANARY})
    segment = make.segment({"trait": "email", "exists": True}, name=f"{CANARY} segment")
    text = make.approved(subject=f"{CANARY} subject")
    draft = make.draft(subject=f"{CANARY} waiting")
    review = approval.submit(revision=draft, by_id=None)
    trial = make.experiment([text], holdout=1e-9, running=False, name=f"{CANARY} trial")
    campaign = make.campaign(segment, trial)
    delivery.launch(campaign=campaign)
    make.run_jobs()
    make.record(make.track(f"{CANARY}-user", "Order Completed", revenue=9))
    experiments.analyse(experiment=trial, now=timezone.now())
    run = content.request_variants(brief=text.asset.brief, wanted=1, author_id=None)
    endpoint, _ = endpoints.create(name=CANARY, url="http://127.0.0.1:9/hook")
    people.invite(email="guest@b.example", role="analyst", by=None, rights=ALL_VERBS)
    key, _ = keys.create_key(name=CANARY, kind="secret", scopes=["jobs.view"], by=None)
    of = upload(file=SimpleUploadedFile("b.csv", f"id,name\n1,{CANARY}\n".encode()))
    contacts.record_consent(contact=person, state="given", source=CANARY)
    view = saved_views.save(
        user_id=place.owner.pk, page="contacts:people", name=CANARY, query="q=x", shared=True
    )
    notices.tell([place.owner.pk], CANARY, "contacts:people")
    link, _ = guests.make_link(review=review, guest=CANARY, days=3, by_id=place.owner.pk)
    guests.give_opinion(row=link, kind="change", comment=CANARY)
    version = make.version(1, base=CANARY)
    LessonItem.objects.create(version=version, source="approval", chosen=text)
    tuning.forget_words(words=CANARY, reason=CANARY)
    meter.record(task="writing", model=CANARY, requests=1, tokens_in=1, tokens_out=1)
    server = ModelServer.objects.create(
        task="writing", base_url="http://127.0.0.1:9/v1", model=CANARY
    )
    talk = make.conversation(f"{CANARY} hello", name=f"{CANARY} inbox")
    chat.note(conversation=talk, user=place.owner, text=f"{CANARY} note")
    chat.set_labels(conversation=talk, names=[CANARY])
    team = teams.save(name=CANARY, members=[place.owner.pk], rights=ALL_VERBS)
    canned = inboxes.save_canned(code="canary", text=CANARY)
    file = visiting.keep_file(
        conversation=talk, name=f"{CANARY}.txt", content=CANARY.encode(), by_visitor=True
    )
    inboxes.set_available(user_id=place.owner.pk, available=True)
    chat.take(conversation=talk, user=place.owner)
    handing.queue(conversation=talk, by="customer", reason="customer_request", summary=CANARY)
    chat.resolve(conversation=talk, by="person")
    role = custom_roles.save(name=CANARY, about=CANARY, verbs=["workspace.view"], rights=ALL_VERBS)
    CampaignVersion.objects.create(campaign=campaign, number=2, left=1, waits=1, by_label=CANARY)
    Allowance.objects.create(month="2020-01-01", n=1)
    Meter.objects.create(day="2020-01-01", kind="events", n=1)
    document = knowledge.save_document(kind="page", title=CANARY, body=f"{CANARY} is here.")
    answer = Generation.objects.create(
        conversation=talk, reply_to_seq=1, seq=1, route="none", question=CANARY
    )
    report = assistant.report(conversation=talk, seq=1, reason="other", comment=CANARY)
    gap = Suggestion.objects.create(question=CANARY, samples=[CANARY])
    ids = apart(taught(talk), heard(), steered(), walked())
    TurnedAway.objects.create(journey=AutomatedJourney.objects.first(), event_id=talk.pk)
    fact = add_fact(text=CANARY, product=make.product(name=CANARY))
    suppress(address="gone@b.example", reason="manual", source=CANARY)
    own = {
        "contact": person.pk, "segment": segment.pk, "revision": draft.pk, "review": review.pk,
        "experiment": trial.pk, "campaign": campaign.pk, "run": run.pk, "endpoint": endpoint.pk,
        "key": key.pk, "import": of.pk, "fact": fact.pk, "product": fact.product_id,
        "brief": text.asset.brief_id, "send": Send.objects.first().pk,
        "job": JobRow.objects.first().pk, "rejected": RejectedEvent.objects.first().pk,
        "merge": IdentityMerge.objects.first().pk, "membership": Membership.objects.first().pk,
        "decision": campaign.sends.first().decision_id, "metric": make.metric().pk,
        "view": view.pk, "link": link.pk, "version": version.pk, "server": server.pk,
        "talk": talk.pk, "inbox": talk.inbox_id, "team": team.pk, "canned": canned.pk,
        "file": file.pk, "document": document.pk, "answer": answer.pk, "reported": report.pk,
        "suggestion": gap.pk, "role": role.pk,
    }  # fmt: skip
    return apart(own, ids)


def apart(*parts: dict[str, Any]) -> dict[str, Any]:
    """All of them as one; a name that two of them use would hide a row."""
    names = sorted(name for part in parts for name in part)
    assert names == sorted(set(names))
    return {name: value for part in parts for name, value in part.items()}


@pytest.fixture
def two(db: None) -> tuple[make.Place, make.Place, dict[str, Any]]:
    """Workspace A with its key and owner; workspace B full of canaries."""
    a, b = make.workspace("a"), make.workspace("b")
    with tenant_context(b.id):
        ids = build(b)
    with tenant_context(a.id):
        make.contact("somebody")
    return a, b, ids
