"""How far people agree, beyond chance. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence


def kappa(pairs: Sequence[tuple[Hashable, Hashable]]) -> float | None:
    """Cohen's kappa (1960) of two people's labels: (observed - expected) / (1 - expected), expected
    from each one's own shares. None without pairs; 1 where both only ever say the same thing."""
    if not pairs:
        return None
    n = len(pairs)
    observed = sum(a == b for a, b in pairs) / n
    first, second = Counter(a for a, _ in pairs), Counter(b for _, b in pairs)
    expected = sum(first[label] * second[label] for label in first) / n**2
    return 1.0 if expected == 1 else (observed - expected) / (1 - expected)


def alpha(units: Sequence[Sequence[Hashable]]) -> float | None:
    """Krippendorff's alpha for nominal labels (2004, section 11.3): 1 - observed over expected
    disagreement, of any number of people, texts with one label left out. None without any."""
    units = [unit for unit in units if len(unit) > 1]
    n = sum(len(unit) for unit in units)
    if not units:
        return None
    observed = 0.0
    for unit in units:
        counts, m = Counter(unit), len(unit)
        observed += sum(k * (m - k) for k in counts.values()) / (m - 1)
    total = Counter(label for unit in units for label in unit)
    expected = sum(k * (n - k) for k in total.values()) / (n - 1)
    return 1.0 if not expected else 1 - observed / expected
