"""A shop that people write about."""

from __future__ import annotations

import pytest

from tests import make
from tests.insights.test_graph import draw, heard


@pytest.fixture
def shop(tenant):
    """The pot's lid is criticised, that of the cup is praised; delivery got worse of late."""
    pot, cup = make.product(name="Pot", sku="P"), make.product(name="Cup", sku="C")
    make.record(make.identify("ann", email="ann@example.com"))
    heard(10, "lid", -1, product=pot, days=60, contact=make.contact("ann"))
    heard(10, "lid", 1, product=cup, days=60)
    heard(12, "delivery", 1, days=80)
    heard(12, "delivery", -1, days=4)
    draw()
    return tenant
