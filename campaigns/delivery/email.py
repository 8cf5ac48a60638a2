"""One e-mail: text, HTML, headers. Through the in-app outbox or any Django backend."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass, field

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection

from tenants import branding


@dataclass(frozen=True, slots=True)
class Envelope:
    """Everything a message needs, rendered."""

    to: str
    sender: str
    components: dict[str, str]
    message_id: str
    unsubscribe_url: str
    click_url: str
    postal_address: str
    preferences_url: str = ""
    open_url: str = ""  # empty: openings are not noticed
    page: str = ""  # HTML of its template, filled in; empty: the plain form
    words: Mapping[str, str] = field(default_factory=dict)  # of its links, in its language
    accent: str = ""  # the workspace's colour, and the picture above the text
    logo_url: str = ""
    logo_alt: str = ""
    token: str = ""  # comes back with what the provider tells of this message


def headers(envelope: Envelope) -> dict[str, str]:
    """RFC 2369 and RFC 8058: one-click unsubscribe, by POST, over https."""
    return {
        "List-Unsubscribe": f"<{envelope.unsubscribe_url}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "Message-ID": envelope.message_id,
    }


def _word(envelope: Envelope, name: str, english: str) -> str:
    return envelope.words.get(name, english)


def text_body(envelope: Envelope) -> str:
    parts = [envelope.components.get("body", "")]
    if envelope.components.get("cta") and envelope.click_url:
        parts.append(f"{envelope.components['cta']}: {envelope.click_url}")
    parts.append("—\n" + (envelope.postal_address or "").strip())
    if envelope.preferences_url:
        choose = _word(envelope, "preferences_word", "Choose what you get")
        parts.append(f"{choose}: {envelope.preferences_url}")
    stop = _word(envelope, "unsubscribe_word", "Unsubscribe")
    parts.append(f"{stop}: {envelope.unsubscribe_url}")
    return "\n\n".join(part for part in parts if part.strip("—\n "))


def html_body(envelope: Envelope) -> str:
    """Its template's page, or simple, readable HTML; every word of the copy is escaped."""
    dot = (
        f'<img src="{html.escape(envelope.open_url)}" width="1" height="1" alt="">'
        if envelope.open_url
        else ""
    )
    if envelope.page:
        head, end, rest = envelope.page.rpartition("</body>")
        return head + dot + end + rest if end else envelope.page + dot
    stop = html.escape(_word(envelope, "unsubscribe_word", "Unsubscribe"))
    wish = html.escape(_word(envelope, "preferences_word", "Choose what you get"))
    body = html.escape(envelope.components.get("body", "")).replace("\n", "<br>")
    pre = html.escape(envelope.components.get("preheader", ""))
    cta = envelope.components.get("cta", "")
    accent = html.escape(envelope.accent or "#3b5bdb")
    ink = branding.ink_on(envelope.accent) if envelope.accent else "#fff"
    logo = (
        f'<p><img src="{html.escape(envelope.logo_url)}" alt="{html.escape(envelope.logo_alt)}" '
        'height="48" style="max-width:100%"></p>'
        if envelope.logo_url
        else ""
    )
    button = (
        f'<p><a href="{html.escape(envelope.click_url)}" style="background:{accent};color:{ink};'
        f'padding:10px 18px;border-radius:6px;text-decoration:none">{html.escape(cta)}</a></p>'
        if cta and envelope.click_url
        else ""
    )
    choose = (
        f'<a href="{html.escape(envelope.preferences_url)}">{wish}</a> · '
        if envelope.preferences_url
        else ""
    )
    return (
        '<!doctype html><html><body style="font:16px/1.5 sans-serif;max-width:560px;margin:auto">'
        f'<div style="display:none">{pre}</div>{logo}<p>{body}</p>{button}'
        f'<hr><p style="color:#666;font-size:12px">{html.escape(envelope.postal_address)} '
        f'{choose}<a href="{html.escape(envelope.unsubscribe_url)}">{stop}</a></p>'
        f"{dot}</body></html>"
    )


def deliver(envelope: Envelope) -> None:
    """Hand over to the provider. Raises what the backend raises; the outbox keeps the copy."""
    if settings.CAMPAIGN_EMAIL != "outbox":
        hand_over(envelope)


def hand_over(envelope: Envelope) -> None:
    """Give it to the backend."""
    message = EmailMultiAlternatives(
        subject=" ".join(envelope.components.get("subject", "").split()),
        body=text_body(envelope),
        from_email=envelope.sender,
        to=[envelope.to],
        headers=headers(envelope),
        connection=get_connection(),
    )
    message.attach_alternative(html_body(envelope), "text/html")
    message.metadata = {"send": envelope.token}  # type: ignore[attr-defined] # anymail: it comes back
    message.send()
