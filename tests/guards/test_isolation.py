"""Another workspace's ids: every page, every route, every socket, every job, enumerated.

Each route is called with ids of a foreign workspace and with random ones; both must answer alike,
and nothing foreign may show. A route that is in neither table fails the suite.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import MISSING, Field
from typing import Any
from unittest.mock import patch

import pytest
from asgiref.sync import async_to_sync
from asgiref.testing import ApplicationCommunicator
from django.apps import apps
from django.db import connection
from django.test import Client
from django.urls import URLResolver, get_resolver, reverse

from attune.asgi import application
from attune.kernel import jobs, live
from attune.kernel.models import JobRow, TenantModel
from attune.kernel.tenancy import tenant_context
from chat.conversations import wire
from chat.conversations.sockets import patterns as visitor_patterns
from tenants import keys
from tenants.models import ApiKey
from tenants.roles import PERMISSIONS
from tenants.sockets import patterns as socket_patterns
from tests import make
from tests.guards.built import two
from tests.guards.near import asked_by_api, nearby
from tests.guards.routes import routes
from tests.guards.taught import CANARY
from workers import runner

__all__ = ["two"]  # the fixture of the enumerations

PUBLIC = {  # answered without a workspace, with the reason
    "health-live": "no data", "health-ready": "no data", "live": "no data", "ready": "no data", "metrics": "numbers alone, by a token", "schema": "no data", "api-docs": "no data",
    "words": "our own words", "sdk-features": "a publishable key; tests/campaigns/test_growthbook.py",
    "tenants:start": "redirects", "tenants:new": "makes one", "tenants:appearance": "own user",
    "tenants:accept": "signed by its token", "guests:review": "signed token", "delivery:unsubscribe": "signed token",
    "privacy-public:ask": "signed token",
    **{f"tenants:{name}": "a member's own agency; tests/tenants/test_clients.py" for name in (
        "new-client", "client", "release-client", "adopt-client")},
    "tenants:brand-style": "signed token", "tenants:logo": "signed token",
    **{f"delivery:{name}": "signed token" for name in (
        "click", "opened", "preferences", "confirm", "sign-up")},
    "widget:file": "signed token", "sources-in:hook": "signed token",
    **{f"widget:{name}": "a visitor's token; tests/chat/test_widget_api.py" for name in (
        "config", "session", "start", "messages", "person", "rating", "files")},
    "widget-assistant:report": "a visitor's token; tests/chat/test_widget_api.py",
}  # fmt: skip


HANDLED = {  # of each field of a job's payload, the rows that a handler could take by it
    "alert_id": ["alert"], "campaign_id": ["campaign"], "contact_id": ["contact"], "copy_id": ["copy"],
    "conversation_id": ["talk"], "document_id": ["document", "text"], "draft_id": ["draft"],
    "endpoint_id": ["endpoint", "hook"], "experiment_id": ["experiment", "tried"],
    "first": ["send", "contact"], "fit_id": ["topic-fit"], "import_id": ["import", "text-file", "past"],
    "journey_id": ["journey", "automation"], "last": ["send", "contact"], "log_id": ["past-log"],
    "mix_id": ["mix"], "policy_id": ["policy"], "prediction_id": ["prediction"], "report_id": ["report"],
    "revision_id": ["revision"], "risk_id": ["risk"], "route_id": ["route"], "rule_id": ["rule"], "run_id": ["run", "journey_run"],
    "segment_id": ["segment"], "series_id": ["series"], "topic_id": ["topic"],
    "version_id": ["version", "policy-version", "dialogue"],
}  # fmt: skip


def plain(field: Field[Any], text: str) -> Any:
    """The default of a payload's field, or the plainest value of its type: `text` of a string."""
    if field.default is not MISSING:
        return field.default
    if field.default_factory is not MISSING:
        return field.default_factory()
    return {"str": text, "int": 1, "bool": False}.get(str(field.type))


def api_key(place: make.Place) -> str:
    return make.key(place, *PERMISSIONS)


def checksum(place: make.Place) -> dict[str, int]:
    """Rows of every tenant table of a workspace, hashed by the database."""
    sums = {}
    with tenant_context(place.id), connection.cursor() as cursor:
        for model in apps.get_models():
            if issubclass(model, TenantModel):
                table = model._meta.db_table
                cursor.execute(
                    f'SELECT count(*), sum(hashtext(t::text)) FROM "{table}" t '  # noqa: S608
                    "WHERE tenant_id = %s",
                    [place.id],
                )
                sums[table] = cursor.fetchone()
    return sums


def test_every_tenant_table_has_rows_in_the_foreign_workspace(two):
    _, b, _ = two
    empty = {table for table, (n, _) in checksum(b).items() if n == 0}
    assert empty <= {"idempotency_record", "import_problem", "contact_change"}


def test_no_page_shows_or_touches_another_workspace(two):
    a, b, ids = two
    before = checksum(b)
    near = nearby(b, ids)
    client = Client(raise_request_exception=True)
    client.force_login(a.owner)
    called = 0
    for route in routes():
        if not route.workspace or route.name.startswith("api-"):
            continue
        takes_pk = "pk" in route.parameters
        absent = {"workspace": a.slug, **({"pk": str(uuid.uuid4())} if takes_pk else {})}
        for method in ("get", "post"):
            call = getattr(client, method)
            nothing = call(reverse(route.name, kwargs=absent)).status_code if takes_pk else 0
            assert nothing in {0, 404, 405}, (route.name, method)
            if nothing == 405:
                continue  # a method that no row takes
            for foreign in near[route.name] if takes_pk else [""]:
                arguments = {"workspace": a.slug, **({"pk": foreign} if foreign else {})}
                answer = call(reverse(route.name, kwargs=arguments))
                told = make.body(answer) if answer.streaming else answer.content
                assert CANARY.encode() not in told, (route.name, method)
                called += 1
                assert not takes_pk or answer.status_code == nothing, (route.name, method)
        # the foreign workspace's own address is a 404 for a stranger
        some = {"pk": str(next(iter(ids.values())))} if takes_pk else {}
        stranger = client.get(reverse(route.name, kwargs={"workspace": b.slug, **some}))
        assert stranger.status_code == 404, route.name
    assert called > 500
    assert checksum(b) == before


def test_no_api_route_shows_or_touches_another_workspace(two):
    a, b, ids = two
    before = checksum(b)
    client = Client(headers={"Authorization": f"Bearer {api_key(a)}"})
    near, called = asked_by_api(b, ids), 0
    for route in routes():
        if not route.name.startswith("api-") or route.name in PUBLIC:
            continue
        for foreign in near[route.name] if "pk" in route.parameters else [""]:
            arguments = {"pk": foreign} if foreign else {}
            if "contact" in route.parameters:
                arguments["contact"] = str(ids["contact"])
            url = reverse(route.name, kwargs=arguments)
            for method in ("get", "post", "patch", "delete"):
                answer = getattr(client, method)(url, {}, content_type="application/json")
                called += 1
                assert CANARY.encode() not in answer.content, (url, method)
                assert answer.status_code < 500, (url, method, answer.content)
                if foreign:
                    assert answer.status_code in {404, 405, 422}, (url, method, answer.status_code)
    assert called > 800
    assert checksum(b) == before


def test_ids_in_bodies_are_looked_up_in_the_own_workspace(two):
    a, b, ids = two
    before = checksum(b)
    client = Client(headers={"Authorization": f"Bearer {api_key(a)}"})
    bodies = {
        "/v1/briefs": {"name": "n", "goal": "g", "products": [str(ids["product"])]},
        "/v1/campaigns": {
            "name": "n", "audience": str(ids["segment"]), "experiment": str(ids["experiment"]),
        },
        "/v1/reviews": {"revision": str(ids["revision"])},
        "/v1/bounces": {"send_id": str(ids["send"]), "kind": "hard", "id": "1"},
        "/v1/journeys": {"name": "n", "flow": {}, "topic": str(ids["subscription"])},
        "/v1/segments": {"name": "n", "rule": {"segment": str(ids["segment"])}},
        "/v1/experiments": {
            "name": "n", "primary_metric": "order",
            "arms": [{"key": "a", "name": "a", "weight": 1, "revision": str(ids["revision"])},
                     {"key": "b", "name": "b", "weight": 1, "is_control": True}],
        },
    }  # fmt: skip
    for url, body in bodies.items():
        answer = client.post(url, body, content_type="application/json")
        assert answer.status_code in {404, 422}, (url, answer.content)
        assert CANARY.encode() not in answer.content
    assert checksum(b) == before


def test_every_route_is_in_a_table():
    unlisted = [
        r.name for r in routes()
        if not r.workspace and not r.name.startswith("api-") and r.name not in PUBLIC
    ]  # fmt: skip
    assert unlisted == []


def test_every_workspace_page_names_its_permission():
    def views(patterns: list[Any]) -> Any:
        for entry in patterns:
            if isinstance(entry, URLResolver):
                yield from views(entry.url_patterns)
            else:
                yield entry

    pages = next(p for p in get_resolver().url_patterns if str(p.pattern).startswith("w/"))
    for entry in views(pages.url_patterns):
        verb = getattr(entry.callback, "verb", None) or getattr(
            getattr(entry.callback, "__wrapped__", None), "verb", None
        )
        assert verb in PERMISSIONS, entry.name


def test_every_api_action_names_a_known_scope():
    for entry in get_resolver().url_patterns:
        for pattern in getattr(entry, "url_patterns", [entry]):
            callback = getattr(pattern, "callback", None)
            if (
                not str(getattr(pattern, "name", "")).startswith("api-")
                or pattern.name == "api-docs"
            ):
                continue
            view = getattr(callback, "cls", None) or callback.view_class
            actions = getattr(callback, "actions", None)
            names = set(actions.values()) if actions else set(view.scopes)
            for name in names:
                assert view.scopes[name] in PERMISSIONS, (pattern.name, name)


def test_without_a_key_every_api_route_is_401(two):
    client = Client()
    for route in routes():
        if route.name.startswith("api-") and route.name not in PUBLIC:
            arguments = {name: str(uuid.uuid4()) for name in route.parameters if name != "format"}
            answer = client.get(reverse(route.name, kwargs=arguments))
            assert answer.status_code in {401, 405}, (route.name, answer.status_code)


def test_a_key_without_the_scope_is_403_everywhere(two):
    a, _, _ = two
    client = Client(headers={"Authorization": f"Bearer {make.key(a, 'webhooks.manage')}"})
    for route in routes():
        own = "endpoint" in route.name or "webhook" in route.name
        if not route.name.startswith("api-") or route.name in PUBLIC or own:
            continue
        arguments = {name: str(uuid.uuid4()) for name in route.parameters if name != "format"}
        answer = client.get(reverse(route.name, kwargs=arguments))
        assert answer.status_code in {403, 405}, (route.name, answer.status_code)


def test_a_revoked_key_is_401_at_once(two):
    a, _, _ = two
    secret = make.key(a, "jobs.view")
    client = Client(headers={"Authorization": f"Bearer {secret}"})
    assert client.get("/v1/jobs").status_code == 200
    with tenant_context(a.id):
        keys.revoke_key(key=ApiKey.objects.get(prefix=secret[:11]))
    assert client.get("/v1/jobs").status_code == 401


def test_no_job_handler_reaches_another_workspace(two):
    a, b, ids = two
    before, called = checksum(b), 0
    with tenant_context(a.id):
        for name, job in jobs.REGISTRY.items():
            fields = job.payload.__dataclass_fields__
            asked = [f for f in fields if "UUID" in str(fields[f].type)]
            for n in range(max((len(HANDLED[f]) for f in asked), default=1)):
                foreign = {f: ids[HANDLED[f][n % len(HANDLED[f])]] for f in asked}
                values = {**{f: plain(fields[f], str(ids["contact"])) for f in fields}, **foreign}
                row = job.enqueue(job.payload(**values))
                if job.queue == "light" and row is not None:
                    assert runner.run_job(a.id, row.pk) in {"done", "quarantined", "failed"}, name
                    called += 1
    assert called > 25
    with tenant_context(b.id):
        pending = JobRow.objects.filter(state="pending").first() or JobRow.objects.first()
    assert runner.run_job(a.id, pending.pk) == "not ours"
    assert checksum(b) == before


@pytest.mark.django_db(transaction=False)
@patch("channels.db.close_old_connections", lambda: None)  # the test's connection lives on
def test_every_socket_refuses_a_stranger(two):
    a, b, _ = two
    assert [str(p.pattern) for p in socket_patterns] == ["ws/<slug:workspace>/live"]
    assert [str(p.pattern) for p in visitor_patterns] == ["chat/ws/<str:key>"]  # test_sockets.py
    client = Client()
    client.force_login(a.owner)
    cookie = f"sessionid={client.cookies['sessionid'].value}".encode()

    async def answer(slug: str, *headers: tuple[bytes, bytes]) -> dict[str, Any]:
        scope = {
            "type": "websocket", "path": f"/ws/{slug}/live", "query_string": b"",
            "headers": [(b"origin", b"http://testserver"), (b"host", b"testserver"), *headers],
            "subprotocols": [],
        }  # fmt: skip
        talker = ApplicationCommunicator(application, scope)
        await talker.send_input({"type": "websocket.connect"})
        return await talker.receive_output(5)

    assert async_to_sync(answer)(b.slug)["type"] == "websocket.close"
    assert async_to_sync(answer)(b.slug, (b"cookie", cookie))["type"] == "websocket.close"
    assert async_to_sync(answer)(a.slug, (b"cookie", cookie))["type"] == "websocket.accept"


def test_group_names_start_with_their_tenant():
    assert re.fullmatch(r"t\d+\.live", live.group(7))
    assert re.fullmatch(r"t\d+\.chat\.\w+", wire.group(7, uuid.uuid4()))
