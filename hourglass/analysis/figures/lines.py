"""Figures of lines of text: what the model writes, as text."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from ...core.registry import figures
from ..snapshot import Lacking, Snapshot
from .canvas import panels

LONGEST = 58   # characters of a line in a column of half the width
TALL = 0.21    # inches of a line


@figures.add("line_reconstructions")
def line_reconstructions(s: Snapshot) -> Figure:
    """Lines and what the model writes of their codes, always the most probable token. How to read
    it: equal lines are kept whole; alike ones share what the code says."""
    return _columns(s, ("lines", "reconstructions"))


@figures.add("line_steps")
def line_steps(s: Snapshot) -> Figure:
    """What the model writes of codes on the way from one line to another. How to read it: each
    should be a good line, and they should change little by little."""
    return _columns(s, ("between",))


@figures.add("line_samples")
def line_samples(s: Snapshot) -> Figure:
    """Lines of codes drawn from each prior, token by token at temperature 1. How to read it: they
    should look like lines of the data."""
    drawn = [name for name in s.lines if name.startswith("drawn") and "uniform" not in name]
    return _columns(s, [*drawn[:1], *drawn[1:][-1:]])


def _columns(s: Snapshot, names: Sequence[str]) -> Figure:
    """A figure with lists of lines side by side."""
    there = [name for name in names if name in s.lines]
    if not there or s.molecules:   # molecules are drawn as pictures
        raise Lacking("lines of text")
    count = max(len(s.lines[name]) for name in there)
    figure, axes = panels(1, len(there), 0.6 + TALL * count)
    most = LONGEST if len(there) > 1 else 2 * LONGEST
    for ax, name in zip(axes, there, strict=True):
        ax.set_axis_off()
        ax.set(xlim=(0, 1), ylim=(count, -1))
        ax.set_title(name, loc="left", fontsize=10)
        for row, text in enumerate(s.lines[name]):
            plain = "".join(mark if mark.isprintable() else "?" for mark in text)
            short = plain if len(plain) <= most else f"{plain[:most - 1]}…"
            ax.text(0, row, short, fontsize=8, family="monospace", va="center", parse_math=False)
    return figure
