"""Samples in contiguous parts: one for each process of a command, or one for each file."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np

from ..core.contracts import Collection
from ..core.distributed import at_the_first, first_goes_first, own_number, sharers
from ..data.patches import of_rows
from ..inference.batches import BATCH
from ..inference.trained import Trained

Piece = TypeVar("Piece")


def parts_of(total: int, count: int, unit: int = BATCH) -> list[range]:
    """`count` contiguous parts of the samples 0 to `total`, as equal as whole batches of `unit`
    samples allow. A sample is then in the same batch as without parts, so its result is the same
    to the last bit. Some parts are empty if there are fewer batches than parts."""
    batches = -(-total // unit)
    edges = [min(total, unit * (number * batches // count)) for number in range(count + 1)]
    return [range(a, b) for a, b in pairwise(edges)]


def own_part(total: int, unit: int = BATCH) -> range:
    """The part of the samples that this process works on: all of them without others."""
    return parts_of(total, sharers(), unit)[own_number()]


def shared(total: int, make: Callable[[range], Piece], unit: int = BATCH) -> list[Piece]:
    """The pieces that `make` gives for each part of the samples, in order, at the first process.
    Each process makes its own; the others end here. `unit` samples stay together."""
    own = own_part(total, unit)
    return [piece for some in at_the_first([make(own)] if len(own) else []) for piece in some]


def some_of(collection: Collection, rows: range) -> Collection:
    """The samples at these rows, with their classes and names."""
    if len(rows) == len(collection.x):
        return collection
    cut = slice(rows.start, rows.stop)
    y, encoder_input = (None if values is None else values[cut]
                        for values in (collection.y, collection.encoder_input))
    return replace(collection, x=of_rows(collection.x, np.arange(rows.start, rows.stop)), y=y,
                   encoder_input=encoder_input, names=collection.names[cut], parts={}, raw=None)


def read_shared(model: Trained, data: Any, **options: bool) -> Collection:
    """Read samples as `Trained.read` does, in every process; the first one fills the cache."""
    with first_goes_first():
        return model.read(data, **options)
