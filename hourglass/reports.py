"""The report: one HTML page that opens anywhere, drawn from a run folder alone."""

import base64
import json
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from .animation import animate
from .assembly import Training, load_source
from .autoencoder import Autoencoder
from .data.source import Source
from .disk import write_whole
from .figures import draw_all
from .figures.canvas import as_png
from .folder import RunFolder
from .metrics import measure
from .settings import make_settings, read_toml
from .snapshot import load_snapshot, take
from .spec import figures
from .trained import load

TITLES = {"curves": "Did it learn?", "reconstructions": "Does it reconstruct?",
          "lines": "Does it reconstruct?", "errors": "How large are the errors?",
          "class_errors": "Which classes are hard?", "codes": "Where do the samples lie?",
          "samples": "What does it generate?", "factors": "What do the factors carry?",
          "maps": "Do classes form islands?", "kernel_pca_3d": "And in three dimensions?",
          "neighbours": "Are neighbours alike?", "densities": "Which factors tell the classes?",
          "corner": "How do the factors go together?", "correlation": "How many are needed?",
          "histograms": "Do the codes follow the prior?", "radius": "How far out do they lie?"}
WORDS = {"mse": "mean squared error per value", "mae": "mean absolute error per value",
         "nats": "-log p(x|z), nats per sample", "psnr": "peak signal-to-noise ratio, dB",
         "bce": "binary cross-entropy per value",
         "explained_variance": "share of the variance explained"}


def finish(training: Training) -> dict[str, float]:
    """Look at what was learnt and write the report; returns the metrics."""
    metrics = look(training)
    write_report(training.folder)
    return metrics


def look(training: Training) -> dict[str, float]:
    """Take the snapshot of what was learnt, measure it, and write both down."""
    state = training.state
    best = training.plan.stopping.restore_best and state.best
    if best:
        training.step.load_state_dict(state.best)
    lasting = [state.trouble] if state.trouble and state.trouble not in training.told else []
    record = {**training.record, "epochs": len(state.history),
              "best_epoch": state.best_epoch if best else 0, "steps": state.step,
              "seconds": round(state.seconds, 2), "ended": training.ended,
              "notes": [*training.source.notes, *training.told, *lasting]}
    return _keep(training.folder, training.step.model, training.source, record)


def look_again(folder: RunFolder) -> dict[str, float]:
    """The same for a run that was stopped before it was looked at, from its weights and its data.

    Raises ValueError where either is gone.
    """
    settings = make_settings(read_toml(folder.settings))
    model, history = load(folder.path).model, folder.read_history()
    monitor = next((m for m in ("val_loss", "train_loss") if history and m in history[0]), "")
    best = min(history, key=lambda row: row[monitor])["epoch"] if monitor else 0
    record = {**folder.read_record(), "epochs": len(history), "best_epoch": int(best),
              "seconds": history[-1]["seconds"] if history else 0.0, "notes": [],
              "ended": "stopped from outside"}
    return _keep(folder, model, load_source(settings), record)


def _keep(
    folder: RunFolder, model: Autoencoder, source: Source, record: dict[str, Any]
) -> dict[str, float]:
    snapshot = take(model, source)
    metrics = measure(snapshot)
    snapshot.save(folder.snapshot)
    folder.write_record({**record, "split": snapshot.split, "metrics": metrics})
    return metrics


def write_report(folder: RunFolder) -> Path:
    """Draw the figures and the page again from what the folder holds; returns the page's path."""
    if not folder.snapshot.is_file():
        look_again(folder)
    record = folder.read_record()
    history = folder.read_history()
    snapshot = load_snapshot(folder.snapshot, history, record["best_epoch"],
                             folder.read_factors())
    folder.figures.mkdir(exist_ok=True)
    drawn = []
    order = [*TITLES]
    for name, figure in sorted(draw_all(snapshot), key=lambda f: order.index(f[0])
                               if f[0] in order else len(order)):
        png = as_png(figure)
        write_whole(folder.figures / f"{name}.png", png)
        drawn.append({"name": name, "title": TITLES.get(name, name.replace("_", " ")),
                      "about": figures.about(name), "image": _embedded(png, "png")})
    moving = folder.figures / "training.gif"
    settings = read_toml(folder.settings)
    page = _template().render(
        record=record, settings=settings, figures=drawn, history=history, words=WORDS,
        what=_what(settings), folder=str(folder.path), classes=len(snapshot.classes),
        animation=_embedded(moving.read_bytes(), "gif") if animate(folder.frames, moving) else "")
    write_whole(folder.report, page)
    return folder.report


def _template() -> Any:
    loader = Environment(loader=PackageLoader("hourglass", "."), autoescape=True,
                         undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    loader.filters["text"] = lambda v: v if isinstance(v, str) else json.dumps(v)
    loader.filters["figures"] = lambda v: f"{v:.5g}"
    return loader.get_template("report.html.jinja")


def _embedded(content: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def _what(settings: dict[str, Any]) -> str:
    return f"{settings['model']} on {Path(settings['data']).name or settings['data']}"
