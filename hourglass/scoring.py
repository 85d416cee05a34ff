"""A detector, fitted to a run's samples and kept with it, and the score from which it speaks."""

import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .checkpoint import load_tensors, save_tensors
from .codes import digest
from .contracts import Rule
from .data.source import Split
from .detectors.tail import log_survival
from .disk import write_whole
from .evidence import see
from .folder import RunFolder
from .heldout import Held, Judging, held_of
from .spec import detectors, read, thresholds

USUAL = "error"   # "auto": it found most of benchmarks/anomalies.py --validate, for VAEs too
USUAL_THRESHOLD = "quantile(0.99)"


@dataclass(frozen=True)
class Fitted:
    """What a detector found, and the scores of normal samples that it was not fitted to."""

    text: str                        # as one would type it
    state: dict[str, np.ndarray]
    normal: np.ndarray               # (M,) sorted
    of: str                          # which samples those are

    @property
    def rule(self) -> Rule:
        """The part of the registry of detectors."""
        made: Rule = detectors.make(self.text)
        return made


@dataclass(frozen=True)
class Detector:
    """A trained model as a judge of what is normal; deterministic."""

    model: Judging
    fitted: Fitted
    threshold_text: str   # as one would type it
    threshold: float      # samples that score higher are abnormal

    @property
    def text(self) -> str:
        """The detector, as one would type it."""
        return self.fitted.text

    def score(self, x: Any, y: Any = None) -> np.ndarray:
        """How abnormal each sample is, (N,); a conditional model wants the classes y."""
        return self.score_split(self.model.samples(x, y))

    def score_split(self, split: Split, rows: Tensor | None = None) -> np.ndarray:
        """The same of the samples of a split, all or some rows."""
        rule = self.fitted.rule
        seen = see(self.model.model, split, rows, rule.draws)
        return np.asarray(rule.score(seen, self.fitted.state), np.float64)

    def verdict(self, scores: np.ndarray) -> np.ndarray:
        """Which scores (N,) are of abnormal samples: those above the threshold. One that is no
        number is, too."""
        return ~(np.asarray(scores) <= self.threshold)

    def probability(self, scores: np.ndarray) -> np.ndarray:
        """(N,) the share of normal samples that score lower, from those held out: among these
        interpolated, beyond them with an exponential tail. Of normal samples it is spread evenly
        from 0 to 1; it says nothing of how often abnormal ones occur."""
        held: np.ndarray = -np.expm1(log_survival(self.fitted.normal, np.asarray(scores)))
        return held

    def maps(self, x: Any, y: Any = None) -> np.ndarray:
        """Where each image comes back badly, (N, H, W): squared errors, the mean over channels,
        smoothed by a Gaussian. Raises ValueError for what is no image."""
        if len(self.model.shape) != 3:
            raise ValueError("only images have maps of errors; hourglass.load(run).errors(x) has "
                             "the error of every value")
        from .figures.heat import smoothed  # which brings matplotlib
        return smoothed(self.model.errors(x, y))

    def keep(self) -> None:
        """Keep this detector and its threshold with the run: what it uses from now on."""
        held = {"detector": self.text, "threshold": self.threshold_text, "above": self.threshold,
                "model": digest(self.model.folder)}
        path = _chosen(self.model.folder)
        path.parent.mkdir(exist_ok=True)
        write_whole(path, json.dumps(held, indent=2) + "\n")
        _save(_path_of(self.model.folder, self.text), self.fitted)


def detector_of(
    model: Judging, text: str, threshold: str, labelled: Any, held_out: Any
) -> Detector:
    """The run's detector, see `Trained.detector`."""
    kept = _read_chosen(model.folder)
    text = str(read(text or kept.get("detector", "auto")))
    text = USUAL if text == "auto" else text
    if text != kept.get("detector"):   # a threshold goes with its detector
        kept = {}
    anew = bool(threshold or labelled is not None or held_out is not None)
    other = "best_f1" if labelled is not None else kept.get("threshold", USUAL_THRESHOLD)
    wanted = str(read(threshold or other))
    rule = thresholds.make(wanted)   # may refuse: before anything takes long
    detectors.make(text)
    fitted = _fitted(model, text, held_out)
    if not anew and "above" in kept:
        return Detector(model, fitted, wanted, float(kept["above"]))
    detector = Detector(model, fitted, wanted, np.inf)
    scores, y = fitted.normal, None
    if labelled is not None:
        x, y = labelled
        scores, y = detector.score(x), np.asarray(y).astype(int)
    return replace(detector, threshold=rule(scores, y))


def normal_classes(model: Judging) -> tuple[str, ...]:
    """The classes that training saw; () where its samples have none."""
    y = model.codes().y
    return () if y is None else tuple(model.classes[kind] for kind in y.unique().tolist())


def _fitted(model: Judging, text: str, held_out: Any) -> Fitted:
    """The detector that is kept there, else fitted now, and kept where that can be."""
    path, rule = _path_of(model.folder, text), detectors.make(text)
    if held_out is not None:
        held = Held(see(model.model, model.samples(held_out), None, rule.draws), "given",
                    rule.draws)
    elif path.is_file() and (kept := _load(path)):
        return kept
    else:
        held = held_of(model, rule.draws)
    codes = _codes(model, held) if rule.codes else np.empty((0, 0))
    state, normal = rule.calibrate(codes, held.seen)
    fitted = Fitted(text, state, np.sort(normal), held.of)
    if held_out is None:
        with suppress(OSError):   # of a folder that cannot be written: it is fitted again
            _save(path, fitted)
    return fitted


def _codes(model: Judging, held: Held) -> np.ndarray:
    """Codes (N, D) of training samples, without those that are held out, if there are others."""
    codes = model.codes()
    fresh = ~torch.isin(codes.rows, torch.from_numpy(held.rows))
    z: np.ndarray = codes.z[fresh if fresh.any() else slice(None)].flatten(1).float().numpy()
    if not np.isfinite(z).all():
        raise ValueError("some codes are not finite, so nothing tells what is normal; train the "
                         "model again")
    return z


def _save(path: Path, fitted: Fitted) -> None:
    path.parent.mkdir(exist_ok=True)
    tensors = {f"state:{name}": torch.from_numpy(value) for name, value in fitted.state.items()}
    save_tensors(path, {**tensors, "normal": torch.from_numpy(fitted.normal)},
                 {"text": fitted.text, "of": fitted.of})


def _load(path: Path) -> Fitted | None:
    """A detector that was kept, or None if the file is damaged: it can be fitted again."""
    try:
        held, texts = load_tensors(path)
        state = {name.removeprefix("state:"): t.numpy() for name, t in held.items()
                 if name.startswith("state:")}
        return Fitted(texts["text"], state, held["normal"].numpy(), texts["of"])
    except (ValueError, KeyError):
        return None


def _path_of(folder: RunFolder, text: str) -> Path:
    call = read(text)
    options = sorted(detectors.check(call).items())
    mark = hashlib.sha256(f"{call.name} {options} {digest(folder)}".encode()).hexdigest()[:8]
    return folder.path / "detectors" / f"{call.name}-{mark}.safetensors"


def _chosen(folder: RunFolder) -> Path:
    return folder.path / "detectors" / "chosen.json"


def _read_chosen(folder: RunFolder) -> dict[str, Any]:
    """What was kept; of another model than the run has now, without its threshold's value."""
    if not _chosen(folder).is_file():
        return {}
    try:
        kept: dict[str, Any] = json.loads(_chosen(folder).read_text())
        above = {"above": float(kept["above"])} if kept["model"] == digest(folder) else {}
        return {"detector": str(kept["detector"]), "threshold": str(kept["threshold"]), **above}
    except (ValueError, KeyError, TypeError, OSError):
        raise ValueError(f"{_chosen(folder)} is damaged; delete it, and choose a detector and "
                         f"threshold anew") from None
