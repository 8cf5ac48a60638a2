"""Webhook endpoints of a workspace, and the secrets that sign what goes there."""

from __future__ import annotations

from attune.kernel import audit, secrets
from attune.kernel.tenancy import current_tenant
from campaigns.delivery import webhook
from campaigns.delivery.models import Endpoint


def create(*, name: str, url: str) -> tuple[Endpoint, str]:
    """A webhook endpoint; its secret is in the answer and never shown again."""
    webhook.safe_address(url)
    secret = webhook.new_secret()
    endpoint = Endpoint(name=name.strip()[:120] or url[:120], url=url)
    endpoint.sealed_secret = secrets.seal(secret, bound_to=f"{current_tenant()}:{endpoint.pk}")
    endpoint.save()
    audit.record("delivery.create_endpoint", endpoint)
    return endpoint, secret


def secret_of(endpoint: Endpoint) -> str:
    return secrets.unseal(endpoint.sealed_secret, bound_to=f"{endpoint.tenant_id}:{endpoint.pk}")
