"""Who a visitor is: an identity that the customer's own server signed, and our own visitor token.

The identity is a JSON Web Token signed with HMAC-SHA256 (RFC 7519, `HS256`) and the inbox's secret:
`sub` is the customer's user id, `exp` is required and at most a day ahead; `email` and `name` may
be said. A token that is expired, of another algorithm or wrongly signed identifies nobody.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jwt

from attune.kernel import secrets
from attune.kernel.errors import AttuneError, Invalid
from attune.kernel.phrases import say
from attune.kernel.storable import unstorable

LONGEST = 24 * 3600
TOKEN_DAYS = 30


class NotKnown(AttuneError):
    """The token opens nothing: forged, expired, or taken back."""

    status, code, title = 401, "visitor_unknown", say("Start the chat again")


@dataclass(frozen=True, slots=True)
class Identity:
    """A customer, as the customer's own server vouches for."""

    user_id: str
    email: str
    name: str


@dataclass(frozen=True, slots=True)
class Pass:
    """What a visitor token says: the workspace, the inbox, the visitor and its version."""

    tenant_id: int
    inbox_id: str
    visitor_id: str
    version: int


def verified(token: str, *, secret: str, now: float) -> Identity:
    """The identity that a token proves. Raises Invalid, saying what is wrong with it."""
    try:
        said = jwt.decode(
            token, secret, algorithms=["HS256"], options={"require": ["exp", "sub"]}, leeway=30
        )
    except jwt.ExpiredSignatureError as late:
        raise _wrong("It has expired; sign a fresh one.") from late
    except jwt.InvalidTokenError as bad:
        raise _wrong("It is not a token signed with this inbox's secret (HS256).") from bad
    if said["exp"] > now + LONGEST + 60:
        raise _wrong("It may be valid for a day at most; sign a fresh one for each page.")
    user_id, email, name = (_text(said.get(key)) for key in ("sub", "email", "name"))
    if not user_id:
        raise _wrong("Its “sub” must be the customer's user id.")
    return Identity(user_id[:200], email[:254], name[:120])


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) and not unstorable(value) else ""


def _wrong(why: str) -> Invalid:
    return Invalid.one("identity", why)


def issue(given: Pass) -> str:
    return secrets.sign(
        "visitor",
        {"t": given.tenant_id, "i": given.inbox_id, "v": given.visitor_id, "n": given.version},
    )


def read(token: str) -> Pass:
    """The pass of a token that is ours and not older than 30 days. Raises NotKnown."""
    try:
        said = secrets.unsign("visitor", token, max_age=TOKEN_DAYS * 86400)
        return Pass(int(said["t"]), str(said["i"]), str(said["v"]), int(said["n"]))
    except (AttuneError, KeyError, TypeError, ValueError) as bad:
        raise NotKnown(say("This chat is not known here any more.")) from bad
