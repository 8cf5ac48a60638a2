"""What an e-mail wears: its template, and the words around the text in the text's language."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _

from campaigns.contacts.models import Contact
from campaigns.delivery.email import Envelope
from campaigns.layouts import blocks
from campaigns.layouts.models import TemplateVersion
from tenants import branding
from tenants.models import Tenant


@cache
def words(locale: str) -> dict[str, str]:
    """The links' words in a language that we know; else in English."""
    known = {code for code, _name in settings.LANGUAGES}
    tag = locale.lower()
    chosen = tag if tag in known else next((k for k in known if k[:2] == tag[:2]), "en")
    with translation.override(chosen):
        return {"unsubscribe_word": _("Unsubscribe"), "preferences_word": _("Choose what you get")}


def dressed(
    plain: Envelope, contact: Contact, tenant: Tenant, template: TemplateVersion | None,
    locale: str,
) -> Envelope:  # fmt: skip
    """The envelope with its words, and with its page where it has a template."""
    told = words(locale or "en")
    brand = branding.brand_of(tenant)
    named = replace(plain, words=told, accent=brand.colour, logo_url=brand.logo_url,
                    logo_alt=brand.name)  # fmt: skip
    if template is None:
        return named
    traits = {f"trait.{key}": str(value) for key, value in contact.traits.items()
              if isinstance(value, str | int | float | bool)}  # fmt: skip
    values = {
        **traits, **plain.components, **told, "name": contact.name, "email": contact.email,
        "first_name": contact.name.split(" ")[0] if contact.name else "",
        "logo_url": brand.logo_url, "brand_url": brand.url,
        "workspace": tenant.name, "postal_address": plain.postal_address,
        "unsubscribe_url": plain.unsubscribe_url, "preferences_url": plain.preferences_url,
        "click_url": plain.click_url,
    }  # fmt: skip
    if not plain.click_url:  # a button that leads nowhere is none
        values["cta"] = ""
    return replace(named, page=blocks.filled(template.html, values))
