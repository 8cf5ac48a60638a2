"""Conversations through the services: numbers, owners, hand-offs, clocks, ratings."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from attune.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from attune.kernel.models import JobRow
from attune.kernel.tenancy import tenant_context
from chat.conversations import appending, handing, selectors, services, visiting
from chat.conversations.appending import Said
from chat.conversations.jobs import ANSWER_MESSAGE, WATCH_CONVERSATION
from chat.conversations.models import Conversation, Handoff, Message, Note, Visitor
from chat.conversations.visiting import Browser
from chat.inboxes import services as inboxes
from tenants import teams
from tenants.models import Notice
from tenants.roles import ALL_VERBS
from tests import make


def said(conversation: Conversation, body: str, client_id: str = "", author: str = "visitor"):
    kind = "incoming" if author == "visitor" else "outgoing"
    return appending.append(conversation=conversation.pk, said=Said(body, kind, author, client_id))


def test_messages_are_numbered_without_gap_and_a_retry_gets_its_first_number(tenant):
    talk = make.conversation("Hello")
    first = said(talk, "Is it in stock?", "client-0001")
    again = said(talk, "Is it in stock?", "client-0001")
    other = said(talk, "Hello?", "client-0002")
    assert [(r.seq, r.fresh) for r in (first, again, other)] == [(2, True), (2, False), (3, True)]
    assert [m.seq for m in selectors.messages(talk.pk)] == [1, 2, 3]
    talk.refresh_from_db()
    assert (talk.last_seq, talk.incoming, talk.last_text) == (3, 3, "Hello?")


def test_the_answer_and_the_watch_are_put_in_the_job_table_once_while_they_wait(tenant):
    talk = make.conversation("Hello")
    receipt = said(talk, "Anybody?")
    jobs = JobRow.objects.filter(dedupe_key=str(talk.pk)).order_by("kind")
    assert [j.kind for j in jobs] == [ANSWER_MESSAGE.name, WATCH_CONVERSATION.name]
    assert receipt.job == jobs[0].pk
    assert ANSWER_MESSAGE.read(jobs[0]).conversation_id == talk.pk
    assert 40 < (jobs[1].run_at - timezone.now()).total_seconds() <= appending.WATCH_SECONDS


def test_the_bot_never_speaks_while_a_person_owns_the_conversation(tenant):
    talk = make.conversation("Hello")
    services.take(conversation=talk, user=tenant.owner)
    refused = said(talk, "I know it!", author="bot")
    assert (refused.refused, refused.seq) == ("owned", 0)
    assert not Message.objects.filter(author="bot").exists()
    jobs = JobRow.objects.filter(kind=ANSWER_MESSAGE.name).count()
    said(talk, "Are you there?")
    assert JobRow.objects.filter(kind=ANSWER_MESSAGE.name).count() == jobs
    talk.refresh_from_db()
    assert (talk.state, talk.handler, talk.assignee) == ("open", "person", tenant.owner)


def test_an_answer_takes_over_stops_the_wait_and_is_told_as_whose_it_is(tenant):
    talk = make.conversation("Hello")
    talk.refresh_from_db()
    assert talk.waiting_since is not None
    services.reply(conversation=talk, user=tenant.owner, body="Good day", client_id="agent-0001")
    services.reply(conversation=talk, user=tenant.owner, body="Good day", client_id="agent-0001")
    talk.refresh_from_db()
    assert (talk.waiting_since, talk.state, talk.assignee) == (None, "open", tenant.owner)
    assert talk.first_person_reply_at is not None
    texts = [(m.kind, m.body) for m in selectors.messages(talk.pk)]
    assert texts == [("incoming", "Hello"), ("notice", "A colleague takes over from here."),
                     ("outgoing", "Good day")]  # fmt: skip


def test_a_hand_off_reaches_the_available_agent_with_the_fewest_conversations(tenant):
    busy, free, away = (make.member(tenant, r) for r in ("agent", "marketer", "admin"))
    for user in (busy, free):
        inboxes.set_available(user_id=user.pk, available=True)
    inboxes.set_available(user_id=away.pk, available=False)
    services.take(conversation=make.conversation("One"), user=busy)
    talk = make.conversation("Two")
    made = handing.hand_off(
        conversation=talk, by="customer", reason="customer_request", summary="wants a person"
    )
    talk.refresh_from_db()
    assert (talk.state, talk.handler, talk.assignee) == ("open", "person", free)
    assert (made.state, made.reason) == ("queued", "customer_request")
    assert Notice.objects.filter(user=free).count() == 1
    assert not Notice.objects.filter(user=busy).exists()
    assert selectors.messages(talk.pk)[-1].body == "A colleague takes over from here."
    again = handing.hand_off(conversation=talk, by="rule", reason="negative_sentiment")
    assert again.pk == made.pk
    services.reply(conversation=talk, user=free, body="Here I am", client_id="agent-0002")
    made.refresh_from_db()
    assert (made.state, made.accepted_by) == ("accepted", free.pk)


def test_an_agent_at_capacity_gets_no_more_and_everybody_is_told(tenant):
    agent = make.member(tenant, "agent")
    inboxes.set_available(user_id=agent.pk, available=True, capacity=1)
    services.take(conversation=make.conversation("One"), user=agent)
    talk = make.conversation("Two")
    handing.hand_off(conversation=talk, by="customer", reason="customer_request")
    talk.refresh_from_db()
    assert talk.assignee is None
    assert set(Notice.objects.values_list("user_id", flat=True)) == {agent.pk, tenant.owner.pk}
    assert "queue" in selectors.messages(talk.pk)[-1].body


def test_outside_business_hours_the_customer_is_told_when_a_person_comes(tenant):
    hours = {"0": [[0, 1]]}  # Monday, one minute after midnight: it is over now
    talk = make.conversation("Hello", hours=hours, timezone="Europe/Berlin")
    handing.hand_off(conversation=talk, by="customer", reason="customer_request")
    told = selectors.messages(talk.pk)[-1].body
    opens = handing.opening(talk.inbox)
    assert opens is not None
    assert opens.endswith("00:00")
    assert told == f"Nobody is here right now. A person answers from {opens}; your message is kept."


def test_given_back_the_assistant_answers_again_and_says_so(tenant):
    talk = make.conversation("Hello")
    handing.hand_off(conversation=talk, by="model", reason="missing_knowledge")
    handing.hand_back(conversation=talk)
    talk.refresh_from_db()
    assert (talk.state, talk.handler, talk.assignee) == ("pending", "bot", None)
    assert Handoff.objects.get().state == "returned"
    assert selectors.messages(talk.pk)[-1].body == "Ada, our AI assistant, answers you again."
    assert said(talk, "I can", author="bot").refused == ""
    with pytest.raises(Conflict, match="already"):
        handing.hand_back(conversation=talk)


def test_a_resolved_conversation_asks_for_a_rating_and_opens_again_when_the_customer_writes(tenant):
    talk = make.conversation("Hello")
    services.take(conversation=talk, user=tenant.owner)
    services.resolve(conversation=talk, by="person")
    asked = selectors.messages(talk.pk)[-1]
    assert (asked.kind, asked.payload) == ("notice", {"card": "csat"})
    rated = visiting.rate(conversation=talk, rating=4, comment="quick")
    assert (rated.rating, rated.handler, rated.agent_id) == (4, "person", tenant.owner.pk)
    [line] = [x for x in selectors.thread(talk.pk) if x.rating is not None]
    assert (line.message.seq, line.rating.rating, line.rating.comment) == (asked.seq, 4, "quick")
    talk.refresh_from_db()
    assert (talk.last_text, talk.last_kind) == ("Hello", "incoming")  # our notices are no preview
    visiting.rate(conversation=talk, rating=2)
    rated.refresh_from_db()
    assert rated.rating == 2
    for wrong in (0, 6):
        with pytest.raises(Invalid, match="1 to 5"):
            visiting.rate(conversation=talk, rating=wrong)
    said(talk, "One more thing")
    talk.refresh_from_db()
    assert (talk.state, talk.reopened, talk.resolved_at) == ("open", 1, None)
    services.resolve(conversation=talk, by="person")
    assert talk.ratings.count() == 2
    said(talk, "And one")
    services.resolve(conversation=talk, by="person", ask=False)
    assert talk.ratings.count() == 2
    assert "closed" in selectors.messages(talk.pk)[-1].body


def test_a_snooze_ends_at_its_time_or_when_the_customer_writes(tenant):
    talk = make.conversation("Hello")
    services.take(conversation=talk, user=tenant.owner)
    until = timezone.now() + timedelta(hours=3)
    services.snooze(conversation=talk, until=until)
    services.wake(conversation_id=talk.pk, at=(until + timedelta(hours=1)).isoformat())
    talk.refresh_from_db()
    assert talk.state == "snoozed"
    services.wake(conversation_id=talk.pk, at=until.isoformat())
    talk.refresh_from_db()
    assert talk.state == "open"
    services.snooze(conversation=talk, until=until)
    said(talk, "I am back")
    talk.refresh_from_db()
    assert (talk.state, talk.snoozed_until) == ("open", None)
    with pytest.raises(Invalid, match="coming year"):
        services.snooze(conversation=talk, until=timezone.now() - timedelta(minutes=1))


def test_a_note_stays_inside_and_tells_who_is_mentioned(tenant):
    talk = make.conversation("Hello")
    agent = make.member(tenant, "agent")
    services.note(conversation=talk, user=tenant.owner, text=f"Ask @{agent.email} about it")
    assert [m.body for m in selectors.messages(talk.pk)] == ["Hello"]
    assert Notice.objects.get(user=agent).url.endswith(str(talk.pk))
    shown = [(line.note.text if line.note else line.message.body) for line in
             selectors.thread(talk.pk)]  # fmt: skip
    assert shown == ["Hello", f"Ask @{agent.email} about it"]


def test_labels_priority_and_team_sort_the_list(tenant):
    one, two = make.conversation("One"), make.conversation("Two")
    for talk in (one, two):
        services.take(conversation=talk, user=tenant.owner)
    services.set_labels(conversation=two, names=["refund", "vip", "refund"])
    services.set_priority(conversation=two, priority=3)
    team = teams.save(name="Returns", members=[tenant.owner.pk], rights=ALL_VERBS)
    services.assign(conversation=two, to=tenant.owner, team=team, by_id=tenant.owner.pk)
    listed = selectors.conversations(view="mine", user_id=tenant.owner.pk)
    assert [c.pk for c in listed] == [two.pk, one.pk]
    by_label = selectors.conversations(view="all", user_id=0, label="vip")
    assert [[str(label) for label in c.labels.all()] for c in by_label] == [["refund", "vip"]]
    assert [c.pk for c in selectors.conversations(view="all", user_id=0, team="Returns")] == [
        two.pk
    ]
    assert [c.pk for c in selectors.conversations(view="all", user_id=0, q="one")] == [one.pk]
    services.set_labels(conversation=two, names=[])
    assert not two.labels.exists()


def test_who_may_not_answer_cannot_be_assigned(tenant):
    talk = make.conversation("Hello")
    with pytest.raises(Invalid, match="may not answer"):
        services.assign(conversation=talk, to=make.member(tenant, "analyst"), team=None, by_id=1)
    talk.refresh_from_db()
    assert (talk.state, talk.assignee) == ("pending", None)


def test_a_promise_runs_in_open_hours_and_is_late_afterwards(tenant):
    hours = {str(day): [[540, 1020]] for day in range(5)}  # nine to five
    talk = make.conversation("Hello", hours=hours, first_response_minutes=60)
    friday = datetime(2026, 11, 27, 16, 30, tzinfo=UTC)
    Conversation.objects.filter(pk=talk.pk).update(
        state="open", handler="person", waiting_since=friday, person_since=friday
    )
    row = selectors.conversation(talk.pk)
    answer = selectors.clocks(row, friday)[0]
    assert answer.due == datetime(2026, 11, 30, 9, 30, tzinfo=UTC)
    assert not answer.late
    assert selectors.clocks(row, answer.due + timedelta(seconds=1))[0].late


def test_a_blocked_visitor_is_heard_no_more(tenant):
    talk = make.conversation("Hello")
    services.block(visitor=talk.visitor)
    assert said(talk, "Still here").refused == "blocked"
    assert [m.body for m in selectors.messages(talk.pk)] == ["Hello"]


def test_a_closed_inbox_takes_nothing_from_visitors(tenant):
    talk = make.conversation("Hello")
    inboxes.close_inbox(inbox=talk.inbox)
    assert said(talk, "Still here").refused == "closed"
    inboxes.reopen_inbox(inbox=talk.inbox)
    assert said(talk, "And now").refused == ""


def test_started_twice_it_begins_once(tenant):
    inbox, browser = make.inbox(), Browser(key="k" * 24)
    start = {"inbox": inbox, "visitor": None, "browser": browser, "client_id": "start-0001"}
    one, seq = visiting.start(**start, body="Hello")
    two, again = visiting.start(**start, body="Hello")
    assert (seq, again, one.conversation.pk) == (1, 1, two.conversation.pk)
    assert (Visitor.objects.count(), Message.objects.count()) == (1, 1)


def test_who_chose_a_person_gets_one_without_the_assistant(tenant):
    session, _ = visiting.start(
        inbox=make.inbox(), visitor=None, browser=Browser(key="k" * 24), client_id="start-0001",
        body="A person please", person=True,
    )  # fmt: skip
    assert (session.conversation.state, session.conversation.handler) == ("open", "person")
    assert Handoff.objects.get().requested_by == "customer"
    assert not JobRow.objects.filter(kind=ANSWER_MESSAGE.name).exists()


@pytest.mark.parametrize("body", ["", "   ", "x" * 4001, "a\x00b", None, 7])
def test_what_is_no_message_is_refused(tenant, body):
    with pytest.raises(Invalid, match="body"):
        visiting.checked(body)


@pytest.mark.django_db
def test_a_conversation_of_another_workspace_is_unknown():
    a, b = make.workspace("a"), make.workspace("b")
    with tenant_context(b.id):
        foreign = make.conversation("Secret")
    with tenant_context(a.id):
        assert said(foreign, "Let me in").refused == "unknown"
        with pytest.raises(NotFound):
            selectors.conversation(foreign.pk)
    with tenant_context(b.id):
        assert Message.objects.count() == 1
        assert Note.objects.count() == 0


def test_an_inbox_for_known_customers_refuses_strangers(tenant):
    inbox = make.inbox(identity_required=True)
    with pytest.raises(Forbidden, match="signed in"):
        visiting.session(inbox=inbox, token="", identity="", browser=Browser())
    with pytest.raises(Forbidden, match="signed in"):
        visiting.start(inbox=inbox, visitor=None, browser=Browser(key="k" * 24),
                       client_id="start-0001", body="Hello")  # fmt: skip
