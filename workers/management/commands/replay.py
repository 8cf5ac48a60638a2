"""manage.py replay hillstrom PATH: a known randomised test through the live services."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from attune.kernel.errors import AttuneError
from attune.kernel.tenancy import tenant_context
from campaigns.experiments import services as experiments
from campaigns.experiments.models import Snapshot
from tenants import registry, services
from tenants.models import User
from workers import replay

REVIEWER = 0


class Command(BaseCommand):
    help = "Replay a known data set through the services of live traffic. Resumable."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("dataset", choices=["hillstrom"])
        parser.add_argument("path", type=Path)
        parser.add_argument("--workspace", default="hillstrom", help="made when it does not exist")
        parser.add_argument("--owner", default="owner@demo.attune.example", help="its owner")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self._replay(options["path"], options["workspace"], options["owner"])
        except AttuneError as refusal:
            raise CommandError(refusal.detail) from refusal

    def _replay(self, path: Path, slug: str, email: str) -> None:
        total = sum(1 for _ in replay.read(path))
        tenant_id = self._workspace(slug, email)
        now = replay.now()
        with tenant_context(tenant_id):
            experiment = replay.prepare(author_id=None, reviewer_id=REVIEWER)
            done = replay.done_so_far(experiment)
        began, first = time.monotonic(), done
        for batch in replay.batches(path, skip=done):
            with tenant_context(tenant_id):
                replay.replay(experiment, batch, now)
            done += len(batch)
            self._progress(done, total, (done - first) / (time.monotonic() - began))
        with tenant_context(tenant_id):
            snapshot = experiments.analyse(experiment=experiment, now=replay.now())
        self._report(snapshot, slug)

    def _workspace(self, slug: str, email: str) -> int:
        owner = User.objects.filter(email=email).first()
        if owner is None:
            raise CommandError(f"There is no user {email}; name one with --owner.")
        for member in registry.memberships_of(owner.pk):
            if member.slug == slug:
                return member.tenant_id
        return services.create_workspace(name=slug.title(), slug=slug, owner=owner).pk

    def _progress(self, done: int, total: int, pace: float) -> None:
        width = 40 * done // total
        bar = "█" * width + "·" * (40 - width)
        left = (total - done) / pace if pace else 0
        end = "\r" if sys.stdout.isatty() and done < total else "\n"
        self.stdout.write(
            f"{bar} {done:,} of {total:,} · {pace:,.0f} a second · {left:.0f} s left", ending=end
        )

    def _report(self, snapshot: Snapshot, slug: str) -> None:
        self.stdout.write(f"\n{snapshot.sentence}\n")
        for metric in snapshot.results["metrics"]:
            scale, unit = (100, "points") if metric["kind"] == "conversion" else (1, "a person")
            for arm in metric["arms"]:
                if arm["effect"]:
                    e = arm["effect"]
                    self.stdout.write(
                        f"  {metric['name']:<10} {arm['name']:<15} {e['difference'] * scale:+.3f} "
                        f"{unit} [{e['low'] * scale:+.3f}, {e['high'] * scale:+.3f}]"
                    )
        self.stdout.write(f"\nSee it at /w/{slug}/experiments/{snapshot.experiment_id}")
