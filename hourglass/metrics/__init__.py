"""Metrics: `Snapshot -> {name: number}`."""

from ..snapshot import Lacking, Snapshot
from ..spec import metrics
from . import reconstruction


def measure(snapshot: Snapshot) -> dict[str, float]:
    """Every metric that applies."""
    found: dict[str, float] = {}
    for metric in metrics.parts.values():
        try:
            found |= metric(snapshot)
        except Lacking:
            continue
    return found
