"""Figures: `Snapshot -> Figure`; one that does not apply raises Lacking."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ...core.console import say
from ...core.registry import figures
from ..snapshot import Lacking, Snapshot

if TYPE_CHECKING:   # matplotlib takes half a second to import
    from matplotlib.figure import Figure


def draw_all(
    snapshot: Snapshot, names: Sequence[str] | None = None
) -> Iterator[tuple[str, "Figure"]]:
    """Every figure that applies, by name, or of these."""
    for name, figure in figures.parts.items():
        if names is not None and name not in names:
            continue
        try:
            drawn = figure(snapshot)
            if not hasattr(drawn, "savefig"):
                raise TypeError(f"it gives a {type(drawn).__name__}, not a matplotlib Figure")
        except Lacking:
            continue
        except Exception as error:
            if name not in figures.own:
                raise
            say(f"the figure {name} is left out because it failed: {type(error).__name__}: {error}")
            continue
        yield name, drawn
