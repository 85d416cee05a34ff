"""Corrupted images restored, as files of the same names and sizes."""

from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import IO

import numpy as np
import torch
from PIL import ImageOps

from ..analysis.metrics.reconstruction import WINDOW, peak_ratio, structural_similarity
from ..core.channels import channels_first, channels_last
from ..core.console import say, track
from ..core.contracts import Collection
from ..core.distributed import meet
from ..core.files import check_empty
from ..core.output_names import inside
from ..data.choosing import chosen, without_masks
from ..data.deep_images import read_whole
from ..data.find_images import Files, opened
from ..data.image_options import Misfit
from ..data.read_image import Reading
from ..data.sources.read_image_folder import in_words
from ..inference.trained import Trained
from ..model.corruptions import Corrupter, corrupted, corrupter
from ..run.folder import read_settings
from .sharded_output import Facts, ShardedOutput, as_tar, is_folder, request_of
from .shares import shared
from .write_images import SUFFIXES, TIFFS, as_picture, save_deep, save_picture

QUALITY = 95     # of JPEG and WebP files
OWN = "own"      # the corruption that the model was trained with
NAMED = 10       # files in a line


@dataclass(frozen=True)
class RestoreOptions:
    """How images are restored."""

    corrupt: str = ""    # corrupt them first, to see what becomes of clean ones: a text, or "own"
    enlarge: int = 1     # times as large first
    kind: str = ""       # the class as which a conditional model takes them
    seed: int = 0        # of the corruption


@dataclass
class RestoreCount:
    """What became of the images."""

    done: int = 0
    unreadable: dict[str, str] = field(default_factory=dict)
    scores: dict[str, list[float]] = field(default_factory=dict)   # of each that was corrupted
    resized: int = 0                                               # not as in training

    def lines(self, out: Path) -> list[str]:
        """What to print."""
        means = ", ".join(f"{name} {np.mean(values):.4g}" for name, values in self.scores.items())
        return [f"{self.done} images in {out}", *([means] if means else [])]


def restore(
    model: Trained, images: str | Path, out: str | Path, manner: RestoreOptions | None = None,
    shards: int = 0,
) -> RestoreCount:
    """Restore every image in a folder, an archive or a file, and write it at its own size and under
    its own name. .png, .jpg, .webp and .bmp keep their format, others become .png.

    What is corrupted first lies in out/corrupted, what was restored of it in out/restored. `shards`
    is the number of tar archives in `out` that hold them instead. Files that cannot be read are
    named. Raises ValueError where none can be, where `out` holds something, and for a model that
    is not one of images.
    """
    manner = manner or RestoreOptions()
    if len(model.shape) != 3:
        raise ValueError("this model was not trained on images; from Python, "
                         "hourglass.load(run).restore(array) takes samples like the training "
                         "data")
    corrupt = _corruption(model, manner.corrupt) if manner.corrupt else None
    if not shards:
        check_empty(Path(out))
        meet()   # before anyone writes there
    with opened(images) as place:
        files = images_of(model, place)
        places = _places(model, list(files.sizes))

        def some(rows: range, folder: Path) -> Facts:
            return vars(_restore_some(model, files, rows, (folder, places), manner, corrupt))
        if is_folder(Path(out), shards) and shards:
            request = request_of(model, "restore", files, **vars(manner))
            written = ShardedOutput(Path(out), ".tar", request, shards, 1).write(
                lambda rows: as_tar(lambda folder: some(rows, folder)))
        else:
            written = shared(len(files.sizes), lambda rows: some(rows, Path(out)), 1)
        tally = _together([RestoreCount(**part) for part in written])
    for line in _remarks(model, tally, manner.enlarge > 1):
        say(line)
    if not tally.done:
        raise ValueError(f"{images} holds no images that can be read")
    return tally


def images_of(model: Trained, place: Files) -> Files:
    """The images of a place that are a model's to work on, as its training chose them, without
    masks; what is left out is said."""
    reading = model.description.reading
    files = without_masks(chosen(place, reading), reading)
    for note in files.notes:
        say(note)
    return files


def _corruption(model: Trained, text: str) -> Corrupter:
    own = model.model.corruption
    if text == OWN and own == "none":
        raise ValueError("this model was trained without a corruption; say which, such as "
                         "--corrupt \"noise(0.3)\"")
    return corrupter(own if text == OWN else text)


def _remarks(model: Trained, tally: RestoreCount, enlarged: bool) -> list[str]:
    remarks = []
    taught = model.model.corruption
    if taught == "none" and not read_settings(model.folder.settings)["data"].startswith("pairs("):
        remarks.append("this model was not trained on corrupted images, so it has not learnt to "
                       "restore; train one with --corruption, such as noise(0.2)")
    elif enlarged and "downscale" not in taught and taught != "none":
        remarks.append(f"this model was trained with {taught}, not with downscale, so it has not "
                       f"learnt to enlarge")
    if tally.unreadable:
        named = [f"{name} ({why})" for name, why in list(tally.unreadable.items())[:NAMED]]
        more = f" and {len(tally.unreadable) - NAMED} more" if len(tally.unreadable) > NAMED else ""
        remarks.append(f"{len(tally.unreadable)} images cannot be read: {', '.join(named)}{more}")
    squeezed = model.model.sample_prior(1).ndim == 2   # the code is not a map
    if tally.resized and squeezed and not model.description.reading.patches:
        size = "x".join(map(str, model.shape[1:]))
        remarks.append(f"this model encodes whole images of {size} pixels. {tally.resized} of "
                       f"other sizes were restored in tiles; hourglass reconstruct resizes them")
    return remarks


def _restore_some(
    model: Trained, files: Files, rows: range, out: tuple[Path, dict[str, PurePath]],
    manner: RestoreOptions, corrupt: Corrupter | None,
) -> RestoreCount:
    """Restore the files with these numbers into a folder, where each has its own place."""
    (folder, places), names = out, list(files.sizes)
    tally, y = RestoreCount(), [manner.kind] if manner.kind else None
    for number in track(rows, len(rows), "restoring"):
        name = names[number]
        try:
            with files.open(name) as file:
                x = image = as_trained(model, file, files.pages.get(name, 0), manner.enlarge)
        except Misfit as error:
            raise ValueError(f"{name}: {error}") from None
        except Exception as error:   # Pillow raises many kinds for a broken file
            tally.unreadable[name] = in_words(error)
            continue
        if corrupt is not None:
            planes = channels_first(torch.from_numpy(x))
            image = channels_last(corrupted(corrupt, planes, manner.seed + number).x).numpy()
            _write(model, folder / "corrupted" / places[name], image)
        restored = model.restore(image, y)
        _write(model, (folder / "restored" if corrupt else folder) / places[name], restored)
        if corrupt is not None:
            image = image.clip(0, 1) if model.description.bounded else image
            _compare(tally, x, {"corrupted": image, "restored": restored})
        tally.done += 1
        tally.resized += x.shape[1:3] != model.shape[1:]
    return tally


def _together(parts: list[RestoreCount]) -> RestoreCount:
    """What became of the images of all parts."""
    tally = RestoreCount()
    for part in parts:
        tally.done, tally.resized = tally.done + part.done, tally.resized + part.resized
        tally.unreadable |= part.unreadable
        for name, values in part.scores.items():
            tally.scores.setdefault(name, []).extend(values)
    return tally


def as_trained(model: Trained, file: IO[bytes], page: int = 0, enlarge: int = 1) -> np.ndarray:
    """The image (1, H, W, C) at its own size, scaled as in training."""
    image = read_whole(file, model.inputs.colours, page)
    larger = image.repeat(enlarge, 0).repeat(enlarge, 1)
    collection = model.inputs.in_units(Collection(larger[None]), Reading())
    return np.asarray(collection.x * np.float32(model.scale_of(collection.x)), np.float32)


def _places(model: Trained, names: list[str]) -> dict[str, PurePath]:
    """The path of each restored image in its folder, all different. It is the image's own name,
    with another suffix if files of that type are not written."""
    suffixes = TIFFS if model.inputs.is_deep else SUFFIXES
    places: dict[str, PurePath] = {}
    taken: set[PurePath] = set()
    for name in names:
        path: PurePath = inside(name)
        if path.suffix.lower() not in suffixes:
            path = path.with_name(f"{path.name}{TIFFS[0] if model.inputs.is_deep else '.png'}")
        while path in taken:
            path = path.with_name(f"{path.name}{path.suffix}")
        taken.add(path)
        places[name] = path
    return places


def _write(model: Trained, path: Path, values: np.ndarray) -> None:
    """Write the one image (1, H, W, C) as files have it: in the data's own units where 8 bits
    would lose some, or where there are more channels than pictures have."""
    if model.inputs.is_deep:
        save_deep(path, model.inputs.scale.back(values[0]))
        return
    picture = as_picture(values[0])
    save_picture(path, ImageOps.invert(picture) if model.description.reading.invert else picture,
                 QUALITY)


def _compare(tally: RestoreCount, x: np.ndarray, images: dict[str, np.ndarray]) -> None:
    """Add how near each version is to x (1, H, W, C) to the tally."""
    for name, values in images.items():
        scores = {f"{name} PSNR": peak_ratio(x, values)}
        if min(x.shape[1:3]) >= WINDOW:
            scores[f"{name} SSIM"] = structural_similarity(x, values)
        for score, value in scores.items():
            tally.scores.setdefault(score, []).append(float(value[0]))
