"""Numbers in groups of three, as business Chinese writes them; the rest is Django's own."""

THOUSAND_SEPARATOR = ","
NUMBER_GROUPING = 3
