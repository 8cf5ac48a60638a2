"""Any sequence of choices, conversions, moves of the shares, pauses and an end: shares stay shares,
and every choice has the chance that the allocation of its moment gave it."""

from __future__ import annotations

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from attune.kernel.errors import Conflict
from attune.kernel.tenancy import tenant_context
from campaigns.decisions import services as decisions
from campaigns.decisions.models import Decision
from campaigns.experiments import services
from campaigns.experiments.models import Allocation, Experiment
from tests import make

FLOOR, HELD = 0.05, 0.2
PEOPLE = 40
WHO = st.integers(0, PEOPLE - 1)


@pytest.mark.django_db(transaction=False)
def test_shares_stay_shares_whatever_happens_and_each_choice_has_its_own():
    place = make.workspace("allocation")
    with tenant_context(place.id):
        people = [make.contact(f"p{n}") for n in range(PEOPLE)]
        texts = [make.approved(subject=f"Cup {n}?") for n in range(3)]

    class Story(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.arms: dict[int, str] = {}
            with tenant_context(place.id):
                self.trial = make.experiment(texts, holdout=HELD, kind="thompson", floor=FLOOR)
            self.choose_all(set(range(PEOPLE // 2)))

        def now(self) -> Experiment:
            self.trial.refresh_from_db()
            return self.trial

        @rule(who=WHO)
        def choose(self, who: int) -> None:
            with tenant_context(place.id):
                trial = self.now()
                ask = {"experiment": trial, "contact_id": people[who].pk, "context": {}}
                if trial.state == "paused" or (trial.state == "stopped" and not trial.winner):
                    with pytest.raises(Conflict):
                        services.decide(**ask, now=timezone.now())
                    return
                made = services.decide(**ask, now=timezone.now())
                if trial.state == "stopped" and who not in self.arms:
                    assert (made.action, made.mode) == (trial.winner, Decision.Mode.FALLBACK)
                assert made.action == self.arms.setdefault(who, made.action)

        @rule(whom=st.sets(WHO, max_size=9))
        def choose_many(self, whom: set[int]) -> None:
            with tenant_context(place.id):
                runs = self.now().state == "running"
            if runs:
                self.choose_all(whom)

        def choose_all(self, whom: set[int]) -> None:
            with tenant_context(place.id):
                ids = [people[n].pk for n in sorted(whom)]
                services.decide_many(experiment=self.now(), contact_ids=ids, now=timezone.now())
                rows = Decision.objects.filter(source_id=self.trial.pk)
                found = dict(rows.values_list("contact_id", "action"))
            for n in whom:
                action = found[people[n].pk]
                assert action == self.arms.setdefault(n, action)

        @rule(arm=st.sampled_from(["v1", "v2", "v3", "holdout"]))
        def convert(self, arm: str) -> None:
            """Everybody who got an arm buys: the strongest evidence there is."""
            whom = [n for n, got in self.arms.items() if got == arm]
            with tenant_context(place.id):
                if whom:
                    make.record(*[make.track(f"p{n}", "Order Completed") for n in whom])
                    decisions.reward_contacts([people[n].pk for n in whom])

        @rule()
        def move_the_shares(self) -> None:
            with tenant_context(place.id):
                services.reallocate(experiment=self.now(), now=timezone.now())

        @rule()
        def pause_or_resume(self) -> None:
            with tenant_context(place.id):
                trial = self.now()
                if trial.state == "running":
                    services.pause(experiment=trial)
                elif trial.state == "paused":
                    services.resume(experiment=trial)

        @rule(winner=st.sampled_from(["", "v1", "v3"]), really=st.integers(0, 9))
        def end(self, winner: str, really: int) -> None:
            with tenant_context(place.id):
                trial = self.now()
                if really == 7 and trial.state in {"running", "paused"}:
                    services.stop(experiment=trial, winner=winner)

        @invariant()
        def shares_are_shares_and_choices_have_theirs(self) -> None:
            with tenant_context(place.id):
                rows = Allocation.objects.filter(experiment=self.trial).order_by("version")
                weights = {row.version: row.weights for row in rows}
                made = list(Decision.objects.filter(source_id=self.trial.pk))
            assert list(weights) == list(range(1, len(weights) + 1))
            for shares in weights.values():
                assert sum(shares.values()) == pytest.approx(1)
                assert shares["holdout"] == pytest.approx(HELD)
                assert min(shares.values()) >= FLOOR - 1e-9
            assert len({d.contact_id for d in made}) == len(made)
            for d in made:
                if d.mode != Decision.Mode.FALLBACK:
                    assert d.propensities == weights[d.version]
                    assert d.propensity == pytest.approx(weights[d.version][d.action])

    run_state_machine_as_test(
        Story,
        settings=settings(
            max_examples=15, stateful_step_count=25, deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip
