"""Find duplicate and near-duplicate images: near in their codes, then in their pixels."""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np

from ..analysis.figures.canvas import contact_sheet
from ..core.console import say, track
from ..core.csv_text import as_csv
from ..core.files import write_out
from ..core.image_grid import shown
from ..inference.trained import Trained
from .embed import Embedded, codes_of
from .write_images import check_name, save_figure

NEIGHBOUR = 10   # the neighbour whose distance is the scale: nearer ones may be duplicates
CHUNK = 500
COLUMNS, ROWS = 12, 40   # of the picture
TOLD = 10            # groups that are printed


@dataclass(frozen=True)
class DuplicateGroups:
    """Groups of duplicates."""

    groups: list[np.ndarray]   # indices in ascending order; the largest group first
    apart: list[np.ndarray]    # root mean squared difference of each sample's pixels from the
                               # first sample of its group


def find_doubles(embedded: Embedded, within: float) -> DuplicateGroups:
    """Group samples whose codes, and then whose pixels, are nearer to each other than `within`
    times the distance from either to its tenth neighbour. A dense crowd alone makes no group, and
    neither do more than ten near-duplicates of one image.

    Groups are transitive: the first and the last sample of a group may be further apart.
    """
    head = _exact(embedded)   # index of the first sample of each one's group
    first, second, between = _pairs(embedded, np.unique(head), within)
    alike = _apart(embedded, first, second) <= within * between
    head = _joined(head, first[alike], second[alike])
    order = np.argsort(head, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(head[order])) + 1)
    groups = sorted((part for part in parts if len(part) > 1), key=lambda g: (-len(g), g[0]))
    return DuplicateGroups(groups, [_apart(embedded, np.full(len(g), g[0]), g) for g in groups])


def _exact(embedded: Embedded) -> np.ndarray:
    """Index of the first sample with exactly the same values, (N,); mostly the sample itself."""
    seen: dict[bytes, int] = {}
    rows = track(enumerate(embedded.collection.x), len(embedded.z), "looking for exact duplicates")
    return np.array([seen.setdefault(sha256(np.ascontiguousarray(x).data).digest(), i)
                     for i, x in rows])


def _joined(head: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Index of each group's first sample (N,), after these pairs have been joined."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components
    total, all_rows = len(head), np.arange(len(head))
    ends = np.concatenate([all_rows, first]), np.concatenate([head, second])
    links = coo_array((np.ones(len(ends[0])), ends), (total, total))
    _, label = connected_components(links, directed=False)
    _, lowest = np.unique(label, return_index=True)
    return lowest[label]


def _pairs(
    embedded: Embedded, rows: np.ndarray, within: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs of these rows whose codes are that near, as two lists; and the smaller pixel distance
    to either's tenth neighbour, (n,)."""
    from sklearn.neighbors import NearestNeighbors
    z, chunks = embedded.flat[rows], []
    search = NearestNeighbors(n_neighbors=min(NEIGHBOUR + 1, len(rows))).fit(z)
    starts = range(0, len(rows), CHUNK)
    for start in track(starts, len(starts), "looking for duplicates"):
        chunks.append(search.kneighbors(z[start:start + CHUNK]))
    distance, near = (np.concatenate(parts) for parts in zip(*chunks, strict=True))
    scale = distance[:, -1]
    first, place = np.nonzero(distance < within * scale[:, None])
    second = near[first, place]
    kept = (first < second) & (distance[first, place] < within * scale[second])
    first, second = first[kept], second[kept]
    between = [_apart(embedded, rows[of], rows[near[of, -1]]) for of in (first, second)]
    return rows[first], rows[second], np.minimum(*between)


def _apart(embedded: Embedded, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Root mean squared difference of the pixels of pairs, (n,)."""
    done = []
    for start in range(0, len(first), CHUNK):
        pair = [embedded.values(rows[start:start + CHUNK]) for rows in (first, second)]
        difference = np.square(pair[0] - pair[1])
        done.append(np.sqrt(difference.reshape(len(difference), -1).mean(1)))
    return np.concatenate(done) if done else np.empty(0)


def duplicates(model: Trained, images: str | Path, within: float, out: Path) -> list[str]:
    """Write the groups as .csv (group, name, class, distance) and, for images, a picture of them.
    Returns lines to print. Raises ValueError."""
    check_name(out, (".csv",))
    return write_groups(codes_of(model, images), within, out, str(images))


def write_groups(embedded: Embedded, within: float, out: Path, place: str) -> list[str]:
    """Write the groups of duplicates among samples that have codes already. `place` names them."""
    if len(embedded.z) < 2:
        raise ValueError(f"{place} holds one sample, which can have no duplicate")
    doubles = find_doubles(embedded, within)
    groups = enumerate(zip(doubles.groups, doubles.apart, strict=True), 1)
    rows = ([number, embedded.names[row], embedded.kind(row), f"{far:.4g}"]
            for number, (group, apart) in groups
            for row, far in zip(group, apart, strict=True))
    write_out(out, as_csv(("group", "name", "class", "distance"), rows))
    if doubles.groups and embedded.collection.x.ndim == 4:
        _draw(embedded, doubles.groups[:ROWS], out.with_suffix(".png"))
    return _in_words(embedded, doubles)


def _draw(embedded: Embedded, groups: list[np.ndarray], path: Path) -> None:
    """Draw one group per row."""
    columns = min(COLUMNS, max(map(len, groups)))
    rows = []
    for group in groups:
        images = shown(embedded.values(group[:columns]))
        missing = ((0, columns - len(images)), (0, 0), (0, 0), (0, 0))
        rows.append(np.pad(images, missing, constant_values=1))
    names = [f"{i} ({len(group)})" for i, group in enumerate(groups, 1)]
    save_figure(path, contact_sheet(rows, names, 0.6, 40))
    say(f"the picture of {'all' if len(groups) < ROWS else f'the first {ROWS}'} groups is {path}")


def _in_words(embedded: Embedded, doubles: DuplicateGroups) -> list[str]:
    count = sum(map(len, doubles.groups))
    lines = [f"{count:,} of {len(embedded.z):,} samples are in {len(doubles.groups):,} groups of "
             f"duplicates or near-duplicates" if count else
             f"no duplicates among {len(embedded.z):,} samples"]
    for group in doubles.groups[:TOLD]:
        names = [embedded.names[row] for row in group[:6]]
        lines.append("  " + ", ".join(names) + (", ..." if len(group) > 6 else ""))
    return [*lines, "  ..."] if len(doubles.groups) > TOLD else lines
