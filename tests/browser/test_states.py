"""The states between: an empty workspace, another language, a conflict, a lost connection."""

from __future__ import annotations

import gzip
import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from django.urls import reverse
from playwright.sync_api import WebSocketRoute, expect

from attune.kernel import live
from campaigns.catalog.models import Product
from campaigns.experiments.models import Experiment
from campaigns.generators import registry
from campaigns.generators.models import ModelVersion
from campaigns.segments.models import Segment
from tenants import services as tenants
from tenants.models import User
from tests import make
from tests.browser.conftest import SignIn, in_database
from tests.browser.test_every_page import FRAGMENTS, NAMED, grave
from tests.tenants.test_tenants import PAGES
from workers import demo

pytestmark = [pytest.mark.browser]
WEIGHT = 300 * 1024  # bytes gzipped, without charts


def empty_workspace() -> str:
    """A second workspace of the demo's owner, with nothing in it; its slug."""

    def made() -> str:
        owner = User.objects.get(email="owner@demo.attune.example")
        try:
            return tenants.create_workspace(name="Quite empty", owner=owner).slug
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(made).result(60)


def test_an_empty_workspace_teaches_on_every_page(
    shop: int, address: str, sign_in: SignIn, wrong: list[str]
):
    slug = empty_workspace()
    page = sign_in("owner")
    lists = {"contacts:people", "segments:segments", "catalog:products", "content:briefs",
             "approval:queue", "experiments:experiments", "delivery_pages:campaigns",
             "delivery_pages:outbox", "delivery_pages:suppressions", "contacts:events",
             "workspace:keys", "workspace:jobs"}  # fmt: skip
    silent, found = [], {}
    for name in PAGES:
        if name in FRAGMENTS or name.endswith(":new"):  # a form is never empty
            continue
        page.goto(address + reverse(name, args=[slug]))
        page.wait_for_selector("#notices summary")
        if name in lists and not page.locator(".empty h2").count():
            silent.append(name)
        if problems := grave(page, *NAMED):
            found[name] = problems
    assert (silent, found, wrong) == ([], {}, [])


def test_every_page_is_whole_in_chinese(shop: int, address: str, sign_in: SignIn, wrong: list[str]):
    page = sign_in("owner", color_scheme="dark")
    page.locator(".account summary").click()
    with page.expect_navigation():
        page.get_by_label("Language").select_option("zh-hans")
    assert page.locator("html").get_attribute("lang") == "zh-hans"
    for name in PAGES:
        if name in FRAGMENTS:
            continue
        told = page.request.get(address + reverse(name, args=[demo.SLUG])).text()
        assert re.search("[一-龥]", told.partition("<main")[2].partition("</main>")[0]), name
    page.goto(f"{address}/w/{demo.SLUG}/segments/new")
    expect(
        page.get_by_role("button", name="添加条件", exact=True)
    ).to_be_visible()  # what the browser says
    page.goto(f"{address}/w/{demo.SLUG}/content/briefs/new")
    page.locator(".account summary").click()
    with page.expect_navigation():
        page.get_by_label("语言").select_option("en")
    assert page.url.endswith("/content/briefs/new")
    assert page.locator("html").get_attribute("lang") == "en"
    assert wrong == []


WEIGHED = [  # the home, each kind of list and form, and what draws a chart
    "insights:home", "contacts:people", "contacts:events", "segments:segments", "segments:new",
    "catalog:products", "content:briefs", "approval:queue", "experiments:experiments",
    "delivery_pages:campaigns", "conversations:inbox", "knowledge:documents", "dialogue:overview",
    "assistant:quality", "workspace:design", "experiment",
]  # fmt: skip


def test_a_page_is_light_and_charts_come_only_where_one_is(
    shop: int, address: str, sign_in: SignIn
):
    page = sign_in("owner")
    trial = in_database(shop, lambda: Experiment.objects.order_by("id")[0])
    heavy, charts = {}, set()
    for name in WEIGHED:
        path = (
            reverse("experiments:experiment", args=[demo.SLUG, trial.pk])
            if name == "experiment"
            else reverse(name, args=[demo.SLUG])
        )
        page.goto(address + path, wait_until="networkidle")
        names = page.evaluate("performance.getEntriesByType('resource').map(e => e.name)")
        if any(n.endswith("charts.js") for n in names):
            charts.add(name)
        parts = page.evaluate(
            "names => Promise.all(names.map(n => fetch(n).then(a => a.text())))",
            [page.url, *(n for n in names if not n.endswith("charts.js"))],
        )
        weight = sum(len(gzip.compress(part.encode())) for part in parts)
        if weight > WEIGHT:
            heavy[name] = weight
        drawn = page.locator(".chart-canvas svg").count()
        assert (name in charts, page.locator(".chart").count()) == (drawn > 0, drawn), name
    assert heavy == {}
    assert charts <= {"insights:home", "contacts:events", "workspace:design", "experiment"}


def test_a_training_that_ends_shows_its_curve_without_a_reload(
    shop: int, address: str, sign_in: SignIn
):
    page = sign_in("owner")
    version = in_database(shop, lambda: make.version(90, state="training", gate=""))
    page.goto(address + reverse("tuning:version", args=[demo.SLUG, version.pk]))
    page.get_by_role("heading", name="It is learning").wait_for()
    curve = [{"phase": "approved", "step": n, "loss": 3 / n} for n in range(1, 9)]

    def end() -> None:
        ModelVersion.objects.filter(pk=version.pk).update(
            state="evaluated", gate="passed", results={"curve": curve, "masked": {}}
        )
        live.push(shop, "models")

    in_database(shop, end)
    page.locator("#version .chart-canvas svg").wait_for()
    assert page.get_by_role("button", name="Canary").is_visible()
    in_database(shop, lambda: registry.move(row=registry.version(version.pk), verb="revoke"))


def test_a_chart_is_saved_as_numbers_and_as_a_picture(
    shop: int, address: str, sign_in: SignIn, wrong: list[str], tmp_path: Path
):
    page = sign_in("owner")
    page.goto(f"{address}/w/{demo.SLUG}/design")
    page.wait_for_selector(".chart-canvas svg")
    with page.expect_download() as saved:
        page.locator("[data-save=csv]").click()
    lines = Path(saved.value.path()).read_text().splitlines()
    assert lines[0].startswith('"when (points)","Concrete taste"')
    assert lines[-1] == '"Fri",2,0.6,3.4'
    with page.expect_download() as saved:
        page.locator("[data-save=png]").click()
    assert Path(saved.value.path()).read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert wrong == []


def test_two_people_in_one_form_choose_what_stays(
    shop: int, address: str, sign_in: SignIn, wrong: list[str]
):
    product = in_database(shop, lambda: Product.objects.order_by("name")[0])
    path = address + reverse("catalog:product", args=[demo.SLUG, product.pk])
    mine, theirs = sign_in("owner"), sign_in("marketer")
    mine.goto(path)
    theirs.goto(path)
    theirs.get_by_label("Name", exact=True).fill("Their name")
    theirs.get_by_label("Category").fill("theirs")
    theirs.get_by_role("button", name="Save").click()
    theirs.wait_for_url("**/catalog/")
    mine.get_by_label("Name", exact=True).fill("My name")
    mine.get_by_role("button", name="Save").click()
    expect(mine.get_by_text("while you were editing")).to_be_visible()
    expect(mine.get_by_label("Name", exact=True)).to_have_value("My name")
    mine.get_by_role("button", name="Take theirs").click()
    expect(mine.get_by_label("Name", exact=True)).to_have_value("Their name")
    mine.get_by_label("Name", exact=True).fill("Our name")
    mine.get_by_role("button", name="Save").click()
    mine.wait_for_url("**/catalog/")
    product = in_database(shop, lambda: Product.objects.get(pk=product.pk))
    assert (product.name, product.category) == ("Our name", "theirs")
    assert [text for text in wrong if "409" not in text] == []


def test_a_rule_with_groups_in_groups_is_built_by_hand(
    shop: int, address: str, sign_in: SignIn, wrong: list[str]
):
    page = sign_in("marketer")
    page.goto(f"{address}/w/{demo.SLUG}/segments/new")
    page.get_by_label("Name", exact=True).fill("Buyers or explorers")
    root = page.locator(".builder-root")
    root.get_by_role("button", name="Add group").click()
    group = page.locator(".builder-group .builder-group")
    group.get_by_label("Match").select_option("none")
    group.get_by_role("button", name="Add condition").click()
    group.get_by_label("Kind").nth(1).select_option("consent")
    group.get_by_label("State").select_option("refused")
    root.get_by_label("Event").first.select_option("Order Completed")
    expect(page.locator("#preview strong")).to_be_visible()
    page.get_by_role("button", name="Save segment").click()
    page.wait_for_url("**/segments/*-*")
    expect(
        page.get_by_text("not (orders is above 0 or consent to email is refused)")
    ).to_be_visible()
    rule = in_database(shop, lambda: Segment.objects.get(name="Buyers or explorers").rule)
    assert rule == {
        "all": [
            {"did": "Order Completed", "within_days": 30},
            {
                "not": {
                    "any": [
                        {"profile": "orders", "above": 0},
                        {"consent": "email", "is": "refused"},
                    ]
                }
            },
        ]
    }
    page.get_by_role("link", name="Edit rule").click()
    expect(page.locator(".builder-group .builder-group").get_by_label("Match")).to_have_value(
        "none"
    )
    assert json.loads(page.locator("textarea[name=rule]").input_value()) == rule
    assert wrong == []


def test_what_was_archived_by_mistake_comes_back_with_one_click(
    shop: int, address: str, sign_in: SignIn, wrong: list[str]
):
    page = sign_in("marketer")
    page.goto(f"{address}/w/{demo.SLUG}/segments/")
    page.get_by_role("link", name="Tea lovers").or_(page.locator("#segments a")).first.click()
    page.get_by_role("button", name="Archive").click()
    page.get_by_role("button", name="Yes").click()
    expect(page.get_by_text("archived", exact=True)).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("Taken back.")).to_be_visible()
    expect(page.get_by_role("button", name="Archive")).to_be_visible()
    assert wrong == []


def test_a_lost_connection_is_said_and_comes_back(
    shop: int, address: str, sign_in: SignIn, wrong: list[str]
):
    page = sign_in("owner")
    line: dict[str, Any] = {"up": True, "socket": None}

    def connect(socket: WebSocketRoute) -> None:
        if line["up"]:
            socket.connect_to_server()
            line["socket"] = socket
        else:
            socket.close()

    page.route_web_socket(re.compile("/live$"), connect)
    page.goto(f"{address}/w/{demo.SLUG}/")
    note = page.locator(".offline-note")
    expect(note).to_be_hidden()
    line["up"] = False
    line["socket"].close()
    expect(note).to_be_visible()
    line["up"] = True
    expect(note).to_be_hidden(timeout=15_000)
    assert wrong == []
