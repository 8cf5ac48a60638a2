"""The API fuzzed from its own schema: no server error, and nothing undocumented."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import schemathesis
from django.conf import settings as django_settings
from django.core.wsgi import get_wsgi_application
from hypothesis import HealthCheck, Phase, given, settings
from pytest_django.plugin import DjangoDbBlocker
from schemathesis.checks import not_a_server_error

from tenants.roles import PERMISSIONS
from tests import make

application = get_wsgi_application()
EXAMPLES = 3  # the proof of ten minutes is `make prove`


@pytest.fixture
def secret(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    """A key with every scope of a committed workspace: each call is a unit of work of its own."""
    django_settings.TENANT_CONTEXT_MAY_NEST = False
    with django_db_blocker.unblock():
        yield make.key(make.workspace("fuzz"), *PERMISSIONS)
    django_settings.TENANT_CONTEXT_MAY_NEST = True


def test_no_operation_answers_with_a_server_error(secret: str):
    schema = schemathesis.openapi.from_wsgi("/docs/api/schema?format=json", application)
    headers = {"Authorization": f"Bearer {secret}"}
    called = 0
    for result in schema.get_all_operations():
        operation = result.ok()

        @settings(
            max_examples=EXAMPLES, deadline=None, database=None, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck), derandomize=True,
        )  # fmt: skip
        @given(case=operation.as_strategy())
        def attempt(case) -> None:
            nonlocal called
            called += 1
            response = case.call(headers=headers)
            if response.status_code == 503:  # no model runs here: said in the schema, and why
                assert "503" in case.operation.definition.raw["responses"]
                assert response.json()["type"] == "urn:attune:no_model"
                return
            case.validate_response(response, checks=[not_a_server_error])

        attempt()
    assert called > 300


def test_kept_sentences_are_text_in_the_schema(client):
    schema = client.get("/docs/api/schema?format=json").json()["components"]["schemas"]
    for name, field in [("JobOut", "note"), ("SendOut", "reason"), ("CheckOut", "message"),
                        ("RejectedOut", "reason"), ("SnapshotOut", "sentence")]:  # fmt: skip
        assert schema[name]["properties"][field]["type"] == "string", name
