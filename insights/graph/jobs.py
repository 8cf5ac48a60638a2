"""Later work of the graph."""

from __future__ import annotations

from dataclasses import dataclass

from attune.kernel.jobs import LIGHT, Job


@dataclass(frozen=True, slots=True)
class DrawGraph:
    """Draw the graph of the workspace anew."""


DRAW_GRAPH = Job("insights.draw_graph", LIGHT, DrawGraph)
