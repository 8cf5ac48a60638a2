"""A real server in a thread, and a real browser in front of it."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import uvicorn
from django.db import connections
from django.utils import timezone
from playwright.sync_api import Browser, Page, sync_playwright
from pytest_django.plugin import DjangoDbBlocker

from attune.asgi import application
from attune.embedded.servers import free_port
from attune.kernel.tenancy import tenant_context
from campaigns.automations.models import Journey, JourneyRun
from campaigns.contacts.models import Contact
from campaigns.delivery import endpoints
from campaigns.delivery.models import Endpoint
from insights.sources.models import Source
from tenants.models import User
from tests import make
from tests.guards.heard import heard
from workers import (
    demo,
    demo_budget,
    demo_chat,
    demo_forecasts,
    demo_house,
    demo_journeys,
    demo_policy,
    demo_rhythm,
    demo_risk,
)

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
SignIn = Callable[[str], Page]


@pytest.fixture
def shop(django_db_setup: None, django_db_blocker: DjangoDbBlocker, settings: Any) -> Iterator[int]:
    """The demo workspace, committed: the server's threads must see it. Nothing is flushed
    afterwards, since the application's role may not truncate; isolation keeps it apart."""
    settings.TENANT_CONTEXT_MAY_NEST = False
    with django_db_blocker.unblock():
        place = demo.people()
        with tenant_context(place.tenant_id):
            demo.workspace(place)
        with tenant_context(place.tenant_id):
            demo.customers(0, 60)
        demo.fold(place.tenant_id)
        with tenant_context(place.tenant_id):
            demo.story(place)
        demo.fold(place.tenant_id)
        with tenant_context(place.tenant_id):
            demo_chat.chat(place.users, [])
        with tenant_context(place.tenant_id):
            make.draft(author_id=place.users["marketer"])
            if not Source.objects.exists():
                heard()
            demo_policy.explore(timezone.now())
            demo_rhythm.foretell()
            demo_budget.spend(timezone.now())
            demo_forecasts.foretell(timezone.now().date())
            underway(demo_journeys.launch())
            if not Endpoint.objects.exists():
                hook = "http://127.0.0.1:9/hook"
                endpoints.create(name="Partner", url=hook, types=["message.sent"])
            demo_risk.look_out(User.objects.get(pk=place.users["owner"]))
            demo_house.settle(place)
        demo_house.take_on_a_client(place)
        yield place.tenant_id


def underway(journey: Journey | None) -> None:
    """Somebody is on their way."""
    if journey is not None and not journey.runs.exists():
        person, now = Contact.objects.order_by("id").last(), timezone.now()
        JourneyRun.objects.create(journey=journey, version=journey.live, contact=person,
                                  entry="event:1", entered_at=now, since=now)  # fmt: skip


@pytest.fixture
def address(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, settings: Any
) -> Iterator[str]:
    """The application behind a real server in a thread."""
    settings.TENANT_CONTEXT_MAY_NEST = False
    port = free_port()
    config = uvicorn.Config(application, port=port, log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    with django_db_blocker.unblock():
        while not server.started:
            thread.join(0.05)
        yield f"http://127.0.0.1:{port}"
        server.should_exit = True
        thread.join(10)


@pytest.fixture
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        reason = "chromium is not installed; the system has to give it"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


def in_database(tenant_id: int, work: Callable[[], Any]) -> Any:
    """The result of some work in a workspace, in a thread of its own: Playwright's loop holds
    this one."""

    def run() -> Any:
        try:
            with tenant_context(tenant_id):
                return work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(run).result(60)


@pytest.fixture
def wrong() -> list[str]:
    """What the browser's console complained about; a test ends by asserting that it is empty."""
    return []


def watched(browser: Browser, wrong: list[str], **options: object) -> Page:
    """A fresh visitor's page, whose console errors are collected and dialogs accepted."""
    page = browser.new_context(**options).new_page()
    page.on("console", lambda m: wrong.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda e: wrong.append(str(e)))
    page.on("dialog", lambda d: d.accept())
    return page


@pytest.fixture
def sign_in(browser: Browser, address: str, wrong: list[str]) -> SignIn:
    """Sign in as a role of the demo workspace."""

    def enter(role: str, **options: object) -> Page:
        page = watched(browser, wrong, **options)
        page.goto(f"{address}/accounts/login/")
        page.fill("[name=login]", f"{role}@demo.attune.example")
        page.fill("[name=password]", demo.PASSWORD)
        page.click("button[type=submit]")
        page.wait_for_url("**/w/**")
        return page

    return enter
