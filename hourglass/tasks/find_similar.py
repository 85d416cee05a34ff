"""Find the images most similar to others, by the distance of their codes."""

from pathlib import Path

import numpy as np

from ..analysis.figures.canvas import contact_sheet
from ..core.console import say
from ..core.csv_text import as_csv
from ..core.files import write_out
from ..core.image_grid import shown
from ..core.output_names import brief
from ..inference.trained import Trained
from .embed import Embedded, codes_of
from .pick_samples import one_class, pick
from .write_images import SUFFIXES, check_name, save_figure

COLUMNS = 20   # images per query in a picture


def nearest_to(embedded: Embedded, z: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """The n samples whose codes are nearest to each of z (M, D), by exact search: distances (M, n),
    in ascending order, and indices (M, n)."""
    from sklearn.neighbors import NearestNeighbors
    search = NearestNeighbors(n_neighbors=min(n, len(embedded.z)), algorithm="brute")
    distances, rows = search.fit(embedded.flat).kneighbors(z)
    return distances, rows


def search(
    model: Trained, images: str | Path, queries: list[str], n: int, out: Path | None = None,
    kind: str = ""
) -> tuple[list[str], Path]:
    """Write the n samples nearest to each query (a file, a line, or the number of a test sample),
    as a picture or as .csv. Returns them as lines, and the file's path. A query among the samples
    finds itself. The default file is nearest.png, or nearest.csv for samples without pictures.

    A conditional model encodes the queries with class `kind`. Raises ValueError.
    """
    out = out or Path("nearest.png" if len(model.shape) == 3 else "nearest.csv")
    check_name(out, (*SUFFIXES, ".csv"))
    if len(model.shape) != 3 and out.suffix.lower() != ".csv":
        raise ValueError(f"this model was trained on {model.description.kind_in_words}, which make "
                         f"no pictures; write a table of the nearest samples: -o nearest.csv")
    picked = pick(model, queries)
    z = model.encode(picked, one_class(model, picked, kind))
    embedded = codes_of(model, images, kind or None)
    return write_nearest(embedded, queries, picked.x, z, n, out), out


def write_nearest(
    embedded: Embedded, queries: list[str], x: np.ndarray, z: np.ndarray, n: int, out: Path
) -> list[str]:
    """Write the n samples nearest to each query, whose images x (M, H, W, C) and codes z (M, ...)
    are given, as a picture or as .csv. Returns them as lines."""
    distances, rows = nearest_to(embedded, z.reshape(len(z), -1), n)
    count = rows.shape[1]
    if count < n:
        say(f"{n:,} nearest samples were asked for, and there are {count:,}")
    if count > COLUMNS and out.suffix.lower() != ".csv":
        say(f"a picture has the {COLUMNS} nearest of each; a table has all {count:,}: "
            f"-o nearest.csv")
    if out.suffix.lower() == ".csv":
        table = ([query, rank, embedded.names[row], embedded.kind(row), f"{distance:.9g}"]
                 for query, near, indices in zip(queries, distances, rows, strict=True)
                 for rank, (distance, row) in enumerate(zip(near, indices, strict=True), 1))
        write_out(out, as_csv(("query", "rank", "name", "class", "distance"), table))
    else:
        sheet = [np.concatenate([query[None], embedded.values(indices[:COLUMNS])])
                 for query, indices in zip(x, rows, strict=True)]
        save_figure(out, contact_sheet([shown(row) for row in sheet],
                                       [Path(query).name for query in queries], 0.6, 30))
    names = {row: brief(embedded.names[row]) for row in rows.ravel().tolist()}
    wide = max(map(len, names.values()))
    lines = []
    for query, near, indices in zip(queries, distances, rows, strict=True):
        lines.append(f"nearest to {brief(query)}:")
        lines += [f"  {names[row]:{wide}}  {distance:10.5g}  {embedded.kind(row)}".rstrip()
                  for distance, row in zip(near, indices, strict=True)]
    return lines
