"""The packages that partners use, against our API as it stands."""

from __future__ import annotations

import gzip
from typing import Any

import pytest
from segment import analytics

from attune.kernel.tenancy import tenant_context
from campaigns.contacts.models import Contact, Event
from tests import make
from tests.browser.conftest import address  # noqa: F401 - a fixture

pytestmark = [pytest.mark.browser]


@pytest.fixture
def shop(address: str) -> tuple[make.Place, Any, list[Any]]:  # noqa: F811
    """Segment's package, pointed at a workspace by its write-only key."""
    place = make.workspace("segment")
    failures: list[Any] = []
    client = analytics.Client(
        write_key=make.key(place, kind="write_only"), host=address, gzip=True, max_retries=1,
        on_error=lambda error, items: failures.append((error, items)),
    )  # fmt: skip
    return place, client, failures


def test_the_segment_package_sends_every_kind_of_call(shop):
    place, client, failures = shop
    client.identify("u1", {"email": "ada@example.com", "plan": "pro"})
    client.track("u1", "Order Completed", {"revenue": 12.5, "category": "tea"})
    client.page("u1", "Docs", "Home", {"path": "/"})
    client.screen("u1", "App", "Start")
    client.group("u1", "g1", {"name": "Tea Ltd"})
    client.track(anonymous_id="a1", event="Viewed")
    client.alias("a1", "u1")
    client.flush()
    client.shutdown()
    assert failures == []
    with tenant_context(place.id):
        make.run_jobs()
        person = Contact.objects.get(external_id="u1")
        assert (person.email, person.traits["plan"]) == ("ada@example.com", "pro")
        kinds = sorted(Event.objects.values_list("type", flat=True))
        assert kinds == ["alias", "group", "identify", "page", "screen", "track", "track"]
        assert Event.objects.get(name="Viewed").contact == person
        assert Event.objects.get(name="Order Completed").value_cents == 1250


def test_the_segment_package_hears_of_a_key_that_was_revoked(address):  # noqa: F811
    failures: list[Any] = []
    client = analytics.Client(
        write_key="nonsense", host=address, sync_mode=False, max_retries=0,
        on_error=lambda error, items: failures.append(error),
    )  # fmt: skip
    client.track("u1", "Viewed")
    client.flush()
    client.shutdown()
    assert "401" in str(failures[0])


def test_what_is_packed_wrongly_or_too_large_is_refused(tenant, client):
    key = make.key(tenant, kind="write_only")
    head = {"Authorization": f"Bearer {key}"}

    def send(body: bytes, packed: str) -> tuple[int, str]:
        answer = client.post("/v1/batch", body, content_type="application/json",
                             headers={**head, "Content-Encoding": packed})  # fmt: skip
        return answer.status_code, answer.json()["detail"]

    bomb = gzip.compress(b" " * 50_000_000)
    assert send(bomb, "gzip")[0] == 413
    assert "not gzip" in send(b"{}", "gzip")[1]
    assert send(b"{}", "br") == (400, "The body may be packed with gzip, or not at all "
                                      "(Content-Encoding).")  # fmt: skip
