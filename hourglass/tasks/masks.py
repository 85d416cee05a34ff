"""Find masks of defects, and measure maps of scores by them."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from ..analysis.metrics.bootstrap import Estimate
from ..analysis.metrics.regions import count, edges_of, pixel_separation
from ..core.console import say
from ..core.contracts import Collection
from ..data.find_images import Files, opened
from ..inference.anomaly import Detector
from .heatmaps import onto_file

FOLDER = "ground_truth"
ENDINGS = ("_mask", "-mask", "_gt", "_label")
SAMPLED = 2_000_000   # values of maps that the bins are made from


@dataclass(frozen=True)
class Masks:
    """Files of masks, by folder and sample, and by sample only."""

    files: Files
    by_folder: dict[tuple[str, str], str]
    by_name: dict[str, str]     # masks outside the folders of classes

    def of(self, sample: str, normal: bool = False) -> np.ndarray | None:
        """The sample's defects (H, W), or None without a mask. A `normal` sample ignores masks of
        other classes. Raises OSError."""
        path = PurePosixPath(sample)
        name = self.by_folder.get((path.parent.name, path.stem)) or (
            None if normal else self.by_name.get(path.stem))
        if name is None:
            return None
        with self.files.open(name) as file, Image.open(file) as image:
            values = np.asarray(image.convert("L"))
        found: np.ndarray = values > values.max(initial=0) / 2
        return found


def find_masks(place: str, masks: str, stack: ExitStack) -> Masks | None:
    """The masks in a given folder or archive, by default in the folder ground_truth of the samples
    or next to them; None if there are none. Raises ValueError for a given place without masks."""
    named = bool(masks)
    if not masks and place and Path(place).is_dir() and (Path(place).parent / FOLDER).is_dir():
        masks = str(Path(place).parent / FOLDER)
    try:
        files = stack.enter_context(opened(masks or place)) if masks or place else None
    except ValueError:
        if named:
            raise
        return None
    names = [] if files is None else [
        name for name in files.sizes if masks or FOLDER in PurePosixPath(name).parts]
    if files is None or not names:
        if named:
            raise ValueError(f"{masks} holds no masks; masks are images named like the samples, "
                             f"such as crack/000.png or crack/000_mask.png")
        return None
    stems = {name: _stem(name) for name in names}
    return Masks(files, {(PurePosixPath(name).parent.name, stem): name
                         for name, stem in stems.items()},
                 {stem: name for name, stem in stems.items()
                  if PurePosixPath(name).parent.name in ("", FOLDER)})


def _stem(name: str) -> str:
    stem = PurePosixPath(name).stem
    return next((stem.removesuffix(end) for end in ENDINGS if stem.endswith(end)), stem)


def by_masks(
    detector: Detector, found: Collection, y: np.ndarray | None, masks: Masks, place: str
) -> dict[str, Estimate]:
    """Measure how well the detector's maps find the masked pixels, at the size of the files; {} if
    no sample has a mask. Normal samples need none. Abnormal ones without a mask are left out, with
    a note."""
    if len(detector.model.shape) != 3 or not found.names:
        return {}
    wanted = {i: mask for i, name in enumerate(found.names)
              if (mask := masks.of(name, y is not None and y[i] == 0)) is not None}
    clean = [] if y is None else [i for i in np.flatnonzero(y == 0).tolist() if i not in wanted]
    missing = len(found.names) - len(wanted) - len(clean)
    if not any(mask.any() for mask in wanted.values()):
        return {}
    if missing:
        say(f"{missing} samples have no mask, so the pixels' metrics leave them out")
    rows = sorted([*wanted, *clean])
    y = None if found.y is None else found.y[rows]
    maps = detector.maps(Collection(found.x[rows], y, found.classes))
    values = maps.ravel()[:: max(1, maps.size // SAMPLED)]
    least = min(0.0, float(maps.min()))   # for pixels that the model did not cover

    def pairs() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        with ExitStack() as stack:
            try:
                files = stack.enter_context(opened(place)) if place else None
            except ValueError:   # an array or a source, which has no files
                files = None
            for i, heat in zip(rows, maps, strict=True):
                mask = wanted[i] if i in wanted else np.zeros(
                    _size(files, found.names[i], heat.shape), bool)
                yield onto_file(detector, heat - least, mask.shape) + least, mask
    return pixel_separation(count(pairs(), edges_of(np.append(values, least), len(rows))))


def _size(files: Files | None, name: str, usual: tuple[int, ...]) -> tuple[int, ...]:
    """Size of a file's image (H, W), from its header."""
    if files is None or name not in files.sizes:
        return usual
    with files.open(name) as file, Image.open(file) as image:
        return image.height, image.width
