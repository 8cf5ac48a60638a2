"""Whether the world lets a workspace send in its domain's name: SPF, DKIM and DMARC records, read
from the DNS. Mailbox providers refuse bulk mail without them.

Sources: RFC 7208 (SPF: one record, at most ten lookups), RFC 6376 (DKIM: an empty p= is revoked),
RFC 7489 (DMARC).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import dns.exception
import dns.resolver

from attune.kernel.phrases import Phrase, say

TIMEOUT = 4.0  # seconds for one question, all servers together
MOST_LOOKUPS = 10
ASKS = re.compile(r"(include:|exists:|redirect=|(a|mx|ptr)([:/]|$))")


@dataclass(frozen=True, slots=True)
class Finding:
    """One record: what is right or wrong, what stands there, and what should."""

    name: str  # SPF, DKIM, DMARC
    verdict: str  # pass, warn, block
    sentence: Phrase
    host: str
    record: str = ""
    wanted: str = ""

    def stored(self) -> dict[str, object]:
        return {"name": self.name, "verdict": self.verdict, "sentence": self.sentence.stored(),
                "host": self.host, "record": self.record, "wanted": self.wanted}  # fmt: skip


class Unanswered(Exception):
    """The DNS did not answer: nothing is known, which is no finding."""


def resolver(servers: Sequence[str] = ()) -> dns.resolver.Resolver:
    """The system's resolver, or these servers, as host or host:port."""
    found = dns.resolver.Resolver(configure=not servers)
    if servers:
        hosts = [one.rpartition(":") if ":" in one else (one, "", "53") for one in servers]
        found.nameservers = [host for host, _, _ in hosts]
        found.nameserver_ports = {host: int(port) for host, _, port in hosts}
    found.lifetime = TIMEOUT
    return found


def look(domain: str, selector: str, include: str, asks: dns.resolver.Resolver) -> list[Finding]:
    """What the records of a sender's domain say. Raises Unanswered where the DNS is away."""
    return [
        *_spf(domain, include, _texts(domain, asks)),
        *_dkim(f"{selector}._domainkey.{domain}", _texts(f"{selector}._domainkey.{domain}", asks)),
        *_dmarc(f"_dmarc.{domain}", _texts(f"_dmarc.{domain}", asks)),
    ]


def _texts(host: str, asks: dns.resolver.Resolver) -> list[str]:
    try:
        answer = asks.resolve(host, "TXT")
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    except (dns.exception.DNSException, OSError) as away:
        raise Unanswered(str(away)) from away
    return [b"".join(row.strings).decode("utf-8", "replace") for row in answer]


def _spf(domain: str, include: str, texts: Sequence[str]) -> Iterator[Finding]:
    records = [t for t in texts if re.match(r"v=spf1(\s|$)", t, re.IGNORECASE)]
    wanted = f"v=spf1 include:{include or 'spf.your-mail-provider.example'} ~all"

    def told(verdict: str, sentence: Phrase) -> Finding:
        return Finding("SPF", verdict, sentence, domain, " | ".join(records), wanted)

    if not records:
        yield told("block", say("There is no SPF record: nobody can tell who may send for you."))
        return
    if len(records) > 1:
        yield told("block", say("There are %(n)s SPF records; with more than one, none counts.",
                                n=len(records)))  # fmt: skip
        return
    terms = records[0].lower().split()[1:]
    if include and f"include:{include.lower()}" not in terms:
        yield told("block", say("It does not name “%(host)s”, through which your mails leave.",
                                host=include))  # fmt: skip
    elif any(term in {"all", "+all"} for term in terms):
        yield told("block", say("It lets everybody send in your name (+all)."))
    elif sum(_asks(term) for term in terms) > MOST_LOOKUPS:
        yield told("block", say("It asks for more than ten lookups, so receivers give up on it."))
    elif not any(term in {"~all", "-all"} or term.startswith("redirect=") for term in terms):
        yield told("warn", say("It does not end with ~all or -all: others may pass for you."))
    else:
        yield told("pass", say("It names who may send for you."))


def _asks(term: str) -> bool:
    """Whether a receiver has to ask the DNS for this term."""
    return ASKS.match(term.lstrip("+-~?")) is not None


def _dkim(host: str, texts: Sequence[str]) -> Iterator[Finding]:
    records = [t for t in texts if "p=" in t.replace(" ", "")]
    keys = [_tags(t).get("p", "") for t in records]
    shown = " | ".join(records)
    if not records:
        yield Finding("DKIM", "block", say("There is no key, so no signature can be checked."),
                      host, "", "v=DKIM1; k=rsa; p=…")  # fmt: skip
    elif not any(keys):
        yield Finding("DKIM", "block", say("The key was revoked: its p= is empty."), host, shown)
    else:
        yield Finding("DKIM", "pass", say("A key stands there for your signatures."), host, shown)


def _dmarc(host: str, texts: Sequence[str]) -> Iterator[Finding]:
    records = [t for t in texts if t.replace(" ", "").lower().startswith("v=dmarc1")]
    shown, wanted = " | ".join(records), "v=DMARC1; p=quarantine; rua=mailto:dmarc@…"
    if len(records) != 1:
        none = say("There is no DMARC record; large mailbox providers ask for one.")
        many = say("There are %(n)s DMARC records; with more than one, none counts.",
                   n=len(records))  # fmt: skip
        yield Finding("DMARC", "block", many if records else none, host, shown, wanted)
        return
    policy = _tags(records[0]).get("p", "").lower()
    if policy in {"quarantine", "reject"}:
        yield Finding("DMARC", "pass", say("What is not from you is held or refused (%(policy)s).",
                                           policy=policy), host, shown)  # fmt: skip
    elif policy == "none":
        yield Finding("DMARC", "warn", say("It only watches (none): what others send in your name "
                                           "still arrives."), host, shown, wanted)  # fmt: skip
    else:
        yield Finding("DMARC", "block", say("It names no policy that exists."), host, shown,
                      wanted)  # fmt: skip


def _tags(text: str) -> dict[str, str]:
    parts = (part.partition("=") for part in text.split(";"))
    return {name.strip().lower(): value.strip() for name, _, value in parts if name.strip()}
