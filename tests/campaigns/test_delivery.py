"""Nothing unapproved leaves, nobody gets it twice, and a refusal is honoured at once."""

from __future__ import annotations

import base64
import hashlib
import hmac
from urllib.parse import urlsplit

import pytest
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from attune.kernel.errors import AttuneError, Invalid
from attune.kernel.tenancy import tenant_context
from campaigns.approval import services as approval
from campaigns.approval.models import Review, Verdict
from campaigns.contacts import services as contacts
from campaigns.contacts.models import Contact, Event
from campaigns.content.models import Revision
from campaigns.decisions.models import Decision
from campaigns.delivery import email, loading, sending, services, suppression, tracking, webhook
from campaigns.delivery.models import Campaign, Send, Suppression
from campaigns.experiments import services as experiments
from insights import chain
from tenants.models import Tenant
from tests import make
from workers import runner


def launched(people: int = 4, **options: object) -> Campaign:
    make.record(
        *[make.identify(f"p{n}", email=f"p{n}@example.com", name="Ada L") for n in range(people)]
    )
    audience = make.segment({"trait": "email", "exists": True})
    trial = make.experiment([make.approved()], holdout=1e-9, running=False)
    campaign = make.campaign(audience, trial, **options)
    services.launch(campaign=campaign)
    return campaign


def states(campaign: Campaign) -> dict[str, int]:
    return services.counts(campaign)


def test_a_blast_sends_once_however_often_its_jobs_run(tenant):
    campaign = launched()
    make.run_jobs()
    assert states(campaign) == {"sent": 4}
    from_again = loading.load_batch(
        campaign=campaign,
        contact_ids=list(Send.objects.values_list("contact_id", flat=True)),
        now=timezone.now(),
    )
    assert from_again == 0
    assert Event.objects.filter(name="Message Sent").count() == 4
    send = Send.objects.first()
    assert send.components["body"] == "Hello Ada, come and taste it."
    assert Decision.objects.count() == 4


def test_a_blast_keeps_each_persons_profile_as_it_was(tenant):
    campaign = launched()
    make.run_jobs()
    decision = Decision.objects.order_by("id").first()
    user = decision.contact.external_id
    make.record(make.track(user, "Order Completed", revenue=5))
    decision.refresh_from_db()
    assert decision.source_id == campaign.experiment_id
    assert decision.profile == {
        "lifecycle": "visitor", "orders": 0, "revenue_cents": 0, "top_category": "", "clicks": 0,
        "messages": 0,
    }  # fmt: skip
    told = {s.key: s for s in chain.of_send(Send.objects.get(decision=decision))}["profile"]
    assert told.sentence == "Profile at the decision: 0 orders, visitor."


def test_launch_names_everything_that_stands_in_the_way(tenant):
    Tenant.objects.filter(pk=tenant.id).update(sender_email="")
    trial = make.experiment([make.approved()], holdout=0.5, running=False)
    revision = trial.arms.exclude(revision=None).get().revision
    campaign = make.campaign(make.segment({"trait": "none", "is": "x"}), trial)
    approval.edit(
        revision=revision, components={**revision.components, "subject": "New"}, author_id=1
    )
    with pytest.raises(Invalid) as caught:
        services.launch(campaign=campaign)
    text = caught.value.detail
    assert "not approved" in text
    assert "is empty" in text
    assert "no sender address" in text
    campaign.refresh_from_db()
    assert (campaign.state, Send.objects.count()) == ("draft", 0)


def test_an_edit_after_launch_holds_what_is_not_sent_until_somebody_says_how_it_goes_on(tenant):
    campaign = launched()
    revision = campaign.experiment.arms.exclude(revision=None).get().revision
    approval.edit(
        revision=revision, components={**revision.components, "subject": "New"}, author_id=1
    )
    make.run_jobs()
    assert states(campaign) == {"pending": 4}
    assert not Send.objects.exclude(sent_at=None).exists()
    services.move(campaign=campaign, verb="cancel")
    assert states(campaign) == {"aborted": 4}


def test_suppression_consent_and_cap_are_asked_for_each_message(tenant):
    Tenant.objects.filter(pk=tenant.id).update(frequency_cap=1)
    campaign = launched()
    suppression.suppress(address="P0@example.com ", reason="complaint", source="t")
    make.run_jobs()
    assert states(campaign) == {"sent": 3, "suppressed": 1}
    trial = make.experiment([make.approved()], holdout=1e-9, running=False)
    second = make.campaign(make.segment({"trait": "email", "exists": True}), trial)
    services.launch(campaign=second)
    make.run_jobs()
    assert states(second) == {"capped": 3, "suppressed": 1}


def test_get_never_unsubscribes_and_post_does_at_once(tenant):
    campaign = launched()
    make.run_jobs()
    send = Send.objects.order_by("id").first()
    link = urlsplit(tracking.unsubscribe_url(send)).path
    client = Client(enforce_csrf_checks=True)
    assert client.get(link).status_code == 200
    assert Suppression.objects.count() == 0
    assert client.post(link, {"List-Unsubscribe": "One-Click"}).status_code == 200
    assert client.post(link, {"List-Unsubscribe": "One-Click"}).status_code == 200
    assert Suppression.objects.get().reason == "unsubscribed"
    assert Event.objects.filter(name="Unsubscribed", contact=send.contact).count() == 1
    permission = suppression.may_send(
        send.contact, channel="email", cap=99, days=1, now=timezone.now()
    )
    assert not permission.allowed
    assert campaign.pk
    assert client.post("/u/forged").status_code == 404


def test_headers_are_those_of_rfc_8058(tenant):
    launched()
    make.run_jobs()
    headers = email.headers(sending.envelope_of(Send.objects.first()))
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert headers["List-Unsubscribe"].startswith("<http")


def test_a_click_is_an_event_and_a_scanner_is_marked(tenant):
    launched()
    make.run_jobs()
    Send.objects.update(sent_at=timezone.now() - timezone.timedelta(minutes=5))
    one, two = Send.objects.order_by("id")[:2]
    client = Client()
    for send, agent in ((one, "Mozilla/5.0"), (two, "Barracuda scanner")):
        link = urlsplit(tracking.click_url(send, "https://shop.example/oolong")).path
        answer = client.get(link, headers={"User-Agent": agent})
        assert answer.url == "https://shop.example/oolong"
    found = Event.objects.filter(name="Message Clicked")
    assert dict(found.values_list("contact_id", "is_machine")) == {
        one.contact_id: False, two.contact_id: True,
    }  # fmt: skip


def test_a_click_within_two_seconds_of_sending_is_a_scanner(tenant):
    launched()
    make.run_jobs()
    send = Send.objects.first()
    Send.objects.filter(pk=send.pk).update(sent_at=timezone.now())
    Client().get(urlsplit(tracking.click_url(send, "https://shop.example/")).path)
    assert Event.objects.get(name="Message Clicked").is_machine


def test_what_a_crash_left_half_sent_is_uncertain_and_not_sent_again(tenant):
    campaign = launched(2)
    load = runner.JobRow.objects.get(kind="delivery.load_campaign")
    assert runner.run_job(campaign.tenant_id, load.pk) == "done"
    first, second = Send.objects.order_by("id")
    assert sending.prepare(first.pk, now=timezone.now()) is not None
    batch = runner.JobRow.objects.get(kind="delivery.send_batch")
    runner.JobRow.objects.filter(pk=batch.pk).update(attempts=1)
    make.run_jobs()
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.state, second.state) == ("uncertain", "sent")


def test_what_another_job_took_for_a_crash_is_settled_by_who_handed_it_over(tenant):
    campaign = launched(2)
    load = runner.JobRow.objects.get(kind="delivery.load_campaign")
    runner.run_job(campaign.tenant_id, load.pk)
    first, second = Send.objects.order_by("id")
    now = timezone.now()
    assert sending.prepare(first.pk, now=now)
    assert sending.find_uncertain(campaign.pk, first.pk, second.pk) == 1
    sending.settle(first.pk, failure="")
    first.refresh_from_db()
    assert (first.state, first.reason) == ("sent", "")
    assert Event.objects.filter(name="Message Sent").count() == 1
    sending.settle(first.pk, failure="Too late")
    first.refresh_from_db()
    assert first.state == "sent"


def test_pause_holds_and_resume_sends_the_rest(tenant):
    campaign = launched()
    load = runner.JobRow.objects.get(kind="delivery.load_campaign")
    runner.run_job(tenant.id, load.pk)
    campaign.refresh_from_db()
    services.move(campaign=campaign, verb="pause")
    make.run_jobs()
    assert states(campaign) == {"pending": 4}
    make.contact("late")  # joins the audience meanwhile
    services.move(campaign=campaign, verb="resume")
    make.run_jobs()
    assert states(campaign) == {"sent": 5}
    campaign.refresh_from_db()
    assert campaign.job.pk != load.pk  # the page shows the job that loaded the newcomer
    assert str(campaign.job.note) == "5 people decided"


@pytest.mark.parametrize(
    "address", ["x <p0@example.com>", "<p0@example.com>", "p0@example.com (x)", "@"]
)
def test_only_a_plain_address_is_written_to(tenant, address):
    contact = make.contact("odd", email=address)
    asked = suppression.may_send(contact, channel="email", cap=9, days=1, now=timezone.now())
    assert not asked.allowed


def test_a_refusal_of_a_visitor_holds_after_they_say_who_they_are(tenant):
    make.record({"type": "page", "anonymousId": "a1", "name": "Home", "messageId": "m1"})
    visitor = Contact.objects.get(identities__value="a1")
    contacts.record_consent(contact=visitor, state="refused", source="t")
    make.record({**make.identify("u1", email="u1@example.com"), "anonymousId": "a1"})
    known = Contact.objects.get(external_id="u1")
    asked = suppression.may_send(known, channel="email", cap=9, days=1, now=timezone.now())
    assert asked.reason == "The contact refused this channel."


def test_a_visitor_who_was_decided_for_and_then_identifies_keeps_arm_and_reward(tenant):
    trial = make.experiment([make.approved("banner"), make.approved("banner")])
    make.record({"type": "page", "anonymousId": "a1", "name": "Home", "messageId": "m1"})
    visitor = Contact.objects.get(identities__value="a1")
    now = timezone.now()
    first = experiments.decide(experiment=trial, contact_id=visitor.pk, context={}, now=now)
    make.record({**make.identify("u1"), "anonymousId": "a1"})
    known = Contact.objects.get(external_id="u1")
    again = experiments.decide(experiment=trial, contact_id=known.pk, context={}, now=now)
    assert again.pk == first.pk
    make.record(make.track("u1", "Order Completed", revenue=5))
    assert first.rewards.count() == 1


def test_after_the_end_new_people_get_the_winner_and_the_experiment_stays_as_it_was(tenant):
    trial = make.experiment([make.approved("banner"), make.approved("banner")])
    experiments.stop(experiment=trial, winner="v2")
    trial.refresh_from_db()
    person = make.contact("late")
    late = experiments.decide(
        experiment=trial, contact_id=person.pk, context={}, now=timezone.now()
    )
    assert (late.action, late.propensities, late.mode) == ("v2", {"v2": 1.0}, "fallback")
    assert experiments.analyse(experiment=trial, now=timezone.now()).decided == 0


def test_a_scanner_before_the_person_does_not_use_up_the_click(tenant):
    launched(1)
    make.run_jobs()
    Send.objects.update(sent_at=timezone.now() - timezone.timedelta(minutes=5))
    link = urlsplit(tracking.click_url(Send.objects.get(), "https://shop.example/")).path
    Client().head(link)
    Client().get(link, headers={"User-Agent": "Mozilla/5.0"})
    Client().get(link, headers={"User-Agent": "Mozilla/5.0"})
    clicks = Event.objects.filter(name="Message Clicked").values_list("is_machine", flat=True)
    assert sorted(clicks) == [False, True]


def test_webhook_signature_is_the_one_of_standard_webhooks():
    secret = "whsec_" + base64.b64encode(b"k" * 32).decode()
    want = base64.b64encode(hmac.new(b"k" * 32, b"id.5.{}", hashlib.sha256).digest()).decode()
    assert webhook.signature(secret, "id", 5, b"{}") == "v1," + want


@pytest.mark.parametrize(
    "url",
    ["http://example.com/", "https://127.0.0.1/", "https://10.0.0.1/", "https://[::1]/",
     "https://169.254.169.254/", "https://[64:ff9b::7f00:1]/", "https://[::ffff:127.0.0.1]/",
     "https://localhost/", "https://0.0.0.0/", "ftp://x/", "https://127.0.0.1:22/"],
)  # fmt: skip
def test_webhooks_cannot_reach_inside(url, settings):
    settings.WEBHOOK_ALLOW_PRIVATE = False
    with pytest.raises(Invalid):
        webhook.safe_address(url)


@pytest.mark.django_db(transaction=False)
def test_whatever_people_do_only_approved_texts_with_a_decision_are_sent(django_db_blocker):
    """Any order of writing, editing, submitting, deciding, launching and working: every sent
    message has an approved verdict by somebody else on exactly its text, and a decision."""
    place = make.workspace("story")

    class Story(RuleBasedStateMachine):
        @rule(author=st.integers(1, 3))
        def write(self, author: int) -> None:
            with tenant_context(place.id):
                make.draft(author_id=author)

        @rule(pick=st.integers(0, 99), author=st.integers(1, 3), word=st.sampled_from("abc"))
        def edit(self, pick: int, author: int, word: str) -> None:
            self.attempt(lambda r: approval.edit(
                revision=r, components={**r.components, "subject": word}, author_id=author
            ), pick)  # fmt: skip

        @rule(pick=st.integers(0, 99))
        def submit(self, pick: int) -> None:
            self.attempt(lambda r: approval.submit(revision=r, by_id=None), pick)

        @rule(pick=st.integers(0, 99), by=st.integers(1, 3),
              kind=st.sampled_from(["approve", "approve", "reject", "request_changes"]))  # fmt: skip
        def decide(self, pick: int, by: int, kind: str) -> None:
            with tenant_context(place.id):
                rows = list(Review.objects.order_by("id"))
                if rows:
                    self.calmly(lambda: approval.decide(
                        review=rows[pick % len(rows)], by=approval.Reviewer(by, "x"), kind=kind,
                        reason="" if kind == "approve" else "other", comment="x",
                    ))  # fmt: skip

        @rule(pick=st.integers(0, 99))
        def launch(self, pick: int) -> None:
            def go(revision: Revision) -> None:
                trial = make.experiment([revision], holdout=0.01, running=False)
                services.launch(campaign=make.campaign(self.audience(), trial))

            self.attempt(go, pick)

        @rule()
        def work(self) -> None:
            with tenant_context(place.id):
                make.run_jobs()

        def audience(self):
            make.record(make.identify("one", email="one@example.com"))
            found = services.Segment.objects.filter(name="all").first()
            return found or make.segment({"trait": "email", "exists": True}, name="all")

        def attempt(self, act, pick: int) -> None:
            with tenant_context(place.id):
                rows = list(Revision.objects.order_by("id"))
                if rows:
                    self.calmly(lambda: act(rows[pick % len(rows)]))

        def calmly(self, act) -> None:
            point = services.transaction.savepoint()
            try:
                act()
                services.transaction.savepoint_commit(point)
            except AttuneError:
                services.transaction.savepoint_rollback(point)

        @invariant()
        def everything_sent_was_approved(self) -> None:
            with tenant_context(place.id):
                for send in Send.objects.filter(state="sent").select_related(
                    "revision", "decision"
                ):
                    verdict = Verdict.objects.filter(
                        review__revision=send.revision, kind="approve", hash=send.revision.hash
                    ).first()
                    assert verdict is not None
                    assert verdict.by_id != send.revision.author_id
                    assert send.decision.propensity > 0

    run_state_machine_as_test(
        Story,
        settings=settings(
            max_examples=15, stateful_step_count=25, deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip


def test_the_cap_counts_what_a_person_got_before_they_said_who_they_are(tenant):
    Tenant.objects.filter(pk=tenant.id).update(frequency_cap=1)
    visitor = {"type": "identify", "anonymousId": "a1", "messageId": "m1",
               "traits": {"email": "ada@example.com"}}  # fmt: skip
    make.record(visitor)
    trial = make.experiment([make.approved()], holdout=1e-9, running=False)
    services.launch(campaign=make.campaign(make.segment(), trial))
    make.run_jobs()
    assert Send.objects.get().state == "sent"
    make.record({**make.identify("u1", email="ada@example.com"), "anonymousId": "a1"})
    known = Contact.objects.get(external_id="u1")
    asked = suppression.may_send(known, channel="email", cap=1, days=7, now=timezone.now())
    assert (asked.state, asked.reason) == ("capped", "1 messages in 7 days already.")
