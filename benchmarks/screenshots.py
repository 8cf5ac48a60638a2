"""`make screenshots`: the pictures of the README, from a running `make demo` that has lived for a
few minutes. ATTUNE_URL names another address; names of pictures take those alone."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

BASE = os.environ.get("ATTUNE_URL", "http://127.0.0.1:8000")
FOLDER = Path(__file__).resolve().parents[1] / "docs" / "images"
ROOT = f"{BASE}/w/harbour-tea-coffee"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]


def sign_in(page: Page, role: str) -> None:
    page.goto(f"{BASE}/accounts/login/")
    page.fill("[name=login]", f"{role}@demo.attune.example")
    page.fill("[name=password]", "attune-demo-2026")
    page.click("button[type=submit]")
    page.wait_for_url("**/w/**")


def shop() -> str:
    """The demo shop's own site: one port further on."""
    host, _, port = BASE.rpartition(":")
    return f"{host}:{int(port) + 1}/"


def shot(page: Page, name: str) -> None:
    page.wait_for_timeout(1500)
    FOLDER.mkdir(parents=True, exist_ok=True)
    page.screenshot(
        path=FOLDER / f"{name}.png", clip={"x": 0, "y": 0, "width": 1280, "height": 900}
    )
    print(f"docs/images/{name}.png")


def launch(page: Page) -> None:
    """The mail campaign, unless it was launched before."""
    page.goto(f"{ROOT}/campaigns/")
    page.get_by_role("link", name="Morning Roast mail").first.click()
    button = page.get_by_role("button", name="Launch now")
    if button.count():
        shot(page, "campaign")
        button.click()
        page.get_by_role("button", name="Yes").click()
        page.wait_for_timeout(8000)


def write(page: Page) -> None:
    """Variants for the tea brief, unless there are some."""
    page.goto(f"{ROOT}/content/")
    page.get_by_role("link", name="Oolong for tea lovers").first.click()
    page.wait_for_load_state()
    if not page.locator("article.variant").count():
        page.get_by_role("button", name="Write variants").click()
        page.wait_for_timeout(3000)
        page.locator("#variants progress").wait_for(state="detached", timeout=300_000)


def review(page: Page, browser: Browser) -> None:
    """A text before its reviewer; submitted here unless one waits already."""
    submit = page.get_by_role("button", name="Submit for review")
    if submit.count():
        submit.first.click()
        page.wait_for_load_state()
    other = browser.new_page(viewport={"width": 1280, "height": 900})
    sign_in(other, "reviewer")
    other.goto(f"{ROOT}/review/")
    if other.locator("main table a").count():
        other.locator("main table a").first.click()
        shot(other, "review")
    other.close()


def learn(page: Page) -> None:
    """The version of the model, trained now unless one was."""
    page.goto(f"{ROOT}/models/")
    if page.locator("main table a").count():
        page.locator("main table a").first.click()
    else:
        page.get_by_role("button", name="Train a version").click()
    page.locator("#version .chart-canvas svg").wait_for(timeout=900_000)
    shot(page, "model")


def talk(page: Page) -> None:
    """A customer asks in the shop's chat, books a call and asks something in between."""
    site = page.context.browser.new_page(viewport={"width": 1280, "height": 900})
    site.goto(shop())
    site.locator("attune-chat .launch").click()
    said = (
        "Which water temperature does a sencha want?", "Please call me back",
        "How long do parcels to Denmark take?", "040 1234567",
    )  # fmt: skip
    for n, text in enumerate(said, start=1):
        site.locator("attune-chat form textarea").fill(text)
        site.keyboard.press("Enter")
        site.locator("attune-chat .log > .m:not(.b):not(.mine)").nth(n - 1).wait_for(timeout=60_000)
    shot(site, "chat")
    site.close()
    page.goto(f"{ROOT}/conversations/?view=pending")
    page.locator(".talks a").first.click()
    shot(page, "inbox")
    page.get_by_role("link", name="What the assistant understood").click()
    shot(page, "dialogue")


def copy(page: Page, browser: Browser) -> None:
    write(page)
    shot(page, "variants")
    review(page, browser)


def outcome(page: Page) -> None:
    launch(page)
    page.goto(f"{ROOT}/campaigns/outbox")
    page.get_by_role("link", name="Why?").first.click()
    shot(page, "chain")
    page.goto(f"{ROOT}/experiments/")
    page.get_by_role("link", name="Home banner").first.click()
    shot(page, "experiment")
    page.goto(f"{ROOT}/")
    shot(page, "home")


def main(wanted: list[str]) -> None:
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.on("dialog", lambda dialog: dialog.accept())
        sign_in(page, "owner")
        steps: dict[str, Callable[[], None]] = {
            "copy": lambda: copy(page, browser),
            "outcome": lambda: outcome(page),
            "talk": lambda: talk(page),
            "learn": lambda: learn(page),
        }
        for name, step in steps.items():
            if not wanted or name in wanted:
                step()
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
