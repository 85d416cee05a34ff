"""The page on models that were trained alike: table, samples and curves."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullFormatter

from ..analysis.analyse import snapshot_of
from ..analysis.figures import draw_all
from ..analysis.figures.canvas import as_png, contact_sheet, keep_free, panels, plain
from ..analysis.html import picture, template
from ..analysis.snapshot import Snapshot
from ..core.files import write_whole
from ..core.image_grid import shown
from ..core.registry import figures
from ..run.folder import RunFolder, read_settings
from .compare_runs import COLUMNS as ACROSS
from .compare_runs import same_samples
from .ranking import COLUMNS, Entry, Ranking, as_rows

PAGE, ROWS = "comparison.html", "table.csv"
BESIDE = ("curves", "codes")   # figures of each model, side by side
SAID = ("data", "backbone", "likelihood", "batch_size", "optimiser", "lr", "schedule", "stop")
TALLEST = 30.0                 # height limit of a sheet, in inches
HUES = 10


def write_page(ranking: Ranking, out: Path) -> Path:
    """Write the page, and the table of all runs, into the folder. Returns the page's path. Pictures
    are of each model's first seed."""
    entries = [entry for entry in ranking.entries if entry.runs]
    names = [entry.model for entry in entries]
    snapshots = [snapshot_of(entry.runs[0]) for entry in entries]
    sheets = [*same_samples(snapshots, names, TALLEST), *_drawn(ranking, snapshots, names),
              _falling(entries)]
    settings = [read_settings(entry.runs[0].settings) for entry in entries]
    page = template("models").render(
        names=names, table=ranking.table, columns=COLUMNS, order=ranking.order,
        best={name: ranking.best(name) for name in next(iter(ranking.table.values()))},
        priors=ranking.priors, refused=[e for e in ranking.entries if e.refused], sheets=sheets,
        seeds=len(entries[0].runs), said=_shared(settings),
        figures=_beside(snapshots), judge=snapshots[0].judge, split=snapshots[0].split,
        count=len(snapshots[0].x), runs=[[run.path.name for run in e.runs] for e in entries])
    write_whole(out / ROWS, as_rows(ranking))
    write_whole(out / PAGE, page)
    return out / PAGE


def _shared(settings: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The settings that all models share."""
    return {name: settings[0].get(name, "") for name in SAID
            if len({str(one.get(name, "")) for one in settings}) == 1}


def _drawn(
    ranking: Ranking, snapshots: Sequence[Snapshot], names: Sequence[str]
) -> list[dict[str, str]]:
    """Samples of each model, from its prior."""
    if snapshots[0].x.ndim != 4:
        return []
    rows, labels = [], []
    for name, snapshot in zip(names, snapshots, strict=True):
        drawn = snapshot.drawn.get(ranking.priors[name])
        if drawn is not None:
            few = np.linspace(0, len(drawn.x) - 1, min(ACROSS, len(drawn.x))).astype(int)
            rows.append(shown(drawn.x[few]))
            labels.append(f"{name}, {ranking.priors[name]}")
    if not rows:
        return []
    sheet = contact_sheet(rows, labels, 0.6, TALLEST)
    return [{"title": "Samples of each", "image": picture(as_png(sheet)),
             "about": "Random samples, not selected, from each model's usual prior: its own, if "
                      "training matched the codes to it."}]


def _falling(entries: Sequence[Entry]) -> dict[str, str]:
    """The error of all models by epoch and by time, one line per seed."""
    figure, axes = panels(1, 2, 4.2, sharey=True)
    for number, entry in enumerate(entries):
        for run in entry.runs:
            _line(axes, run, number, entry.model if run is entry.runs[0] else None)
    for ax, along in zip(axes, ("epoch", "seconds of training"), strict=True):
        ax.set(xlabel=along, yscale="log")
        ax.xaxis.set_major_locator(MaxNLocator("auto", integer=along == "epoch"))
        low, high = ax.get_ylim()
        ax.yaxis.set_major_formatter("{x:g}")
        ax.yaxis.set_minor_formatter("{x:g}" if high < 10 * low else NullFormatter())
        ax.grid(alpha=0.25, which="both")
    axes[0].set_ylabel("squared error per value, on val")
    plain(axes)
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="upper right", fontsize=9, frameon=False)
    keep_free(figure, right=0.6 + 0.085 * max(map(len, names), default=0))
    return {"title": "Error during training", "image": picture(as_png(figure)),
            "about": "Losses of different models cannot be compared; the squared error of "
                     "reconstructions can."}


def _line(axes: Sequence[Axes], run: RunFolder, number: int, label: str | None) -> None:
    rows = run.read_history()
    name = next((n for n in ("val_mse", "train_mse") if rows and n in rows[0]), "")
    if not name:
        return
    errors, style = [row[name] for row in rows], ("-", "--", ":")[number // HUES % 3]
    for ax, along in zip(axes, ("epoch", "seconds"), strict=True):
        ax.plot([row[along] for row in rows], errors, color=f"C{number % HUES}", linestyle=style,
                label=label, linewidth=1.2, marker="." if len(rows) < 10 else "")


def _beside(snapshots: Sequence[Snapshot]) -> list[dict[str, Any]]:
    drawn = [{name: _picture(figure) for name, figure in draw_all(s, BESIDE)} for s in snapshots]
    titles = {"curves": "Losses of each", "codes": "Latent codes of each"}
    return [{"title": titles[name], "about": figures.about(name),
             "images": [pictures.get(name, "") for pictures in drawn]}
            for name in BESIDE if any(name in pictures for pictures in drawn)]


def _picture(figure: Figure) -> str:
    return picture(as_png(figure))
