"""The figures of a study's page: history, importance, slices, parallel coordinates, front."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..analysis.figures.canvas import COLOURS, panels, plain
from .importances import DECADES, FEWEST, importance
from .records import Records

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FINISHED, PRUNED = COLOURS[0], "#b5b5b5"
MOST_HOLES = 12    # that slices and parallel coordinates show, the most important ones
ACROSS = 4         # slices in a row
MOST_CURVES = 400  # trials whose losses by epoch are drawn
SHOWN_ABOVE = 3.0  # values further from the median, in interquartile ranges, are cut off
CROWDED = 80       # letters of names below one axis, from which they are tilted
Drawn = dict[str, tuple[str, "Figure"]]   # by title: a caption, and the figure


def draw(records: Records) -> Drawn:
    """Each figure that these trials allow, by its title, with a sentence on it."""
    weights = importance(records)
    holes = [*weights, *(n for n in records.holes if n not in weights)][:MOST_HOLES]
    drawn: Drawn = {}
    steps: Sequence[tuple[str, str, Callable[[], Any]]] = (
        ("History", "Each finished trial by its number, and the best so far. A cross is a pruned "
         "trial at its last value.", lambda: _history(records)),
        ("Importance", "The share of the first objective's variation that each hole explains "
         "(PED-ANOVA, Watanabe et al., 2023): how far the better trials differ from all.",
         lambda: _importance(weights)),
        ("Slices", "The first objective against each hole, the most important one first. Dark "
         "points came late.", lambda: _slices(records, holes)),
        ("Parallel coordinates", "Each line is a finished trial through its holes, from the most "
         "important one; dark lines are the best.", lambda: _parallel(records, holes)),
        (_front_title(records), "The line joins the trials that no other one beats in both.",
         lambda: _front(records)),
        ("Epoch by epoch", "The first objective during training. Pruned trials are grey.",
         lambda: _curves(records)))
    for title, about, make in steps:
        figure = make()
        if figure is not None:
            drawn[title] = about, figure
    return drawn


def _history(records: Records) -> "Figure | None":
    aim = records.aims[0]
    done = sorted(records.finished, key=lambda t: t.number)
    if not done:
        return None
    figure, (ax,) = panels(1, 1, 3.6)
    pruned = [t for t in records.of_state("pruned") if t.reported]
    ax.plot([t.number for t in pruned], [[*t.reported.values()][-1] for t in pruned], "x",
            color=PRUNED, markersize=4, label="pruned")
    values = np.array([t.values[0] for t in done])
    ax.plot([t.number for t in done], values, "o", color=FINISHED, markersize=3.5, alpha=0.7,
            label="finished")
    best = (np.maximum if aim.greater else np.minimum).accumulate(values)
    ax.step([t.number for t in done], best, where="post", color=COLOURS[1], label="best so far")
    ax.set(xlabel="trial", ylabel=aim.name)
    ax.xaxis.get_major_locator().set_params(integer=True)  # type: ignore[call-arg]
    _cut(ax, values, aim.greater)
    ax.legend(frameon=False, fontsize=9)
    plain([ax])
    return figure


def _cut(ax: "Axes", values: np.ndarray, greater: bool, axis: str = "y") -> None:
    """Limit an axis, so that a few very bad trials do not flatten all others."""
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    reach = SHOWN_ABOVE * (high - low)
    span = float(values.max() - values.min()) or abs(middle) or 1.0
    worst = max(values.min(), middle - reach) if greater else min(values.max(), middle + reach)
    ends = (worst, values.max()) if greater else (values.min(), worst)
    span = float(ends[1] - ends[0]) or span
    if span > 0 and ends[1] > ends[0]:
        getattr(ax, f"set_{axis}lim")(ends[0] - 0.06 * span, ends[1] + 0.06 * span)


def _importance(weights: Mapping[str, float]) -> "Figure | None":
    if not weights:
        return None
    names = [*weights][:MOST_HOLES][::-1]
    figure, (ax,) = panels(1, 1, 0.9 + 0.3 * len(names))
    bars = ax.barh(names, [weights[name] for name in names], color=FINISHED, height=0.6)
    ax.bar_label(bars, fmt="%.2f", padding=3, fontsize=9)
    ax.set(xlabel="share of the explained variation", xlim=(0, 1.1 * max(weights.values())))
    plain([ax])
    return figure


def _slices(records: Records, holes: Sequence[str]) -> "Figure | None":
    aim, done = records.aims[0], records.finished
    holes = [name for name in holes if sum(name in t.params for t in done) > 1]
    if not holes:
        return None
    rows = -(-len(holes) // ACROSS)
    figure, axes = panels(rows, min(ACROSS, len(holes)), 2.6 * rows, sharey=True)
    for ax, name in zip(axes, holes, strict=False):
        own = [t for t in done if name in t.params]
        places, labels = _positions([t.params[name] for t in own])
        ax.scatter(places, [t.values[0] for t in own], c=[t.number for t in own], s=10,
                   cmap="Blues", vmin=-0.5 * (max(t.number for t in own) + 1))
        _label(ax, places, labels, name)
    _cut(axes[0], np.array([t.values[0] for t in done]), aim.greater)
    for ax in axes[len(holes):]:
        ax.set_visible(False)
    for ax in axes[::min(ACROSS, len(holes))]:
        ax.set_ylabel(aim.name)
    plain(axes)
    return figure


def _positions(values: Sequence[Any]) -> tuple[np.ndarray, list[str]]:
    """The positions of values on an axis, and the ordered labels of choices."""
    if not all(isinstance(value, str) for value in values):
        return np.array(values, float), []
    labels = sorted(set(values), key=_rank)
    return np.array([labels.index(value) for value in values], float), labels


def _rank(text: str) -> tuple[float, str]:
    """Numbers by their size, then words by the alphabet."""
    try:
        return float(text), text
    except ValueError:
        return math.inf, text


def _label(ax: "Axes", places: np.ndarray, labels: Sequence[str], name: str) -> None:
    ax.set_xlabel(name, fontsize=9)
    ax.tick_params(labelsize=8)
    if labels:
        short = [text if len(text) <= 12 else f"{text[:11]}…" for text in labels]
        ax.set_xticks(range(len(labels)), short, rotation=20 if len(labels) > 3 else 0)
        ax.set_xlim(-0.5, len(labels) - 0.5)
    elif places.min() > 0 and places.max() > DECADES * places.min():
        ax.set_xscale("log")
    else:
        ax.locator_params(axis="x", nbins=4)


def _parallel(records: Records, holes: Sequence[str]) -> "Figure | None":
    from matplotlib.collections import LineCollection
    done = [t for t in records.finished if all(name in t.params for name in holes)]
    shared = [name for name in holes if done and name in done[0].params]
    if not done:   # conditional holes: those that every trial has
        shared = [n for n in holes if all(n in t.params for t in records.finished)]
        done = records.finished
    if len(done) < FEWEST or len(shared) < 2:
        return None
    aim = records.aims[0]
    columns, ticks = [], []
    for name in shared:
        places, labels = _positions([t.params[name] for t in done])
        log = not labels and places.min() > 0 and places.max() > DECADES * places.min()
        places, ends = _unit(np.log(places) if log else places)
        columns.append(places)
        ticks.append(labels or [f"{math.exp(v) if log else v:.3g}" for v in ends])
    values = np.array([t.values[0] for t in done])
    order = np.argsort(-values if not aim.greater else values, kind="stable")   # the best last
    rank = np.empty(len(done))
    rank[order] = np.linspace(0, 1, len(done))
    figure, (ax,) = panels(1, 1, 4.0)
    lines = [[(i, column[row]) for i, column in enumerate(columns)] for row in order]
    ax.add_collection(LineCollection(lines, array=rank[order], cmap="Blues", linewidths=0.9,
                                     clim=(-0.15, 1)))
    _axes_of(ax, shared, ticks)
    plain([ax])
    return figure


def _unit(values: np.ndarray) -> tuple[np.ndarray, tuple[float, float]]:
    low, high = float(values.min()), float(values.max())
    return (values - low) / ((high - low) or 1.0), (low, high)


def _axes_of(ax: "Axes", names: Sequence[str], ticks: Sequence[Sequence[str]]) -> None:
    for place, labels in enumerate(ticks):
        ax.axvline(place, color="#999999", linewidth=0.6)
        for number, text in enumerate(labels):
            height = number / max(len(labels) - 1, 1)
            ax.text(place + 0.02, height, text if len(text) < 20 else f"{text[:18]}…", fontsize=8,
                    va="center")
    ax.set(xlim=(-0.1, len(names) - 0.7), ylim=(-0.05, 1.05), yticks=[])
    tilt = 15 if sum(map(len, names)) > CROWDED else 0
    ax.set_xticks(range(len(names)), list(names), fontsize=9, rotation=tilt)
    ax.spines["left"].set_visible(False)


def _front_title(records: Records) -> str:
    return "Pareto front" if len(records.aims) > 1 else "Size and quality"


def _front(records: Records) -> "Figure | None":
    """Two objectives against each other; with one, the objective against the parameters."""
    done = [t for t in records.finished if t.costs]
    if len(done) < 2:
        return None
    two = len(records.aims) > 1
    name = records.aims[1].name if two else "parameters"
    across = np.array([t.values[1] if two else t.parameters for t in done])
    values = np.array([t.values[0] for t in done])
    if not two and np.ptp(across) == 0:
        return None
    greater = records.aims[0].greater, records.aims[1].greater if two else False
    figure, (ax,) = panels(1, 1, 3.8)
    ax.plot(across, values, "o", color=FINISHED, markersize=3.5, alpha=0.6)
    front = _best_of_both(across, values, greater)
    ax.plot(across[front], values[front], "o-", color=COLOURS[1], markersize=4, linewidth=1)
    if across.min() > 0 and across.max() > DECADES * across.min():
        ax.set_xscale("log")
    ax.set(xlabel=name, ylabel=records.aims[0].name)
    _cut(ax, values, greater[0])
    plain([ax])
    return figure


def _best_of_both(
    across: np.ndarray, values: np.ndarray, greater: tuple[bool, bool]
) -> list[int]:
    """The points that no other one beats in both, from left to right."""
    x = -across if greater[1] else across
    y = -values if greater[0] else values
    front: list[int] = []
    for row in np.lexsort((y, x)):
        if not front or y[row] < y[front[-1]]:
            front.append(int(row))
    return sorted(front, key=lambda row: float(across[row]))


def _curves(records: Records) -> "Figure | None":
    trials = [t for t in records.trials if len(t.reported) > 1 or (
        t.reported and t.state == "pruned")]
    if not trials:
        return None
    some = trials[-MOST_CURVES:]
    figure, (ax,) = panels(1, 1, 3.6)
    best = records.best
    for trial in some:
        is_best = best is not None and trial.number == best.number
        colour = COLOURS[1] if is_best else PRUNED if trial.state == "pruned" else FINISHED
        ax.plot([*trial.reported], [*trial.reported.values()], color=colour, zorder=3 if is_best
                else 1, linewidth=1.6 if is_best else 0.7, alpha=1 if is_best else 0.6,
                marker="." if len(trial.reported) == 1 else "")
    ax.set(xlabel="epoch", ylabel=records.aims[0].name)
    ax.xaxis.get_major_locator().set_params(integer=True)  # type: ignore[call-arg]
    _cut(ax, np.array([[*t.reported.values()][-1] for t in some]), records.aims[0].greater)
    plain([ax])
    return figure

