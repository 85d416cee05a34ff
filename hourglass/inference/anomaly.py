"""Anomaly detectors, fitted to a run's samples and saved with it, and their thresholds."""

import json
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..core.checksums import unstamped
from ..core.contracts import Rule
from ..core.expressions import read
from ..core.features import on_device, remembered
from ..core.files import read_file
from ..core.registry import detectors, thresholds
from ..data.patches import Patches, as_patches
from ..data.split_data import Split
from .calibration import CalibrationScores, held_of
from .detectors.combined import parts_of
from .line_uses import is_of_lines, is_of_molecules
from .model_protocol import InUse
from .patchwise import by_image, whole_images
from .pca import training_samples
from .run_cache import DAMAGED, WEIGHTS, RunCache
from .sample_stats import Look, see
from .verdicts import as_strict, probability_of, usual_heat_of, verdict_of

OF_VALUES = frozenset({"inputs", "pca", "images", "model"})   # which lines of text do not have
USUAL = "error"   # "auto", but of images and rows: the most of benchmarks/anomalies.py --validate
# of rows: on the tables of benchmarks/estimators.py the first two found more than errors do, by
# 0.14 to 0.57 in AUROC, and so all three do on those of ODDS (benchmarks/baselines.py)
USUAL_OF_ROWS = "combined(('error', 'knn', 'input_knn'))"
WITHOUT_DATA = "combined(('error', 'knn'))"   # of rows, for older runs whose data is gone
# of images (benchmarks/defects.py): PCA's errors where PCA reconstructs normal images much better
# than the model; otherwise the errors of both
USUAL_OF_PCA, USUAL_OF_BOTH = "pca_relative", "combined(('local', 'pca_local'))"
OF_IMAGES = (USUAL_OF_PCA, USUAL_OF_BOTH, "local", "relative", "pca", "pca_local")
USUAL_THRESHOLD = "quantile(0.99)"
CHOSEN, SETTLED = "detectors/chosen.json", "detectors/usual.json"


WORSE = 1.5    # times the error of PCA, above which a model has not learnt its images
TRAIN_VALUES = 5_000_000   # most values of the training samples that a detector keeps
IMAGE_VALUES = 60_000_000   # most values of the training images whose features are used
MAPPED = 20_000_000   # values of samples whose error maps are in memory at once


@dataclass(frozen=True)
class Fitted:
    """A fitted detector, and its scores of normal samples that it was not fitted to."""

    text: str                        # as a user types it
    state: dict[str, np.ndarray]
    normal: np.ndarray               # (M,) sorted
    of: str                          # the split of these samples

    @property
    def rule(self) -> Rule:
        """The detector as a part of the registry."""
        rule: Rule = detectors.make(self.text)
        return rule


@dataclass(frozen=True)
class Detector:
    """A trained model as an anomaly detector; deterministic."""

    model: InUse
    fitted: Fitted
    threshold_text: str   # as a user types it
    threshold: float      # samples with a higher score are abnormal
    why: str = ""         # why it is the default for this model

    @property
    def text(self) -> str:
        """The detector, as a user types it."""
        return self.fitted.text

    def score(self, x: Any, y: Any = None) -> np.ndarray:
        """Anomaly scores (N,). A conditional model needs the classes y. An image scores as high as
        its highest tile, for a model of patches."""
        split = self.model.samples(x, y)
        scores, patches = self.score_split(split), as_patches(split.x)
        return scores if patches is None else by_image(scores, patches.owner)

    def score_split(self, split: Split, rows: Tensor | None = None) -> np.ndarray:
        """Scores of a split's samples, all or some rows."""
        rule, state = self.fitted.rule, self.fitted.state
        look = look_for(self.model, rule)
        rows = torch.arange(len(split)) if rows is None else rows
        with on_device(self.model.device):
            return np.concatenate([np.asarray(rule.score(see(
                self.model.model, split, chunk, look=look), state), np.float64)
                for chunk in rows.split(self._chunk() if rule.maps else max(1, len(rows)))])

    def _chunk(self) -> int:
        """Number of samples whose error maps are in memory at once."""
        return max(1, MAPPED // int(np.prod(self.model.shape)))

    def verdict(self, scores: Any) -> np.ndarray:
        """Whether each score (N,) is above the threshold, and so abnormal. NaN counts as
        abnormal. Raises ValueError for arrays that are not scores, such as images."""
        return verdict_of(scores, self.threshold)

    def probability(self, scores: Any) -> np.ndarray:
        """Share of normal held-out samples with a lower score, (N,): interpolated among them, with
        an exponential tail beyond. For normal samples it is uniform in [0, 1]. It does not say how
        often abnormal samples occur. Raises ValueError for arrays that are not scores, such as
        images."""
        return probability_of(scores, self.fitted.normal)

    def maps(self, x: Any, y: Any = None) -> np.ndarray:
        """Anomaly maps of images, (N, H, W), on a scale where 1 is the threshold: as many normal
        images have no value above 1 as have a score below the threshold. They come from this
        detector if it has maps, otherwise from its `companion`. Raises ValueError for samples that
        are not images."""
        if len(self.model.shape) != 3:
            raise ValueError("only images have error maps; hourglass.load(run).errors(x) returns "
                             "the error of every value")
        companion = self.companion
        places = companion.fitted.rule.places
        assert places is not None
        split, state = self.model.samples(x, y), companion.fitted.state
        look = look_for(self.model, companion.fitted.rule)
        with on_device(self.model.device):
            maps = [places(see(self.model.model, split, rows, look=look), state)
                    for rows in torch.arange(len(split)).split(self._chunk())]
        scaled: np.ndarray = np.concatenate(maps) / max(companion.threshold, 1e-12)
        return scaled

    @property
    def usual_heat(self) -> float:
        """The median over normal images of their maps' largest value, below 1."""
        return usual_heat_of(self.companion.fitted.normal, self.companion.threshold)

    @property
    def companion(self) -> "Detector":
        """The detector that makes the heat maps, with a threshold that as many of its normal
        samples stay below as of this detector's."""
        text = companion_of(self.text)
        if text == self.text:
            return self
        fitted = _fitted(self.model, text, None)
        return Detector(self.model, fitted, "", as_strict(
            self.fitted.normal, self.threshold, fitted.normal))

    def __repr__(self) -> str:
        place = self.model.cache.folder.path
        return (f"Detector {self.text} of {place}: abnormal above {self.threshold:.4g}"
                + (f" ({self.threshold_text})" if self.threshold_text else "")
                + (f"; {self.why}" if self.why else ""))

    def keep(self) -> None:
        """Save this detector and its threshold with the run, as its defaults from now on."""
        self.model.cache.keep_values(CHOSEN, {
            "detector": self.text, "threshold": self.threshold_text, "above": self.threshold})
        _keep(self.model.cache, self.fitted)


def detector_of(
    model: InUse, text: str, threshold: str, labelled: Any, held_out: Any
) -> Detector:
    """The run's detector; see `Trained.detector`."""
    kept = _read_chosen(model.cache)
    text = str(read(text or kept.get("detector", "auto")))
    text, why = usual_detector(model) if text == "auto" else (text, "")
    if is_of_lines(model.description) and (wrong := detectors.make(text).maps & OF_VALUES):
        raise ValueError(f"the detector {text} looks at the samples' own values ({min(wrong)}), "
                         f"and lines of text are tokens; use error, likelihood, knn(5) or "
                         f"mahalanobis")
    if text != kept.get("detector"):   # a saved threshold belongs to its detector
        kept = {}
    anew = bool(threshold or labelled is not None or held_out is not None)
    other = "best_f1" if labelled is not None else kept.get("threshold", USUAL_THRESHOLD)
    threshold_text = str(read(threshold or other))
    rule = thresholds.make(threshold_text)   # may raise, so it comes before the work
    detectors.make(text)
    fitted = _fitted(model, text, held_out)
    if not anew and "above" in kept:
        return Detector(model, fitted, threshold_text, float(kept["above"]), why)
    detector = Detector(model, fitted, threshold_text, np.inf, why)
    scores, y = fitted.normal, None
    if labelled is not None:
        x, y = labelled
        scores, y = detector.score(x), np.asarray(y).astype(int)
    return replace(detector, threshold=rule(scores, y))


def usual_detector(model: InUse, calibration: CalibrationScores | None = None) -> tuple[str, str]:
    """The detector that "auto" means for a run, and the reason if it does not use the model's
    errors. For rows: errors and neighbours together. For images: one that looks at places, by PCA
    alone if that reconstructs normal samples much better than the model does. It is chosen once
    for a model, by its calibration samples with their errors by place."""
    if is_of_lines(model.description):
        what = "molecules" if is_of_molecules(model.description) else "lines of text"
        return USUAL, f"of {what}, the error is -log p(x|z) per token"
    if len(model.shape) != 3:
        return _usual_of_rows(model) if len(model.shape) == 1 else USUAL, ""
    kept = model.cache.kept_values(SETTLED, lambda values: (
        str(read(values["detector"])), str(values["why"])))
    if kept is not None:
        return kept
    try:
        calibration = calibration or held_of(
            model, look_for(model, detectors.make(USUAL_OF_BOTH)), True)
    except ValueError:   # the data is gone, and the run comes from an older version
        return USUAL, ""
    own, linear = float(calibration.seen.error.mean()), float(calibration.seen.linear.mean())
    text, why = (USUAL_OF_BOTH, "") if own <= WORSE * linear else (USUAL_OF_PCA, (
        f"the model reconstructs normal samples worse than PCA of the same size (squared error "
        f"{own:.4g} against {linear:.4g}), so PCA's errors are scored; --detector local scores the "
        f"model's"))
    model.cache.keep_values(SETTLED, {"detector": text, "why": why})
    for name in (text, companion_of(text)):
        _keep(model.cache, _fit(model, name, calibration))
    return text, why


def _usual_of_rows(model: InUse) -> str:
    if _kept(model.cache, USUAL_OF_ROWS) is None:
        try:
            model.source()
        except ValueError:   # the run comes from an older version
            return WITHOUT_DATA
    return USUAL_OF_ROWS


def extractors_of(text: str) -> list[str]:
    """The feature extractors that a detector, or each of several, uses, as a user types them."""
    named = [name for part in parts_of(text) for name in extractors_of(part)]
    return [*dict.fromkeys(named or filter(None, [detectors.make(text).features]))]


def companion_of(text: str) -> str:
    """The detector whose maps belong to a detector's scores: itself if it has maps, otherwise the
    first of several that has some, otherwise the one with the same reconstruction."""
    rule: Rule = detectors.make(text)
    if rule.places is not None:
        return text
    if parts := parts_of(text):
        return next((part for part in parts if detectors.make(part).places), "local")
    return "pca_local" if rule.maps == {"pca"} else "local"


def simple_scores(model: InUse, x: Any, y: Any = None) -> dict[str, np.ndarray]:
    """Scores (N,) of the same samples by detectors without the model, by their text: neighbours
    among the inputs, for rows, and the errors of PCA. {} if the training data is needed and gone,
    and for series, patches and lines of text."""
    lines = is_of_lines(model.description)
    if len(model.shape) == 2 or lines or model.description.reading.patches:
        return {}
    texts = ("input_knn", "pca") if len(model.shape) == 1 else ("pca",)
    try:
        return {text: Detector(model, _fitted(model, text, None), "", np.inf).score(x, y)
                for text in texts}
    except ValueError:
        return {}


def keep_detectors(model: InUse) -> None:
    """Fit and save the usual detectors of images and rows, for data that will be gone later."""
    if len(model.shape) == 1:
        text = USUAL if is_of_lines(model.description) else USUAL_OF_ROWS
        with suppress(ValueError):   # of codes that are not finite, which scoring will say
            look = look_for(model, detectors.make(text))
            _keep(model.cache, _fit(model, text, held_of(model, look, quietly=True)))
    if len(model.shape) == 3:
        calibration = held_of(model, look_for(model, detectors.make(USUAL_OF_BOTH)), quietly=True)
        usual_detector(model, calibration)
        for text in OF_IMAGES:
            _keep(model.cache, _fit(model, text, calibration))


def look_for(model: InUse, rule: Rule) -> Look:
    """The statistics of samples that a detector needs. Raises ValueError if it needs images in
    [0, 1], and the model has other samples."""
    if "images" in rule.maps:
        check_images(model)
    return Look(rule.draws, rule.maps, model.pca() if "pca" in rule.maps else None)


def normal_classes(model: InUse) -> tuple[str, ...]:
    """The classes of the training data; () without classes."""
    y = model.codes().y
    return () if y is None else tuple(model.classes[kind] for kind in y.unique().tolist())


def _fitted(model: InUse, text: str, held_out: Any) -> Fitted:
    """The saved detector, or one that is fitted now and saved if possible."""
    rule = detectors.make(text)
    if held_out is not None:
        calibration = CalibrationScores(see(model.model, model.samples(held_out), None,
                                            look=look_for(model, rule)),
                                        "given", rule.draws)
    elif kept := _kept(model.cache, text):
        return kept
    else:
        calibration = held_of(model, look_for(model, rule))
    whole = None if held_out is None else model.samples(held_out)
    fitted = _fit(model, text, calibration, whole)
    if held_out is None:
        _keep(model.cache, fitted)
    return fitted


def _fit(
    model: InUse, text: str, calibration: CalibrationScores, samples: Split | None = None
) -> Fitted:
    """Fit a detector to calibration samples: `samples`, or by default those of the run."""
    rule: Rule = detectors.make(text)
    codes = _codes(model, calibration) if rule.codes else np.empty((0, 0))
    if "inputs" in rule.maps:
        train = training_samples(model.source(), TRAIN_VALUES, calibration.rows)
        calibration = replace(calibration, seen=calibration.seen._replace(train=train))
    if "images" in rule.maps:
        calibration = replace(calibration, seen=calibration.seen._replace(
            train_images=_training_images(model, calibration.rows)))
    with on_device(model.device), remembered():
        state, normal = rule.calibrate(codes, calibration.seen)
        if rule.refit is not None and len(calibration.rows):   # they are training samples
            state = rule.refit(calibration.seen._replace(
                train_images=_training_images(model, np.empty(0, int))), state)
    fitted = Fitted(text, state, np.sort(normal), calibration.of)
    whole = _of_whole_images(model, fitted, samples)
    return fitted if whole is None else replace(fitted, normal=np.sort(whole))


def check_images(model: InUse) -> None:
    """Raise ValueError for a model whose samples no feature extractor takes."""
    if len(model.shape) != 3 or model.shape[0] not in (1, 3) or not model.description.bounded:
        raise ValueError("a detector of features needs a model of images with one or three "
                         "channels and values from 0 to 1, and this is another one; use a detector "
                         "such as relative or knn")


def _training_images(model: InUse, without: np.ndarray) -> np.ndarray:
    """Training images (N, H, W, C) as the model sees them, without the rows of calibration."""
    channels, height, width = model.shape
    flat = training_samples(model.source(), IMAGE_VALUES, without)
    return flat.reshape(-1, height, width, channels)


def _of_whole_images(model: InUse, fitted: Fitted, split: Split | None) -> np.ndarray | None:
    """Scores of whole normal images, for a model of patches: of the `split`, or by default of the
    run's. None for other models."""
    if not model.description.reading.patches:
        return None
    known = None
    if split is None:
        source = model.source()
        train, split = source.splits["train"], source.splits[fitted.of]
        known = None if train.y is None else train.y[train.index].unique()
    tiles = whole_images(split, known)
    if tiles is None or not isinstance(tiles.x, Patches):
        return None
    return by_image(Detector(model, fitted, "", np.inf).score_split(tiles), tiles.x.owner)


def _codes(model: InUse, calibration: CalibrationScores) -> np.ndarray:
    """Codes (N, D) of training samples, without the calibration samples if there are others."""
    codes = model.codes()
    fresh = ~torch.isin(codes.rows, torch.from_numpy(calibration.rows))
    z: np.ndarray = codes.z[fresh if fresh.any() else slice(None)].flatten(1).float().numpy()
    if not np.isfinite(z).all():
        raise ValueError("some codes are not finite, so normal samples cannot be described; train "
                         "the model again")
    return z


def _keep(cache: RunCache, fitted: Fitted) -> None:
    tensors = {f"state:{name}": value for name, value in fitted.state.items()}
    cache.keep_tensors(cache.marked_name("detectors", detectors, fitted.text),
                 {**tensors, "normal": fitted.normal}, {"text": fitted.text, "of": fitted.of})


def _kept(cache: RunCache, text: str) -> Fitted | None:
    return cache.kept_tensors(cache.marked_name("detectors", detectors, text), lambda tensors, of: (
        Fitted(of["text"], {name.removeprefix("state:"): t.numpy() for name, t in tensors.items()
                            if name.startswith("state:")},
               tensors["normal"].numpy(), of["of"])), True)


def _read_chosen(cache: RunCache) -> dict[str, Any]:
    """The saved choice. If the run has other weights now, without the threshold's value."""
    path = cache.folder.path / CHOSEN
    if not path.is_file():
        return {}
    try:
        kept, changed = unstamped(json.loads(read_file(path)))
        if changed:
            raise ValueError("its checksum is wrong")
        above = {"above": float(kept["above"])} if kept[WEIGHTS] == cache.weights else {}
        return {"detector": str(kept["detector"]), "threshold": str(kept["threshold"]), **above}
    except DAMAGED:
        raise ValueError(f"{path} is damaged; delete it, and choose detector and threshold again"
                         ) from None
