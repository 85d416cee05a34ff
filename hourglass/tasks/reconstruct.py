"""Images through the bottleneck and back, as files."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..core.channels import read_channels, show_channels
from ..core.console import say, track
from ..core.contracts import Collection
from ..core.output_names import png_name
from ..data.find import is_of_images
from ..data.find_images import opened
from ..data.read_image_folder import in_words
from ..data.reading import Misfit
from ..inference.trained import Trained
from ..run.folder import read_settings
from ..run.settings import make_settings
from .finish import PLAIN, Finish, finished
from .own_size import each_image
from .restore import as_trained, images_of
from .unfamiliar_data import warning_of
from .write_images import TIFFS, as_picture, save_deep, save_picture

Pair = tuple[str, np.ndarray, np.ndarray]   # a name, an image (H, W, C), and its reconstruction


@dataclass(frozen=True)
class ReconstructOptions:
    """How images are reconstructed."""

    finish: Finish = PLAIN
    own_size: bool | None = None   # files keep their size; None: where training images kept theirs
    show: str = ""                 # channels of images that have many


@dataclass
class Errors:
    """Squared errors, summed over all values that are known."""

    images: int = 0
    values: int = 0
    plain: float = 0.0
    finished: float = 0.0


def reconstruct(
    model: Trained, images: str | Path, out: str | Path, manner: ReconstructOptions | None = None
) -> dict[str, float]:
    """Write a PNG for every image of a folder, archive or array, sharpened or blurred if asked;
    returns how many and their error, after that too. A TIFF in the data's own units goes with each
    where a PNG would lose some of its depth or channels.

    A model without a dense layer takes files at their own size if the manner says so, or, by
    default, where its own training images were not resized. Raises ValueError where nothing can be
    read, the model is not one of images, or it cannot take images of any size.
    """
    manner = manner or ReconstructOptions()
    if len(model.shape) != 3:
        raise ValueError("this model was trained on vectors or series, which make no pictures; use "
                         "hourglass.load(run).reconstruct(array) from Python")
    if manner.show and model.shape[0] not in (1, 3):
        read_channels(manner.show, model.shape[0])
        show_channels(manner.show)
    errors = Errors()
    for name, x, again in _pairs(model, images, manner.own_size):
        made = finished(again[None], manner.finish)[0]
        errors.images, errors.values = errors.images + 1, errors.values + int(np.isfinite(x).sum())
        errors.plain += float(np.nansum(np.square(again - x)))
        errors.finished += float(np.nansum(np.square(made - x)))
        path = Path(out) / png_name(name)
        save_picture(path, as_picture(made))
        if model.inputs.is_deep:
            save_deep(path.with_suffix(TIFFS[0]), model.inputs.scale.back(made))
    if not errors.images:
        raise ValueError(f"{images} holds no images that can be read")
    found = {"images": errors.images, "mse": errors.plain / max(errors.values, 1)}
    after = {"mse_finished": errors.finished / max(errors.values, 1)}
    return {**found, **after} if manner.finish.changes else found


def _pairs(model: Trained, images: str | Path, own_size: bool | None) -> Iterator[Pair]:
    if own_size and model.stride is None:
        raise ValueError("this model takes images of one size only, because it has a dense layer "
                         "or is conditional; leave out --own-size, or train with --bottleneck "
                         "identity")
    if model.description.reading.patches:
        cut = model.read(images, strict=False, whole=True)
        for note in cut.notes:
            say(note)
        yield from each_image(model, cut)
        return
    files = is_of_images(images)
    if own_size and not files:
        raise ValueError("--own-size is for image files; arrays have one size")
    usual = model.stride is not None and files and not _was_resized(model)
    if usual if own_size is None else own_size:
        yield from _at_own_size(model, images)
        return
    found = model.read(images, strict=False)
    more = "; --own-size takes them as they are" if model.stride and files else ""
    for note in found.notes:
        say(note + more if "are brought to" in note else note)
    again = model.reconstruct(found)
    scale = np.float32(model.scale_of(found.x))
    x = found.x.astype(np.float32) * scale
    for warning in warning_of(model, float(np.nanmean(np.square(again - x)))):
        say(warning)
    names = found.names or tuple(f"{i:05}.png" for i in range(len(again)))
    yield from track(zip(names, x, again, strict=True), len(names), "writing images")


def _was_resized(model: Trained) -> bool:
    """Whether training images were, or may have been, brought to another size than their own."""
    settings = make_settings(read_settings(model.folder.settings))
    automatic = model.shape[1:] == (64, 64) and "/" in settings.data
    return bool(settings.size or settings.crop or settings.pad) or automatic


def _at_own_size(model: Trained, images: str | Path) -> Iterator[Pair]:
    with opened(images) as place:
        files = images_of(model, place)
        for name in track(files.sizes, len(files.sizes), "reconstructing"):
            try:
                with files.open(name) as file:
                    x = as_trained(model, file, files.pages.get(name, 0))
            except Misfit as error:
                raise ValueError(f"{name}: {error}") from None
            except Exception as error:   # Pillow raises many kinds for a broken file
                say(f"{name} cannot be read ({in_words(error)}); it is left out")
                continue
            yield name, x[0], model.reconstruct(Collection(x))[0]
