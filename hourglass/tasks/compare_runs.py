"""Compare runs side by side: the same samples, the same metrics, one table."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..analysis.analyse import snapshot_of
from ..analysis.figures import draw_all
from ..analysis.figures.canvas import as_png, contact_sheet
from ..analysis.html import picture, template
from ..analysis.report_sections import OF_PRIORS, WORDS, in_order, titles
from ..analysis.snapshot import Snapshot
from ..core.console import say, track
from ..core.files import write_out
from ..core.image_grid import shown
from ..core.registry import figures
from ..run.folder import RunFolder, open_run, read_settings, unfinished
from ..run.titles import model_of

SIDE_BY_SIDE = ("curves", "codes", "maps", "grid", "interpolations", "between", "samples",
                "histograms", "radius", "filled")
COLUMNS = 12
LESS_IS_BETTER = {"mse", "mae", "nats", "bce", "frechet", "kernel", "round_trip"}
MORE_IS_BETTER = {"psnr", "ssim", "explained_variance", "knn_accuracy", "linear_accuracy", "filled",
                  "asked", "precision", "recall", "coverage"}


def compare(runs: Sequence[Path], out: Path) -> dict[str, list[float | None]]:
    """Write a page that compares runs on the same data. Returns the values, one list per metric.
    Raises ValueError if they were not evaluated on the same samples."""
    if len(runs) < 2:
        raise ValueError("name two runs or more, as in hourglass compare runs/1 runs/2")
    if out.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"the comparison is a page; -o must end in .html, not {out.suffix or out}")
    if len({run.resolve() for run in runs}) < len(runs):
        raise ValueError("the same run is named twice; name different runs")
    folders = [open_run(run) for run in runs]
    snapshots = [snapshot_of(folder) for folder in folders]
    for run, snapshot in zip(runs[1:], snapshots[1:], strict=True):
        if snapshots[0].x.shape != snapshot.x.shape or not np.array_equal(snapshots[0].x,
                                                                          snapshot.x):
            raise ValueError(f"{run} was not evaluated on the same samples as {runs[0]}: train "
                             f"both on the same data, with the same size and splits")
    records = [folder.read_record() for folder in folders]
    for folder, why in zip(folders, _unfinished(folders, records), strict=True):
        if why:
            say(f"the training of {folder.path} {why}, so the comparison is not on equal terms. To "
                f"continue: hourglass train {folder.path} --resume")
    names = [str(run) for run in runs]
    table = _table(records)
    page = template("compare").render(
        names=names, split=snapshots[0].split, count=len(snapshots[0].x), table=table,
        facts=_facts(folders, records), words=WORDS | OF_PRIORS,
        shared=same_samples(snapshots, names), figures=_figures(snapshots))
    write_out(out, page)
    return {metric: [cell["value"] for cell in cells] for metric, cells in table.items()}


def _table(records: Sequence[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """One row per metric and one cell per run, with the best marked where that is clear."""
    names = in_order(name for record in records for name in record["metrics"])
    table = {}
    for name in names:
        values = [record["metrics"].get(name) for record in records]
        kind = name.split("/")[-1]
        there = [v for v in values if v is not None]
        best = (min(there) if kind in LESS_IS_BETTER else max(there) if kind in MORE_IS_BETTER
                else None)
        table[name] = [{"value": value, "best": value is not None and value == best,
                        "between": record.get("intervals", {}).get(name)}
                       for value, record in zip(values, records, strict=True)]
    return table


def _facts(folders: Sequence[RunFolder], records: Sequence[dict[str, Any]]) -> dict[str, list[str]]:
    settings = [read_settings(folder.settings) for folder in folders]
    return {"model": [model_of(s, r) for s, r in zip(settings, records, strict=True)],
            "parameters": [f"{r['parameters']['whole']:,}" for r in records],
            "training": [why or "finished" for why in _unfinished(folders, records)],
            "epochs": [str(r["epochs"]) for r in records],
            "seconds": [f"{r['seconds']:.0f}" for r in records]}


def _unfinished(folders: Sequence[RunFolder], records: Sequence[dict[str, Any]]) -> list[str]:
    """Why each run's training is not finished, "" if it is."""
    return [unfinished(folder, record) for folder, record in zip(folders, records, strict=True)]


def same_samples(
    snapshots: Sequence[Snapshot], names: Sequence[str], tallest: float = 14.0
) -> list[dict[str, str]]:
    """A sheet of the same samples through each model, if they are images, at most `tall` inches
    high."""
    x = snapshots[0].x
    if x.ndim != 4:
        return []
    few = np.linspace(0, len(x) - 1, min(COLUMNS, len(x))).astype(int)
    rows = [shown(x[few]), *(shown(s.recon[few]) for s in snapshots)]
    sheet = contact_sheet(rows, ["x", *names], 0.6, tallest)
    return [{"title": "The same samples, reconstructed by each", "image": picture(as_png(sheet)),
             "about": "The first row shows the samples themselves."}]


def _figures(snapshots: Sequence[Snapshot]) -> list[dict[str, Any]]:
    drawn: list[dict[str, str]] = []
    for s in snapshots:
        chosen = draw_all(s, SIDE_BY_SIDE)
        drawn.append({name: picture(as_png(figure)) for name, figure in
                      track(chosen, len(SIDE_BY_SIDE), "drawing")})
    return [{"title": titles()[name], "about": figures.about(name),
             "images": [pictures.get(name, "") for pictures in drawn]}
            for name in SIDE_BY_SIDE if any(name in pictures for pictures in drawn)]
