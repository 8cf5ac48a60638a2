"""The sizes we accept, in one place. Documented in docs/configuration.md."""

EVENT_BYTES = 32 * 1024
BATCH_BYTES = 1024 * 1024
BATCH_ITEMS = 2_500
BATCH_CONTEXT_BYTES = 4 * 1024  # it is kept with every event of the batch
MONEY = 1e10  # the largest amount of one event
JSON_DEPTH = 8
EVENT_PAST_DAYS = 90
EVENT_FUTURE_HOURS = 24
IMPORT_BYTES = 200 * 1024 * 1024
RULE_DEPTH = 6
RULE_NODES = 60
