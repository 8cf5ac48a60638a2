"""Alerts: a week unlike those before, said once; the digest of the week."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse

from attune.kernel.errors import Conflict, Invalid
from attune.kernel.models import JobRow
from insights.alerts import checking, digests, services, watching
from insights.alerts.models import Alert, DigestReader, Watch
from insights.alerts.watching import Week
from insights.reading.models import Feature
from insights.sources.models import Document
from tenants.models import Membership, Notice
from tests import make
from tests.insights.test_graph import heard
from workers import runner

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
MONDAY = datetime(2026, 11, 30, 8, tzinfo=UTC)


def test_a_share_far_from_the_weeks_before_has_moved():
    before = [Week(10, 100)] * 6
    found = watching.share(Week(40, 100), before)
    assert (found.value, found.usual, found.moved) == (0.4, 0.1, "up")
    assert found.high == pytest.approx(0.1 + 3 * 0.03)
    assert watching.share(Week(14, 100), before).moved == ""


def test_weeks_that_always_jump_do_not_alarm():
    before = [Week(n, 100) for n in (5, 40, 10, 45, 8, 38)]
    assert watching.share(Week(44, 100), before).moved == ""


@pytest.mark.parametrize(
    ("now", "before"),
    [(Week(9, 10), [Week(1, 100)] * 6), (Week(60, 100), [Week(1, 100)] * 3), (Week(3, 40), [Week(0, 100)] * 6)],
)  # fmt: skip
def test_too_little_says_nothing(now, before):
    assert watching.share(now, before) is None


def test_a_count_against_its_median():
    assert watching.volume(100, [40, 42, 38, 41, 300]).moved == "up"
    assert watching.volume(45, [40, 42, 38, 41]).moved == ""
    assert watching.volume(5, [2, 3, 2, 3]) is None


@pytest.fixture
def lid(tenant) -> Feature:
    """Five quiet weeks, then everybody is against the lid."""
    for week in range(1, 6):
        heard(10, "lid", 1, days=7 * week + 2, now=NOW)
    heard(22, "lid", -1, days=2, now=NOW)
    return Feature.objects.get()


def test_what_is_watched_is_told_once_and_not_while_muted(lid):
    row = services.watch(figure="feature_moved", about_id=lid.pk, direction="up", by=None)
    services.mute(row=row, until=NOW + timedelta(days=1))
    assert checking.check(now=NOW) == []
    services.mute(row=row, until=None)
    (alert,) = checking.check(now=NOW)
    assert str(alert.told) == "Mentions against “lid”: 100% this week, usually 0%."
    assert Notice.objects.count() == 1
    assert checking.check(now=NOW + timedelta(hours=6)) == []
    services.see(alert=alert)
    assert Alert.objects.get().state == "seen"
    services.unwatch(row=row)
    assert not Watch.objects.exists()


def test_the_other_way_is_not_told(lid):
    services.watch(figure="feature_moved", about_id=lid.pk, direction="down", by=None)
    assert checking.check(now=NOW) == []


def test_what_can_be_watched_is_checked(lid):
    services.watch(figure="volume", about_id=None, direction="both", by=None)
    with pytest.raises(Conflict, match="already"):
        services.watch(figure="volume", about_id=None, direction="up", by=None)
    for figure, about, direction in (("x", None, "up"), ("topic_moved", None, "up"), ("volume", None, "left")):  # fmt: skip
        with pytest.raises(Invalid):
            services.watch(figure=figure, about_id=about, direction=direction, by=None)


def test_the_digest_is_sent_on_monday_once_to_who_wants_it(lid, tenant, django_capture_on_commit_callbacks):  # fmt: skip
    services.read_digest(user=tenant.owner, wanted=True)
    assert digests.send_due(now=NOW) == 0
    with django_capture_on_commit_callbacks(execute=True):
        assert digests.send_due(now=MONDAY) == 1
    assert digests.send_due(now=MONDAY + timedelta(hours=2)) == 0
    (sent,) = mail.outbox
    assert sent.to == [tenant.owner.email]
    assert "22 texts were read." in sent.body
    assert f"/w/{tenant.slug}/insights/" in sent.body
    services.read_digest(user=tenant.owner, wanted=False)
    assert not DigestReader.objects.exists()


def test_a_week_without_texts_sends_nothing(tenant):
    services.read_digest(user=tenant.owner, wanted=True)
    assert digests.send_due(now=MONDAY) == 0
    assert mail.outbox == []


def test_the_pages_watch_and_tell(lid, tenant):
    client, at = Client(), [tenant.slug]
    client.force_login(tenant.owner)
    client.post(reverse("alerts:watch", args=at), {"figure": f"feature_moved:{lid.pk}", "direction": "both"})  # fmt: skip
    row = JobRow.objects.get(kind="insights.check_watches")
    assert runner.run_job(row.tenant_id, row.pk) == "done"
    page = client.get(reverse("alerts:alerts", args=at)).content.decode()
    assert re.search(r"<td>lid<div[^>]*>Share of mentions against a feature", page)
    assert "texts were read" in client.get(reverse("alerts:week", args=at)).content.decode()
    client.post(reverse("alerts:digest", args=at), {"wanted": "yes"})
    assert DigestReader.objects.get().user == tenant.owner


def test_a_new_workspace_does_not_alarm_about_its_first_texts():
    assert watching.volume(300, [0] * 8) is None
    assert watching.volume(300, [40, 41, 39, 40, 0, 0, 0, 0]).moved == "up"


def test_who_left_gets_no_digest(lid, tenant):
    ann = make.member(tenant, "analyst")
    services.read_digest(user=ann, wanted=True)
    Membership.objects.filter(user=ann).delete()
    assert digests.send_due(now=MONDAY) == 0
    assert mail.outbox == []


def test_a_week_of_alarm_is_not_what_is_usual():
    calm = [Week(10, 100)] * 7
    assert watching.share(Week(20, 100), [Week(95, 100), *calm]).usual == pytest.approx(0.1)


def test_a_file_of_last_week_is_looked_at_when_it_comes(tenant):
    for week in range(2, 8):
        heard(10, "lid", 1, days=7 * week + 2, now=NOW)
    heard(22, "lid", -1, days=9, now=NOW)
    row = services.watch(figure="feature_moved", about_id=Feature.objects.get().pk, direction="up", by=None)  # fmt: skip
    Document.objects.update(created_at=NOW - timedelta(days=3))
    assert checking.check(now=NOW) == []
    row.refresh_from_db()
    assert row.seen == {}
    Document.objects.update(created_at=NOW)
    (alert,) = checking.check(now=NOW)
    assert alert.value == 1.0
