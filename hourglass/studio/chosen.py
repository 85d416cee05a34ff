"""Samples that a person chose in the latent space, as the text of a .csv file."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..analysis.snapshot import Snapshot
from ..core.csv_text import as_csv
from .samples import about_samples, check_numbers

MOST_VALUES = 5_000_000   # numbers of the codes in a file


def chosen_csv(s: Snapshot, rows: Sequence[int], codes: bool) -> str:
    """A line for each of these samples: number, name, class, error and, with `codes`, its code, as
    `hourglass embed` writes it. Raises ValueError for a wrong number, and for too many codes."""
    check_numbers(s, rows)
    check_codes(s, len(rows), codes)
    return as_lines(about_samples(s, rows), s.codes[list(rows)] if codes else None)


def check_codes(s: Snapshot, count: int, codes: bool) -> None:
    """Raise ValueError if a file cannot hold the codes of this number of samples."""
    if codes and count * s.codes.shape[1] > MOST_VALUES:
        raise ValueError(f"these are {count * s.codes.shape[1]:,} numbers, and a file from the "
                         f"studio has at most {MOST_VALUES:,}; choose fewer points, or use: "
                         f"hourglass embed")


def as_lines(about: Sequence[Mapping[str, Any]], codes: np.ndarray | None) -> str:
    """Samples, and their codes (N, D) if there are any, as the text of a .csv file."""
    z = np.empty((len(about), 0)) if codes is None else codes
    columns = ["sample", "name", "class", "error", *(f"z_{i}" for i in range(1, z.shape[1] + 1))]
    return as_csv(columns, ([each["row"], each["name"], each["class"], f"{each['error']:.9g}",
                             *(f"{value:.9g}" for value in code)]
                            for each, code in zip(about, z, strict=True)))
