"""What the demo's shop may lose: customers who go quiet, and a figure that is watched by day."""

from __future__ import annotations

from campaigns.decisions import selectors as log
from insights.alerts import services as alerts
from insights.alerts.models import Watch
from insights.risk import services
from insights.risk.models import Risk
from tenants.models import User

NAME, DAYS = "Gone quiet", 21


def look_out(owner: User) -> None:
    """The risk and the watch; both are answered when a worker comes to them."""
    goal = log.metrics().filter(event_name="Order Completed").order_by("id").first()
    if goal is None:
        return
    if not Risk.objects.exists():
        services.create(name=NAME, goal=goal, days=DAYS)
    if not Watch.objects.filter(figure=Watch.Figure.METRIC).exists():
        alerts.watch(figure="metric", about_id=goal.pk, direction="both", by=owner)
