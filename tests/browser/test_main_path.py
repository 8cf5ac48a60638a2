"""The main path, clicked in headless Chromium: sign in, submit, approve, launch, ask why."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections
from playwright.sync_api import expect

from attune.kernel.models import JobRow
from attune.kernel.tenancy import tenant_context
from tests.browser.conftest import SignIn
from workers import demo, runner

pytestmark = [pytest.mark.browser]


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
    shop: int, address: str, sign_in: SignIn, wrong: list[str]
):
    root = f"{address}/w/{demo.SLUG}"

    marketer = sign_in("marketer")
    marketer.goto(f"{root}/content/")
    marketer.get_by_role("link", name="Oolong news", exact=False).first.click()
    marketer.get_by_role("button", name="Submit for review").click()
    marketer.wait_for_load_state()

    reviewer = sign_in("reviewer")
    reviewer.goto(f"{root}/review/")
    reviewer.locator("table a").first.click()
    expect(reviewer.get_by_role("button", name="Approve")).to_be_visible()
    reviewer.keyboard.press("a")
    expect(reviewer.get_by_text("Nothing waits")).to_be_visible()

    sender = sign_in("sender")
    sender.goto(f"{root}/campaigns/")
    sender.get_by_role("link", name="Morning Roast mail").first.click()
    sender.get_by_role("button", name="Launch").click()
    expect(sender.get_by_text("Launch to")).to_be_visible()  # the dialog says to how many
    with sender.expect_navigation():
        sender.get_by_role("button", name="Yes").click()
    with ThreadPoolExecutor(1) as worker:  # Playwright's loop runs in this thread
        worker.submit(work, shop).result(60)
    sender.reload()
    expect(sender.get_by_text("finished").first).to_be_visible()
    sender.goto(f"{root}/campaigns/outbox")
    sender.get_by_role("link", name="Why?").first.click()
    for title in ("What they did", "Who approved it", "Why this variant", "How it left"):
        expect(sender.get_by_role("heading", name=title)).to_be_visible()

    owner = sign_in("owner")
    owner.goto(f"{root}/segments/new")
    expect(owner.get_by_text("of 60 contacts")).to_be_visible(timeout=10_000)
    owner.goto(f"{root}/audience/events")
    expect(owner.locator(".chart-canvas svg")).to_be_visible()
    assert wrong == []
