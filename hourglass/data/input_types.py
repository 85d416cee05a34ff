"""The user's input, in a form that the readers of arrays, tables and files know."""

from typing import Any, NamedTuple

import numpy as np


class DataInMemory(NamedTuple):
    """Data in memory, in a form that the readers of arrays, tables and files accept."""

    values: Any                    # an array, a pandas.DataFrame, a path or paths, a Collection
    y: Any = None                  # labels, where they came with the values
    notes: tuple[str, ...] = ()    # messages for the user
    shaped: bool = False           # whether images are of the size and colour that was asked for
    mask: np.ndarray | None = None   # like values: where they are missing
