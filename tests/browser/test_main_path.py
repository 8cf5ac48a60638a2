"""The main path, clicked in headless Chromium: sign in, submit, approve, launch, ask why."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import uvicorn
from django.conf import settings
from django.db import connections
from playwright.sync_api import Browser, Page, expect, sync_playwright
from pytest_django.plugin import DjangoDbBlocker

from attune.asgi import application
from attune.embedded.servers import free_port
from attune.kernel.models import JobRow
from attune.kernel.tenancy import tenant_context
from tests import make
from workers import demo, runner

pytestmark = [pytest.mark.browser]
CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]


@pytest.fixture
def shop(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[int]:
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
            make.draft(author_id=place.users["marketer"])
        yield place.tenant_id
    settings.TENANT_CONTEXT_MAY_NEST = True


@pytest.fixture
def address(shop: int) -> Iterator[str]:
    """The application behind a real server in a thread."""
    port = free_port()
    config = uvicorn.Config(application, port=port, log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.05)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(10)


@pytest.fixture
def browser() -> Iterator[Browser]:
    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


def signed_in(browser: Browser, address: str, role: str, wrong: list[str]) -> Page:
    page = browser.new_context().new_page()
    page.on("console", lambda m: wrong.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda e: wrong.append(str(e)))
    page.on("dialog", lambda d: d.accept())
    page.goto(f"{address}/accounts/login/")
    page.fill("[name=login]", f"{role}@demo.attune.example")
    page.fill("[name=password]", demo.PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_url("**/w/**")
    return page


def work(tenant_id: int) -> None:
    """What a light worker would do now."""
    try:
        while True:
            with tenant_context(tenant_id):
                row = JobRow.objects.filter(state="pending", queue="light").order_by("id").first()
            if row is None:
                return
            assert runner.run_job(tenant_id, row.pk) == "done"
    finally:
        connections.close_all()


def test_from_a_draft_to_a_message_and_back_to_its_reason(
    shop: int, address: str, browser: Browser
):
    wrong: list[str] = []
    root = f"{address}/w/{demo.SLUG}"

    marketer = signed_in(browser, address, "marketer", wrong)
    marketer.goto(f"{root}/content/")
    marketer.get_by_role("link", name="Oolong news", exact=False).first.click()
    marketer.get_by_role("button", name="Submit for review").click()
    marketer.wait_for_load_state()

    reviewer = signed_in(browser, address, "reviewer", wrong)
    reviewer.goto(f"{root}/review/")
    reviewer.locator("table a").first.click()
    expect(reviewer.get_by_role("button", name="Approve")).to_be_visible()
    reviewer.keyboard.press("a")
    expect(reviewer.get_by_text("Nothing waits")).to_be_visible()

    sender = signed_in(browser, address, "sender", wrong)
    sender.goto(f"{root}/campaigns/")
    sender.get_by_role("link", name="Morning Roast mail").first.click()
    sender.get_by_role("button", name="Launch").click()
    sender.wait_for_load_state()
    with ThreadPoolExecutor(1) as worker:  # Playwright's loop runs in this thread
        worker.submit(work, shop).result(60)
    sender.reload()
    expect(sender.get_by_text("finished").first).to_be_visible()
    sender.goto(f"{root}/campaigns/outbox")
    sender.get_by_role("link", name="Why?").first.click()
    for title in ("What they did", "Who approved it", "Why this variant", "How it left"):
        expect(sender.get_by_role("heading", name=title)).to_be_visible()

    owner = signed_in(browser, address, "owner", wrong)
    owner.goto(f"{root}/segments/new")
    expect(owner.get_by_text("of 60 people")).to_be_visible(timeout=10_000)
    owner.goto(f"{root}/audience/events")
    expect(owner.locator(".chart-canvas svg")).to_be_visible()
    assert wrong == []
