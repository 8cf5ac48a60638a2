"""What stands around the demo's ring: a look of its own, a team with a role of the workspace's own,
a client of its agency, and two months on the meter."""

from __future__ import annotations

import io

from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image, ImageDraw

from attune.kernel.tenancy import tenant_context
from campaigns.contacts import services as contacts
from insights import metering
from tenants import branding, caps, clients, custom_roles, registry, teams
from tenants.models import CustomRole, Tenant, User
from tenants.roles import ALL_VERBS
from workers.demo import Demo

COLOUR, INK = "#1f6f5c", "#f4efe4"
CLIENT = "Lighthouse Roasters"
DAYS = 60


def settle(place: Demo) -> None:
    """Look, role, team and meter of the demo's workspace, inside its context."""
    tenant = Tenant.objects.get(pk=place.tenant_id)
    if not tenant.brand_colour:
        branding.save(tenant=tenant, colour=COLOUR, url="https://harbour.example", logo=_cup())
    if not CustomRole.objects.exists():
        role = custom_roles.save(
            name="Copy lead", about="Writes, and reads what it brought", rights=ALL_VERBS,
            verbs=["workspace.view", "content.view", "content.edit", "content.generate",
                   "approval.view", "campaigns.view", "experiments.view"],
        )  # fmt: skip
        members = [place.users["marketer"], place.users["analyst"]]
        teams.save(name="Tea writers", members=members, role=str(role.pk), rights=ALL_VERBS)
        caps.save_own({"events": 2_000_000})
    metering.count(days=DAYS)


def take_on_a_client(place: Demo) -> None:
    """A client of the demo's workspace, with a first few customers; outside any context."""
    owner = User.objects.get(pk=place.users["owner"])
    if any(m.name == CLIENT for m in registry.memberships_of(owner.pk)):
        return
    made = clients.make(agency_id=place.tenant_id, name=CLIENT, owner=owner)
    with tenant_context(made.pk):
        caps.save_agency({"messages": 5_000, "events": 50})
        contacts.record_events(
            [{"type": "track", "userId": f"roast-{n % 12}", "event": "Product Viewed",
              "messageId": f"roast-{made.pk}-{n}"} for n in range(42)], source="demo",
        )  # fmt: skip
        metering.count(days=DAYS)


def _cup() -> SimpleUploadedFile:
    """A cup, drawn here."""
    picture = Image.new("RGB", (160, 160), COLOUR)
    draw = ImageDraw.Draw(picture)
    draw.pieslice((30, 10, 110, 130), 0, 180, fill=INK)
    draw.arc((94, 70, 134, 112), 270, 90, fill=INK, width=9)
    draw.rounded_rectangle((20, 136, 122, 144), 4, fill=INK)
    out = io.BytesIO()
    picture.save(out, format="PNG")
    return SimpleUploadedFile("cup.png", out.getvalue(), content_type="image/png")
