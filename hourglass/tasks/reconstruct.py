"""Images through the bottleneck and back, as files."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..core.channels import read_channels, show_channels
from ..core.console import say, track
from ..core.contracts import Collection
from ..core.distributed import first_goes_first
from ..core.output_names import png_name
from ..data.find import is_of_images
from ..data.find_images import Files, opened
from ..data.image_options import Misfit
from ..data.sources.read_image_folder import in_words
from ..inference.batches import BATCH
from ..inference.trained import Trained
from ..run.folder import read_settings
from ..run.settings import make_settings
from .own_size import each_image
from .restore import as_trained, images_of
from .sharded_output import Facts, ShardedOutput, as_tar, is_folder, request_of
from .shares import shared, some_of
from .sharpen_and_blur import PLAIN, Finish, finished
from .unfamiliar_data import warning_of
from .write_images import TIFFS, as_picture, save_deep, save_picture

CHUNK = 16 * BATCH   # images in memory at once
Pair = tuple[str, np.ndarray, np.ndarray]   # a name, an image (H, W, C), and its reconstruction


@dataclass(frozen=True)
class ReconstructOptions:
    """How images are reconstructed."""

    finish: Finish = PLAIN
    own_size: bool | None = None   # files keep their size; None: where training images kept theirs
    show: str = ""                 # channels of images that have many


class SquaredErrors(NamedTuple):
    """Squared errors of an image, summed over all values that are known."""

    values: int
    plain: float
    finished: float


class Pairs(NamedTuple):
    """Images with their reconstructions, by rows. `unit` of them stay together."""

    samples: Collection | Files
    total: int
    unit: int
    of: Callable[[range], Iterator[Pair | str]]   # a text is a note on one that cannot be read
    compared: bool = False   # whether a bad reconstruction is said


def reconstruct(
    model: Trained, images: str | Path, out: str | Path, manner: ReconstructOptions | None = None,
    shards: int = 0,
) -> dict[str, float]:
    """Write a PNG for every image of a folder, archive or array, sharpened or blurred if asked;
    returns how many and their error, after that too. A TIFF in the data's own units goes with each
    where a PNG would lose some of its depth or channels. `shards` is the number of tar archives
    that hold them instead of a folder.

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
    with ExitStack() as stack:
        with first_goes_first():
            pairs = _pairs(model, images, manner.own_size, stack)

        def write(rows: range, folder: Path) -> Facts:
            return _write(model, pairs.of(rows), folder, manner.finish)
        if is_folder(Path(out), shards) and shards:
            request = request_of(model, "reconstruct", pairs.samples, **vars(manner.finish),
                                 own_size=manner.own_size, show=manner.show)
            written = ShardedOutput(Path(out), ".tar", request, shards, pairs.unit).write(
                lambda rows: as_tar(lambda folder: write(rows, folder)))
        else:
            written = shared(pairs.total, lambda rows: write(rows, Path(out)), pairs.unit)
    for note in (note for part in written for note in part["notes"]):
        say(note)
    errors = [SquaredErrors(*numbers) for part in written for numbers in part["errors"]]
    if not errors:
        raise ValueError(f"{images} holds no images that can be read")
    values = max(sum(error.values for error in errors), 1)
    summary = {"images": len(errors), "mse": sum(error.plain for error in errors) / values}
    for warning in warning_of(model, summary["mse"]) if pairs.compared else ():
        say(warning)
    after = {"mse_finished": sum(error.finished for error in errors) / values}
    return {**summary, **after} if manner.finish.changes else summary


def _write(
    model: Trained, pairs: Iterator[Pair | str], folder: Path, finish: Finish
) -> Facts:
    """Write the reconstructions of some images. Returns their errors, and notes."""
    errors: list[SquaredErrors] = []
    notes: list[str] = []
    for pair in pairs:
        if isinstance(pair, str):
            notes.append(pair)
            continue
        name, x, recon = pair
        final = finished(recon[None], finish)[0]
        errors.append(SquaredErrors(int(np.isfinite(x).sum()), *(
            float(np.nansum(np.square(values - x))) for values in (recon, final))))
        path = folder / png_name(name)
        save_picture(path, as_picture(final))
        if model.inputs.is_deep:
            save_deep(path.with_suffix(TIFFS[0]), model.inputs.scale.back(final))
    return {"errors": errors, "notes": notes}


def _pairs(
    model: Trained, images: str | Path, own_size: bool | None, stack: ExitStack
) -> Pairs:
    if own_size and model.stride is None:
        raise ValueError("this model takes images of one size only, because it has a dense layer "
                         "or is conditional; leave out --own-size, or train with --bottleneck "
                         "identity")
    if model.description.reading.patches:
        cut = model.read(images, strict=False, whole=True)
        for note in cut.notes:
            say(note)
        return Pairs(cut, len(cut.x), 1, lambda rows: each_image(model, some_of(cut, rows)))
    files = is_of_images(images)
    if own_size and not files:
        raise ValueError("--own-size is for image files; arrays have one size")
    usual = model.stride is not None and files and not _was_resized(model)
    if usual if own_size is None else own_size:
        photos = images_of(model, stack.enter_context(opened(images)))
        return Pairs(photos, len(photos.sizes), 1, lambda rows: _at_own_size(model, photos, rows))
    return _at_one_size(model, images, files)


def _at_one_size(model: Trained, images: str | Path, files: bool) -> Pairs:
    collection = model.read(images, strict=False)
    more = "; --own-size keeps their own size" if model.stride and files else ""
    for note in collection.notes:
        say(note + more if "are brought to" in note else note)
    scale = np.float32(model.scale_of(collection.x))

    def some(rows: range) -> Iterator[Pair]:
        for start in track(rows[::CHUNK], -(-len(rows) // CHUNK), "reconstructing"):
            chunk = range(start, min(start + CHUNK, rows.stop))
            own = some_of(collection, chunk)
            names = own.names or tuple(f"{row:05}.png" for row in chunk)
            x = own.x.astype(np.float32) * scale
            yield from zip(names, x, model.reconstruct(own), strict=True)
    return Pairs(collection, len(collection.x), BATCH, some, True)


def _was_resized(model: Trained) -> bool:
    """Whether training images were, or may have been, brought to another size than their own."""
    settings = make_settings(read_settings(model.folder.settings))
    automatic = model.shape[1:] == (64, 64) and "/" in settings.data
    return bool(settings.size or settings.crop or settings.pad) or automatic


def _at_own_size(model: Trained, files: Files, rows: range) -> Iterator[Pair | str]:
    names = list(files.sizes)[rows.start:rows.stop]
    for name in track(names, len(names), "reconstructing"):
        try:
            with files.open(name) as file:
                x = as_trained(model, file, files.pages.get(name, 0))
        except Misfit as error:
            raise ValueError(f"{name}: {error}") from None
        except Exception as error:   # Pillow raises many kinds for a broken file
            yield f"{name} cannot be read ({in_words(error)}); it is left out"
            continue
        yield name, x[0], model.reconstruct(Collection(x))[0]
