"""Whatever people and campaigns do in any order: nobody who is suppressed, has refused or has had
their fill is written to, and each person has one arm of an experiment for good."""

from __future__ import annotations

from collections import Counter

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from attune.kernel.tenancy import tenant_context
from campaigns.contacts.models import Contact
from campaigns.contacts.services import record_consent
from campaigns.decisions.models import Decision
from campaigns.delivery import services, suppression
from campaigns.delivery.models import Send, Suppression
from campaigns.experiments import services as experiments
from campaigns.experiments.models import Experiment
from tenants.models import Tenant
from tests import make

PEOPLE = ["ann", "bob", "cy"]
WHO = st.sampled_from(PEOPLE)


@pytest.mark.django_db(transaction=False)
def test_whatever_happens_nobody_is_written_to_who_must_not_be():
    place = make.workspace("story")
    with tenant_context(place.id):
        everybody = {name: make.contact(name) for name in PEOPLE}
        audience = make.segment()
        texts = [make.approved(), make.approved(subject="Another cup?")]
        Tenant.objects.filter(pk=place.id).update(patience_hours=0)

    class Story(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.listed: set[str] = set()
            self.refused: set[str] = set()
            self.cap = 2
            self.sent: Counter[str] = Counter()
            self.arms: dict[tuple, str] = {}
            with tenant_context(place.id):
                make.run_jobs()
                Send.objects.all().delete()
                Suppression.objects.all().delete()
                Tenant.objects.filter(pk=place.id).update(frequency_cap=2)
                for one in everybody.values():
                    self.say(one, "given")

        def say(self, one: Contact, state: str) -> None:
            record_consent(contact=one, state=state, source="test", wording="x")

        @rule()
        def launch(self) -> None:
            with tenant_context(place.id):
                trial = make.experiment(texts, holdout=0.2, running=False)
                services.launch(campaign=make.campaign(audience, trial))

        @rule(who=WHO)
        def suppress(self, who: str) -> None:
            with tenant_context(place.id):
                suppression.suppress(address=everybody[who].email, reason="bounced", source="test")
            self.listed.add(who)

        @rule(who=WHO, state=st.sampled_from(["given", "refused"]))
        def answer(self, who: str, state: str) -> None:
            with tenant_context(place.id):
                self.say(everybody[who], state)
            (self.refused.add if state == "refused" else self.refused.discard)(who)

        @rule(cap=st.integers(0, 4))
        def fill(self, cap: int) -> None:
            with tenant_context(place.id):
                Tenant.objects.filter(pk=place.id).update(frequency_cap=cap)
            self.cap = cap

        @rule()
        def work(self) -> None:
            with tenant_context(place.id):
                make.run_jobs()
                names = Send.objects.filter(state="sent").values_list(
                    "contact__external_id", flat=True
                )
                now = Counter(names)
            for who, n in now.items():
                if n > self.sent[who]:  # something was sent just now
                    assert who not in self.listed
                    assert who not in self.refused
                    assert n <= self.cap
            self.sent = now

        @rule(who=WHO, pick=st.integers(0, 9))
        def ask(self, who: str, pick: int) -> None:
            with tenant_context(place.id):
                trials = list(Experiment.objects.filter(state="running").order_by("-id")[:10])
                if trials:
                    trial = trials[pick % len(trials)]
                    made = experiments.decide(experiment=trial, contact_id=everybody[who].pk,
                                              context={}, now=timezone.now())  # fmt: skip
                    known = self.arms.setdefault((trial.pk, who), made.action)
                    assert made.action == known

        @invariant()
        def one_arm_a_person_and_experiment_with_its_share(self) -> None:
            with tenant_context(place.id):
                rows = list(Decision.objects.values_list(
                    "source_id", "contact_id", "action", "propensity"
                ))  # fmt: skip
                sends = Send.objects.filter(state="sent").select_related("decision")
                shown = [send.decision.action for send in sends]
            assert max(Counter((s, c) for s, c, *_ in rows).values(), default=0) <= 1
            assert {(a, round(p, 9)) for *_, a, p in rows} <= {
                ("v1", 0.4), ("v2", 0.4), ("holdout", 0.2),
            }  # fmt: skip
            assert "holdout" not in shown

    run_state_machine_as_test(
        Story,
        settings=settings(
            max_examples=12, stateful_step_count=20, deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip
