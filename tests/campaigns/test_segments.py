"""Segments: mistakes are named, the compiled SQL agrees with a plain reading of the rule, and
members follow from events."""

from __future__ import annotations

import random
import uuid
from typing import Any

import pytest

from attune.kernel.errors import Conflict, Invalid
from campaigns.contacts.models import Contact, Profile
from campaigns.segments import rules, selectors, services
from campaigns.segments.models import Segment, SegmentMembership
from tests import make


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        ([], "rule"),
        ({}, "rule"),
        ({"all": []}, "rule.all"),
        ({"all": [{"trait": "x"}]}, "rule.all[0]"),
        ({"trait": "x", "above": "y"}, "rule.above"),
        ({"trait": "x", "is": 1, "color": 2}, "rule.color"),
        ({"profile": "shoe_size", "above": 3}, "rule.profile"),
        ({"profile": "lifecycle", "above": 3}, "rule.above"),
        ({"did": "", "times": 2}, "rule.did"),
        ({"did": "x", "times": 0}, "rule.times"),
        ({"did": "x", "within_days": -1}, "rule.within_days"),
        ({"bucket": "b", "from": 20, "to": 10}, "rule"),
        ({"segment": "nope"}, "rule.segment"),
        ({"consent": "email", "is": "maybe"}, "rule.is"),
        ({"not": {"not": {"not": {"not": {"not": {"not": {"trait": "x", "is": 1}}}}}}}, "rule.not.not.not.not.not.not"),
    ],
)  # fmt: skip
def test_a_wrong_rule_names_the_place(rule, field):
    assert field in [e.field for e in rules.check(rule)]


def holds(rule: dict[str, Any], who: dict[str, Any]) -> bool:
    """The rule read plainly in Python: the oracle."""
    if "all" in rule:
        return all(holds(r, who) for r in rule["all"])
    if "any" in rule:
        return any(holds(r, who) for r in rule["any"])
    if "not" in rule:
        return not holds(rule["not"], who)
    if "trait" in rule:
        value = who["traits"].get(rule["trait"])
        if "exists" in rule:
            return (value is not None) == rule["exists"]
        if "is_not" in rule:
            return value != rule["is_not"]
        if "in" in rule:
            return value in rule["in"]
        if "above" in rule:
            return isinstance(value, int) and value > rule["above"]
        return value == rule["is"]
    if "profile" in rule:
        return who["orders"] > rule["above"]
    done = [c for name, c in who["did"] if name == rule.get("did", rule.get("did_not"))]
    if "category" in rule:
        done = [c for c in done if c == rule["category"]]
    return not done if "did_not" in rule else len(done) >= rule.get("times", 1)


def random_rule(rng: random.Random, depth: int = 0) -> dict[str, Any]:
    if depth < 3 and rng.random() < 0.45:
        kind = rng.choice(["all", "any", "not"])
        if kind == "not":
            return {"not": random_rule(rng, depth + 1)}
        return {kind: [random_rule(rng, depth + 1) for _ in range(rng.randint(1, 3))]}
    return rng.choice(
        [
            {"trait": "plan", "is": rng.choice(["pro", "free"])},
            {"trait": "plan", "is_not": "pro"},
            {"trait": "plan", "in": ["pro", "club"]},
            {"trait": "age", "above": rng.randint(20, 60)},
            {"trait": "age", "exists": rng.choice([True, False])},
            {"profile": "orders", "above": rng.randint(0, 2)},
            {"did": "Order Completed", "times": rng.randint(1, 3)},
            {"did": "Viewed", "category": rng.choice(["tea", "ware"])},
            {"did_not": "Viewed"},
        ]
    )


def test_compiled_rules_agree_with_a_plain_reading(tenant):
    rng = random.Random(0)
    people, items = {}, []
    for n in range(40):
        traits = {"plan": rng.choice(["pro", "free", "club"])}
        if rng.random() < 0.7:
            traits["age"] = rng.randint(18, 70)
        did = [
            (rng.choice(["Order Completed", "Viewed"]), rng.choice(["tea", "ware"]))
            for _ in range(rng.randint(0, 4))
        ]
        orders = sum(name == "Order Completed" for name, _ in did)
        people[f"u{n}"] = {"traits": traits, "did": did, "orders": orders}
        items.append(make.identify(f"u{n}", **traits))
        items += [make.track(f"u{n}", name, category=c, revenue=1) for name, c in did]
    make.record(*items)
    for _ in range(120):
        rule = random_rule(rng)
        assert rules.check(rule) == []
        want = sum(holds(rule, who) for who in people.values())
        assert selectors.preview(rule).count == want, rule


def test_members_follow_from_events_and_the_history_stays(tenant):
    segment = make.segment({"did": "Order Completed", "times": 2, "within_days": 30})
    make.record(make.identify("u"), make.track("u", "Order Completed"))
    segment.refresh_from_db()
    assert segment.size == 0
    make.record(make.track("u", "Order Completed"))
    segment.refresh_from_db()
    assert segment.size == 1
    contact = Contact.objects.get(external_id="u")
    assert list(selectors.members(segment).values_list("contact_id", flat=True)) == [contact.pk]
    services.change(segment=segment, rule={"did": "Order Completed", "times": 3}, version=1)
    make.run_jobs()
    stay = SegmentMembership.objects.get()
    assert stay.left_at is not None
    assert Segment.objects.get().size == 0


def test_a_segment_that_includes_another_follows_it(tenant):
    inner = make.segment({"trait": "plan", "is": "pro"})
    outer = make.segment({"all": [{"segment": str(inner.pk)}, {"profile": "orders", "above": 0}]})
    make.record(make.identify("u", plan="pro"), make.track("u", "Order Completed"))
    outer.refresh_from_db()
    assert outer.size == 1
    with pytest.raises(Invalid, match="include itself"):
        services.change(segment=inner, rule={"segment": str(outer.pk)}, version=1)


def test_why_is_answered_condition_by_condition(tenant):
    contact = make.contact("u", plan="pro")
    segment = make.segment({"all": [{"trait": "plan", "is": "pro"}, {"did": "Order Completed"}]})
    reason = selectors.explain(segment, contact)
    assert not reason.holds
    assert [(p.sentence, p.holds) for p in reason.parts] == [
        ("plan is pro", True), ("did “Order Completed”", False),
    ]  # fmt: skip


def test_a_random_bucket_is_stable_and_about_its_share(tenant):
    make.record(*[make.identify(f"u{n}") for n in range(1000)])
    rule = {"bucket": "h", "from": 0, "to": 10}
    count = selectors.preview(rule).count
    assert count == selectors.preview(rule).count
    assert 70 <= count <= 130
    rest = selectors.preview({"bucket": "h", "from": 10, "to": 100}).count
    assert count + rest == 1000
    assert Profile.objects.count() == 1000


def test_two_editors_get_a_conflict_and_nothing_is_overwritten(tenant):
    segment = make.segment()
    mine = Segment.objects.get(pk=segment.pk)
    services.change(segment=segment, rule={"trait": "a", "is": 1}, version=1)
    with pytest.raises(Conflict):
        services.change(segment=mine, rule={"trait": "b", "is": 1}, version=1)
    assert Segment.objects.get(pk=segment.pk).rule == {"trait": "a", "is": 1}


def test_an_unknown_segment_in_a_rule_is_refused(tenant):
    with pytest.raises(Invalid):
        services.create(name="n", rule={"segment": str(uuid.uuid4())})


@pytest.mark.parametrize(
    "rule",
    [
        {"profile": []}, {"profile": "orders", "in": ["x"]}, {"profile": "orders", "in": [1e300]},
        {"profile": "last_seen_days", "in": [1, 2]}, {"profile": "last_seen_days", "above": 1e14},
        {"trait": "a", "is": 10**400}, {"trait": "a", "is": "a\x00"}, {"trait": "a", "in": ["\x00"]},
        {"consent": "email", "is": []}, {"trait": "a", "contains": "\x00"},
    ],
)  # fmt: skip
def test_what_the_database_could_not_run_is_refused(tenant, rule):
    assert rules.check(rule) != []
    with pytest.raises(Invalid):
        selectors.preview(rule)


def test_a_segment_that_breaks_does_not_stop_the_fold(tenant):
    broken = make.segment({"trait": "a", "is": 1})
    Segment.objects.filter(pk=broken.pk).update(rule={"profile": "last_seen_days", "above": 1e14})
    good = make.segment({"did": "Order Completed"})
    make.record(make.track("u", "Order Completed"))
    good.refresh_from_db()
    assert good.size == 1


def test_an_archived_segment_rests_and_one_in_use_cannot_be_archived(tenant):
    inner = make.segment({"did": "Order Completed"}, name="inner")
    outer = make.segment({"segment": str(inner.pk)}, name="outer")
    with pytest.raises(Conflict, match="“outer” includes"):
        services.archive(segment=inner)
    services.archive(segment=outer)
    services.archive(segment=inner)
    make.record(make.track("u", "Order Completed"))
    inner.refresh_from_db()
    assert (inner.state, inner.size) == ("archived", 0)
    assert list(selectors.segments()) == []
    services.restore(segment=inner)
    make.run_jobs()
    inner.refresh_from_db()
    assert (inner.state, inner.size) == ("ready", 1)
    with pytest.raises(Conflict):
        services.restore(segment=inner)


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("rule", "The rule"),
        ("rule.all", "The rule"),
        ("rule.all[0]", "Condition 1"),
        ("rule.all[1].any[0].within_days", "Condition 2.1, within days"),
        ("rule.any[2].not", "Condition 3"),
    ],
)
def test_the_place_of_a_mistake_is_told_as_people_count(path, told):
    assert rules.place(path) == told
