"""Pairs of images: the encoder's input and the target."""

import hashlib
from contextlib import ExitStack
from dataclasses import replace
from pathlib import PurePosixPath

from ...core.contracts import Collection
from ...core.registry import sources
from ..choosing import chosen
from ..find_images import Files, opened, page_of
from ..folders import classify
from ..patches import of_rows
from ..read_image import Reading
from .read_image_folder import UNREADABLE, read_images

NAMED = 5   # files in a note


@sources.add("pairs", example="pairs('noisy/', 'clean/')")
def pairs(reading: Reading, given: str, clean: str) -> Collection:
    """Images as the encoder's input, and their targets by the same names in another folder or
    archive; a.jpg belongs to a.png.

    Raises ValueError if the images of a pair differ in size without --size, and if more than one in
    ten has no partner; fewer are left out, with a note.
    """
    if reading.store:
        raise ValueError("pairs cannot be prepared; train directly on the two folders")
    with ExitStack() as stack:
        seen, aims = (chosen(stack.enter_context(opened(place)), reading)
                      for place in (given, clean))
        aims, seen, notes = _matched(aims, seen)
        if not reading.size and not reading.crop:
            _check_sizes(aims, seen)
        targets = read_images(aims, reading)
        height, width, channels = targets.x.shape[1:]
        own = reading.size if reading.pad or reading.patches else f"{height}x{width}"
        alike = replace(reading, grey=channels == 1, size=own)
        return _together(targets, read_images(seen, alike), notes, reading.label_depth)


def _matched(aims: Files, seen: Files) -> tuple[Files, Files, list[str]]:
    """Leave out files without a partner, and use the first folder's names. Returns notes too."""
    ours, theirs = _stems(aims), _stems(seen)
    partner = {name: theirs[stem] for stem, name in ours.items() if stem in theirs}
    alone = [*(f"{aims.place}: {name}" for name in aims.sizes if name not in partner),
             *(f"{seen.place}: {name}"
               for name in sorted(set(seen.sizes) - set(partner.values())))]
    if not partner:
        first = f" ({alone[0]})" if alone else ", which holds none"
        raise ValueError(f"no image in {seen.place} has the name of one in {aims.place}{first}")
    message = f"{len(alone)} images have no partner of their name: {', '.join(alone[:NAMED])}" + (
        " ..." if len(alone) > NAMED else "")
    if len(alone) > UNREADABLE * (len(aims.sizes) + len(seen.sizes)):
        raise ValueError(f"{message}; more than one in ten is too many")
    return (replace(aims, sizes={name: aims.sizes[name] for name in partner}),
            Files(seen.place, {name: seen.sizes[other] for name, other in partner.items()},
                  lambda name: seen.open(partner[name]), seen.notes,
                  {name: seen.pages[other] for name, other in partner.items()
                   if other in seen.pages}),
            [f"{message}; they are left out"] if alone else [])


def _stems(files: Files) -> dict[PurePosixPath, str]:
    """Names without suffix and common folders, to match partners."""
    paths = {PurePosixPath(name).with_suffix(""): name for name in files.sizes}
    while len({path.parts[0] for path in paths}) == 1 and all(len(p.parts) > 1 for p in paths):
        paths = {PurePosixPath(*path.parts[1:]): name for path, name in paths.items()}
    return paths


def _check_sizes(aims: Files, seen: Files) -> None:
    """Raise ValueError for the first pair with different sizes. Only headers are read."""
    for name in aims.sizes:
        try:
            sizes = []
            for files in (seen, aims):
                with page_of(files, name) as image:
                    sizes.append(f"{image.height}x{image.width}")
        except Exception:   # Pillow raises many kinds; decoding will name the file
            continue
        if sizes[0] != sizes[1]:
            raise ValueError(f"{name} has {sizes[0]} pixels in {seen.place} and {sizes[1]} in "
                             f"{aims.place}; pass --size to resize both")


def _together(
    aims: Collection, seen: Collection, notes: list[str], depth: int | None
) -> Collection:
    """The pairs whose two images could both be read."""
    rows = [{name: row for row, name in enumerate(collection.names)} for collection in (aims, seen)]
    names = [name for name in aims.names if name in rows[1]]
    if aims.x.dtype != seen.x.dtype:
        raise ValueError(f"the images of a pair need the same depth, and these are {seen.x.dtype} "
                         f"and {aims.x.dtype}; save both alike")
    if not names:
        raise ValueError("there is no pair whose two images could both be read")
    own, theirs = ([by_name[name] for name in names] for by_name in rows)
    classes, y, parts = classify(names, depth)
    identity = {**aims.identity, "path": f"{seen.identity['path']} and {aims.identity['path']}",
                "digest": hashlib.sha256((seen.identity["digest"] + aims.identity["digest"])
                                         .encode()).hexdigest()}
    return Collection(of_rows(aims.x, own), y, classes, tuple(names), parts,
                      [*aims.notes, *seen.notes, *notes], identity, aims.sizes,
                      of_rows(seen.x, theirs))
