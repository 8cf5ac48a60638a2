"""A checked rule tree to one SQL condition over `contact c`. Pure: text and parameters out.

Only leakproof operators meet an index (=, <, > on text, float8, bigint, timestamptz), since
row-level security forbids the others from being pushed below the policy.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

TENANT = "%(tenant)s"
NUMBERS = {
    "orders": "p.orders", "events": "p.events", "messages": "p.messages", "clicks": "p.clicks",
    "revenue": "p.revenue_cents",
}  # fmt: skip
TEXTS = {"lifecycle": "p.lifecycle", "top_category": "p.top_category"}
AGES = {
    "last_seen_days": "p.last_seen_at",
    "last_order_days": "p.last_order_at",
    "first_seen_days": "p.first_seen_at",
}


@dataclass(slots=True)
class Compiled:
    """SQL with named parameters; `%(tenant)s` is filled in by the caller too."""

    sql: str
    parameters: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class _Compiler:
    parameters: dict[str, Any] = field(default_factory=dict)
    only: bool = False  # restrict every part to %(contacts)s, for the few that changed

    def limit(self, column: str) -> str:
        return f" AND {column} = ANY(%(contacts)s)" if self.only else ""

    def bind(self, value: Any) -> str:
        name = f"p{len(self.parameters)}"
        self.parameters[name] = value
        return f"%({name})s"

    def node(self, node: dict[str, Any]) -> str:
        if "all" in node:
            return "(" + " AND ".join(self.node(n) for n in node["all"]) + ")"
        if "any" in node:
            return "(" + " OR ".join(self.node(n) for n in node["any"]) + ")"
        if "not" in node:
            return f"NOT {self.node(node['not'])}"
        kind = next(k for k in _LEAF if k in node)
        return str(_LEAF[kind](self, node))

    def trait(self, node: dict[str, Any]) -> str:
        test = next(t for t in _TRAIT if t in node)
        value = node[test]
        negative = test == "is_not" or (test == "exists" and value is False)
        condition = _TRAIT[test](self, value)
        found = (
            f"c.id IN (SELECT t.contact_id FROM trait t WHERE t.tenant_id = {TENANT} "
            f"AND t.key = {self.bind(node['trait'])}{condition}{self.limit('t.contact_id')})"
        )
        return f"NOT {found}" if negative else found

    def profile(self, node: dict[str, Any]) -> str:
        name = node["profile"]
        tests = " AND ".join(
            self.profile_test(name, t, node[t]) for t in ("is", "in", "above", "below") if t in node
        )
        return (
            f"c.id IN (SELECT p.contact_id FROM profile p WHERE p.tenant_id = {TENANT} "
            f"AND {tests}{self.limit('p.contact_id')})"
        )

    def profile_test(self, name: str, test: str, value: Any) -> str:
        if name in TEXTS:
            values = value if test == "in" else [value]
            return f"{TEXTS[name]} = ANY({self.bind([str(v) for v in values])}::text[])"
        if name in AGES:
            column = AGES[name]
            if test == "above":
                return f"{column} < now() - {self.bind(value)} * interval '1 day'"
            if test == "below":
                return f"{column} > now() - {self.bind(value)} * interval '1 day'"
            return f"{column}::date = (now() - {self.bind(value)} * interval '1 day')::date"
        scale = 100 if name == "revenue" else 1
        if test == "in":
            return (
                f"{NUMBERS[name]} = ANY({self.bind([round(v * scale) for v in value])}::bigint[])"
            )
        operator = {"is": "=", "above": ">", "below": "<"}[test]
        return f"{NUMBERS[name]}::float8 {operator} {self.bind(float(value * scale))}::float8"

    def did(self, node: dict[str, Any]) -> str:
        times = node.get("times", 1)
        where = self.events(node["did"], node)
        if times == 1:
            return f"c.id IN (SELECT e.contact_id {where})"
        return (
            f"c.id IN (SELECT e.contact_id {where} GROUP BY e.contact_id "
            f"HAVING count(*) >= {self.bind(times)})"
        )

    def did_not(self, node: dict[str, Any]) -> str:
        return f"NOT EXISTS (SELECT 1 {self.events(node['did_not'], node)} AND e.contact_id = c.id)"

    def events(self, name: str, node: dict[str, Any]) -> str:
        where = (
            f"FROM event e WHERE e.tenant_id = {TENANT} AND e.name = {self.bind(name)} "
            f"AND NOT e.is_machine{self.limit('e.contact_id')}"
        )
        if "within_days" in node:
            where += f" AND e.at > now() - {self.bind(node['within_days'])} * interval '1 day'"
        if "value_above" in node:
            where += f" AND e.value_cents > {self.bind(round(node['value_above'] * 100))}"
        if "category" in node:
            where += f" AND e.category = {self.bind(node['category'])}"
        return where

    def consent(self, node: dict[str, Any]) -> str:
        return (
            "(SELECT k.state FROM consent k WHERE "
            f"k.tenant_id = {TENANT} AND k.contact_id = c.id "
            f"AND k.channel = {self.bind(node['consent'])} "
            f"AND k.purpose = {self.bind(node.get('topic', 'marketing'))} "
            f"ORDER BY k.created_at DESC, k.id DESC LIMIT 1) = {self.bind(node['is'])}"
        )

    def score(self, node: dict[str, Any]) -> str:
        tests = "".join(
            f" AND s.value {sign} {self.bind(float(node[test]))}::float8"
            for test, sign in (("above", ">"), ("below", "<")) if test in node
        )  # fmt: skip
        return (
            f"c.id IN (SELECT s.contact_id FROM score s WHERE s.tenant_id = {TENANT} "
            f"AND s.key = {self.bind(node['score'])}{tests}{self.limit('s.contact_id')})"
        )

    def bucket(self, node: dict[str, Any]) -> str:
        """Stable share: the first 4 bytes of md5(salt:contact) over 2**32, in percent."""
        share = (
            f"(('x' || left(md5({self.bind(node['bucket'])} || ':' || c.id::text), 8))"
            "::bit(32)::bigint / 42949672.96)"
        )
        low, high = self.bind(float(node.get("from", 0))), self.bind(float(node["to"]))
        return f"({share} >= {low}::float8 AND {share} < {high}::float8)"

    def segment(self, node: dict[str, Any]) -> str:
        return (
            f"c.id IN (SELECT m.contact_id FROM segment_membership m WHERE m.tenant_id = {TENANT} "
            f"AND m.segment_id = {self.bind(str(node['segment']))}::uuid AND m.left_at IS NULL"
            f"{self.limit('m.contact_id')})"
        )


def _as_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _equal(compiler: _Compiler, value: Any) -> str:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return f" AND t.number = {compiler.bind(float(value))}::float8"
    return f" AND t.text = {compiler.bind(_as_text(value))}"


def _like(value: str) -> str:
    return value.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


_TRAIT: dict[str, Any] = {
    "is": _equal,
    "is_not": _equal,
    "in": lambda c, v: f" AND t.text = ANY({c.bind([_as_text(x) for x in v])}::text[])",
    "contains": lambda c, v: f" AND t.text ILIKE {c.bind('%' + _like(v) + '%')}",
    "starts_with": lambda c, v: f" AND starts_with(t.text, {c.bind(v)})",
    "above": lambda c, v: f" AND t.number > {c.bind(float(v))}::float8",
    "below": lambda c, v: f" AND t.number < {c.bind(float(v))}::float8",
    "exists": lambda c, v: "",
}
_LEAF: dict[str, Any] = {
    "trait": _Compiler.trait,
    "profile": _Compiler.profile,
    "did_not": _Compiler.did_not,
    "did": _Compiler.did,
    "consent": _Compiler.consent,
    "score": _Compiler.score,
    "bucket": _Compiler.bucket,
    "segment": _Compiler.segment,
}


def compile_rule(rule: dict[str, Any], *, only: bool = False) -> Compiled:
    """The condition of a rule that rules.check found sound. With `only`, every part is
    restricted to the ids in %(contacts)s, which the caller binds."""
    compiler = _Compiler(only=only)
    sql = compiler.node(rule)
    return Compiled(sql, compiler.parameters)
