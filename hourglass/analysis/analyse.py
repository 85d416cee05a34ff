"""Analyse a trained model: finish its run, take the snapshot, compute the metrics."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from ..core.console import say
from ..core.plugins import is_own
from ..core.registry import detectors
from ..core.registry import priors as registered_priors
from ..data.split_data import Source
from ..data.windows import over_time
from ..inference.anomaly import keep_detectors
from ..inference.calibration import find_held, keep_held
from ..inference.fit_prior import FittedPrior, prior_of
from ..inference.imputation import keep_filler
from ..inference.latents import find_codes, keep_codes, kept_codes
from ..inference.normal_step_scores import keep_normal_steps
from ..inference.prompted import DenoiserPrior, denoiser_prior
from ..inference.run_cache import cache_of
from ..inference.trained import Trained, load
from ..model.autoencoder import Autoencoder
from ..run.folder import (
    INTERRUPTED,
    STOPPED,
    RunFolder,
    digest,
    read_settings,
    steps_trained,
    unfinished,
)
from ..run.settings import IN_MEMORY
from . import against_filters, against_pca, against_simple
from .metrics import measure
from .snapshot import Outdated, Snapshot, load_snapshot
from .take_snapshot import glance, rows_of, take

if TYPE_CHECKING:   # an analysis alone must not import the training wing
    from ..training.setup import Training

USUAL = ("own", "uniform", "per_class", "kde", "mixture")   # priors that fit in seconds
FOR_WORDS = ("own", "pixelcnn")   # that suit discrete codes; the second takes a while
SMALL = 512   # numbers in a code, and
FEW = 100     # classes, up to which those with covariances do


def settle(training: "Training") -> bool:
    """Put the best weights in place, keep the codes of the training samples, because priors need
    them when the data may be gone, and write how training ended. Returns whether there were best
    weights."""
    state, restores = training.state, training.plan.stopping.restore_best
    best = bool(restores and (state.best or state.cut_is_best))
    if restores and state.kept:
        training.step.load_state_dict(state.kept)
    cache = cache_of(training.folder)
    keep_codes(cache, find_codes(training.step.model, training.source))
    if training.settings.data == IN_MEMORY:   # which is gone once this process ends
        draws = detectors.make("likelihood").draws
        calibration = find_held(training.step.model, training.source, draws)
        keep_held(cache, calibration)
        device = training.source.splits["train"].device
        keep_detectors(Trained(training.folder, str(device), training.source))
    source, gone = training.source, training.settings.data == IN_MEMORY
    trained = Trained(training.folder, str(training.fabric.device), source)
    if source.encoding.get("kind") == "table" or (
            gone and source.splits["train"].gaps and over_time(source.encoding)):
        keep_filler(trained, source)
    if gone and source.encoding.get("kind") == "series":
        keep_normal_steps(trained)
    # the last of all: a run without its end can be resumed, and a killed one does all this again
    training.folder.write_record({**training.record, **outcome(training, best)})
    return best


def outcome(training: "Training", best: bool) -> dict[str, Any]:
    """How a training ended, for run.json. `best`: the best epoch's weights are in place."""
    state, notes = training.state, training.further_notes
    lasting = [state.trouble] if state.trouble and state.trouble not in notes else []
    return {"epochs": _count(state.rows),
            "best_epoch": _figures(state.kept_epoch) if best else 0, "steps": state.step,
            "seconds": round(state.seconds, 2), "ended": training.ended,
            "notes": [*training.source.notes, *notes, *lasting]}


def look(training: "Training") -> dict[str, float]:
    """Take a snapshot of the trained model, measure it, and store both with the run."""
    best = settle(training)
    record = {**training.record, **outcome(training, best)}
    return _keep(training.folder, training.step.model, training.source, record)


def look_again(
    folder: RunFolder, priors: Sequence[str] = (), features: str = "", device: str = "cpu",
    trained: Trained | None = None,
) -> dict[str, float]:
    """Take and measure the snapshot of a finished or interrupted run, from its weights and data.

    `priors` are those to sample from, and `features` names an ONNX file for Fréchet distances.
    Raises ValueError if weights or data are gone."""
    trained, history = trained or load(folder.path, device), folder.read_history()
    record = folder.read_record()
    why = unfinished(folder, record)
    if why:
        say(f"the training of {folder.path} {why}, before its end. To continue: hourglass train "
            f"{folder.path} --resume")
    if "metrics" not in record or why:
        monitor = next((m for m in MONITORED if history and m in history[0]), "")
        best = min(history, key=lambda row: row[monitor])["epoch"] if monitor else 0
        record |= {"epochs": _count(history), "best_epoch": _figures(best),
                   "seconds": history[-1]["seconds"] if history else 0.0, "notes": [],
                   "steps": steps_trained(folder) or record.get("steps", 0),
                   "ended": record["ended"] if not why or record.get("ended") == INTERRUPTED
                   else STOPPED}
    source = trained.source().to(trained.device, torch.channels_last)
    return _keep(folder, trained.model, source, record, priors, features)


def _keep(
    folder: RunFolder, model: Autoencoder, source: Source, record: dict[str, Any],
    priors: Sequence[str] = (), features: str = "",
) -> dict[str, float]:
    """Measure, and write the snapshot, the codes, the priors and the record."""
    cache = cache_of(folder)
    codes = kept_codes(cache)
    if codes is None:
        codes = find_codes(model, source)
        keep_codes(cache, codes)
    few = codes.z[0].numel() <= SMALL and len(source.classes) <= FEW
    named = read_settings(folder.settings).get("prior", "auto")
    suiting = FOR_WORDS if model.alphabet else USUAL if few else USUAL[:3]
    denoiser = denoiser_prior(folder, next(model.parameters()).device)
    usual = dict.fromkeys([*([denoiser.text] if denoiser else []), *suiting,
                           *([named] if named != "auto" else [])])
    if source.encoding.get("kind") == "ratings":   # nobody draws users
        usual, priors = {}, ()
    fitted: dict[str, FittedPrior | DenoiserPrior] = {}
    for text in priors or usual:
        try:
            fitted[text] = denoiser if denoiser and text == denoiser.text else prior_of(
                cache, text, lambda: codes, len(source.classes), model)
            if is_own(registered_priors, text):
                fitted[text].sample(2)   # which may fail, and then the report need not
        except Exception as error:   # of odd codes, or an own prior; the report need not suffer
            fitted.pop(text, None)
            if not isinstance(error, ValueError | RuntimeError) and not (
                    is_own(registered_priors, text)):
                raise
            if priors:
                raise ValueError(str(error)) from None
            say(f"the prior {text} could not be fitted: {error}")
    snapshot = take(model, source, fitted, features)
    _score(folder, source, snapshot)
    metrics, intervals = measure(snapshot)
    snapshot.weights = digest(folder)
    snapshot.save(folder.snapshot)
    record = {**record, "split": snapshot.split, "metrics": metrics, "intervals": intervals}
    folder.write_record(_compared(record, snapshot, folder))
    return metrics


def _score(folder: RunFolder, source: Source, snapshot: Snapshot) -> None:
    """Score all samples of the snapshot, if training saw only some of the classes."""
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


def snapshot_of(folder: RunFolder, trained: Trained | None = None) -> Snapshot:
    """The snapshot of a run: the one that was kept, otherwise a new one, from the model and data
    in memory if they are given."""
    def kept() -> Snapshot:
        return load_snapshot(folder.snapshot, folder.read_history(),
                             folder.read_record().get("best_epoch", 0), folder.read_factors())
    try:
        if folder.snapshot.is_file():
            snapshot = kept()
            current = digest(folder) if folder.model.is_file() else snapshot.weights
            if snapshot.weights in ("", current):
                return snapshot
            say(f"{folder.path} was trained further after its last analysis; analysing it again "
                f"...")
    except Outdated:
        pass
    look_again(folder, trained=trained)
    return kept()


MONITORED = ("val_selection", "train_selection", "val_loss", "train_loss")   # the first there is


def _count(rows: Sequence[dict[str, float]]) -> float:
    """The epochs that a run has done; the last one counts for as much of it as there was."""
    return _figures(rows[-1]["epoch"]) if rows else 0


def _figures(epochs: float) -> float:
    """2 for 2.0, and 1.62 for an epoch that was cut short."""
    return int(epochs) if epochs == int(epochs) else round(epochs, 2)


def _compared(record: dict[str, Any], snapshot: Snapshot, folder: RunFolder) -> dict[str, Any]:
    """The record with the comparison to PCA and to filters."""
    words = against_pca.verdict(record, snapshot.codes.shape[1], str(folder.path))
    restoring = against_filters.verdict(record, str(folder.path))
    simpler = against_simple.compared(record, snapshot)
    return {**record, "pca": {"about": snapshot.pca, "verdict": words}, "restoring": restoring,
            **({"simpler": simpler} if simpler else {})}


def compared_in_words(record: dict[str, Any]) -> list[str]:
    """How a run's model compares with simpler methods, as its record says, in lines."""
    if "simpler" in record:
        return against_simple.in_words(record)
    return [*against_pca.in_words(record), *against_filters.in_words(record)]


def compared_at_a_glance(training: "Training") -> list[str]:
    """How the model compares with simpler methods, in lines, without a report: on some unseen
    samples."""
    state = training.state
    snapshot = glance(training.step.model, training.source)
    metrics, intervals = measure(snapshot, (
        "errors", "accuracy", "active", "kl", "pca", "restoration", "ranking", "rating_errors",
        "lines"))
    record = {"metrics": metrics, "intervals": intervals, "epochs": len(state.history),
              "best_epoch": state.best_epoch, "ended": training.ended}
    return compared_in_words(_compared(record, snapshot, training.folder))
