"""Campaigns by signed webhook, against a real HTTP server."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import socket
import threading
import time

import pytest

from campaigns.delivery import endpoints, services, webhook
from campaigns.delivery.models import Endpoint, Send
from tests import make
from tests.campaigns.partners import Partner


def blast(partner: Partner) -> tuple[Endpoint, str]:
    make.contact("c1", email="c1@example.com")
    url = f"http://127.0.0.1:{partner.server_port}/hook?x=1"
    endpoint, secret = endpoints.create(name="partner", url=url)
    trial = make.experiment([make.approved()], holdout=1e-9, running=False)
    campaign = make.campaign(make.segment(), trial, via="webhook", endpoint=endpoint)
    services.launch(campaign=campaign)
    make.run_jobs()
    return endpoint, secret


def test_the_partner_gets_the_message_once_with_a_signature_it_can_check(tenant, partner):
    endpoint, secret = blast(partner)
    ((headers, body),) = partner.calls
    send = Send.objects.get()
    assert send.state == "sent"
    assert headers["webhook-id"] == str(send.pk)
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = base64.b64decode(secret.removeprefix("whsec_"))
    want = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{want}"
    data = json.loads(body)["data"]
    assert data["components"]["subject"] == make.GOOD["email"]["subject"]
    assert secret not in str(Endpoint.objects.values().get(pk=endpoint.pk))


@pytest.mark.parametrize("status", [302, 410, 500])
def test_anything_but_2xx_is_a_failure_with_its_status_and_redirects_are_not_followed(
    tenant, partner, status
):
    partner.status = status
    blast(partner)
    send = Send.objects.get()
    assert (send.state, send.reason) == ("failed", f"The endpoint answered {status}.")
    assert len(partner.calls) == 1


def test_an_endpoint_that_is_away_is_a_failure(tenant, partner):
    partner.shutdown()
    partner.server_close()
    blast(partner)
    send = Send.objects.get()
    assert send.state == "failed"
    assert "refused the connection" in send.reason


def test_a_partner_that_drips_is_cut_off_and_the_send_is_uncertain(tenant, monkeypatch):
    """A byte a tenth of a second keeps every read alive; the whole exchange has one deadline."""
    make.contact("c1", email="c1@example.com")
    monkeypatch.setattr(webhook, "TIMEOUT", 1)
    over = threading.Event()
    door = socket.create_server(("127.0.0.1", 0))

    def drip() -> None:
        line, _ = door.accept()
        with line, contextlib.suppress(OSError):
            line.recv(100_000)
            while not over.wait(0.1):
                line.send(b"H")

    threading.Thread(target=drip, daemon=True).start()
    endpoint, _ = endpoints.create(name="slow", url=f"http://127.0.0.1:{door.getsockname()[1]}/")
    trial = make.experiment([make.approved()], holdout=1e-9, running=False)
    services.launch(campaign=make.campaign(make.segment(), trial, via="webhook", endpoint=endpoint))
    began = time.monotonic()
    try:
        make.run_jobs()
        assert time.monotonic() - began < 8
        send = Send.objects.get()
        assert send.state == "uncertain"
        assert "No clear answer" in send.reason
    finally:
        over.set()
        door.close()


def test_letters_beyond_ascii_in_an_address_are_written_as_http_writes_them(tenant, partner):
    url = f"http://127.0.0.1:{partner.server_port}/hooks/grün büro?q=ä&x=%20"
    assert webhook.post(url, secrets=[webhook.new_secret()], message_id="m", timestamp=1,
                        payload={}) == 204  # fmt: skip
    assert partner.paths == ["/hooks/gr%C3%BCn%20b%C3%BCro?q=%C3%A4&x=%20"]
