"""The records of a sender's domain, read from a name server that answers by UDP."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

import dns.message
import dns.rcode
import dns.rrset
import pytest

from attune.kernel.errors import Invalid
from attune.kernel.models import JobRow
from tenants import domains, services
from tenants.models import Tenant
from tests import make
from workers import runner

GOOD = {
    "shop.example": ["google-site=1", "v=spf1 include:spf.post.example ~all"],
    "k1._domainkey.shop.example": ["v=DKIM1; k=rsa; p=MIGf"],
    "_dmarc.shop.example": ["v=DMARC1; p=quarantine"],
}


class Names:
    """A name server of a few TXT records."""

    def __init__(self) -> None:
        self.records: dict[str, list[str]] = {}
        self.door = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.door.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.door.getsockname()[1]}"
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self) -> None:
        while True:
            try:
                data, who = self.door.recvfrom(4096)
            except OSError:
                return
            asked = dns.message.from_wire(data)
            answer = dns.message.make_response(asked)
            name = asked.question[0].name
            texts = self.records.get(name.to_text(omit_final_dot=True), [])
            if texts:
                quoted = [f'"{text}"' for text in texts]
                answer.answer.append(dns.rrset.from_text(name, 60, "IN", "TXT", *quoted))
            else:
                answer.set_rcode(dns.rcode.NXDOMAIN)
            with contextlib.suppress(OSError):  # it was closed meanwhile
                self.door.sendto(answer.to_wire(), who)


@pytest.fixture
def names() -> Iterator[Names]:
    server = Names()
    yield server
    server.door.close()


def look(names: Names, **records: list[str]) -> dict[str, str]:
    names.records = {**GOOD, **{host.replace("__", "."): texts for host, texts in records.items()}}
    asks = domains.resolver([names.address])
    return {f.name: f.verdict for f in domains.look("shop.example", "k1", "spf.post.example", asks)}


def test_sound_records_pass(names):
    assert look(names) == {"SPF": "pass", "DKIM": "pass", "DMARC": "pass"}


@pytest.mark.parametrize(
    ("texts", "verdict"),
    [
        ([], "block"),
        (["v=spf1 ~all"], "block"),
        (["v=spf1 include:spf.post.example +all"], "block"),
        (["v=spf1 include:spf.post.example"], "warn"),
        (["v=spf1 include:spf.post.example -all", "v=spf1 -all"], "block"),
        (["v=spf1 include:spf.post.example " + "a:x.example mx " * 5 + "~all"], "block"),
        (["v=spf1 include:spf.post.example " + "ip4:192.0.2.1 " * 12 + "~all"], "pass"),
        (["v=spf10 include:spf.post.example ~all"], "block"),
    ],
)
def test_spf_by_rfc_7208(names, texts, verdict):
    assert look(names, shop__example=texts)["SPF"] == verdict


@pytest.mark.parametrize(
    ("text", "verdict"),
    [("v=DKIM1; p=", "block"), ("k=rsa; p=abc", "pass"), ("hello", "block")],
)
def test_dkim_by_rfc_6376(names, text, verdict):
    assert look(names, k1___domainkey__shop__example=[text])["DKIM"] == "block" or verdict == "pass"
    names.records["k1._domainkey.shop.example"] = [text]
    asks = domains.resolver([names.address])
    found = {f.name: f for f in domains.look("shop.example", "k1", "", asks)}
    assert found["DKIM"].verdict == verdict


@pytest.mark.parametrize(
    ("texts", "verdict"),
    [([], "block"), (["v=DMARC1; p=none"], "warn"), (["v=DMARC1; p=reject"], "pass"),
     (["v=DMARC1; p=maybe"], "block"), (["v=DMARC1; p=reject", "v=DMARC1; p=none"], "block")],
)  # fmt: skip
def test_dmarc_by_rfc_7489(names, texts, verdict):
    names.records = {**GOOD, "_dmarc.shop.example": texts}
    found = domains.look("shop.example", "k1", "", domains.resolver([names.address]))
    assert {f.name: f.verdict for f in found}["DMARC"] == verdict


def test_a_dns_that_is_away_is_tried_again_and_what_was_known_stays(tenant, names, settings):
    row = Tenant.objects.get(pk=tenant.id)
    with pytest.raises(Invalid, match="DKIM selector"):
        services.check_sender(row)
    Tenant.objects.filter(pk=tenant.id).update(dkim_selector="k1")
    row.refresh_from_db()
    names.records, settings.DNS_SERVERS = dict(GOOD), [names.address]
    settings.MAIL_SPF_INCLUDE = "spf.post.example"
    services.check_sender(row)
    make.run_jobs()
    row.refresh_from_db()
    assert [f["verdict"] for f in row.sender_findings] == ["pass", "pass", "pass"]
    names.door.close()
    services.check_sender(row)
    job = JobRow.objects.get(kind="tenants.check_sender", state="pending")
    assert runner.run_job(tenant.id, job.pk) == "failed"
    row.refresh_from_db()
    assert len(row.sender_findings) == 3
