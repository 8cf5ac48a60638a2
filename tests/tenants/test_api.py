"""The REST API's manners: errors, idempotency, intake by Segment's rules, decisions."""

from __future__ import annotations

import base64
import json
import uuid

import pytest
from django.test import Client

from campaigns.contacts.models import Contact, Event
from campaigns.decisions.models import Decision
from campaigns.experiments import services as experiments
from campaigns.segments.models import Segment
from tests import make


def client(place: make.Place, *scopes: str, **options: str) -> Client:
    return Client(headers={"Authorization": f"Bearer {make.key(place, *scopes, **options)}"})


def post(who: Client, url: str, body: object, **headers: str) -> tuple[int, dict]:
    answer = who.post(url, json.dumps(body), content_type="application/json", headers=headers)
    return answer.status_code, json.loads(answer.content)


def test_an_error_is_problem_json_and_names_the_field(tenant):
    who = client(tenant, "segments.edit")
    answer = who.post(
        "/v1/segments", {"name": "x", "rule": {"did": ""}}, content_type="application/json"
    )
    assert answer.status_code == 422
    assert answer["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert body["type"] == "urn:attune:invalid"
    assert body["errors"][0]["field"] == "rule.did"
    assert not Segment.objects.exists()


def test_malformed_json_is_400(tenant):
    who = client(tenant, "segments.edit", "events.write")
    for url in ("/v1/segments", "/v1/track", "/v1/batch"):
        for body in (b"{", b"\xff", b'{"a": NaN}', b"[" * 5000):
            answer = who.post(url, body, content_type="application/json")
            assert answer.status_code == 400, (url, body[:20])
    nul = who.post("/v1/segments", b'{"name": "\\u0000"}', content_type="application/json")
    assert nul.status_code == 400


def test_one_event_that_cannot_be_stored_does_not_sink_its_batch(tenant):
    who = client(tenant, kind="write_only")
    deep: dict = {}
    for _ in range(12):
        deep = {"a": deep}
    bad = [
        {**make.track("u", "x"), "properties": {"a": "\x00"}},
        {**make.track("u", "x"), "properties": deep},
        {**make.track("u", "x"), "type": {}},
        {**make.track("u", "x"), "timestamp": "0001-01-01T00:00:00+14:00"},
    ]
    status, answer = post(who, "/v1/batch", {"batch": [*bad, make.track("u", "y")]})
    assert (status, answer["accepted"], len(answer["rejected"])) == (200, 1, 4)
    body = {"batch": [make.track("u", "z")], "sentAt": "9999-12-31T23:59:59"}
    assert post(who, "/v1/batch", body)[1]["accepted"] == 1


def test_a_body_over_a_megabyte_is_413(tenant):
    who = client(tenant, kind="write_only")
    body = {"batch": [{**make.track("u", "x"), "properties": {"a": "x" * 1_100_000}}]}
    assert post(who, "/v1/batch", body)[0] == 413


def test_the_same_idempotency_key_acts_once_and_answers_alike(tenant):
    who = client(tenant, "segments.edit")
    body = {"name": "once", "rule": {"trait": "a", "is": 1}}
    key = {"Idempotency-Key": "k1"}
    first = post(who, "/v1/segments", body, **key)
    again = post(who, "/v1/segments", body, **key)
    assert first[0] == 201
    assert again == first
    assert Segment.objects.count() == 1
    assert post(who, "/v1/segments", {**body, "name": "two"}, **key)[0] == 422


def test_a_refused_request_frees_its_idempotency_key(tenant):
    who = client(tenant, "segments.edit")
    key = {"Idempotency-Key": "k1"}
    assert post(who, "/v1/segments", {"name": "x", "rule": {}}, **key)[0] == 422
    assert (
        post(who, "/v1/segments", {"name": "x", "rule": {"trait": "a", "is": 1}}, **key)[0] == 201
    )


def test_batch_answers_each_item_and_strict_mode_says_207(tenant):
    who = client(tenant, kind="write_only")
    body = {"batch": [make.track("u", "x"), {"type": "track", "userId": "u"}]}
    status, answer = post(who, "/v1/batch", body)
    assert status == 200
    assert (answer["success"], answer["accepted"]) == (False, 1)
    assert answer["rejected"] == [
        {"index": 1, "field": "event", "reason": "track needs `event`, the name of what happened."}
    ]
    assert post(who, "/v1/batch", body, **{"X-Attune-Strict": "1"})[0] == 207


def test_too_many_events_are_413(tenant):
    who = client(tenant, kind="write_only")
    assert post(who, "/v1/batch", {"batch": [{}] * 2501})[0] == 413


def test_segment_clients_may_send_the_key_as_basic_user_or_in_the_body(tenant):
    secret = make.key(tenant, kind="write_only")
    basic = base64.b64encode(f"{secret}:".encode()).decode()
    item = {"userId": "u", "event": "A", "messageId": "1"}
    anyone = Client(headers={"Authorization": f"Basic {basic}"})
    assert post(anyone, "/v1/track", item)[0] == 200
    assert post(Client(), "/v1/track", {**item, "messageId": "2", "writeKey": secret})[0] == 200
    assert post(Client(), "/v1/track", item)[0] == 401
    assert Event.objects.count() == 2


def test_each_verb_of_segment_is_taken(tenant):
    who = client(tenant, kind="write_only")
    for verb in ("identify", "track", "page", "screen", "group", "alias"):
        body = {"userId": "u", "event": "e", "previousId": "old", "messageId": uuid.uuid4().hex}
        status, answer = post(who, f"/v1/{verb}", body)
        assert (status, answer["accepted"]) == (200, 1), (verb, answer)


def test_decide_is_sticky_logged_and_makes_an_unknown_person_a_contact(tenant):
    trial = make.experiment(
        [make.approved("banner"), make.approved("banner")], holdout=0.2, name="hero"
    )
    who = client(tenant, "decisions.make")
    body = {"experiment": "hero", "anonymousId": "v1", "context": {"page": "/"}}
    status, first = post(who, "/v1/decide", body)
    assert status == 200
    assert first["propensities"] == {"v1": 0.4, "v2": 0.4, "holdout": 0.2}
    assert post(who, "/v1/decide", body)[1] == first
    decision = Decision.objects.get()
    assert str(decision.pk) == first["decision"]
    assert decision.context == {"page": "/"}
    assert Contact.objects.filter(identities__value="v1").count() == 1
    assert first["components"] == ({} if first["control"] else make.GOOD["banner"])
    experiments.stop(experiment=trial)
    assert post(who, "/v1/decide", {**body, "anonymousId": "v2"})[0] == 409
    assert post(who, "/v1/decide", {"experiment": "none", "userId": "u"})[0] == 404
    assert post(who, "/v1/decide", {"experiment": "hero"})[0] == 422


def test_lists_are_paged_by_cursor(tenant):
    make.record(*[make.identify(f"u{n}") for n in range(7)])
    who = client(tenant, "contacts.view_personal")
    page = who.get("/v1/contacts?limit=3").json()
    seen = [c["external_id"] for c in page["results"]]
    while page["next"]:
        page = who.get(page["next"]).json()
        seen += [c["external_id"] for c in page["results"]]
    assert sorted(seen) == [f"u{n}" for n in range(7)]


@pytest.mark.parametrize(
    ("asked", "field", "told"),
    [
        ("cursor=cj0xJnA9eA==", "cursor", "No list gave this cursor"),
        ("cursor=%00rubbish", "cursor", "No list gave this cursor"),
        ("limit=abc", "limit", "Give a whole number from 1 to 500."),
        ("limit=501", "limit", "Give a whole number from 1 to 500."),
        ("limit=0", "limit", "Give a whole number from 1 to 500."),
        ("limit=-5", "limit", "Give a whole number from 1 to 500."),
        ("since=yesterday", "since", "there are cursor, limit, user_id."),
    ],
)
def test_a_parameter_that_cannot_be_read_is_refused_by_name(tenant, asked, field, told):
    answer = client(tenant, "contacts.view_personal").get(f"/v1/contacts?{asked}")
    assert answer.status_code == 422
    assert [e["field"] for e in answer.json()["errors"]] == [field]
    assert told in answer.json()["detail"]


def test_each_operation_knows_its_own_parameters(tenant):
    who = client(tenant, "chat.view")
    assert who.get("/v1/conversations?state=open&limit=5").status_code == 200
    assert who.get("/v1/conversations?after=50").status_code == 422
    talk = make.conversation()
    assert who.get(f"/v1/conversations/{talk.pk}/messages?after=0").status_code == 200
    assert who.get(f"/v1/conversations/{talk.pk}/messages?state=open").status_code == 422
    assert who.get(f"/v1/conversations/{talk.pk}?limit=5").status_code == 422


def test_the_schema_is_openapi_3_1_and_documents_every_route(db):
    text = Client().get("/docs/api/schema?format=json").json()
    assert text["openapi"].startswith("3.1")
    for path in ("/v1/batch", "/v1/track", "/v1/decide", "/v1/sends/{id}/chain"):
        assert path in text["paths"]


def test_a_key_that_asks_too_often_is_told_to_wait(tenant, settings):
    settings.API_THROTTLE_PER_MINUTE = 3
    who = client(tenant, "jobs.view")
    codes = [who.get("/v1/jobs").status_code for _ in range(5)]
    assert codes.count(200) in {3, 4}  # a new minute may begin between two calls
    refused = who.get("/v1/jobs")
    if refused.status_code == 429:
        assert 1 <= int(refused["Retry-After"]) <= 61
        assert refused["Content-Type"] == "application/problem+json"


def test_a_browser_of_another_site_may_send_events_and_read_nothing(tenant):
    asks = {
        "Origin": "https://shop.example", "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }  # fmt: skip
    allowed = Client().options("/v1/batch", headers=asks)
    assert allowed.status_code == 200
    assert allowed["Access-Control-Allow-Origin"] == "*"
    assert "authorization" in allowed["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Credentials" not in allowed
    assert "Access-Control-Allow-Origin" not in Client().options("/v1/contacts", headers=asks)


def test_a_beacon_is_taken_with_the_key_in_its_body(tenant):
    key = make.key(tenant, kind="write_only")
    body = json.dumps({"writeKey": key, "batch": [make.track("u", "Left")]})
    origin = {"Origin": "https://shop.example"}
    answer = Client().post("/v1/batch", body, content_type="text/plain", headers=origin)
    assert (answer.status_code, answer.json()["accepted"]) == (200, 1)
    assert answer["Access-Control-Allow-Origin"] == "*"


def test_a_body_that_is_too_large_without_a_key_is_a_problem_too():
    answer = Client().post("/v1/batch", b"x" * 3_000_000, content_type="application/json")
    assert (answer.status_code, answer["Content-Type"]) == (401, "application/problem+json")


def test_a_word_that_is_none_of_those_to_choose_from_is_answered_with_them(tenant):
    asked = {"name": "A", "kind": "best", "arms": [], "primary_metric": "order"}
    status, answer = post(client(tenant, "experiments.edit"), "/v1/experiments", asked)
    told = {error["field"]: error["message"] for error in answer["errors"]}
    assert (status, told["kind"]) == (422, "Choose one of fixed, thompson.")
