"""Find abnormal images without training: compare new images with normal ones."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..analysis.metrics.bootstrap import Estimate
from ..analysis.metrics.detection import at_threshold, separation
from ..analysis.metrics.regions import count, edges_of
from ..core.console import say
from ..core.device import choose_device
from ..core.features import as_floats, on_device, remembered
from ..core.files import check_empty, check_writable
from ..core.hints import did_you_mean
from ..core.output_names import png_name, printable
from ..data.photos import LazyImages, open_photos
from ..inference.anomaly import USUAL_THRESHOLD
from ..inference.image_detector import (
    SUFFIX,
    USUAL_IMAGE_DETECTOR,
    ImageDetector,
    fit_image_detector,
    has_maps,
    load_image_detector,
    updated,
)
from .defect_kinds import Kind, PixelCounts, by_kind
from .heatmaps import heat_picture
from .inspection_page import write_page
from .masks import Masks, find_masks, with_masks
from .python_words import for_python
from .score import NORMAL_NAMES, Verdicts, in_words, write_table
from .write_images import check_name, save_picture

PAGE = ".html"
SAMPLED = 4000            # values of each map that the bins are made from
MEASURED = 1_000_000_000  # most pixels of maps that are kept to be measured


@dataclass(frozen=True)
class DetectOptions:
    """Options of `detect`. "" means the default."""

    detector: str = ""
    threshold: str = ""
    normal: str = ""      # the normal classes of the new images, separated by commas
    masks: str = ""       # a folder or archive of defect masks; default: those next to the images
    device: str = "cpu"
    update: Any = None    # more normal images, for a saved detector
    page: Path | None = None   # an .html with scores, figures and the most abnormal images


@dataclass(frozen=True, repr=False)
class Detection:
    """What was found in new images, and the detector that found it."""

    detector: ImageDetector
    verdicts: Verdicts

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the images."""
        return self.verdicts.names

    @property
    def scores(self) -> np.ndarray:
        """Anomaly scores (N,); higher is more abnormal."""
        return self.verdicts.scores

    @property
    def abnormal(self) -> np.ndarray:
        """Whether each image is abnormal, (N,)."""
        return self.verdicts.abnormal

    @property
    def metrics(self) -> dict[str, Estimate]:
        """How right the scores are, with intervals, if folders name classes."""
        return self.verdicts.right

    @property
    def kinds(self) -> dict[str, Kind]:
        """How well each kind of defect is found, if folders name several."""
        return self.verdicts.kinds

    def __repr__(self) -> str:
        return "\n".join(in_words(self.detector, self.verdicts))


@dataclass
class _Maps:
    """The maps of images to be measured, with masks or without defects."""

    rows: dict[int, np.ndarray] = field(default_factory=dict)
    pixels: int = 0

    def keep(self, row: int, heat: np.ndarray) -> None:
        """Keep a map, while there is room."""
        self.pixels += heat.size
        if self.pixels <= MEASURED:
            self.rows[row] = heat.astype(np.float32)


@for_python
def detect(
    good: Any, new: Any = None, *, detector: str = "", threshold: str = "", normal: str = "",
    masks: str | Path = "", out: str | Path | Sequence[str | Path] = (),
    heatmaps: str | Path | None = None, device: str = "cpu",
) -> Detection:
    """Find abnormal images without training a model: by pretrained features.

    `good` are normal images and `new` the ones to look at: folders, archives, arrays (N, H, W) or
    (N, H, W, C), or lists of images of any sizes. Without `new`, `good` has folders train and test.
    `good` may also be a detector: `found.detector`, the file that `found.detector.save(path)`
    wrote, or `found.detector.update(more)`. Of the normal images, every fifth sets the threshold.
    `out` is a .csv or .json for the scores, an .html for a page of scores, figures and the most
    abnormal images, or a list of both. `heatmaps` is a folder for pictures. The default detector is
    "patch_knn", which needs: pip install 'hourglass[features]'. If folders name classes, or there
    are masks, metrics are computed. Raises ValueError.

        >>> import hourglass as hg, numpy as np
        >>> good = np.random.default_rng(0).integers(90, 110, (20, 64, 64), np.uint8)
        >>> bad = good[:2].copy()
        >>> bad[:, 20:40, 20:40] = 255
        >>> hg.detect(good, bad, detector="patch_knn('random', size=64)").abnormal
        array([ True,  True])
    """
    page, table = _places([out] if isinstance(out, str | Path) else list(out or ()))
    options = DetectOptions(detector, threshold, normal, str(masks), device, page=page)
    return detected(good, new, options, table, Path(heatmaps) if heatmaps else None)


def _places(out: list[str | Path]) -> tuple[Path | None, Path | None]:
    """The .html for the page and the file for the scores among the files to write."""
    files = [Path(place) for place in out if place]
    pages = [file for file in files if file.suffix.lower() == PAGE]
    tables = [file for file in files if file not in pages]
    if len(pages) > 1 or len(tables) > 1:
        raise ValueError(f"out is one table, one {PAGE} page, or one of each, not "
                         f"{', '.join(map(str, files))}")
    return next(iter(pages), None), next(iter(tables), None)


def detected(
    good: Any, new: Any, options: DetectOptions, out: Path | None = None,
    heatmaps: Path | None = None, save: Path | None = None,
) -> Detection:
    """The work of `detect`."""
    if out is not None:
        check_name(out, (".csv", ".json"))
    if heatmaps is not None:
        check_empty(heatmaps, "--heatmaps")
    if save is not None:
        check_name(save, (SUFFIX,))
    if options.page is not None:
        check_name(options.page, (PAGE,))
    for place, flag in ((heatmaps, "--heatmaps"), (save, "--save"), (options.page, "--page")):
        if place is not None:
            check_writable(place, flag)
    with ExitStack() as stack, on_device(str(choose_device(options.device))), remembered():
        known, unseen = _opened(good, new, stack)
        _say_shared(known, unseen)
        y = labels_of_photos(unseen, options.normal)
        masks = find_masks(unseen.place, options.masks, stack)
        if heatmaps is not None:
            _check_maps(known.text if isinstance(known, ImageDetector) else
                        options.detector or USUAL_IMAGE_DETECTOR)
        detector = _detector(known, options, stack)
        verdicts = _looked_at(detector, unseen, y, masks, heatmaps)
        if options.page is not None:
            write_page(options.page, detector, verdicts, unseen, y)
    if save is not None:
        detector.save(save)
    if out is not None:
        write_table(out, detector, verdicts)
    return Detection(detector, verdicts)


def update_saved(kept: str, options: DetectOptions, save: Path | None) -> ImageDetector:
    """Fit a saved detector to more normal images too, and write it. Raises ValueError."""
    if save is None:
        raise ValueError("say where to keep the updated detector: --save detector.safetensors; or "
                         "give images to look at too")
    check_name(save, (SUFFIX,))
    check_writable(save, "--save")
    with ExitStack() as stack, on_device(str(choose_device(options.device))), remembered():
        known = load_image_detector(Path(kept)) if Path(kept).suffix.lower() == SUFFIX else kept
        detector = _detector(known, options, stack)
    detector.save(save)
    return detector


def _detector(known: Any, options: DetectOptions, stack: ExitStack) -> ImageDetector:
    """The detector fitted to the known images, or the saved one, with the images that update it.
    Raises ValueError."""
    saved, updates = isinstance(known, ImageDetector), _is_given(options.update)
    if not saved and updates:
        raise ValueError("--update adds normal images to a detector that --save wrote: give that "
                         f"{SUFFIX} file first, in place of normal images")
    if saved and (options.detector or options.threshold):
        raise ValueError("--detector and --threshold are kept with a saved detector; leave them "
                         "out, or give normal images to fit another")
    if not saved:
        return fit_image_detector(options.detector, options.threshold or USUAL_THRESHOLD,
                                  known.readable("normal images"))
    if not updates:
        return known
    more = _only_normal(open_photos(options.update, stack))
    return updated(known, more.readable("more normal images"))


def _opened(good: Any, new: Any, stack: ExitStack) -> tuple[LazyImages | ImageDetector, LazyImages]:
    """The normal images, or the saved detector, and the new images."""
    saved = isinstance(good, str | Path) and Path(good).suffix.lower() == SUFFIX
    if saved or isinstance(good, ImageDetector):
        if not _is_given(new):
            raise ValueError(f"{good if saved else good.text} is a saved detector; give the new "
                             f"images too")
        return load_image_detector(Path(good)) if saved else good, open_photos(new, stack)
    known = open_photos(good, stack)
    splits = known.splits or {}
    train = known.some(splits["train"]) if "train" in splits else known
    train = _only_normal(train)
    if _is_given(new):
        return train, open_photos(new, stack)
    if not {"train", "test"} <= set(splits):
        raise ValueError(f"{known.place or 'the data'} has no folders train and test; give the new "
                         f"images too, after the normal ones")
    return train, known.some(splits["test"])


def _say_shared(known: LazyImages | ImageDetector, unseen: LazyImages) -> None:
    """Say which new images are among the normal ones, by their files."""
    if isinstance(known, ImageDetector) or not known.place or not unseen.place:
        return
    count = len(_files(known) & _files(unseen))
    if count:
        say(f"{count:,} of {len(unseen):,} new images are among the normal ones, which makes "
            f"their scores too low; leave them out of either")


def _files(photos: LazyImages) -> set[Path]:
    place = Path(photos.place).expanduser().resolve()
    return {place if place.name == name else place / name for name in photos.names}


def _is_given(new: Any) -> bool:
    return new is not None and not (isinstance(new, str) and not new)


def _only_normal(photos: LazyImages) -> LazyImages:
    """The images in folders of good ones, if there are such folders; otherwise all images."""
    names = set(NORMAL_NAMES) & set(photos.classes)
    if photos.y is None or not names:
        if len(photos.classes) > 1:
            say(f"all {len(photos):,} images of {photos.place}, in {', '.join(photos.classes)}, "
                f"are taken as normal: no folder is named {' or '.join(NORMAL_NAMES)}")
        return photos
    keep = np.isin(np.array(photos.classes)[photos.y], list(names))
    if keep.all():
        return photos
    say(f"of {len(keep):,} images, the {int(keep.sum()):,} in {' and '.join(sorted(names))} are "
        f"taken as normal, and the others are left out")
    return photos.some(np.flatnonzero(keep))


def labels_of_photos(photos: LazyImages, normal: str) -> np.ndarray | None:
    """1 for images of an abnormal class, (N,). Normal are the classes in `normal`, by default good
    and normal. None without classes. Raises ValueError for an unknown class."""
    named = [name.strip() for name in normal.split(",") if name.strip()]
    wrong = next((name for name in named if name not in photos.classes), None)
    if wrong is not None:
        raise ValueError(f"there is no class {wrong!r} among the new images; "
                         f"{did_you_mean(wrong, photos.classes) or 'they have no classes'}")
    names = named or [name for name in NORMAL_NAMES if name in photos.classes]
    if photos.y is None or not names:
        if len(photos.classes) > 1:
            say(f"no class of the new images is named {' or '.join(NORMAL_NAMES)}, so nothing "
                f"says how right the scores are; name the normal ones: --normal "
                f"{photos.classes[0]}")
        return None
    return (~np.isin(np.array(photos.classes)[photos.y], names)).astype(int)


def _looked_at(
    detector: ImageDetector, photos: LazyImages, y: np.ndarray | None, masks: Masks | None,
    heatmaps: Path | None,
) -> Verdicts:
    """Score each image, and write its heat map. Raises ValueError for a mask of another size."""
    masks_by_row = {} if masks is None else with_masks(photos.names, y, masks)
    usual, maps = detector.usual_heat if heatmaps else 0.0, _Maps()
    seen, scores, unreadable = [], [], []
    for row, image in photos.decoded("detecting", "cannot be read"):
        if image is None:
            unreadable.append(photos.names[row])
            continue
        _check_mask(masks_by_row.get(row), image, photos.names[row])
        score, heat = detector.look(image)
        seen.append(row)
        scores.append(score)
        if row in masks_by_row and heat is not None:
            maps.keep(row, heat)
        if heatmaps is not None and heat is not None:
            drawn = heat_picture(as_floats(image), heat, usual)
            save_picture(heatmaps / png_name(photos.names[row]), drawn)
    values = np.array(scores, np.float64)
    odd = detector.verdict(values)
    right = {} if y is None or len(np.unique(y[seen])) < 2 else {
        **separation(values, y[seen]), **at_threshold(odd, y[seen])}
    pixels = _pixels(maps, masks_by_row, seen)
    kinds = {} if y is None or photos.y is None else by_kind(
        photos.classes, photos.y[seen], y[seen], values, odd, pixels)
    return Verdicts(tuple(printable(photos.names[row]) for row in seen), values,
                    detector.probability(values), odd, right | (pixels.figures() if pixels else {}),
                    tuple(map(printable, unreadable)), kinds=kinds)


def _check_maps(text: str) -> None:
    """Raise ValueError for a detector without maps: before it is fitted, which may take long."""
    if not has_maps(text):
        raise ValueError(f"{text} looks at whole images and has no maps; use another detector for "
                         f"them, such as patch_knn")


def _check_mask(mask: np.ndarray | None, image: np.ndarray, name: str) -> None:
    if mask is not None and mask.shape != image.shape[:2]:
        raise ValueError(f"the mask of {name} has {'x'.join(map(str, mask.shape))} pixels, and the "
                         f"image {'x'.join(map(str, image.shape[:2]))}; bring both to one size")


def _pixels(
    maps: _Maps, masks_by_row: dict[int, np.ndarray | None], seen: list[int]
) -> PixelCounts | None:
    """How the maps score the masked pixels, by the places of their images among those that were
    seen; None without masks."""
    if maps.pixels > MEASURED:
        say("the maps of these images have too many pixels to be measured by masks, so only the "
            "first are")
    if not any(mask is not None and mask.any() for mask in masks_by_row.values()) or not maps.rows:
        return None

    def pairs() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for row, heat in maps.rows.items():
            mask = masks_by_row[row]
            yield heat, np.zeros(heat.shape, bool) if mask is None else mask
    values = [heat.ravel()[:: -(-heat.size // SAMPLED)] for heat in maps.rows.values()]
    places = {row: place for place, row in enumerate(seen)}
    return PixelCounts([places[row] for row in maps.rows],
                       count(pairs(), edges_of(np.concatenate(values), len(values))))
