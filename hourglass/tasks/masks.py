"""Find masks of defects, and measure maps of scores by them."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from ..analysis.metrics.regions import count, edges_of
from ..core.console import say, track
from ..core.contracts import Collection
from ..data.find_images import Files, files_in, opened
from ..data.folders import is_mask_folder, masks_among, without_mask
from ..data.patches import as_patches
from ..inference.anomaly import Detector
from .defect_kinds import PixelCounts
from .heatmaps import onto_file
from .own_size import whole_map

FOLDER = "ground_truth"
SAMPLED = 2_000_000   # values of maps that the bins are made from
KINDS = 16            # values of a mask that may each be a kind of defect
LOOKED_AT = 16        # whole images whose maps these are from, at most


@dataclass(frozen=True)
class Masks:
    """Files of masks, by folder and sample, and by sample only."""

    files: Files
    by_folder: dict[tuple[str, str], str]
    by_name: dict[str, str]     # masks outside the folders of classes
    chosen: bool = False        # by the user, not found next to the samples

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
        kinds = np.unique(values)   # a number for each kind of defect, or grey at the edges
        mask: np.ndarray = values > (0 if len(kinds) <= KINDS else kinds[-1] / 2)
        return mask


def find_masks(place: str, masks: str, stack: ExitStack) -> Masks | None:
    """Find the masks in a given folder or archive. By default, look next to and among the samples
    for names such as ground_truth/, masks/a.png or a_mask.png. None if there are none. Raises
    ValueError for a given place without masks."""
    if masks:
        chosen = stack.enter_context(opened(masks))
        if not chosen.sizes:
            raise ValueError(f"{masks} holds no masks; masks are images named like the samples, "
                             f"such as crack/000.png or crack/000_mask.png")
        return replace(_named(chosen, list(chosen.sizes), ""), chosen=True)
    try:
        files = stack.enter_context(opened(place)) if place else None
    except ValueError:
        files = None
    if files is None:
        return None
    if names := masks_among(list(files.sizes)):
        return _named(files, names, FOLDER)
    beside = _beside(Path(place).expanduser(), list(files.sizes))
    if beside is None:
        return None
    beside_files = stack.enter_context(opened(beside))
    return _named(beside_files, list(beside_files.sizes), "")


def _beside(place: Path, names: list[str]) -> Path | None:
    """A folder of masks next to a folder of samples with these names."""
    if not place.is_dir():
        return None
    if (place.parent / FOLDER).is_dir():
        return place.parent / FOLDER
    whole = place.resolve()   # which has a name
    for folder in sorted(whole.parent.iterdir()):
        if folder != whole and folder.is_dir() and is_mask_folder(folder.name):
            theirs = [f"{folder.name}/{name}" for name in files_in(folder).sizes]
            if theirs and set(theirs) <= set(masks_among(
                    [*theirs, *(f"{whole.name}/{name}" for name in names)])):
                return folder
    return None


def _named(files: Files, names: list[str], flat: str) -> Masks:
    """Masks by folder and sample; also by sample alone for those in no folder of a class: in the
    root, in the folder `flat` or in a folder such as masks/."""
    by_folder, alone = {}, {}
    for stem_of in (without_mask, str):   # the exact name of a sample comes first
        for name in names:
            path = PurePosixPath(name)
            by_folder[path.parent.name, stem_of(path.stem)] = name
            if path.parent.name in ("", flat) or is_mask_folder(path.parent.name):
                alone[stem_of(path.stem)] = name
    return Masks(files, by_folder, alone)


def by_masks(
    detector: Detector, collection: Collection, y: np.ndarray | None, masks: Masks, place: str
) -> PixelCounts | None:
    """Count how the detector's maps score masked pixels, at the size of the files; None if no
    sample has a mask. Normal samples need none. Abnormal ones without a mask are left out, with
    a note."""
    if len(detector.model.shape) != 3 or not collection.names:
        return None
    every = with_masks(collection.names, y, masks)
    rows, masks_by_row = sorted(every), {i: mask for i, mask in every.items() if mask is not None}
    if not rows:
        return None
    if as_patches(collection.x) is not None:
        return _of_patches(detector, collection, rows, masks_by_row)
    y = None if collection.y is None else collection.y[rows]
    maps = detector.maps(Collection(collection.x[rows], y, collection.classes))
    values = maps.ravel()[:: max(1, maps.size // SAMPLED)]
    least = min(0.0, float(maps.min()))   # for pixels that the model did not cover

    def pairs() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        with ExitStack() as stack:
            try:
                files = stack.enter_context(opened(place)) if place else None
            except ValueError:   # an array or a source, which has no files
                files = None
            for i, heat in zip(rows, maps, strict=True):
                mask = masks_by_row[i] if i in masks_by_row else np.zeros(
                    _size(files, collection.names[i], heat.shape), bool)
                yield onto_file(detector, heat - least, mask.shape) + least, mask
    return PixelCounts(rows, count(pairs(), edges_of(np.append(values, least), len(rows))))


def with_masks(
    names: Sequence[str], y: np.ndarray | None, masks: Masks
) -> dict[int, np.ndarray | None]:
    """The samples whose pixels can be measured: their rows, with a mask (H, W), or None for normal
    samples without one. Abnormal ones without a mask are left out, with a note. {} if no mask
    marks a defect."""
    masks_by_row = {i: mask for i, name in enumerate(names)
                    if (mask := masks.of(name, y is not None and y[i] == 0)) is not None}
    clean = [] if y is None else [
        i for i in np.flatnonzero(y == 0).tolist() if i not in masks_by_row]
    missing = len(names) - len(masks_by_row) - len(clean)
    if masks.chosen and not masks_by_row:
        say("no mask has the name of an image, so no pixels are measured; masks are named like the "
            "samples, such as crack/000.png or crack/000_mask.png")
    if not any(mask.any() for mask in masks_by_row.values()):
        return {}
    if missing:
        say(f"{missing} samples have no mask, so the pixels' metrics leave them out")
    return {**masks_by_row, **dict.fromkeys(clean)}


def _of_patches(detector: Detector, collection: Collection, rows: list[int],
                masks_by_row: dict[int, np.ndarray]) -> PixelCounts:
    """The same for a model of patches: the blended maps of whole images, one at a time."""
    some = [whole_map(detector, collection, row)[1] for row in rows[::-(-len(rows) // LOOKED_AT)]]
    values = np.concatenate([heat.ravel()[::-(-heat.size * len(some) // SAMPLED)] for heat in some])

    def pairs() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for row in track(rows, len(rows), "measuring pixels"):
            heat = whole_map(detector, collection, row)[1]
            mask = masks_by_row.get(row, np.zeros(heat.shape, bool))
            if mask.shape != heat.shape:
                raise ValueError(f"the mask of {collection.names[row]} has {_in_words(mask)} "
                                 f"pixels, and the image {_in_words(heat)}; bring both to one size")
            yield heat, mask
    return PixelCounts(rows, count(pairs(), edges_of(values, len(rows))))


def _in_words(image: np.ndarray) -> str:
    return "x".join(map(str, image.shape))


def _size(files: Files | None, name: str, usual: tuple[int, ...]) -> tuple[int, ...]:
    """Size of a file's image (H, W), from its header."""
    if files is None or name not in files.sizes:
        return usual
    with files.open(name) as file, Image.open(file) as image:
        return image.height, image.width
