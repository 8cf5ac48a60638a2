"""Topics: who gets them, double opt-in, the preference centre, and the record of every word."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from attune.kernel.errors import Invalid
from campaigns.contacts import selectors as contacts
from campaigns.contacts.models import Consent, Contact
from campaigns.contacts.services import record_consent
from campaigns.delivery import reach, services, suppression, tracking
from campaigns.delivery.models import Campaign, Send, Suppression
from campaigns.segments import selectors as segments
from campaigns.subscriptions import selectors as subscriptions
from campaigns.subscriptions import services as subscribing
from campaigns.subscriptions.models import Topic
from tests import make


def topic(name: str = "News", **fields: object) -> Topic:
    return subscribing.save_topic(name=name, **fields)


def sent(of: Topic | None, people: int = 1) -> Campaign:
    trial = make.experiment([make.approved()], holdout=1e-9, running=False)
    campaign = make.campaign(make.segment(), trial, topic=of)
    services.launch(campaign=campaign)
    make.run_jobs()
    return campaign


def path_in(letter: mail.EmailMessage) -> str:
    return urlsplit(re.search(r"http\S+/y/\S+", letter.body).group()).path


def test_a_campaign_of_a_topic_reaches_who_asked_for_it(tenant):
    news = topic(double=False)
    people = {name: make.contact(name) for name in ("asked", "silent", "refused")}
    subscribing.subscribe(contact=people["asked"], topics=[news], source="t", wording="Yes")
    subscribing.choose(contact=people["refused"], wanted=[], source="t", wording="")
    make.run_jobs()
    campaign = sent(news)
    found = dict(Send.objects.values_list("contact__external_id", "reason"))
    assert found == {
        "asked": "", "silent": "The contact has not asked for “News”.",
        "refused": "The contact has not asked for “News”.",
    }  # fmt: skip
    told = reach.of(campaign)
    assert (told.reachable, [str(one) for one in told.others]) == (1, ["2 do not get this topic"])
    everybody = [c.pk for c in people.values()]
    assert reach.reachable(everybody, "email", timezone.now(), news) == {people["asked"].pk}


def test_a_topic_for_everybody_spares_who_refused_it(tenant):
    offers = topic("Offers", mode="opt_out")
    yes, no = make.contact("yes"), make.contact("no")
    subscribing.choose(contact=no, wanted=[], source="t", wording="")
    make.run_jobs()
    sent(offers)
    assert dict(Send.objects.values_list("contact__external_id", "state")) == {
        "yes": "sent", "no": "suppressed",
    }  # fmt: skip
    assert Send.objects.get(contact=no).reason == "The contact does not want “Offers”."
    assert subscriptions.refusal(yes.pk, "email", offers) is None


def test_double_opt_in_counts_when_the_button_in_the_letter_is_pressed(tenant):
    news, ada = topic(), make.contact("ada")
    waiting = subscribing.subscribe(contact=ada, topics=[news], source="shop", wording="Yes!")
    assert waiting == [news]
    make.run_jobs()
    assert str(subscriptions.refusal(ada.pk, "email", news)) == (
        "“News” was asked for and not confirmed yet."
    )
    (letter,) = mail.outbox
    assert letter.to == ["ada@example.com"]
    client, link = Client(), path_in(letter)
    assert client.get(link).status_code == 200
    assert subscriptions.refusal(ada.pk, "email", news) is not None  # scanners follow links
    assert "confirmed" in client.post(link).content.decode()
    assert subscriptions.refusal(ada.pk, "email", news) is None
    words = Consent.objects.order_by("created_at", "id").values_list("state", "source", "wording")
    assert list(words) == [
        ("pending", "shop", "Yes!"),
        ("given", "confirmed by letter", "Confirmed by the link in the letter."),
    ]


def test_a_link_to_an_address_that_changed_confirms_nothing(tenant):
    news, ada = topic(), make.contact("ada")
    subscribing.subscribe(contact=ada, topics=[news], source="shop", wording="Yes!")
    make.run_jobs()
    link = path_in(mail.outbox[0])
    make.record(make.identify("ada", email="new@example.com"))
    assert Client().post(link).status_code == 404


def test_a_forged_link_confirms_nothing(tenant):
    assert Client().post("/y/forged").status_code == 404


def test_who_fills_the_form_again_and_again_gets_one_letter(tenant):
    news, ada = topic(), make.contact("ada")
    for _ in range(4):
        subscribing.subscribe(contact=ada, topics=[news], source="shop", wording="Yes!")
        make.run_jobs()
    assert len(mail.outbox) == 1


def test_the_sign_up_form_takes_a_stranger_and_answers_all_alike(tenant):
    topic()
    topic("Hidden", public=False)
    topic("Service", mode="opt_out")
    make.contact("ada", email="ada@example.com")
    link = urlsplit(subscriptions.sign_up_url()).path
    page = Client().get(link).content.decode()
    assert "News" in page
    assert "Hidden" not in page
    known, stranger = (
        Client().post(link, {"email": address, "topics": ["news"]})
        for address in ("Ada@example.com", "bob@example.com")
    )
    assert [b"Almost done" in page.content for page in (known, stranger)] == [True, True]
    make.run_jobs()
    assert sorted(letter.to[0] for letter in mail.outbox) == ["ada@example.com", "bob@example.com"]
    assert Contact.objects.filter(email="bob@example.com").count() == 1
    (bob,) = Contact.objects.filter(email="bob@example.com")
    gets = {s.topic.key: s.gets for s in subscriptions.standings(bob.pk)}
    assert gets == {"news": False, "service": False}  # what everybody gets, they did not ask for
    (ada,) = Contact.objects.filter(email="ada@example.com")
    assert {s.topic.key: s.gets for s in subscriptions.standings(ada.pk)}["service"]
    Client().post(link, {"email": "cy@example.com", "topics": ["service"]})
    (cy,) = Contact.objects.filter(email="cy@example.com")
    assert contacts.latest_consents(cy.pk, "email") == {"service": "pending"}
    wrong = Client().post(link, {"email": "no", "topics": ["hidden"]})
    assert wrong.status_code == 422


def test_the_preference_centre_shows_little_and_saves_what_is_ticked(tenant):
    news, offers = topic(), topic("Offers", mode="opt_out", double=False)
    ada = make.contact("ada", email="ada@example.com", name="Ada Lovelace")
    link = urlsplit(tracking.preferences_url(ada.pk)).path
    client = Client()
    page = client.get(link).content.decode()
    assert "a…@example.com" in page
    assert "Lovelace" not in page
    client.post(link, {"topic": ["news"]})
    now = {s.topic.key: s.gets for s in subscriptions.standings(ada.pk)}
    assert now == {"news": True, "offers": False}
    assert client.post(link, {"nothing": "1"}).status_code == 200
    assert str(subscriptions.refusal(ada.pk, "email", None)) == "The contact refused this channel."
    assert Suppression.objects.get().reason == "unsubscribed"
    client.post(link, {"topic": ["offers"]})
    assert Suppression.objects.count() == 0
    assert subscriptions.refusal(ada.pk, "email", offers) is None
    assert subscriptions.refusal(ada.pk, "email", news) is not None


def test_who_asks_again_is_not_let_in_past_a_bounce(tenant):
    topic(double=False)
    ada = make.contact("ada")
    suppression.suppress(address=ada.email, reason="bounced", source="t")
    Client().post(urlsplit(tracking.preferences_url(ada.pk)).path, {"topic": ["news"]})
    assert Suppression.objects.get().reason == "bounced"


def test_segments_ask_for_a_topic_and_for_the_whole_channel(tenant):
    news, ada = topic(double=False), make.contact("ada")
    subscribing.subscribe(contact=ada, topics=[news], source="t", wording="Yes")
    assert segments.holds({"consent": "email", "topic": "news", "is": "given"}, ada.pk)
    assert not segments.holds({"consent": "email", "is": "given"}, ada.pk)


def test_subscriptions_by_the_api_name_what_is_wrong(tenant, client):
    topic()
    make.contact("ada")
    key = make.key(tenant, "contacts.edit")
    head = {"Authorization": f"Bearer {key}"}

    def ask(**body: object):
        return client.post("/v1/subscriptions", body, content_type="application/json", headers=head)

    taken = ask(userId="ada", topics=["news"], wording="Yes")
    assert taken.status_code == 200
    assert taken.json()["waiting"] == ["news"]
    assert taken.json()["standings"] == [{"topic": "news", "state": "pending", "gets": False}]
    assert "Choose one of news" in ask(userId="ada", topics=["nws"], wording="Y").json()["detail"]
    assert ask(userId="bob", topics=["news"], wording="Y").status_code == 404
    both = ask(userId="ada", email="a@example.com", topics=["news"], wording="Y")
    assert both.status_code == 422


def test_a_topic_cannot_be_called_what_stands_for_everything(tenant):
    with pytest.raises(Invalid, match="everything"):
        topic("Marketing")
    topic("News")
    with pytest.raises(Invalid, match="already"):
        topic("news")


def test_another_topic_a_moment_later_gets_its_own_letter(tenant):
    news, sale, ada = topic(), topic("Sale"), make.contact("ada")
    for wanted in ([news], [news, sale]):
        subscribing.subscribe(contact=ada, topics=wanted, source="shop", wording="Yes!")
        make.run_jobs()
    assert len(mail.outbox) == 2
    assert "Sale" in mail.outbox[1].body
    assert "News" not in mail.outbox[1].body


def test_strangers_cannot_take_somebodys_topics_away_or_their_refusal_back(tenant):
    everybody = topic("Service", mode="opt_out")
    single = topic("Hints", double=False)
    ada, bob = make.contact("ada"), make.contact("bob")
    asked = {"source": "form", "wording": "Yes!", "public": True}
    subscribing.subscribe(contact=ada, topics=[everybody], **asked)
    assert Consent.objects.filter(contact=ada).count() == 0  # gets it as before
    record_consent(contact=bob, state="refused", source="api", channel="email",
                   purpose="marketing", wording="Stop")  # fmt: skip
    assert subscribing.subscribe(contact=bob, topics=[single], **asked) == [single]
    make.run_jobs()
    assert contacts.latest_consents(bob.pk, "email") == {"marketing": "refused", "hints": "pending"}
    Client().post(path_in(mail.outbox[0]))
    assert contacts.latest_consents(bob.pk, "email") == {"marketing": "given", "hints": "given"}
