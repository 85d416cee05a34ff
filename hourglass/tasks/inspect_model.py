"""Inspect a trained model: its history, metrics, figures and report, and its view in a notebook."""

from html import escape
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from ..analysis.analyse import snapshot_of
from ..analysis.figures.canvas import as_png, panels, plain
from ..analysis.report import write_report
from ..analysis.report_sections import OF_PRIORS, WORDS, in_order
from ..analysis.snapshot import Lacking
from ..analysis.take_snapshot import passed
from ..core.expressions import Call
from ..core.image_grid import shown, tile
from ..core.registry import figures
from ..inference.trained import Trained
from ..run.folder import read_settings
from ..run.titles import members_in, title_of
from .notebook_objects import Page, as_bytes, inline
from .tabulated import Columns, Metrics, as_html
from .write_images import as_picture

FIGURES = {"history": "curves", "losses": "curves"}   # other words for figures
SHOWN = 10   # samples that a notebook shows with their reconstructions


def history_of(model: Trained) -> Columns:
    """The figures of every epoch, {name: (E,)}; NaN where an epoch has none. Raises ValueError if
    the run folder is gone."""
    if not model.folder.path.is_dir():
        raise ValueError(f"the run folder {model.folder.path} is gone, and the history with it; "
                         f"a model and its history stay if the folder does")
    rows = model.folder.read_history()
    names = dict.fromkeys(name for row in rows for name in row)
    return Columns({name: np.array([row.get(name, np.nan) for row in rows]) for name in names})


def metrics_of(model: Trained) -> Metrics:
    """Metrics with the ends of their 95 % intervals. A model without metrics is analysed first. A
    classifier has its accuracy. Raises ValueError if the data is gone."""
    record = model.folder.read_record()
    if model.description.decoder and (
            "metrics" not in record or not model.folder.snapshot.is_file()):
        try:
            snapshot_of(model.folder, model)
        except ValueError:   # the data is gone
            if "metrics" not in record:
                raise
        record = model.folder.read_record()
    values, intervals = record.get("metrics", {}), record.get("intervals", {})
    names = in_order(values) if model.description.decoder else list(values)
    return Metrics({name: (float(values[name]), *intervals.get(name, (np.nan, np.nan)))
                    for name in names}, {**WORDS, **OF_PRIORS})


def figure_of(model: Trained, name: str, **options: Any) -> Figure:
    """One figure of the report, such as "corner", with its options. Raises ValueError for a wrong
    name or option, and for a figure that does not apply to this model."""
    _check_decoder(model, f"the figure {name}")
    call = Call(FIGURES.get(name, name), (), options)
    figures.check(call)   # before what may take long
    try:
        figure: Figure = figures.build(call, snapshot_of(model.folder, model))
    except Lacking as lacking:
        raise ValueError(f"the figure {name} does not apply to this model: "
                         f"{str(lacking) or 'the data lacks something that it needs'}") from None
    return figure


def report_of(model: Trained) -> Page:
    """The report, drawn again. Raises ValueError if it needs data that is gone."""
    _check_decoder(model, "a report")
    path = write_report(model.folder, trained=model)
    return Page(path.read_text(), "report", path)


def as_html_of(model: Trained) -> str:
    """The HTML of a model in a notebook: its description, losses and some reconstructions."""
    parts = [_summary(model)]
    history = history_of(model)
    if len(history) and len(history["epoch"]) > 1:
        parts.append(inline(as_png(_curves(history)), "png"))
    parts += _reconstructions(model)
    parts.append("<p>model.report() shows the whole report.</p>"
                 if model.description.decoder else metrics_of(model)._repr_html_())
    return "".join(f"<div>{part}</div>" for part in parts)


def text_of(model: Trained) -> str:
    """The model in a line."""
    settings, record = read_settings(model.folder.settings), model.folder.read_record()
    weights, trained = record["parameters"].get("whole", 0), _trained(record)
    title = title_of(settings, record)
    what = title if model.description.decoder else (
        f"classifier of {len(model.classes)} classes, from {title}")
    return f"{what}, {weights:,} parameters, {trained}, in {model.folder.path}"


def _trained(record: dict[str, Any]) -> str:
    """For how long the model of a run's record was trained."""
    if "frozen" in record:   # a classifier
        steps = f"{record['steps']:,} steps on " if "steps" in record else ""
        return f"{steps}{record['labels']:,} labels"
    if members_in(record):
        return "trained as runs of their own"
    return f"{record.get('epochs', 0):g} epochs"


def _check_decoder(model: Trained, what: str) -> None:
    """Raise ValueError for a classifier, which reconstructs nothing."""
    if not model.description.decoder:
        raise ValueError(f"{what} shows reconstructions, and this is a classifier without a "
                         f"decoder. Its accuracy is in model.metrics; for {what}, use the "
                         f"run that it was made from, {model.description.origin}")


def _summary(model: Trained) -> str:
    settings, record = read_settings(model.folder.settings), model.folder.read_record()
    rows = [["data", settings["data"]], ["samples", "x".join(map(str, model.shape))],
            *([name, settings[name]] for name in ("backbone", "bottleneck", "likelihood", "loss")
              if settings.get(name)),
            ["parameters", f"{record['parameters'].get('whole', 0):,}"],
            ["training", _trained(record) + (
                f", the best is {record['best_epoch']:g}" if record.get("best_epoch") else "")],
            ["run", model.folder.path]]
    return f"<p><b>{escape(text_of(model))}</b></p>{as_html(['', ''], rows)}"


def _curves(history: Columns) -> Figure:
    figure, (ax,) = panels(1, 1, 2.6)
    for name in ("train_loss", "val_loss"):
        if name in history:
            ax.plot(history["epoch"], history[name], label=name.replace("_", " "))
    ax.set(xlabel="epoch", ylabel="loss")
    ax.legend()
    plain([ax])
    return figure


def _reconstructions(model: Trained) -> list[str]:
    """Some unseen samples and their reconstructions, if they are images and can be read."""
    if len(model.shape) != 3:
        return []
    if model.folder.snapshot.is_file():
        snapshot = snapshot_of(model.folder, model)
    elif model.training.at_hand is not None:
        source = model.training.at_hand
        rows = source.splits[source.unseen].evenly(SHOWN)
        snapshot = passed(model.model, source, rows)
    else:
        return []
    few = np.linspace(0, len(snapshot.x) - 1, min(SHOWN, len(snapshot.x))).astype(int)
    sheet = as_picture(tile([shown(snapshot.x[few]), shown(snapshot.recon[few])]))
    times = max(1, 600 // max(sheet.size))
    return [f"<p>Input above, reconstruction below ({escape(snapshot.split)} samples):</p>"
            + inline(as_bytes(sheet.resize((times * sheet.width, times * sheet.height))), "png")]
