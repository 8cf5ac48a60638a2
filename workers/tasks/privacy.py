"""What is older than a workspace keeps goes, a bounded number a transaction."""

from __future__ import annotations

from django.utils import timezone

from insights.privacy import retention, traces
from insights.privacy.jobs import APPLY_RETENTION, ApplyRetention
from insights.privacy.models import RetentionRule
from workers.runner import Run, handles


@handles(APPLY_RETENTION)
def apply_retention(payload: ApplyRetention, run: Run) -> None:
    done, n = 0, 1
    while n:
        with run.unit():
            rule = RetentionRule.objects.filter(pk=payload.rule_id).first()
            if rule is None:  # it was taken back meanwhile
                return
            n = retention.apply(rule, timezone.now())
        done += n
        run.progress(done=done)
    with run.unit():
        RetentionRule.objects.filter(pk=payload.rule_id).update(ran_at=timezone.now(), removed=done)


def due() -> None:
    traces.drop_files(timezone.now())
    for rule in retention.due(timezone.now()):
        APPLY_RETENTION.enqueue(ApplyRetention(rule.pk), dedupe_key=str(rule.pk))
