"""A detector of images that needs no trained model, fitted to normal images and kept as a file."""

from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..core.console import say
from ..core.contracts import Images, Rule, Seen
from ..core.expressions import read
from ..core.registry import detectors, thresholds
from ..core.tensor_files import load_tensors, load_texts, save_tensors
from ..data.photos import LazyImages, open_photos
from .anomaly import Fitted, companion_of
from .detector_export import export_detector
from .detectors.combined import parts_of, state_of
from .verdicts import as_strict, probability_of, usual_heat_of, verdict_of

USUAL_IMAGE_DETECTOR = "patch_knn"
NOTHING = np.empty(0)
EVERY = 5          # every fifth normal image sets the threshold
SUFFIX = ".safetensors"
MARKS = {"text", "of", "threshold"}   # names of a saved detector's texts
# an image's score, and its map (H, W), where 1 is the threshold; None without maps
Looked = tuple[float, np.ndarray | None]


@dataclass(frozen=True)
class ImageDetector:
    """Normal images as features of their patches, and the threshold above which an image is
    abnormal."""

    fitted: Fitted
    threshold_text: str   # as a user types it
    threshold: float
    why: str = ""

    @property
    def text(self) -> str:
        """The detector, as a user types it."""
        return self.fitted.text

    def score(self, images: Images) -> np.ndarray:
        """Anomaly scores (N,) of images (H, W, C) of any sizes."""
        return self.fitted.rule.score(_seen(images), self.fitted.state)

    def verdict(self, scores: Any) -> np.ndarray:
        """Whether each score (N,) is above the threshold, and so abnormal."""
        return verdict_of(scores, self.threshold)

    def probability(self, scores: Any) -> np.ndarray:
        """Share of normal images with a lower score, (N,), with an exponential tail beyond."""
        return probability_of(scores, self.fitted.normal)

    def look(self, image: np.ndarray) -> Looked:
        """The score of one image (H, W, C), and its map (H, W) if the detector has maps, on a scale
        where 1 is the threshold."""
        if not self.has_maps:
            return float(self.score(image[None])[0]), None
        drawing = self.drawing
        places = drawing.fitted.rule.places
        assert places is not None
        heat = places(_seen(image[None]), drawing.fitted.state)[0]
        score = float(heat.max()) if drawing is self else float(self.score(image[None])[0])
        return score, heat / max(drawing.threshold, 1e-12)

    @property
    def has_maps(self) -> bool:
        """Whether the detector, or one of several, looks at places."""
        return has_maps(self.text)

    @property
    def usual_heat(self) -> float:
        """The median over normal images of their maps' largest value, below 1."""
        return usual_heat_of(self.drawing.fitted.normal, self.drawing.threshold)

    @property
    def drawing(self) -> "ImageDetector":
        """The detector that draws the maps: this one, or the first of several."""
        text, fitted = companion_of(self.text), self.fitted
        if text == self.text:
            return self
        number = parts_of(self.text).index(text)
        state = state_of(number, fitted.state)
        normal = state.pop("normal")
        return ImageDetector(Fitted(text, state, normal, fitted.of), "",
                             as_strict(fitted.normal, self.threshold, normal))

    def save(self, path: str | Path) -> None:
        """Write the detector as a .safetensors file. Raises ValueError for another suffix."""
        fitted, path = self.fitted, Path(path)
        if path.suffix.lower() != SUFFIX:
            raise ValueError(f"a detector is saved as a {SUFFIX} file, not as {path.name!r}")
        path.parent.mkdir(parents=True, exist_ok=True)
        tensors = {**{f"state:{name}": value for name, value in fitted.state.items()},
                   "normal": fitted.normal, "threshold": np.array([self.threshold])}
        save_tensors(path, {name: torch.from_numpy(np.ascontiguousarray(value))
                            for name, value in tensors.items()},
                     {"text": fitted.text, "of": fitted.of, "threshold": self.threshold_text})

    def update(self, images: Any) -> "ImageDetector":
        """The detector, fitted to more normal images too, without its earlier ones: a folder, an
        archive, an array (N, H, W, C) or a list. Every fifth of them is left out at first, and its
        score joins those that set the threshold. Raises ValueError, also for feature_autoencoder,
        which keeps nothing of earlier images."""
        with ExitStack() as stack:
            return updated(self, open_photos(images, stack).readable("normal images"))

    def export(self, path: str | Path = "detector.onnx") -> Path:
        """Write the detector as ONNX, and say what goes in and comes out. Returns the path. Raises
        ValueError for feature_autoencoder and combined."""
        for line in export_detector(self.fitted, self.threshold, self.score, Path(path)):
            say(line)
        return Path(path)


def updated(detector: ImageDetector, good: LazyImages) -> ImageDetector:
    """The detector, fitted to more normal images too, without its earlier ones. Every fifth of the
    new ones is left out at first, and scored; the threshold then comes from these scores and from
    the earlier images' ones. Raises ValueError for fewer than two, and for a detector that needs
    the earlier images."""
    fitted, extend = detector.fitted, detector.fitted.rule.extend
    if extend is None:
        raise ValueError(f"{fitted.text} cannot be updated, because it keeps nothing of its "
                         f"earlier images; fit it again, to all images. patch_knn, patch_gaussian "
                         f"and feature_knn can be updated")
    held, others = _parts(good)
    state = extend(_seen(others), fitted.state)
    scores = fitted.rule.score(_seen(held), state)
    normal = np.sort(np.concatenate([fitted.normal, scores]))
    say(f"updated with {len(good):,} normal images; the threshold rests on {len(scores):,} of "
        f"them, left out at first, and on the {len(fitted.normal):,} scores of the earlier fit")
    known = Fitted(fitted.text, extend(_seen(held), state), normal, fitted.of)
    return replace(detector, fitted=known,
                   threshold=thresholds.make(detector.threshold_text)(normal, None))


def has_maps(text: str) -> bool:
    """Whether the detector of that name, or one of several, looks at places."""
    rule: Rule = detectors.make(companion_of(text))
    return rule.features != "" and rule.places is not None


def is_saved_detector(path: Path) -> bool:
    """Whether a file is what `ImageDetector.save` wrote, by its head."""
    try:
        return path.suffix.lower() == SUFFIX and path.is_file() and set(load_texts(path)) >= MARKS
    except ValueError:
        return False


def load_image_detector(path: Path) -> ImageDetector:
    """Read what `ImageDetector.save` wrote. Raises ValueError."""
    tensors, texts = load_tensors(path)
    try:
        values = {name: value.numpy() for name, value in tensors.items()}
        state = {name.removeprefix("state:"): value for name, value in values.items()
                 if name.startswith("state:")}
        fitted = Fitted(texts["text"], state, values["normal"], texts["of"])
        check_without_model(fitted.text)
        return ImageDetector(fitted, texts["threshold"], float(values["threshold"][0]))
    except KeyError as error:
        raise ValueError(f"{path} is not a saved detector of images: it lacks {error}") from None


def check_without_model(text: str) -> Rule:
    """The detector of that name. Raises ValueError for one that needs a trained model."""
    rule: Rule = detectors.make(text)
    for member in parts_of(text):
        check_without_model(member)
    if rule.maps != {"images"} or rule.codes or rule.draws:
        raise ValueError(f"{text} needs a trained model: train one, and use hourglass score. "
                         f"Without a model: patch_knn, patch_gaussian, feature_autoencoder, "
                         f"feature_knn")
    return rule


def fit_image_detector(text: str, threshold: str, good: LazyImages) -> ImageDetector:
    """Fit a detector to normal images. Every fifth of them is left out at first, and sets the
    threshold; then the detector is fitted to all. Raises ValueError for fewer than two, and for a
    detector that needs a model."""
    text = str(read(text or USUAL_IMAGE_DETECTOR))
    rule, threshold_text = check_without_model(text), str(read(threshold))
    threshold_of = thresholds.make(threshold_text)   # may raise, so it comes before the work
    state, normal = rule.calibrate(np.empty((0, 0)), _seen(*_parts(good)))
    if rule.refit is not None:
        state = rule.refit(_seen(good, good), state)
    fitted = Fitted(text, state, np.sort(normal), "normal images")
    return ImageDetector(fitted, threshold_text, threshold_of(fitted.normal, None))


def _parts(good: LazyImages) -> tuple[LazyImages, LazyImages]:
    """Every fifth normal image, which sets the threshold, and the others. Raises ValueError for
    fewer than two."""
    if len(good) < 2:
        raise ValueError(f"a detector needs at least two normal images, one to fit and one to set "
                         f"the threshold, and there are {len(good)}; give more")
    held = np.arange(len(good)) % EVERY == min(EVERY, len(good)) - 1
    return good.some(np.flatnonzero(held)), good.some(np.flatnonzero(~held))


def _seen(images: Images, train: Images = NOTHING) -> Seen:
    nothing = np.zeros(len(images))
    return Seen(nothing, nothing, nothing[:, None], images=images, train_images=train)
