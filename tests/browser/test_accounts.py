"""A person of their own: sign-up, a first workspace, two-factor, a forgotten password."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import struct
import time
import uuid

import pytest
from django.core import mail
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import watched

pytestmark = [pytest.mark.browser]
PASSWORD, NEXT = "a long enough secret 7", "another secret entirely 8"


def totp(secret: str, at: float) -> str:
    """RFC 6238 with SHA-1, 30 seconds and 6 digits, as authenticator apps have it."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    digest = hmac.new(key, struct.pack(">Q", int(at // 30)), hashlib.sha1).digest()
    place = digest[-1] & 15
    number = struct.unpack(">I", digest[place : place + 4])[0] & 0x7FFFFFFF
    return f"{number % 1_000_000:06d}"


def sign_in(page: Page, address: str, email: str, password: str) -> None:
    page.goto(f"{address}/accounts/login/")
    page.fill("[name=login]", email)
    page.fill("[name=password]", password)
    page.click("button[type=submit]")


def test_sign_up_workspace_two_factor_and_a_forgotten_password(
    address: str, browser: Browser, wrong: list[str]
):
    email = f"ada-{uuid.uuid4().hex[:8]}@example.com"
    page = watched(browser, wrong)
    page.goto(f"{address}/accounts/signup/")
    page.fill("[name=email]", email)
    page.fill("[name=password1]", PASSWORD)
    page.fill("[name=password2]", PASSWORD)
    page.click("button[type=submit]")
    page.fill("[name=name]", f"Ada's shop {uuid.uuid4().hex[:6]}")
    page.click("button[type=submit]")
    page.wait_for_url("**/w/ada**")

    page.locator(".account summary").click()
    page.get_by_role("link", name="Two-factor").click()
    page.get_by_role("link", name="Activate").first.click()
    page.fill("[name=password]", PASSWORD)  # a grave step asks who is there
    page.get_by_role("button", name="Confirm").click()
    secret = page.locator("#authenticator_secret").input_value()
    page.fill("[name=code]", totp(secret, time.time()))
    page.get_by_role("button", name="Activate").click()
    page.wait_for_url("**/recovery-codes/")
    recovery = page.locator("#recovery_codes").input_value().split()
    assert len(recovery) == 10

    stranger = watched(browser, wrong)
    sign_in(stranger, address, email, PASSWORD)
    stranger.fill("[name=code]", "000000")
    stranger.click("button[type=submit]")
    expect(stranger.locator(".errorlist, .errors").first).to_be_visible()
    stranger.fill("[name=code]", recovery[0])  # the app's code was used a moment ago
    stranger.click("button[type=submit]")
    stranger.wait_for_url("**/w/ada**")

    forgetful = watched(browser, wrong)
    forgetful.goto(f"{address}/accounts/password/reset/")
    forgetful.fill("[name=email]", email)
    forgetful.click("button[type=submit]")
    forgetful.wait_for_url("**/done/")
    letter = next(m for m in mail.outbox if email in m.to and "reset" in m.body.lower())
    link = re.search(r"http\S+/accounts/password/reset/key/\S+", letter.body)
    forgetful.goto(link.group())
    forgetful.fill("[name=password1]", NEXT)
    forgetful.fill("[name=password2]", NEXT)
    forgetful.click("button[type=submit], input[type=submit]")
    forgetful.wait_for_load_state()
    back = watched(browser, wrong)
    sign_in(back, address, email, PASSWORD)
    expect(back.get_by_text("not correct").first).to_be_visible()
    sign_in(back, address, email, NEXT)
    expect(back.locator("[name=code]")).to_be_visible()  # the second factor outlives the password
    assert wrong == []
