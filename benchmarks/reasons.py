"""Why a goal of design/targets.md (a most) is missed: what `make evidence` prints below the table, beside the
numbers that show it. A reason goes when its goal is reached."""

REASONS = {
    "decide.p95_ms": (
        "the least request of ours (one key, one workspace, one row, one transaction) takes "
        "`decide.policy_p95_ms`'s peer value on the same machine, which is above the goal by itself: "
        "client, web process and a durable PostgreSQL share two cores. A decision adds the "
        "person's facts, the arms and a row that is on disk before the answer; it is kept below "
        "three times the least request (`decide.policy_ratio`)."
    ),
    "decide.policy_p95_ms": (
        "the floor beside it is above the goal by itself; what a policy adds are the "
        "person's features, four constraints and the whole vector of chances, durably logged."
    ),
}
