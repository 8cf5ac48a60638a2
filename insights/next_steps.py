"""What to do next, from the state of the workspace, for what a member may do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from attune.kernel.phrases import Phrase, say, say_many
from attune.kernel.tenancy import current_tenant
from campaigns.catalog.models import Product
from campaigns.contacts.models import Contact
from campaigns.content.models import Revision
from campaigns.delivery import preflight
from campaigns.delivery import selectors as campaigns
from campaigns.delivery.models import Campaign
from campaigns.experiments import selectors as experiments
from insights.alerts.models import Alert
from insights.findings.models import Finding
from tenants import notices
from tenants.models import Tenant
from tenants.registry import Member

MOST = 6
VERDICTS = {
    "ship": partial(say, "“%(experiment)s” has a winner: stop it and keep that arm"),
    "rollback": partial(say, "“%(experiment)s” does harm: stop it and keep the control"),
    "invalid": partial(say, "“%(experiment)s” cannot be trusted as it is: see its health"),
}


@dataclass(frozen=True, slots=True)
class Step:
    """One sentence, the page where it is done, and the id that page needs, if any."""

    text: Phrase
    page: str
    row: str = ""
    tone: str = ""


def steps(member: Member) -> list[Step]:
    """The most useful few for this member, decisions before chores, set-up last."""
    found = [
        *_decisions(member),
        *_launches(member),
        *_texts(member),
        *_heard(member),
        *_set_up(member),
    ]
    return found[:MOST]


def _decisions(member: Member) -> Iterator[Step]:
    if not member.can("experiments.edit"):
        return
    running = list(experiments.running()[:10])
    latest = experiments.latest_of(running)
    for row in running:
        look = latest.get(row.pk)
        if look is not None and look.verdict in VERDICTS:
            sentence = VERDICTS[look.verdict](experiment=row)
            yield Step(sentence, "experiments:experiment", str(row.pk), look.verdict)


def _launches(member: Member) -> Iterator[Step]:
    if not member.can("campaigns.launch"):
        return
    for row in campaigns.campaigns(state=Campaign.State.DRAFT)[:1]:  # the newest; a checklist each
        check = preflight.of(row)
        text = (
            say(
                "“%(campaign)s” cannot be launched yet: %(problem)s",
                campaign=row,
                problem=check.problems[0],
            )
            if check.problems
            else say(
                "“%(campaign)s” is ready to launch to %(people)s people",
                campaign=row,
                people=check.people,
            )
        )
        yield Step(text, "delivery_pages:campaign", str(row.pk))


def _texts(member: Member) -> Iterator[Step]:
    if not member.can("content.edit"):
        return
    waiting = Revision.objects.filter(state=Revision.State.DRAFT, blocked=False)
    n = waiting.count()
    if n:
        first = waiting.select_related("asset").order_by("-id").first()
        if first is not None and first.asset.brief_id:
            text = say_many(
                "%(n)s checked text is not submitted for review yet",
                "%(n)s checked texts are not submitted for review yet",
                n=n,
            )
            yield Step(text, "content:brief", str(first.asset.brief_id))
    changes = (
        Revision.objects.filter(state=Revision.State.CHANGES_REQUESTED).order_by("-id").first()
    )
    if changes is not None:
        yield Step(
            say("“%(text)s” came back with a wish", text=changes),
            "content:revision",
            str(changes.pk),
        )


def _heard(member: Member) -> Iterator[Step]:
    """What customers said that waits for somebody."""
    if not member.can("insights.edit"):
        return
    alert = Alert.objects.filter(state=Alert.State.OPEN).order_by("-id").first()
    if alert is not None:
        yield Step(alert.told, "alerts:alerts")
    n = Finding.objects.filter(state__in=["draft", "under_review"]).count()
    if n:
        text = say_many("%(n)s finding about customers waits for your verdict",
                        "%(n)s findings about customers wait for your verdict", n=n)  # fmt: skip
        yield Step(text, "findings:findings")


def _set_up(member: Member) -> Iterator[Step]:
    if member.can("keys.manage") and not Contact.objects.exists():
        yield Step(
            say("Nobody is known yet: make a write-only key and send events"), "workspace:keys"
        )
    if member.can("contacts.import") and not Contact.objects.exists():
        yield Step(say("Or import a file of customers"), "contacts:files")
    if member.can("catalog.edit") and not Product.objects.exists():
        yield Step(say("Add a product: copy may state only what stands there"), "catalog:new")
    if member.can("members.manage") and len(notices.those_who_can("approval.decide")) < 2:
        yield Step(say("Invite a reviewer: nobody approves their own text"), "workspace:members")
    if member.can("workspace.manage"):
        tenant = Tenant.objects.get(pk=current_tenant())
        if not tenant.sender_email:
            yield Step(say("Set the sender address of your mails"), "workspace:settings")
