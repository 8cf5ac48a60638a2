"""How a workspace looks to its own customers: colour, picture and address, on every page and e-mail
that they see. Attune's own name stands where a workspace has said nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from attune.kernel import audit, pictures, secrets
from attune.kernel.errors import FieldError, Invalid, NotFound
from attune.kernel.phrases import say
from attune.kernel.tenancy import tenant_context
from tenants.models import Tenant
from tenants.registry import digest

COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
LOGO_BYTES = 512 * 1024
LOGO_PIXELS = 4_000_000
HOUR = 3600


@dataclass(frozen=True, slots=True)
class Brand:
    """What a page or an e-mail wears; each part may be empty."""

    name: str
    colour: str
    logo_url: str
    url: str
    style_url: str

    @property
    def logo_here(self) -> str:
        """The picture for a page of our own, whatever name the house is called by there."""
        return urlsplit(self.logo_url).path


def brand_of(tenant: Tenant) -> Brand:
    look = f"{tenant.brand_colour} {tenant.brand_logo.name or ''}"  # another look, another address
    token = secrets.sign_permanently("brand", {"t": tenant.pk, "v": digest(look)[:12]})
    base = settings.PUBLIC_URL.rstrip("/")
    logo = base + reverse("tenants:logo", args=[token]) if tenant.brand_logo else ""
    style = reverse("tenants:brand-style", args=[token]) if tenant.brand_colour else ""
    return Brand(tenant.name, tenant.brand_colour, logo, tenant.brand_url, style)


def save(
    *, tenant: Tenant, colour: str, url: str, logo: UploadedFile | None = None, drop: bool = False
) -> None:
    """Change the brand. Raises Invalid by field; an old picture's file goes with the change."""
    wrong = []
    if colour and not COLOUR.fullmatch(colour):
        wrong.append(FieldError("brand_colour", say("A colour is # and six hexadecimal digits.")))
    if url and not url.startswith("https://"):
        wrong.append(FieldError("brand_url", say("Give an address that begins with https://.")))
    content = b""
    if logo is not None:
        content = _checked(logo, wrong)
    if wrong:
        raise Invalid(wrong)
    before = {"brand_colour": tenant.brand_colour, "brand_url": tenant.brand_url,
              "brand_logo": tenant.brand_logo.name}  # fmt: skip
    tenant.brand_colour, tenant.brand_url = colour.lower(), url
    if content or drop:
        _forget(tenant)
        tenant.brand_logo = ""
    if content and logo is not None:
        kind = pictures.kind_of(logo.name or "")
        name = f"logo-{tenant.pk}.{kind}"
        tenant.brand_logo.save(name, ContentFile(content), save=False)
    tenant.save(update_fields=["brand_colour", "brand_url", "brand_logo"])
    audit.record("workspace.brand", tenant, before=before)


def _checked(logo: UploadedFile, wrong: list[FieldError]) -> bytes:
    name = logo.name or ""
    if not pictures.kind_of(name):
        wrong.append(FieldError("brand_logo", say("Give a PNG, JPEG, GIF or WebP picture.")))
    elif (logo.size or 0) > LOGO_BYTES:
        wrong.append(FieldError("brand_logo", say("The picture is larger than 512 KB.")))
    else:
        try:
            return pictures.cleaned(name, logo.read(), most=LOGO_PIXELS)
        except pictures.NoPicture as no:
            wrong.append(FieldError("brand_logo", no.why))
    return b""


def _forget(tenant: Tenant) -> None:
    name, storage = tenant.brand_logo.name, tenant.brand_logo.storage
    if name:
        transaction.on_commit(lambda: storage.delete(name))


def logo(request: HttpRequest, token: str) -> HttpResponse:
    """The picture, for customers and their mail readers."""
    place = secrets.unsign_permanently("brand", token)
    with tenant_context(place["t"]):
        tenant = Tenant.objects.filter(pk=place["t"]).first()
        if tenant is None or not tenant.brand_logo:
            raise NotFound(say("This workspace has no picture."))
        with tenant.brand_logo.open("rb") as file:
            content = file.read()
        kind = pictures.content_type(tenant.brand_logo.name or "")
    return _kept(HttpResponse(content, content_type=kind))


def style(request: HttpRequest, token: str) -> HttpResponse:
    """The colour as a style sheet, so that no page needs inline styles."""
    place = secrets.unsign_permanently("brand", token)
    with tenant_context(place["t"]):
        tenant = Tenant.objects.filter(pk=place["t"]).first()
        colour = tenant.brand_colour if tenant else ""
    if not COLOUR.fullmatch(colour):
        raise NotFound(say("This workspace has no colour."))
    css = (
        f".door .button-primary {{ background: {colour}; border-color: {colour}; "
        f"color: {ink_on(colour)}; }}\n"
        f".door .brand {{ border-bottom: 3px solid {colour}; }}\n"
    )
    return _kept(HttpResponse(css, content_type="text/css; charset=utf-8"))


def _kept(answer: HttpResponse) -> HttpResponse:
    answer.headers["Cache-Control"] = f"public, max-age={HOUR}"
    return answer


READABLE = 4.5  # contrast of words of usual size (WCAG 2.2, 1.4.3)


def contrast(one: str, other: str) -> float:
    """Of two colours as #rrggbb, 1 to 21 (WCAG 2.2)."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def ink_on(colour: str) -> str:
    """Black or white, whichever stands out more from a colour (WCAG 2.2, relative luminance)."""
    light = _luminance(colour)
    return "#ffffff" if 1.05 / (light + 0.05) >= (light + 0.05) / 0.05 else "#000000"


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
