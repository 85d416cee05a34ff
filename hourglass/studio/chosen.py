"""Samples that a person chose in the latent space, as the text of a .csv file."""

from collections.abc import Sequence

import numpy as np

from ..analysis.snapshot import Snapshot
from ..core.csv_text import as_csv
from .samples import about_samples, check_numbers

MOST_VALUES = 5_000_000   # numbers of the codes in a file


def chosen_csv(s: Snapshot, rows: Sequence[int], codes: bool) -> str:
    """A line for each of these samples: number, name, class, error and, with `codes`, its code, as
    `hourglass embed` writes it. Raises ValueError for a wrong number, and for too many codes."""
    check_numbers(s, rows)
    z = s.codes[list(rows)] if codes else np.empty((len(rows), 0))
    if z.size > MOST_VALUES:
        raise ValueError(f"these are {z.size:,} numbers, and a file from the studio has at most "
                         f"{MOST_VALUES:,}; choose fewer points, or use: hourglass embed")
    columns = ["sample", "name", "class", "error", *(f"z_{i}" for i in range(1, z.shape[1] + 1))]
    return as_csv(columns, ([each["row"], each["name"], each["class"], f"{each['error']:.9g}",
                             *(f"{value:.9g}" for value in code)]
                            for each, code in zip(about_samples(s, rows), z, strict=True)))
