"""Pictures that a trained model makes, as objects: morphs, variations, grids, draws, heat maps."""

import io
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Unpack

import numpy as np
from PIL import Image

from ..analysis.analyse import snapshot_of
from ..analysis.figures.canvas import as_png
from ..data.labels import name_of
from ..inference.line_uses import is_of_lines, is_of_molecules
from ..inference.trained import Trained
from .edit_attribute import REACH, STEPS, along, chosen_attributes, strips
from .explore import explore
from .generate import GenerateOptions, choose_prior
from .grid import GridOptions, decode_grid
from .heatmaps import heat_picture, write_heatmaps
from .molecules import Molecules, draw_molecules
from .morph import MorphOptions, Way, way_through
from .notebook_objects import Film, Page, Picture, as_bytes, inline, sheet_of
from .pick_samples import one_class, picked
from .prompts import PromptKeywords, as_options
from .write_images import SUFFIXES, save_picture

NOT_IMAGES = "this model was trained on vectors or series, which make no pictures"
SHOWN = 6   # heat maps in a notebook


def morph_of(
    model: Trained, images: Sequence[Any], label: Any = "", way: Way = "linear", frames: int = 30,
    hold: int = 10, rate: int = 25, loop: bool = True,
) -> Film:
    """From each image to the next through the latent space. An image is an array, a file or the
    number of an unseen sample; `frames` lie between two, each image stays for `hold`, `rate` a
    second. Raises ValueError."""
    _check_images(model)
    if len(images) < 2:
        raise ValueError("a morph needs two images or more, as in model.morph(a, b)")
    if way not in ("linear", "spherical"):
        raise ValueError(f"way must be linear or spherical, not {way!r}")
    collection = picked(model, images)
    y = one_class(model, collection, name_of(label))
    codes = np.concatenate(list(way_through(model.encode(collection, y),
                                            MorphOptions(way, frames, hold, rate, loop))))
    return Film(model.decode(codes, y), rate, loop, codes=codes)


def vary_of(
    model: Trained, image: Any, attributes: Sequence[Any], label: Any = "",
    having: Any = "", lacking: Any = "",
) -> Picture:
    """One image varied along attributes, a row each, (A, S, H, W, C). An attribute is the name of a
    class or measure, or the difference between samples `having` it and samples `lacking` it. By
    default, all attributes. Raises ValueError."""
    collection = picked(model, [image]) if len(model.shape) == 3 else None
    chosen = chosen_attributes(model, attributes, having, lacking, name_of(label))
    assert collection is not None   # chosen_attributes refuses samples that are not images
    y, reach = one_class(model, collection, name_of(label)), np.linspace(-REACH, REACH, STEPS)
    z = model.encode(collection, y)[0]
    codes = np.stack([along(z, attribute, reach) for attribute in chosen])
    rows = [model.decode(row, y) for row in codes]
    return Picture(np.stack(rows), lambda: _drawn(strips(rows, chosen, reach)),
                   f"{', '.join(attribute.name for attribute in chosen)}, from less to more", codes,
                   np.array([attribute.name for attribute in chosen]))


def grid_of(model: Trained, limit: float | None = None, side: int = 20, label: Any = "") -> Picture:
    """Decode the codes of a square grid, (S, S, H, W, C). It reaches from -limit to limit; by
    default, it holds nearly all codes. Raises ValueError."""
    grid = decode_grid(model, GridOptions(limit, side, name_of(label)))
    square = (side, side)
    return Picture(grid.images.reshape(*square, *grid.images.shape[1:]),
                   lambda: _drawn(grid.figure()), grid.words,
                   grid.codes.reshape(*square, *grid.codes.shape[1:]))


def generate_of(
    model: Trained, n: int = 40, label: Any = None, prior: Any = "auto", temperature: float = 1.0,
    seed: int = 0, where: str = "", **keywords: Unpack[PromptKeywords],
) -> Picture | Molecules | list[str]:
    """New images (N, H, W, C) from a prior, with their codes and, where the prior or the model
    knows classes, labels. `label` is a class, several (which share the images evenly) or one for
    each image.

    A run of latent diffusion also takes a `prompt` (or several, which share the images evenly), a
    `negative` prompt, `to` for a second prompt that images lead to, `guidance`, `steps`, `sampler`
    ("dpm", "heun", "euler"), and an `image` to change by `strength`: a file, an array or the
    number of an unseen sample. With a `mask`, a file or an array (H, W), only pixels where that is
    bright get new content. Raises ValueError if samples are not images;
    `sample` draws those. Lines of text are given as texts. Molecules have pictures, and
    conditions, as in where="logP=2..3, qed>0.7", by a search in latent space."""
    if is_of_lines(model.description) and not keywords:
        request = GenerateOptions(n, name_of(label) if label is not None else "", prior,
                                  temperature, seed)
        return (draw_molecules(model, request, where) if where or is_of_molecules(model.description)
                else list(model.sample(n, label, seed, prior, temperature)))
    _check_images(model)
    if where:
        raise ValueError("where is for models of molecules; leave it out")
    options = as_options(keywords)
    chosen = choose_prior(model, "" if label is None else "asked") if prior == "auto" else (
        str(prior))
    one = name_of(label) if np.ndim(label) == 0 else ""   # the class of an image to change
    wish = options.wish(model, n, one) if options.is_told else None
    x, z, kinds = model.draw(n, label, seed, chosen, temperature, wish)
    x = options.pasted(model, x)
    labels = np.array([model.classes[kind] for kind in kinds]) if len(kinds) else None
    sheet = sheet_of(x, f"{n} samples of the prior {chosen}")
    return Picture(x, sheet.image, sheet.about, z, labels)


@dataclass(frozen=True, repr=False)
class Heatmaps:
    """Heat maps of images: how abnormal each place is, 1 at the threshold."""

    array: np.ndarray     # (N, H, W)
    images: np.ndarray    # (N, H, W, C)
    usual: float          # the heat from which a place is coloured
    model: Trained
    given: Any            # what they are of

    def save(self, folder: str | Path) -> Path:
        """Write a picture for every image into a folder, named as the images are; one alone also
        into a file, such as heat.png. Raises ValueError for a file where there are several."""
        out = Path(folder)
        if out.suffix.lower() in SUFFIXES:
            if len(self) > 1:
                raise ValueError(f"{len(self)} heat maps go into a folder, such as "
                                 f"{out.with_suffix('')}/, not into the file {out}")
            save_picture(out, heat_picture(self.images[0], self.array[0], self.usual))
            return out
        place = str(self.given) if isinstance(self.given, str | Path) else ""
        write_heatmaps(self.model.detector(), self.model.read(self.given), out, place)
        return out

    def __len__(self) -> int:
        return len(self.array)

    def __repr__(self) -> str:
        return f"Heatmaps of {len(self)} images; the highest is {self.array.max():.3g}"

    def _repr_html_(self) -> str:
        pictures = [inline(as_bytes(heat_picture(image, heat, self.usual)), "png")
                    for image, heat in zip(self.images[:SHOWN], self.array, strict=False)]
        more = f"<p>and {len(self) - SHOWN} more</p>" if len(self) > SHOWN else ""
        return "<br>".join(pictures) + more


def heatmaps_of(model: Trained, x: Any, y: Any = None) -> Heatmaps:
    """How abnormal each place of each image is, by the detector that was kept or, without one, by
    the default. Raises ValueError for samples that are not images."""
    detector, collection = model.detector(), model.read(x)
    images = collection.x
    if len(model.shape) == 3:
        images = images * np.float32(model.scale_of(images))
    return Heatmaps(detector.maps(collection, y), images, detector.usual_heat, model, x)


def explorer_of(model: Trained) -> Page:
    """The page in which one walks among the codes, and it decodes them. Raises ValueError where
    the packages that it needs are missing."""
    snapshot_of(model.folder, model)   # with the data that is at hand
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "explorer.html"
        explore(model.folder.path, out)
        return Page(out.read_text(), "explorer")


def _check_images(model: Trained) -> None:
    if len(model.shape) != 3:
        raise ValueError(NOT_IMAGES)


def _drawn(figure: Any) -> Image.Image:
    return Image.open(io.BytesIO(as_png(figure, tight=True)))
