"""Figures: `Snapshot -> Figure`; one that does not apply raises Lacking."""

from collections.abc import Iterator

from matplotlib.figure import Figure

from ..snapshot import Lacking, Snapshot
from ..spec import figures
from . import (
    codes,
    corner,
    correlation,
    curves,
    densities,
    errors,
    factors,
    generated,
    images,
    maps,
    neighbours,
)


def draw_all(snapshot: Snapshot) -> Iterator[tuple[str, Figure]]:
    """Every figure that applies, by name."""
    for name, figure in figures.parts.items():
        try:
            yield name, figure(snapshot)
        except Lacking:
            continue
