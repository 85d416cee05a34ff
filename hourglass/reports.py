"""The report: one HTML page that opens anywhere, drawn from a run folder alone."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from .against_pca import in_words, rows, verdict
from .animation import animate
from .autoencoder import Autoencoder
from .channels import show_channels
from .codes import find_codes, keep_codes, kept_codes
from .console import say, track
from .data.source import Source
from .disk import write_whole
from .evaluated import kept_evaluations
from .figures import draw_all
from .figures.canvas import as_png
from .fitted import prior_of
from .folder import RunFolder
from .heldout import find_held, keep_held
from .imputation import keep_filler
from .loading import IN_MEMORY
from .metrics import measure
from .observe import glance, rows_of, take
from .outline import GENERATES, OF_PRIORS, SECTIONS, WORDS, in_order, titles
from .page import embedded, picture, template
from .scoring import keep_detectors
from .settings import read_toml
from .snapshot import Outdated, Snapshot, load_snapshot
from .spec import detectors, figures
from .trained import Trained, load

if TYPE_CHECKING:   # a report that is drawn again trains nothing
    from .assembly import Training

USUAL = ("own", "uniform", "per_class", "kde", "mixture")   # priors that fit in seconds
FOR_WORDS = ("own", "pixelcnn")   # that suit discrete codes; the second takes a while
SMALL = 512   # numbers in a code, and
MONITORED = ("val_selection", "train_selection", "val_loss", "train_loss")   # the first there is
FEW = 100     # classes, up to which those with covariances do


def finish(training: "Training") -> dict[str, float]:
    """Look at what was learnt and write the report; returns the metrics."""
    metrics = look(training)
    write_report(training.folder)
    return metrics


def settle(training: "Training") -> bool:
    """Put the best weights in place, and keep the codes of the training samples, for priors need
    them when the data may be gone; returns whether there were such weights."""
    state, restores = training.state, training.plan.stopping.restore_best
    best = bool(restores and (state.best or state.cut_is_best))
    if restores and state.kept:
        training.step.load_state_dict(state.kept)
    keep_codes(training.folder, find_codes(training.step.model, training.source))
    if training.settings.data == IN_MEMORY:   # which is gone once this process ends
        draws = detectors.make("likelihood").draws
        held = find_held(training.step.model, training.source, draws)
        keep_held(training.folder, held)
        device = training.source.splits["train"].device
        keep_detectors(Trained(training.folder, str(device), training.source))
    if training.source.encoding.get("kind") == "table":
        keep_filler(Trained(training.folder, str(training.fabric.device), training.source),
                    training.source)
    return best


def look(training: "Training") -> dict[str, float]:
    """Take the snapshot of what was learnt, measure it, and write both down."""
    state, best = training.state, settle(training)
    lasting = [state.trouble] if state.trouble and state.trouble not in training.told else []
    record = {**training.record, "epochs": _count(state.rows),
              "best_epoch": _figures(state.kept_epoch) if best else 0, "steps": state.step,
              "seconds": round(state.seconds, 2), "ended": training.ended,
              "notes": [*training.source.notes, *training.told, *lasting]}
    return _keep(training.folder, training.step.model, training.source, record)


def _count(rows: Sequence[dict[str, float]]) -> float:
    """The epochs that a run has done; the last one counts for as much of it as there was."""
    return _figures(rows[-1]["epoch"]) if rows else 0


def _figures(epochs: float) -> float:
    """2 for 2.0, and 1.62 for an epoch that was cut short."""
    return int(epochs) if epochs == int(epochs) else round(epochs, 2)


def look_again(
    folder: RunFolder, priors: Sequence[str] = (), features: str = "", device: str = "cpu"
) -> dict[str, float]:
    """The same from a run's weights and its data, with draws from these priors, judged by the
    features of an ONNX file; of a run that was stopped before it was looked at, too. Raises
    ValueError where weights or data are gone."""
    trained, history = load(folder.path, device), folder.read_history()
    record = folder.read_record()
    if "metrics" not in record:
        monitor = next((m for m in MONITORED if history and m in history[0]), "")
        best = min(history, key=lambda row: row[monitor])["epoch"] if monitor else 0
        record |= {"epochs": _count(history), "best_epoch": _figures(best),
                   "seconds": history[-1]["seconds"] if history else 0.0, "notes": [],
                   "ended": record.get("ended", "stopped from outside")}
    source = trained.source().to(trained.device, torch.channels_last)
    return _keep(folder, trained.model, source, record, priors, features)


def _keep(
    folder: RunFolder, model: Autoencoder, source: Source, record: dict[str, Any],
    priors: Sequence[str] = (), features: str = "",
) -> dict[str, float]:
    """Measure, and write the snapshot, the codes, the priors and the record."""
    codes = kept_codes(folder)
    if codes is None:
        codes = find_codes(model, source)
        keep_codes(folder, codes)
    few = codes.z[0].numel() <= SMALL and len(source.classes) <= FEW
    named = read_toml(folder.settings).get("prior", "auto")
    suiting = FOR_WORDS if model.alphabet else USUAL if few else USUAL[:3]
    usual = dict.fromkeys([*suiting, *([named] if named != "auto" else [])])
    fitted = {}
    for text in priors or usual:
        try:
            fitted[text] = prior_of(folder, text, lambda: codes, len(source.classes),
                                    model)
        except (ValueError, RuntimeError) as error:   # of odd codes; the report need not suffer
            if priors:
                raise ValueError(str(error)) from None
            say(f"the prior {text} could not be fitted: {error}")
    snapshot = take(model, source, fitted, features)
    _score(folder, source, snapshot)
    metrics, intervals = measure(snapshot)
    snapshot.save(folder.snapshot)
    record = {**record, "split": snapshot.split, "metrics": metrics, "intervals": intervals}
    folder.write_record(_compared(record, snapshot, folder))
    return metrics


def _compared(record: dict[str, Any], snapshot: Snapshot, folder: RunFolder) -> dict[str, Any]:
    """The record with what PCA says of it."""
    words = verdict(record, snapshot.codes.shape[1], str(folder.path))
    return {**record, "pca": {"about": snapshot.pca, "verdict": words}}


def compared_with_pca(training: "Training") -> list[str]:
    """How the model compares with PCA, in lines, without a report: on some unseen samples."""
    state = training.state
    snapshot = glance(training.step.model, training.source)
    metrics, intervals = measure(snapshot, ("errors", "accuracy", "active", "kl", "pca"))
    record = {"metrics": metrics, "intervals": intervals, "epochs": len(state.history),
              "best_epoch": state.best_epoch, "ended": training.ended}
    return in_words(_compared(record, snapshot, training.folder))


def _score(folder: RunFolder, source: Source, snapshot: Snapshot) -> None:
    """Where training saw only some of the classes, score all samples of the snapshot."""
    train, unseen = source.splits["train"], source.splits[source.unseen]
    if train.y is None or unseen.y is None:
        return
    rows, seen = rows_of(source), train.y[train.index].unique()
    abnormal = ~torch.isin(unseen.y[unseen.index][rows.to(unseen.index.device)], seen).cpu().numpy()
    if not abnormal.any():
        return
    detector = Trained(folder, str(unseen.device), source).detector()
    snapshot.scores, snapshot.abnormal = detector.score_split(unseen, rows), abnormal
    snapshot.detector, snapshot.threshold = detector.text, detector.threshold


def snapshot_of(folder: RunFolder) -> Snapshot:
    """What the run's model made of its samples: as kept, else by looking again."""
    def kept() -> Snapshot:
        return load_snapshot(folder.snapshot, folder.read_history(),
                             folder.read_record().get("best_epoch", 0), folder.read_factors())
    try:
        if folder.snapshot.is_file():
            return kept()
    except Outdated:
        pass
    look_again(folder)
    return kept()


def write_report(folder: RunFolder, priors: Sequence[str] = (), features: str = "",
                 device: str = "cpu") -> Path:
    """Draw the figures and the page again from what the folder holds; returns the page's path.

    With `priors` or `features`, or where there is no snapshot yet, look at weights and data again
    first.
    """
    if priors or features:
        look_again(folder, priors, features, device)
    snapshot = snapshot_of(folder)
    show_channels(str(read_toml(folder.settings).get("show", "")))
    record = folder.read_record()
    record["metrics"] = {name: record["metrics"][name] for name in in_order(record["metrics"])}
    drawn = _drawn(folder, snapshot)
    moving = folder.figures / "training.gif"
    settings = read_toml(folder.settings)
    page = template("report").render(
        record=record, settings=settings, sections=_sections(drawn, bool(snapshot.drawn)),
        words=WORDS, beside=rows(record["metrics"]), generates=GENERATES,
        evaluated=kept_evaluations(folder), history=snapshot.history,
        of_priors=OF_PRIORS, table=_of_priors(record), judge=snapshot.judge,
        count=len(next(iter(snapshot.drawn.values())).features) if snapshot.drawn else 0,
        what=_what(settings), folder=str(folder.path), classes=len(snapshot.classes),
        animation=embedded(moving.read_bytes(), "gif") if animate(folder.frames, moving) else "")
    write_whole(folder.report, page)
    return folder.report


def _drawn(folder: RunFolder, snapshot: Snapshot) -> dict[str, dict[str, str]]:
    """Every picture that applies, as a file and for the page; those of an older look go."""
    folder.figures.mkdir(exist_ok=True)
    for old in folder.figures.glob("*.png"):
        old.unlink()
    found = {}
    for name, figure in track(draw_all(snapshot), len(figures.parts), "drawing"):
        png = as_png(figure)
        write_whole(folder.figures / f"{name}.png", png)
        found[name] = {"name": name, "about": figures.about(name), "image": picture(png),
                       "title": titles().get(name, name.replace("_", " "))}
    return found


def _sections(
    drawn: dict[str, dict[str, str]], generates: bool
) -> dict[str, list[dict[str, str]]]:
    """The pictures under the questions that they answer; those that none names come last."""
    known = titles()
    sections = {question: [drawn[name] for name in names if name in drawn]
                for question, names in SECTIONS.items()}
    sections["What else?"] = [figure for name, figure in drawn.items() if name not in known]
    return {question: held for question, held in sections.items()
            if held or (generates and question == GENERATES)}


def _of_priors(record: dict[str, Any]) -> dict[str, dict[str, tuple[float, Any]]]:
    """Each prior's metrics with their intervals, by name."""
    table: dict[str, dict[str, tuple[float, Any]]] = {}
    for name, value in record["metrics"].items():
        prior, _, metric = name.rpartition("/")
        if prior:
            table.setdefault(prior, {})[metric] = value, record.get("intervals", {}).get(name)
    return table


def _what(settings: dict[str, Any]) -> str:
    return f"{settings['model']} on {Path(settings['data']).name or settings['data']}"
