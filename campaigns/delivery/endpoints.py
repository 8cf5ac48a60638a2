"""Webhook endpoints of a workspace, and the secrets that sign what goes there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone

from attune.kernel import audit, secrets
from attune.kernel.errors import Invalid
from attune.kernel.phrases import say
from attune.kernel.tenancy import current_tenant
from campaigns.delivery import webhook
from campaigns.delivery.models import Endpoint

BOTH = timedelta(hours=24)  # after a rotation the former secret still signs too


def create(
    *, name: str, url: str, types: Sequence[str] = (), event_names: Sequence[str] = ()
) -> tuple[Endpoint, str]:
    """A webhook endpoint; its secret is in the answer and never shown again."""
    webhook.safe_address(url)
    secret = webhook.new_secret()
    endpoint = Endpoint(name=name.strip()[:120] or url[:120], url=url, types=list(types),
                        event_names=list(event_names))  # fmt: skip
    endpoint.sealed_secret = secrets.seal(secret, bound_to=_place(endpoint))
    _keep(endpoint)
    audit.record("delivery.create_endpoint", endpoint)
    return endpoint, secret


def _keep(endpoint: Endpoint, only: Sequence[str] | None = None) -> None:
    """Save it. Two of one name could not be told apart where a campaign chooses its endpoint."""
    try:
        with transaction.atomic():
            endpoint.save(update_fields=only)
    except IntegrityError as twin:
        told = say("Another endpoint has this name; choose one of its own.")
        raise Invalid.one("name", told) from twin


def change(
    *, endpoint: Endpoint, name: str, url: str, types: Sequence[str], event_names: Sequence[str]
) -> None:
    """Another address or other wishes; the secret stays."""
    webhook.safe_address(url)
    before = {"url": endpoint.url, "types": endpoint.types}
    endpoint.name, endpoint.url = name.strip()[:120] or url[:120], url
    endpoint.types, endpoint.event_names = list(types), list(event_names)
    _keep(endpoint, ["name", "url", "types", "event_names"])
    audit.record("delivery.change_endpoint", endpoint, before=before)


def rotate(*, endpoint: Endpoint) -> str:
    """A new secret, shown once. For a day both sign, so that nobody misses a message."""
    secret = webhook.new_secret()
    Endpoint.objects.filter(pk=endpoint.pk).update(
        former_secret=endpoint.sealed_secret, former_until=timezone.now() + BOTH,
        sealed_secret=secrets.seal(secret, bound_to=_place(endpoint)),
    )  # fmt: skip
    audit.record("delivery.rotate_secret", endpoint)
    return secret


def secret_of(endpoint: Endpoint) -> str:
    return secrets.unseal(endpoint.sealed_secret, bound_to=_place(endpoint))


def secrets_of(endpoint: Endpoint, now: datetime) -> tuple[str, ...]:
    """What signs now: the secret, and the former one for a day after it was replaced."""
    if not endpoint.former_secret or endpoint.former_until is None or endpoint.former_until < now:
        return (secret_of(endpoint),)
    former = secrets.unseal(endpoint.former_secret, bound_to=_place(endpoint))
    return secret_of(endpoint), former


def _place(endpoint: Endpoint) -> str:
    return f"{endpoint.tenant_id or current_tenant()}:{endpoint.pk}"
