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
from ..data import collect
from ..data.ratings import Ratings
from ..data.read_image import Reading
from ..data.scales import find_scale

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
    found = collect(data, replace(reading, lenient=True))
    if isinstance(found.raw, Ratings):
        return [*_of_ratings(found.raw, data), *(f"note: {note}" for note in found.notes)], None
    some = found.x[::-(-len(found.x) // LOOKED_AT)]
    lines = [f"{data}: {len(found.x):,} samples of {'x'.join(map(str, found.shape))}, "
             f"{found.x.dtype} from {np.nanmin(some):g} to {np.nanmax(some):g}, mean "
             f"{np.nanmean(some):.4g}",
             *_scale(found, reading), *_sizes(found), *_classes(found), *_splits(found),
             *_factors(found), *_captions(found),
             *(f"note: {note}" for note in found.notes),
             *(f"warning: {warning}" for warning in _warnings(found, some))]
    return lines, sheet(found, data) if found.x.ndim == 4 else None


def _of_ratings(found: Ratings, data: str) -> list[str]:
    """Lines on users, items and how they are spread."""
    users, items = found.matrix.shape
    of_users = np.diff(found.matrix.indptr)
    of_items = np.asarray(found.matrix.getnnz(0))
    best = np.argsort(-of_items, kind="stable")[:POPULAR]
    named = ", ".join(f"{printable(found.titles[i] or found.items[i])} ({of_items[i]:,})"
                      for i in best.tolist())
    what = "ratings" if found.options.explicit else "chosen items"
    return [f"{data}: {users:,} users, {items:,} items, {found.matrix.nnz:,} {what}, "
            f"{found.matrix.nnz / (users * items):.2%} of all pairs",
            f"items of a user: {of_users.min():,} to {of_users.max():,}, median "
            f"{np.median(of_users):g}; users of an item: {of_items.min():,} to "
            f"{of_items.max():,}, median {np.median(of_items):g}",
            f"most popular: {named}", "no times" if found.time is None else "with times"]


def _scale(found: Collection, reading: Reading) -> list[str]:
    """The scaling that training would use."""
    if found.x.ndim == 3 or found.raw is not None:
        return []
    scale, notes = find_scale(found.x, reading.range, reading.invert, found.given)
    return [scale.words, *(f"note: {note}" for note in notes)]


def _sizes(found: Collection) -> list[str]:
    if not found.sizes:
        return []
    shown_sizes = ", ".join(f"{size} ({count})" for size, count in list(found.sizes.items())[:6])
    return [f"files of {shown_sizes}{', ...' if len(found.sizes) > 6 else ''}, among "
            f"{sum(found.sizes.values())} opened files"]


def _captions(found: Collection) -> list[str]:
    there = [texts for texts in found.captions if texts]
    return [f"captions of {len(there):,} samples, {sum(map(len, there)):,} texts, such as "
            f"{printable(there[0][-1])!r}"] if there else []


def _classes(found: Collection) -> list[str]:
    if found.y is None:
        return ["no classes"]
    counts = Counter(found.y[found.y >= 0].tolist())
    names = [f"{found.classes[k]} ({n:,})" for k, n in sorted(counts.items())]
    unknown = len(found.y) - counts.total()
    listed = ", ".join(names[:40]) + ", ..." * (len(names) > 40)
    return [f"{len(names)} classes: {listed}",
            *[f"{unknown:,} samples have no label"] * (unknown > 0)]


def _splits(found: Collection) -> list[str]:
    own = ", ".join(f"{name} {len(index):,}" for name, index in found.parts.items())
    return [f"its own splits: {own}"] if own else []


def _factors(found: Collection) -> list[str]:
    if found.factors is None:
        return []
    counts = [len(np.unique(column)) for column in found.factors.values.T]
    each = [f"{name} ({n})" for name, n in zip(found.factors.names, counts, strict=True)]
    return [f"made of {len(each)} factors: {', '.join(each)}"]


def _warnings(found: Collection, some: np.ndarray) -> list[str]:
    warnings = []
    if len(found.x) < FEW:
        warnings.append(f"{len(found.x)} samples are few; use --augment, or hourglass data "
                        f"augment, for more variety")
    counts = np.bincount(found.y[found.y >= 0]) if found.y is not None else np.zeros(0)
    if len(counts) and counts.max() > LOPSIDED * max(counts.min(), 1):
        warnings.append(f"the largest class has {counts.max():,} samples, the smallest "
                        f"{counts.min():,}")
    flat = some.reshape(len(some), -1)
    constant = int((np.nanmin(flat, 1) == np.nanmax(flat, 1)).sum())
    if constant:
        warnings.append(f"{constant} of {len(some):,} samples are constant")
    doubles = len(flat) - len({row.tobytes() for row in flat})
    if doubles:
        warnings.append(f"{doubles} of {len(some):,} samples are exact duplicates of others; in "
                        f"different splits, they make results look better than they are")
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


def sheet(found: Collection, title: str) -> "Figure":
    """Samples from the whole data set; one class per row, if there are few classes."""
    kinds = [] if found.y is None else sorted(set(found.y[found.y >= 0].tolist()))
    by_class = 2 <= len(kinds) <= ROWS
    groups = [np.flatnonzero(found.y == kind) for kind in kinds] if by_class else (
        np.array_split(np.arange(len(found.x)), min(ROWS, -(-len(found.x) // COLUMNS))))
    rows, scale = [], find_scale(found.x)[0] if found.scale is None else found.scale
    for group in groups:
        picked = group[np.linspace(0, len(group) - 1, COLUMNS).astype(int)]
        rows.append(shown(scale.apply(found.x[picked])))
    names = [found.classes[kind] for kind in kinds] if by_class else []
    figure = contact_sheet(rows, names, 1, 16)
    figure.axes[0].set_title(f"{printable(title)}: {len(found.x):,} samples", fontsize=10,
                             loc="left")
    return figure
