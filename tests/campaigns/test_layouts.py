"""Templates: how messages look, without changing what they say; preview and test."""

from __future__ import annotations

import re

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from attune.kernel.errors import Conflict, Invalid
from campaigns.delivery import email, letters, previewing, sending, services
from campaigns.delivery.models import Send
from campaigns.layouts import blocks
from campaigns.layouts import services as layouts
from campaigns.layouts.forms import BlocksField
from campaigns.layouts.models import TemplateVersion
from tests import make

LINES = """header: {{ workspace }}
image: https://shop.example/tea.jpg A cup of tea -> https://shop.example/
copy
button
text: You live in {{ trait.city|default:"a town" }}.\\nSee you."""
MJML = """<mjml><mj-body><mj-section><mj-column><mj-text>{{ body }} {{ unsubscribe_url }}
{{ postal_address }}</mj-text></mj-column></mj-section></mj-body></mjml>"""


def saved(lines: str = LINES, **fields: object) -> TemplateVersion:
    return layouts.save(name="Harbour", blocks=BlocksField().clean(lines), **fields)


def sent(template: TemplateVersion | None, **parts: str) -> Send:
    make.contact("ada", name="Ada <b>", city="Kyoto")
    trial = make.experiment([make.approved(**parts)], holdout=1e-9, running=False)
    services.launch(campaign=make.campaign(make.segment(), trial, template=template))
    make.run_jobs()
    return Send.objects.get()


def test_a_message_wears_its_template_and_every_value_is_escaped(tenant):
    send = sent(saved(), body="Hello {{ first_name }},\n1 < 2", cta="Buy & sip")
    page = email.html_body(sending.envelope_of(send))
    assert "Hello Ada,<br>1 &lt; 2" in page
    assert "You live in Kyoto." in page
    assert "Buy &amp; sip" in page
    assert 'alt="A cup of tea"' in page
    assert "1 High Street" in page
    assert "[[" not in page
    assert "{{" not in page
    assert page.index("/o/") < page.index("</body>")  # the dot stands inside


def test_without_a_call_to_action_there_is_no_button(tenant):
    page = email.html_body(sending.envelope_of(sent(saved())))
    assert 'role="presentation" align="center" vertical' not in page
    assert "/c/" not in page


def test_what_was_sent_looks_the_same_when_the_template_changes(tenant):
    first = saved()
    send = sent(first)
    before = email.html_body(sending.envelope_of(send))
    layouts.save(name="Harbour", template=first.template, seen=1,
                 blocks=BlocksField().clean("heading: New\ncopy"))  # fmt: skip
    send.refresh_from_db()
    after = email.html_body(sending.envelope_of(send))
    strip = before.index("You live in")
    assert before[:strip].count("shop.example") == after[:strip].count("shop.example") > 0
    with pytest.raises(Conflict, match="Someone else"):
        layouts.save(name="Harbour", template=first.template, seen=1,
                     blocks=BlocksField().clean("copy"))  # fmt: skip


def test_links_are_said_in_the_language_of_the_text(tenant):
    assert letters.words("zh-hans")["unsubscribe_word"] == "退订"
    assert letters.words("de") == letters.words("en")


@pytest.mark.parametrize(
    ("lines", "wrong"),
    [
        ("header: x", "exactly once"),
        ("copy\ncopy", "exactly once"),
        ("copy\nheading:", "Write what stands here"),
        ("copy\ntext: {{ password }}", "Nobody fills in “password”"),
        ("copy\nimage: http://x.example/a.jpg Tea", "begin with https"),
    ],
)
def test_blocks_that_cannot_be_sent_are_refused(tenant, lines, wrong):
    with pytest.raises(Invalid, match=wrong):
        saved(lines)


@pytest.mark.parametrize(
    ("source", "wrong"),
    [
        ("<mjml>", "no e-mail leaves without it"),
        (MJML.replace("<mj-text>", "<mj-text><script>x</script>"), "has no place"),
        (MJML.replace("</mjml>", ""), "not MJML"),
        (MJML.replace("{{ body }}", "{{ body }} {{ nobody }}"), "Nobody fills in"),
    ],
)
def test_mjml_that_cannot_be_sent_is_refused(tenant, source, wrong):
    with pytest.raises(Invalid, match=wrong):
        layouts.save(name="M", source=source)


def test_a_colour_is_a_colour(tenant):
    with pytest.raises(Invalid, match="colour like"):
        saved(style=blocks.Style(accent="red;}"))


def test_lines_and_blocks_are_one_to_the_other():
    found = BlocksField().clean(LINES)
    assert found[1] == {"kind": "image", "url": "https://shop.example/tea.jpg",
                        "alt": "A cup of tea", "link": "https://shop.example/"}  # fmt: skip
    assert found[-1]["text"].endswith("\nSee you.")
    assert BlocksField.shown(found) == LINES


def test_preview_as_a_person_and_a_test_to_members_alone(tenant, client):
    version = saved()
    text = make.approved(body="Hello {{ first_name }}")
    make.contact("ada", name="Ada L", email="ada@example.com", city="Kyoto")
    client.force_login(tenant.owner)
    place = f"/w/{tenant.slug}/campaigns/preview/{text.pk}"
    page = client.get(f"{place}?as=ada@example.com&template={version.pk}")
    assert "Hello Ada" in page.content.decode()
    frame = client.get(f"{place}/page?as=ada&template={version.pk}")
    assert "You live in Kyoto." in frame.content.decode()
    assert "sandbox" in frame["Content-Security-Policy"]
    assert "script-src" not in frame["Content-Security-Policy"]
    assert client.get(f"{place}?as=nobody").status_code == 404
    other = make.user("stranger@example.com")
    answer = client.post(f"{place}/test", {"as": "ada", "to": [tenant.owner.pk, other.pk]})
    assert answer.status_code == 303
    make.run_jobs()
    (letter,) = mail.outbox
    assert letter.to == [tenant.owner.email]
    assert letter.subject == "[Test] A tea for slow days"
    assert "/u/" not in letter.body
    assert Send.objects.count() == 0
    assert Client().get(place).status_code == 302
    assert timezone.now()


def test_the_outbox_shows_the_page_that_a_person_received_and_counts_nothing(tenant, client):
    send = sent(saved(), body="Hello {{ first_name }}", cta="Buy")
    client.force_login(tenant.owner)
    shown = client.get(f"/w/{tenant.slug}/campaigns/outbox/{send.pk}").content.decode()
    frame = f"/w/{tenant.slug}/campaigns/outbox/{send.pk}/page"
    assert f'src="{frame}"' in shown
    answer = client.get(frame)
    page = answer.content.decode()
    assert "You live in Kyoto." in page
    assert not re.search(r"/(o|c|u|p)/[\w-]{20,}", page)  # no link or dot of the person's own
    assert page.count(previewing.NOWHERE) >= 3
    assert "img-src https: data: http" in answer.headers["Content-Security-Policy"]


def test_a_new_template_begins_with_ink_on_paper(tenant, client):
    client.force_login(tenant.owner)
    page = client.get(f"/w/{tenant.slug}/templates/new").content.decode()
    start = dict(re.findall(r'name="(background|paper|ink)" value="([^"]*)"', page))
    assert start == {"background": "#f3f3f1", "paper": "#ffffff", "ink": "#1d1d1b"}


@pytest.mark.parametrize(("accent", "ink"), [("#ffff00", "#000000"), ("#102040", "#ffffff")])
def test_a_button_can_be_read_on_any_accent(tenant, accent, ink):
    send = sent(saved(style=blocks.Style(accent=accent)), cta="Buy")
    page = email.html_body(sending.envelope_of(send))
    button = page[: page.index("Buy")].rpartition("<a ")[2]
    assert f"color:{ink}" in button


@pytest.mark.parametrize(("accent", "shown"), [("#2f4fd0", "#2f4fd0"), ("#ffe44d", "#1d1d1b")])
def test_a_header_can_be_read_whatever_the_accent(tenant, accent, shown):
    style = blocks.Style(accent=accent, ink="#1d1d1b")
    assert f'color="{shown}">Tea' in blocks.to_mjml([{"kind": "header", "text": "Tea"}], style)
