"""Show a data set: a contact sheet, its content and possible problems."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..analysis.figures.canvas import as_png, contact_sheet
from ..core.contracts import Collection
from ..core.files import write_out
from ..core.image_grid import shown
from ..core.output_names import printable
from ..data.collect import collect
from ..data.read_image import Reading
from ..data.scales import find_scale
from ..data.sources.ratings import Ratings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS, ROWS = 14, 12
LOOKED_AT = 20_000    # samples examined for range, duplicates and constant images
FEW = 500
LOPSIDED = 10
POPULAR = 5           # items that are named
BRIGHT = 0.6          # of a border: above it, the images are dark on white


def look(data: str, out: Path, reading: Reading) -> list[str]:
    """Write a contact sheet as a PNG. Returns lines on sizes, classes, range, and warnings.

    Raises ValueError if the data cannot be read.
    """
    lines, figure = inspected(data, reading)
    if figure is not None:
        if out.suffix.lower() != ".png":
            raise ValueError(f"the contact sheet is a .png file, as in -o "
                             f"{out.with_suffix('.png')}")
        write_out(out, as_png(figure))
        lines.append(f"the contact sheet is {out}")
    return lines


def inspected(data: str, reading: Reading) -> "tuple[list[str], Figure | None]":
    """Lines on sizes, classes, range, and warnings; for images, also a contact sheet. Raises
    ValueError if the data cannot be read."""
    collection = collect(data, replace(reading, lenient=True))
    if isinstance(collection.raw, Ratings):
        return [*_of_ratings(collection.raw, data),
                *(f"note: {note}" for note in collection.notes)], None
    some = collection.x[::-(-len(collection.x) // LOOKED_AT)]
    lines = [f"{data}: {len(collection.x):,} samples of {'x'.join(map(str, collection.shape))}, "
             f"{collection.x.dtype} from {np.nanmin(some):g} to {np.nanmax(some):g}, mean "
             f"{np.nanmean(some):.4g}",
             *_scale(collection, reading), *_sizes(collection), *_classes(collection),
             *_splits(collection), *_factors(collection), *_captions(collection),
             *(f"note: {note}" for note in collection.notes),
             *(f"warning: {warning}" for warning in _warnings(collection, some))]
    return lines, sheet(collection, data) if collection.x.ndim == 4 else None


def _of_ratings(ratings: Ratings, data: str) -> list[str]:
    """Lines on users, items and how they are spread."""
    users, items = ratings.matrix.shape
    of_users = np.diff(ratings.matrix.indptr)
    of_items = np.asarray(ratings.matrix.getnnz(0))
    best = np.argsort(-of_items, kind="stable")[:POPULAR]
    named = ", ".join(f"{printable(ratings.titles[i] or ratings.items[i])} ({of_items[i]:,})"
                      for i in best.tolist())
    what = "ratings" if ratings.options.explicit else "chosen items"
    return [f"{data}: {users:,} users, {items:,} items, {ratings.matrix.nnz:,} {what}, "
            f"{ratings.matrix.nnz / (users * items):.2%} of all pairs",
            f"items of a user: {of_users.min():,} to {of_users.max():,}, median "
            f"{np.median(of_users):g}; users of an item: {of_items.min():,} to "
            f"{of_items.max():,}, median {np.median(of_items):g}",
            f"most popular: {named}", "no times" if ratings.time is None else "with times"]


def _scale(collection: Collection, reading: Reading) -> list[str]:
    """The scaling that training would use."""
    if collection.x.ndim == 3 or collection.raw is not None:
        return []
    scale, notes = find_scale(collection.x, reading.range, reading.invert, collection.encoder_input)
    return [scale.words, *(f"note: {note}" for note in notes)]


def _sizes(collection: Collection) -> list[str]:
    if not collection.sizes:
        return []
    shown_sizes = ", ".join(f"{size} ({count})"
                            for size, count in list(collection.sizes.items())[:6])
    return [f"files of {shown_sizes}{', ...' if len(collection.sizes) > 6 else ''}, among "
            f"{sum(collection.sizes.values())} opened files"]


def _captions(collection: Collection) -> list[str]:
    there = [texts for texts in collection.captions if texts]
    return [f"captions of {len(there):,} samples, {sum(map(len, there)):,} texts, such as "
            f"{printable(there[0][-1])!r}"] if there else []


def _classes(collection: Collection) -> list[str]:
    if collection.y is None:
        return ["no classes"]
    counts = Counter(collection.y[collection.y >= 0].tolist())
    names = [f"{collection.classes[k]} ({n:,})" for k, n in sorted(counts.items())]
    unknown = len(collection.y) - counts.total()
    listed = ", ".join(names[:40]) + ", ..." * (len(names) > 40)
    return [f"{len(names)} classes: {listed}",
            *[f"{unknown:,} samples have no label"] * (unknown > 0)]


def _splits(collection: Collection) -> list[str]:
    own = ", ".join(f"{name} {len(index):,}" for name, index in collection.parts.items())
    return [f"its own splits: {own}"] if own else []


def _factors(collection: Collection) -> list[str]:
    if collection.factors is None:
        return []
    counts = [len(np.unique(column)) for column in collection.factors.values.T]
    listed = [f"{name} ({n})" for name, n in zip(collection.factors.names, counts, strict=True)]
    return [f"made of {len(listed)} factors: {', '.join(listed)}"]


def _warnings(collection: Collection, some: np.ndarray) -> list[str]:
    warnings = []
    if len(collection.x) < FEW:
        warnings.append(f"{len(collection.x)} samples are few; use --augment, or hourglass data "
                        f"augment, for more variety")
    counts = np.zeros(0) if collection.y is None else np.bincount(collection.y[collection.y >= 0])
    if len(counts) and counts.max() > LOPSIDED * max(counts.min(), 1):
        warnings.append(f"the largest class has {counts.max():,} samples, the smallest "
                        f"{counts.min():,}")
    flat = some.reshape(len(some), -1)
    constant = sum(len(np.unique(row[np.isfinite(row)])) == 1 for row in flat) * (some.ndim > 2)
    if constant:
        warnings.append(f"{constant} of {len(some):,} samples are constant")
    doubles = len(flat) - len({row.tobytes() for row in flat})
    if doubles:
        warnings.append(f"{doubles} of {len(some):,} samples repeat others exactly (exact "
                        f"duplicates); in different splits, they make results look better than "
                        f"they are")
    return warnings + (_of_images(some) if some.ndim == 4 and some.dtype == np.uint8 else [])


def _of_images(some: np.ndarray) -> list[str]:
    warnings = []
    border = np.concatenate([some[:, [0, -1]].reshape(-1), some[:, :, [0, -1]].reshape(-1)])
    if some.max() > 1 and border.mean() > BRIGHT * 255 and np.median(some) > BRIGHT * 255:
        warnings.append("the images are dark on white: most of the loss comes from background; "
                        "--invert makes it black")
    if some.shape[-1] == 3 and (some[..., 0] == some[..., 1]).all() and (
            some[..., 1] == some[..., 2]).all():
        warnings.append("the images are grey but stored as colour: --grey needs a third of the "
                        "work")
    return warnings


def sheet(collection: Collection, title: str) -> "Figure":
    """Samples from the whole data set; one class per row, if there are few classes."""
    kinds = [] if collection.y is None else sorted(set(collection.y[collection.y >= 0].tolist()))
    by_class = 2 <= len(kinds) <= ROWS
    groups = [np.flatnonzero(collection.y == kind) for kind in kinds] if by_class else (
        np.array_split(np.arange(len(collection.x)), min(ROWS, -(-len(collection.x) // COLUMNS))))
    rows, scale = [], find_scale(collection.x)[0] if collection.scale is None else collection.scale
    for group in groups:
        picked = group[np.linspace(0, len(group) - 1, COLUMNS).astype(int)]
        rows.append(shown(scale.apply(collection.x[picked])))
    names = [collection.classes[kind] for kind in kinds] if by_class else []
    figure = contact_sheet(rows, names, 1, 16)
    figure.axes[0].set_title(f"{printable(title)}: {len(collection.x):,} samples", fontsize=10,
                             loc="left")
    return figure
