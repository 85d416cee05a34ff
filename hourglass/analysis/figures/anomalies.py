"""What scores say of classes that training did not see."""

import numpy as np
from matplotlib.figure import Figure

from ...core.image_grid import shown
from ...core.registry import figures
from ...inference.error_maps import smoothed
from ..snapshot import Lacking, Snapshot
from .canvas import COLOURS, panels, plain, put_rows
from .classes import name_of
from .heatmaps import overlaid

SHOWN = 12        # samples in a row
CLASSES = 40
HIGH = 0.999      # share of the pixels of heat maps that lie below the end of their scale
NORMAL, ABNORMAL = COLOURS[0], COLOURS[1]


def _scored(s: Snapshot) -> None:
    if not len(s.scores) or not s.abnormal.any():
        raise Lacking("classes that training did not see")


@figures.add("scores")
def scores(s: Snapshot) -> Figure:
    """Anomaly scores by class: normal classes are blue, classes not seen in training are red. A box
    holds half of a class, its whiskers 90 %. The dashed line is the threshold; scores right of it
    count as abnormal. How to read it: red boxes should be right of the line, blue ones left."""
    _scored(s)
    kinds = np.unique(s.y)
    if len(kinds) > CLASSES:
        raise Lacking(f"at most {CLASSES} classes")
    odd = {kind: bool(s.abnormal[s.y == kind].any()) for kind in kinds}
    order = sorted(kinds, key=lambda kind: (odd[kind], np.median(s.scores[s.y == kind])))[::-1]
    figure, (ax,) = panels(1, 1, 1.6 + 0.3 * len(kinds))
    drawn = ax.boxplot(
        [s.scores[s.y == kind] for kind in order], whis=(5, 95), orientation="horizontal",
        widths=0.6, showfliers=False, patch_artist=True, medianprops={"color": "black"},
        tick_labels=[f"{name_of(s, kind)} ({(s.y == kind).sum()})" for kind in order])
    for box, kind in zip(drawn["boxes"], order, strict=True):
        box.set(facecolor=ABNORMAL if odd[kind] else NORMAL, alpha=0.6)
    ax.axvline(s.threshold, color="black", linestyle="--", linewidth=1)
    positive = bool((s.scores > 0).all())   # errors differ by factors, distances too
    ax.set(xlabel=f"score: {s.detector}", xscale="log" if positive else "linear")
    for put in (ax.xaxis.set_major_formatter, ax.xaxis.set_minor_formatter):
        put("{x:.3g}")
    ax.grid(alpha=0.25, axis="x")
    plain([ax])
    return figure


@figures.add("roc")
def roc(s: Snapshot) -> Figure:
    """Left: ROC curve, the share of abnormal samples found against the share of normal samples
    called abnormal. Right: precision against recall. The dot is the threshold in use, the dashed
    line is chance. How to read it: the left curve should reach the upper left corner."""
    _scored(s)
    from sklearn.metrics import precision_recall_curve, roc_auc_score, roc_curve
    false, true, _ = roc_curve(s.abnormal, s.scores)
    precision, recall, _ = precision_recall_curve(s.abnormal, s.scores)
    called = s.scores > s.threshold
    detected = called[s.abnormal].mean()
    figure, (left, right) = panels(1, 2, 4.4)
    left.plot(false, true, color=ABNORMAL)
    left.plot([0, 1], [0, 1], color="grey", linestyle="--", linewidth=1)
    left.plot(called[~s.abnormal].mean(), detected, "o", color="black")
    left.set(xlabel="normal samples called abnormal", ylabel="abnormal samples found",
             title=f"AUROC {roc_auc_score(s.abnormal, s.scores):.3f}", aspect="equal")
    right.plot(recall, precision, color=ABNORMAL)
    right.axhline(s.abnormal.mean(), color="grey", linestyle="--", linewidth=1)
    if called.any():
        right.plot(detected, s.abnormal[called].mean(), "o", color="black")
    right.set(xlabel="recall", ylabel="precision", ylim=(0, 1.03), xlim=(-0.02, 1.02),
              title="precision and recall")
    plain([left, right])
    return figure


@figures.add("oddest")
def oddest(s: Snapshot) -> Figure:
    """Inputs, and below each a map of its reconstruction error, all on one scale: unseen classes
    with the highest and the lowest scores, and normal classes with the highest. How to read it: the
    lowest of the unseen should look like normal samples. The highest of the normal ones should be
    unusual."""
    _scored(s)
    if s.x.ndim != 4:
        raise Lacking("images")
    order = np.argsort(-s.scores, kind="stable")
    odd, usual = order[s.abnormal[order]], order[~s.abnormal[order]]
    groups = {"unseen, highest": odd[:SHOWN], "unseen, lowest": odd[::-1][:SHOWN],
              "seen, highest": usual[:SHOWN]}
    chosen = np.concatenate(list(groups.values()))
    heats = smoothed(np.square(s.x[chosen] - s.recon[chosen]))
    top = float(np.quantile(heats, HIGH))
    rows, names = [], []
    for name, index in groups.items():
        heat = smoothed(np.square(s.x[index] - s.recon[index]))
        missing = SHOWN - len(index)
        pair = shown(s.x[index], flat=True), overlaid(s.x[index], heat, top)
        for title, images in zip((name, ""), pair, strict=True):
            rows.append(np.concatenate([images, np.ones((missing, *images.shape[1:]))]))
            names.append(title)
    height, width = s.x.shape[1:3]
    figure, (ax,) = panels(1, 1, min(0.4 + 9.5 * len(rows) * height / (SHOWN * width), 16))
    put_rows(ax, rows, names)
    return figure
