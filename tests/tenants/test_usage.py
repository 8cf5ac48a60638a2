"""The meter, the caps, and the look that customers see."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from PIL import Image
from rest_framework.test import APIClient

from attune.kernel.errors import Invalid
from attune.kernel.models import JobRow
from campaigns.contacts import importing
from campaigns.contacts.models import Contact, EventCount
from campaigns.delivery import allowance, email, preflight, sending, services, tracking
from campaigns.delivery.models import Send
from campaigns.generators import meter
from insights import metering
from tenants import branding, caps, notices
from tenants.models import Allowance, Meter, Tenant
from tests import make


def me(place) -> Tenant:
    return Tenant.objects.get(pk=place.id)


def month(place) -> dict[str, int]:
    return {line.kind: line.used for line in caps.lines(me(place))}


def test_the_meter_counts_what_is_there_and_never_twice(tenant):
    make.record(make.track("u1", "Seen"), make.track("u2", "Seen"))
    meter.record(task="writing", model="m", requests=1, tokens_in=30, tokens_out=12)
    make.conversation()
    for _ in range(2):
        metering.count()
    assert month(tenant) == {
        "messages": 0, "events": 2, "contacts": 2, "conversations": 1, "tokens": 42,
    }  # fmt: skip
    make.record(make.track("u1", "Seen"))
    metering.count()
    assert month(tenant)["events"] == 3
    assert Meter.objects.count() == 4  # one row a day and kind; nothing sent makes none


def test_days_are_the_workspaces_own(tenant):
    """At 23:30 UTC it is tomorrow in Tokyo: the message counts there, in that month."""
    Tenant.objects.filter(pk=tenant.id).update(timezone="Asia/Tokyo")
    _sent(1)
    late = datetime.combine(timezone.now().date() - timedelta(days=1), datetime.min.time(), UTC)
    Send.objects.update(sent_at=late.replace(hour=23, minute=30))
    metering.count()
    assert Meter.objects.get(kind="messages").day == late.date() + timedelta(days=1)


def _sent(n: int, *, messages: int | None = None, **parts: str):
    """A blast to n people, sent as far as it may be."""
    for number in range(n):
        make.contact(f"p{number}", email=f"p{number}@example.com")
    audience = make.segment({"trait": "email", "exists": True})
    trial = make.experiment([make.approved(**parts)], holdout=1e-9, running=False)
    campaign = make.campaign(audience, trial)
    services.launch(campaign=campaign)
    if messages is not None:
        caps.save_own({"messages": messages})
    make.run_jobs()
    return campaign


def test_no_message_leaves_beyond_the_cap_and_the_others_wait(tenant):
    campaign = _sent(5, messages=3)
    states = list(Send.objects.filter(campaign=campaign).values_list("state", flat=True))
    assert sorted(states) == ["pending", "pending", "sent", "sent", "sent"]
    waiting = Send.objects.filter(state="pending").first()
    assert waiting.due_at > timezone.now()
    assert "cap is reached" in str(waiting.reason)
    assert waiting.due_at == allowance.until(me(tenant))  # the next month, and no look before
    assert Allowance.objects.get().n == 3
    assert allowance.release(me(tenant)) == 0
    caps.save_own({"messages": 4})
    assert allowance.release(me(tenant)) == 2
    later = timezone.now() + timedelta(minutes=1)
    left = [s for s in Send.objects.filter(state="pending") if sending.prepare(s.pk, now=later)]
    assert len(left) == 1  # three had left before the cap was raised to four
    caps.save_own({"messages": None})
    assert allowance.take(me(tenant))


def test_a_blast_that_does_not_fit_is_told_before_it_begins(tenant):
    caps.save_own({"messages": 1})
    for number in range(2):
        make.contact(f"p{number}", email=f"p{number}@example.com")
    audience = make.segment({"trait": "email", "exists": True})
    campaign = make.campaign(
        audience, make.experiment([make.approved()], holdout=1e-9, running=False)
    )
    problems = [str(p) for p in preflight.of(campaign).problems]
    assert any("1 messages are left of this month's cap" in p for p in problems)
    with pytest.raises(Invalid, match="left of this month"):
        services.launch(campaign=campaign)


def test_events_beyond_the_cap_are_refused_whole_and_can_come_again(tenant):
    secret = make.key(tenant, "events.write", kind="write_only")
    caller = APIClient()
    caller.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    caps.save_own({"events": 3})
    batch = {"batch": [make.track("u1", "A"), make.track("u1", "B")]}
    assert caller.post("/v1/batch", batch, format="json").json()["accepted"] == 2
    batch = {"batch": [make.track("u1", "C"), make.track("u1", "D")]}
    refused = caller.post("/v1/batch", batch, format="json")
    assert (refused.status_code, refused.json()["type"]) == (429, "urn:attune:cap_reached")
    assert "Events taken in, 3" in refused.json()["detail"]
    assert sum(EventCount.objects.values_list("n", flat=True)) == 2
    caps.save_own({})
    assert caller.post("/v1/batch", batch, format="json").json()["accepted"] == 2


def test_what_we_tell_of_ourselves_and_what_came_before_is_in_no_cap(tenant):
    secret = make.key(tenant, "events.write", kind="write_only")
    caller = APIClient()
    caller.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    _sent(3)  # three messages, each an event of ours
    batch = {"batch": [make.track("u1", "A")]}
    assert caller.post("/v1/batch", batch, format="json").status_code == 200
    caps.save_own({"events": 2})
    old = make.track("u1", "B")
    old["timestamp"] = (timezone.now() - timedelta(hours=40)).isoformat()
    assert caller.post("/v1/batch", {"batch": [old]}, format="json").status_code == 200
    again = caller.post("/v1/batch", batch, format="json")  # what is there already takes nothing
    assert (again.status_code, again.json()["duplicates"]) == (200, 1)
    full = caller.post("/v1/batch", {"batch": [make.track("u1", "C")]}, format="json")
    assert full.status_code == 429
    assert {line.kind: line.used for line in caps.lines(me(tenant))}["events"] == 2


def test_a_month_is_the_workspaces_own_whoever_asks(tenant):
    Tenant.objects.filter(pk=tenant.id).update(timezone="Pacific/Kiritimati")  # 14 hours ahead
    begin = caps.begin_of(caps.month_of(me(tenant)), me(tenant))
    local = begin.astimezone(ZoneInfo("Pacific/Kiritimati"))
    assert (local.day, local.hour) == (1, 0)
    for zone in ("UTC", "America/Los_Angeles"):
        with timezone.override(zone):
            assert caps.begin_of(caps.month_of(me(tenant)), me(tenant)) == begin


def test_an_import_stops_where_the_contacts_are_too_many_and_goes_on_once_there_is_room(tenant):
    rows = "".join(f"{n},p{n}@example.com\n" for n in range(1500))
    row = importing.upload(file=SimpleUploadedFile("c.csv", f"id,email\n{rows}".encode()))
    mapping = {"id": "userId", "email": "trait:email"}
    caps.save_own({"contacts": 1200})
    importing.start(of=row, mapping=mapping, dry_run=False)
    make.run_jobs()
    job = JobRow.objects.get(pk=row.job_id)
    assert job.state == "quarantined"
    assert "Contacts, 1,200" in str(job.error)
    row.refresh_from_db()
    assert (row.next_row, row.state) == (1000, "running")
    caps.save_own({"contacts": 1500})
    importing.resume(of=row)
    make.run_jobs()
    row.refresh_from_db()
    assert (row.state, Contact.objects.count()) == ("finished", 1500)


def test_people_are_told_at_four_fifths_and_at_the_end_once_each(tenant):
    caps.save_own({"events": 5})

    def told() -> list[str]:
        return [str(n.text) for n in notices.of(tenant.owner.pk)]

    make.record(*(make.track("u", "Seen") for _ in range(3)))
    metering.count()
    assert told() == []
    make.record(make.track("u", "Seen"))
    for _ in range(2):
        metering.count()
    assert told() == [
        "Four fifths of this month's cap are used: Events taken in, 4 of 5",
    ]
    make.record(make.track("u", "Seen"))
    for _ in range(2):
        metering.count()
    assert told()[0] == "This month's cap is used up: Events taken in, 5"
    assert len(told()) == 2


@pytest.mark.parametrize("wrong", [{"messages": -1}, {"tokens": 1}, {"events": 10**13}])
def test_a_cap_that_cannot_be_is_refused_by_name(tenant, wrong):
    with pytest.raises(Invalid) as refusal:
        caps.save_own(wrong)
    assert refusal.value.errors[0].field == next(iter(wrong))
    assert me(tenant).own_caps == {}


def test_the_page_and_the_api_tell_of_use(tenant):
    make.record(make.track("u1", "Seen"))
    metering.count()
    browser = Client()
    browser.force_login(tenant.owner)
    url = reverse("workspace:usage", args=[tenant.slug])
    assert "Events taken in" in browser.get(url).content.decode()
    assert browser.post(url, {"messages": "-3"}).status_code == 422
    assert browser.post(url, {"messages": "100"}).status_code == 302
    assert me(tenant).own_caps == {"messages": 100}
    analyst = Client()
    analyst.force_login(make.member(tenant, "analyst"))
    assert analyst.get(url).status_code == 200
    assert analyst.post(url, {"messages": "1"}).status_code == 403
    caller = APIClient()
    caller.credentials(HTTP_AUTHORIZATION=f"Bearer {make.key(tenant, 'usage.view')}")
    lines = {line["kind"]: line for line in caller.get("/v1/usage").json()["results"]}
    assert lines["events"] == {"kind": "events", "used": 1, "cap": None}
    assert lines["messages"] == {"kind": "messages", "used": 0, "cap": 100}
    counted = me(tenant).metered_at
    assert counted is not None
    assert "Counted at" in browser.get(url).content.decode()


def test_the_api_tells_of_a_month_that_is_over_and_when_it_counted(tenant):
    day = caps.month_of(me(tenant)) - timedelta(days=1)
    Meter.objects.create(day=day, kind=Meter.Kind.EVENTS, n=7)
    caller = APIClient()
    caller.credentials(HTTP_AUTHORIZATION=f"Bearer {make.key(tenant, 'usage.view')}")
    before = caller.get(f"/v1/usage?month={day:%Y-%m}").json()
    assert (before["month"], before["counted_at"]) == (f"{day:%Y-%m}", None)
    assert next(one for one in before["results"] if one["kind"] == "events")["used"] == 7
    now = caller.get("/v1/usage").json()
    assert next(one for one in now["results"] if one["kind"] == "events")["used"] == 0
    for wrong in ("2026-13", "yesterday", "9999-01", "2026-1", ""):
        answer = caller.get("/v1/usage", {"month": wrong})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "month")


def test_a_cap_that_is_used_up_is_seen_and_one_that_would_be_at_once_is_asked_about(tenant):
    make.record(make.track("u1", "Seen"), make.track("u1", "Seen"))
    metering.count()
    browser = Client()
    browser.force_login(tenant.owner)
    url = reverse("workspace:usage", args=[tenant.slug])
    asked = browser.post(url, {"events": "2"})
    assert asked.status_code == 422
    assert "2 are used already this month" in asked.content.decode()
    assert "Set it although it is used up at once" in asked.content.decode()
    assert me(tenant).own_caps == {}
    assert browser.post(url, {"events": " 2 "}).status_code == 422  # as the field reads it
    assert "imports stop at once" in browser.post(url, {"contacts": "0"}).content.decode()
    assert browser.post(url, {"events": "2", "sure": "on"}).status_code == 302
    assert me(tenant).own_caps == {"events": 2}
    shown = browser.get(url).content.decode()
    assert "Used up: new events are refused, and their senders keep them." in shown
    assert "progress-bad" in shown
    assert "Set it although" not in shown  # the cap that holds is not asked about again
    assert browser.post(url, {"events": "2", "contacts": "50"}).status_code == 302


def picture(kind: str = "PNG", size: tuple[int, int] = (40, 20)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, "teal").save(out, format=kind)
    return out.getvalue()


def test_customers_see_the_workspaces_own_look(tenant, settings, tmp_path):
    browser = Client()
    browser.force_login(tenant.owner)
    url = reverse("workspace:brand", args=[tenant.slug])
    file = SimpleUploadedFile("logo.png", picture())
    answer = browser.post(
        url, {"brand_colour": "#FFCC00", "brand_url": "https://shop.example", "brand_logo": file}
    )
    assert answer.status_code == 302
    row = me(tenant)
    assert (row.brand_colour, row.brand_url) == ("#ffcc00", "https://shop.example")
    brand = branding.brand_of(row)
    logo = Client().get(brand.logo_url.removeprefix(settings.PUBLIC_URL))
    assert (logo.status_code, logo["Content-Type"]) == (200, "image/png")
    style = Client().get(brand.style_url).content.decode()
    assert "background: #ffcc00" in style
    assert "color: #000000" in style  # black reads better on yellow
    campaign = _sent(1)
    send = Send.objects.get(campaign=campaign)
    html = email.html_body(sending.envelope_of(send))
    assert f'<img src="{brand.logo_url}"' in html
    button = email.Envelope(
        to="a@example.com", sender="s", components={"body": "b", "cta": "Taste"}, message_id="",
        unsubscribe_url="u", click_url="https://shop.example", postal_address="", accent="#ffcc00",
    )  # fmt: skip
    assert "background:#ffcc00;color:#000000" in email.html_body(button)
    public = tracking.unsubscribe_url(send).removeprefix(settings.PUBLIC_URL)
    page = Client().get(public).content.decode()
    assert f'src="{brand.logo_here}"' in page
    assert brand.style_url in page
    assert ">Attune<" not in page
    browser.post(url, {"brand_colour": "", "drop": "on"})
    assert branding.brand_of(me(tenant)).logo_url == ""
    browser.post(url, {"brand_colour": "#010203"})
    assert branding.brand_of(me(tenant)).style_url != brand.style_url  # or a browser keeps the old
    browser.post(url, {"brand_colour": ""})
    assert Client().get(brand.style_url).status_code == 404


@pytest.mark.parametrize(
    ("values", "field", "told"),
    [
        ({"colour": "red", "url": ""}, "brand_colour", "six hexadecimal"),
        ({"colour": "", "url": "http://shop.example"}, "brand_url", "https://"),
        ({"colour": "", "url": "", "logo": ("a.svg", b"<svg/>")}, "brand_logo", "PNG, JPEG"),
        ({"colour": "", "url": "", "logo": ("a.png", b"no")}, "brand_logo", "can be read"),
        ({"colour": "", "url": "", "logo": ("a.png", picture(size=(2100, 2100)))}, "brand_logo",
         "too many pixels"),
        ({"colour": "", "url": "", "logo": ("a.png", b"x" * (513 * 1024))}, "brand_logo", "512 KB"),
    ],
)  # fmt: skip
def test_a_look_that_cannot_be_is_refused_by_field(tenant, values, field, told):
    if "logo" in values:
        values = {**values, "logo": SimpleUploadedFile(*values["logo"])}
    with pytest.raises(Invalid) as refusal:
        branding.save(tenant=me(tenant), **values)
    assert refusal.value.errors[0].field == field
    assert told in str(refusal.value.errors[0].sentence())
    assert not me(tenant).brand_logo


@pytest.mark.parametrize(
    ("colour", "ink"),
    [("#000000", "#ffffff"), ("#ffffff", "#000000"), ("#2f4fd0", "#ffffff"), ("#ffcc00", "#000000")],
)  # fmt: skip
def test_words_on_the_colour_can_be_read(colour, ink):
    assert branding.ink_on(colour) == ink
