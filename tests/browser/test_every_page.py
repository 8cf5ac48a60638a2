"""Every page, as a person sees it: light, dark and narrow, as each role; axe reads along."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import Page

from attune.kernel.tenancy import tenant_context
from campaigns.approval.models import Review
from campaigns.automations.models import Journey as Automation
from campaigns.automations.models import JourneyRun
from campaigns.budget.models import Mix
from campaigns.catalog.models import Product
from campaigns.contacts.models import Contact
from campaigns.content.models import Brief, Revision
from campaigns.delivery.models import Campaign, Endpoint
from campaigns.experiments.models import Experiment, Learning
from campaigns.layouts.models import Template
from campaigns.predictions.models import Prediction
from campaigns.segments.models import Segment
from campaigns.strategy.models import ActionBank, Policy, PolicyVersion
from campaigns.subscriptions.models import Topic as SubscriptionTopic
from chat.conversations.models import Conversation
from chat.dialogue.models import Intent, Task
from chat.inboxes.models import Inbox
from chat.knowledge.models import Document
from insights.alerts.models import Alert
from insights.findings.models import Finding, Report
from insights.forecasts.models import Series
from insights.graph.models import Entity, Relation
from insights.journeys.models import Journey
from insights.risk.models import Risk
from insights.sources.models import Document as Text
from insights.sources.models import Source
from insights.topics.models import Topic
from tenants import custom_roles
from tenants.models import CustomRole, Membership, Team, User
from tenants.roles import Role
from tests.browser.conftest import SignIn
from tests.tenants.test_tenants import PAGES
from workers import demo

pytestmark = [pytest.mark.browser]
FRONT = Path(__file__).resolve().parents[2] / "platform/attune/web/frontend"
AXE = FRONT / "node_modules/axe-core/axe.min.js"
FRAGMENTS = {
    "knowledge:ask",
    "tuning:evidence",
    "insights:search",
    "insights:notices",
    "dashboards:export",
    "dashboards:export-people",
    "workspace:audit-file",
    "labelling:export",
}


@pytest.fixture
def paths(shop: int) -> dict[str, str]:
    """Every list and form, and one row of each kind that has a page."""
    found = {n: reverse(n, args=[demo.SLUG]) for n in PAGES if n not in FRAGMENTS}
    rows: dict[str, Any] = {
        "contacts:person": Contact, "segments:segment": Segment, "segments:edit": Segment,
        "segments:why": Segment, "catalog:product": Product, "content:brief": Brief,
        "content:edit-brief": Brief, "delivery_pages:edit": Campaign,
        "content:revision": Revision, "approval:edit": Revision, "approval:review": Review,
        "experiments:experiment": Experiment, "experiments:edit": Experiment, "delivery_pages:campaign": Campaign, "delivery_pages:revise": Campaign,
    }  # fmt: skip
    rows |= {
        "conversations:conversation": Conversation,
        "inboxes:inbox": Inbox,
        "knowledge:document": Document,
        "sources:source": Source, "reading:document": Text, "topics:topic": Topic,
        "journeys:journey": Journey, "forecasts:forecast": Series, "forecasts:scenario": Series, "forecasts:behind": Series,
        "risk:risk": Risk, "risk:people": Risk, "risk:campaign": Campaign, "alerts:alert": Alert,
        "findings:finding": Finding, "findings:report": Report,
        "strategy:policy": Policy, "strategy:bank": ActionBank, "strategy:version": PolicyVersion,
        "strategy:decisions": Policy, "strategy:edit": Policy, "strategy:fairness": Policy,
        "strategy:constraint": Policy,
        "predictions:prediction": Prediction, "predictions:people": Prediction, "predictions:uplift": Experiment,
        "budget:budget": Mix, "budget:lift": Mix,
        "layouts:edit": Template, "delivery_pages:preview": Revision,
        "hooks:endpoint": Endpoint, "hooks:edit": Endpoint, "experiments:learning": Learning,
        "automations:journey": Automation, "automations:settings": Automation,
        "automations:entry": Automation, "automations:people": Automation,
        "automations:run": JourneyRun, "subscriptions:edit": SubscriptionTopic,
        "graph:entity": Entity, "graph:relation": Relation,
        "workspace:role": CustomRole, "workspace:team": Team,
        "dialogue:intent": Intent, "dialogue:task": Task, "dialogue:log": Conversation,
    }  # fmt: skip
    with tenant_context(shop):
        for name, model in rows.items():
            kept = model.objects.order_by("-id")
            row = (kept.filter(by_journey=False) if model is Campaign else kept).first()
            assert row is not None, f"the demo has no row for {name}"
            found[name] = reverse(name, args=[demo.SLUG, row.pk])
    found["no such page"] = f"/w/{demo.SLUG}/content/briefs/{shop:08}-0000-7000-8000-000000000000"
    return found


SCRIPT = AXE.read_text() if AXE.exists() else ""
DARK = 1 if os.environ.get("PROVE") else 3  # of so many pages one is read in the dark too
WIDE, NARROW = {"width": 1280, "height": 720}, {"width": 390, "height": 844}
OPENED_NARROW = [  # the home, and a page of each kind: list, form, chart, conversation, table, tree
    "insights:home", "contacts:people", "segments:new", "workspace:design", "conversations:inbox",
    "delivery_pages:campaigns", "automations:journeys", "reading:overview", "workspace:members",
    "hooks:endpoints",
]  # fmt: skip
NAMED = ["label", "button-name", "link-name", "html-has-lang", "html-lang-valid", "image-alt"]


def grave(page: Page, *rules: str, load: bool = True) -> list[str]:
    """What axe finds serious or critical on the page, one line each with the place; by some rules
    alone where they are named. `load`: axe is not in the page yet."""
    if load:
        page.evaluate(SCRIPT)
    options: dict[str, Any] = {"resultTypes": ["violations"]}
    if rules:
        options["runOnly"] = list(rules)
    result = page.evaluate("options => axe.run(document, options)", options)
    return [
        f"{v['id']}: {node['target']}"
        for v in result["violations"]
        if v["impact"] in {"serious", "critical"}
        for node in v["nodes"][:3]
    ]


def squeezed(page: Page) -> str:
    """What is wrong with the page on a narrow screen, or nothing."""
    width, narrowest = page.evaluate(
        """() => [document.documentElement.scrollWidth,
                  Math.min(...[...document.querySelectorAll('main .card')]
                           .filter(c => c.checkVisibility()).map(c => c.offsetWidth))]"""
    )
    if width > NARROW["width"]:
        return f"{width} px wide"
    return f"a card of {narrowest} px" if narrowest is not None and narrowest < 195 else ""


def test_every_page_is_sound_in_the_light_in_the_dark_and_on_a_narrow_screen(
    paths, address, sign_in: SignIn
):
    page = sign_in("owner", viewport=WIDE, reduced_motion="reduce")  # no colour on its way
    wrong: dict[str, list[str]] = {}
    for n, (name, path) in enumerate(paths.items()):
        page.goto(address + path)
        page.wait_for_selector("#notices summary, main.door")
        found = grave(page)
        page.set_viewport_size(NARROW)
        found += filter(None, [squeezed(page)])
        page.set_viewport_size(WIDE)
        if n % DARK == 0:
            page.emulate_media(color_scheme="dark", reduced_motion="reduce")
            found += [f"in the dark: {line}" for line in grave(page, "color-contrast", load=False)]
            page.emulate_media(color_scheme="light", reduced_motion="reduce")
        if found:
            wrong[name] = found
    assert wrong == {}


def test_pages_that_are_opened_on_a_narrow_screen_fit_it(shop, address, sign_in: SignIn):
    page = sign_in("owner", viewport=NARROW)
    wide = {}
    for name in OPENED_NARROW:
        page.goto(address + reverse(name, args=[demo.SLUG]))
        page.wait_for_selector("#notices summary")
        if found := squeezed(page):
            wide[name] = found
    assert wide == {}
    page.goto(f"{address}/w/{demo.SLUG}/")
    assert not page.get_by_role("link", name="Segments").first.is_visible()
    page.get_by_role("button", name="Menu").click()
    page.get_by_role("link", name="Segments").first.click()
    page.wait_for_url("**/segments/")


@pytest.fixture
def rights(shop: int, role: str) -> frozenset[str]:
    """What the demo's member of a role may do, by the role and by their teams."""
    with tenant_context(shop):
        member = Membership.objects.get(user=User.objects.get(email=f"{role}@demo.attune.example"))
        return custom_roles.verbs_of_member(member)


@pytest.mark.parametrize("role", [Role.ANALYST.value, Role.AGENT.value])  # all: test_tenants
def test_each_role_sees_its_pages_whole_and_is_told_who_may_open_the_others(
    shop, rights, address, sign_in: SignIn, wrong: list[str], role: str
):
    page = sign_in(role)
    for name, verb in PAGES.items():
        if name in FRAGMENTS:
            continue
        url = address + reverse(name, args=[demo.SLUG])
        if verb in rights:
            assert page.goto(url).status == 200, name
            assert page.locator("h1").count() == 1, name
        else:
            answer = page.request.get(url)
            assert answer.status == 403, name
            assert "This needs one of these roles" in answer.text(), name
    unexpected = [text for text in wrong if "403" not in text]
    assert unexpected == []


def test_the_palette_is_driven_by_keys_alone(shop, address, sign_in: SignIn, wrong: list[str]):
    page = sign_in("owner")
    page.keyboard.press("/")
    page.keyboard.type("coffee dri")
    page.get_by_role("option", name="Coffee drinkers").wait_for()
    page.keyboard.press("Enter")
    page.wait_for_url("**/segments/*")
    page.keyboard.press("Control+k")
    page.keyboard.type("new seg")
    page.get_by_role("option", name="New segment").wait_for()
    page.keyboard.press("Escape")
    assert not page.locator("#palette").is_visible()
    assert wrong == []
