"""Figures of recommenders: methods side by side, and the map of items."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.transforms import Bbox

from ...core.registry import figures
from ..snapshot import Lacking, Snapshot
from .canvas import COLOURS, lay_out, panels, plain

NAMED = 60      # items of the map that may bear their titles
LONGEST = 28    # characters of a title
MEASURES = ("NDCG@100", "recall@20", "recall@50")
INTERVAL = 1.96


@figures.add("ranking")
def ranking(s: Snapshot) -> Figure:
    """How the model and simpler methods rank held-out items of users. A bar is the mean over users,
    its line the 95 % interval. How to read it: higher is better."""
    if not len(s.judged):
        raise Lacking("held-out items of users")
    figure, axes = panels(1, len(MEASURES), 3.2)
    for i, (ax, title) in enumerate(zip(axes, MEASURES, strict=True)):
        values = s.judged[:, :, i].astype(np.float64)
        means, errors = values.mean(1), values.std(1) / np.sqrt(values.shape[1])
        ax.bar(range(len(means)), means, color=[COLOURS[0], *[COLOURS[5]] * (len(means) - 1)],
               yerr=INTERVAL * errors, width=0.7, capsize=3)
        ax.set_xticks(range(len(means)), s.methods)
        ax.set(title=f"{title}, {values.shape[1]:,} {s.split} users", ylabel=title)
        for x, value in enumerate(means):
            ax.annotate(f"{value:.3f}", (x, 0), (0, 4), textcoords="offset points", ha="center",
                        color="white", fontsize=9)
    plain(axes)
    return figure


@figures.add("items")
def items(s: Snapshot) -> Figure:
    """The most popular items by the decoder's vector of each, placed by t-SNE. Larger points have
    more users. How to read it: items near one another are recommended to the same users; only
    nearness means something, not the axes."""
    if not len(s.item_map):
        raise Lacking("vectors of items")
    figure, (ax,) = panels(1, 1, 8)
    users = np.maximum(s.item_users.astype(np.float64), 1)
    across, up = s.item_map.T
    ax.scatter(across, up, s=4 + 60 * users / users.max(), color=COLOURS[0], alpha=0.45,
               linewidths=0)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.spines[:].set_visible(False)
    lay_out([ax])
    taken: list[Bbox] = []
    for place, title in zip(s.item_map, s.titles, strict=True):
        if len(taken) >= NAMED:
            break
        short = title if len(title) <= LONGEST else f"{title[:LONGEST - 1]}…"
        text = ax.text(place[0], place[1], short, fontsize=7, ha="center", va="center",
                       parse_math=False, clip_on=True,
                       path_effects=[withStroke(linewidth=2, foreground="white")])
        box = text.get_window_extent()
        if any(box.overlaps(other) for other in taken):
            text.remove()
        else:
            taken.append(box)
    return figure
