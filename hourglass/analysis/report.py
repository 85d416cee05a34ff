"""The report: one HTML page that opens anywhere, drawn from a run folder alone."""

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.channels import show_channels
from ..core.console import track
from ..core.files import write_whole
from ..core.registry import figures
from ..inference.run_cache import kept_evaluations
from ..run.folder import RunFolder, read_settings
from ..run.titles import members_in, title_of
from ..training.preview_frames import animate
from . import against_pca, against_simple
from .analyse import look, look_again, snapshot_of
from .figures import draw_all
from .figures.canvas import as_png
from .html import embedded, picture, template
from .report_sections import GENERATES, OF_PRIORS, SECTIONS, WORDS, in_order, titles
from .snapshot import Snapshot

SELDOM = 50_000   # new objects between two looks of the garbage collector, while figures are drawn

if TYPE_CHECKING:   # a report that is drawn again trains nothing
    from ..inference.trained import Trained
    from ..training.setup import Training


def finish(training: "Training") -> dict[str, float]:
    """Analyse the trained model and write the report. Returns the metrics."""
    metrics = look(training)
    write_report(training.folder)
    return metrics


def write_report(folder: RunFolder, priors: Sequence[str] = (), features: str = "",
                 device: str = "cpu", trained: "Trained | None" = None) -> Path:
    """Draw the figures and the page again from the run's folder. Returns the page's path.

    With `priors` or `features`, or without a snapshot, the model and data are analysed again
    first. They are those of the model `trained`, if it is given.
    """
    if priors or features:
        look_again(folder, priors, features, device, trained)
    snapshot, settings = snapshot_of(folder, trained), read_settings(folder.settings)
    show_channels(str(settings.get("show", "")))
    record = folder.read_record()
    record["metrics"] = {name: record["metrics"][name] for name in in_order(record["metrics"])}
    drawn = _drawn(folder, snapshot)
    moving = folder.figures / "training.gif"
    page = template("report").render(
        record=record, settings=settings, sections=_sections(drawn, bool(snapshot.drawn)),
        words=WORDS, beside=against_pca.rows(record["metrics"]),
        simpler=against_simple.rows(record), generates=GENERATES,
        evaluated=kept_evaluations(folder), history=snapshot.history,
        of_priors=OF_PRIORS, table=_of_priors(record), judge=snapshot.judge,
        count=len(next(iter(snapshot.drawn.values())).features) if snapshot.drawn else 0,
        what=title_of(settings, record), members=members_in(record), folder=str(folder.path),
        classes=len(snapshot.classes),
        animation=embedded(moving.read_bytes(), "gif") if animate(folder.frames, moving) else "")
    write_whole(folder.report, page)
    return folder.report


def _drawn(folder: RunFolder, snapshot: Snapshot) -> dict[str, dict[str, str]]:
    """Draw every figure that applies, as a file and for the page. Older figures are removed."""
    folder.subfolder("figures")
    for name in figures.parts:   # of an older analysis; files of others stay
        (folder.figures / f"{name}.png").unlink(missing_ok=True)
    pictures = {}
    with _others_at_rest():
        for name, figure in track(draw_all(snapshot), len(figures.parts), "drawing"):
            png = as_png(figure)
            write_whole(folder.figures / f"{name}.png", png)
            pictures[name] = {"name": name, "about": figures.about(name), "image": picture(png),
                              "title": titles().get(name, name.replace("_", " "))}
    return pictures


@contextmanager
def _others_at_rest() -> Iterator[None]:
    """Let the garbage collector run rarely, and only over new objects. A figure makes many small
    objects, and collecting them again and again takes an eighth of the drawing time."""
    often, frozen = gc.get_threshold(), gc.get_freeze_count()
    gc.freeze()
    gc.set_threshold(SELDOM, *often[1:])
    try:
        yield
    finally:
        gc.set_threshold(*often)
        if not frozen:   # what the caller froze stays frozen
            gc.unfreeze()


def _sections(
    drawn: dict[str, dict[str, str]], generates: bool
) -> dict[str, list[dict[str, str]]]:
    """The pictures by the question that they answer. Pictures without a question come last."""
    known = titles()
    sections = {question: [drawn[name] for name in names if name in drawn]
                for question, names in SECTIONS.items()}
    sections["What else?"] = [figure for name, figure in drawn.items() if name not in known]
    return {question: pictures for question, pictures in sections.items()
            if pictures or (generates and question == GENERATES)}


def _of_priors(record: dict[str, Any]) -> dict[str, dict[str, tuple[float, Any]]]:
    """Each prior's metrics with their intervals, by name."""
    table: dict[str, dict[str, tuple[float, Any]]] = {}
    for name, value in record["metrics"].items():
        prior, _, metric = name.rpartition("/")
        if prior:
            table.setdefault(prior, {})[metric] = value, record.get("intervals", {}).get(name)
    return table
