"""Properties of samples, such as the logP of molecules, as numbers that a loss learns."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from ..core.hints import did_you_mean
from .split_data import Source


def with_properties(source: Source, names: Sequence[str]) -> Source:
    """The source whose batches have these properties (B, P), each minus its mean over the training
    samples, in their standard deviations. Raises ValueError for a name that the data lacks, and for
    a property that is the same in all training samples."""
    if not names:
        return source
    if not source.properties:
        raise ValueError("the loss properties needs data with columns of numbers, such as "
                         "molecules('zinc.csv'); leave it out")
    for name in names:
        if name not in source.properties:
            raise ValueError(f"the data has no property {name!r}; "
                             f"{did_you_mean(name, source.properties)}")
    values = np.stack([source.properties[name] for name in names], 1)
    train = values[source.splits["train"].index.cpu().numpy()]
    for name, column in zip(names, train.T, strict=True):
        known = column[np.isfinite(column)]
        if not len(known) or np.ptp(known) == 0:
            raise ValueError(f"the property {name!r} has no two different values in the training "
                             f"samples; leave it out of the loss")
    scaled = torch.from_numpy((values - np.nanmean(train, 0)) / np.nanstd(train, 0)).float()
    return replace(source, splits={name: replace(split, properties=scaled)
                                   for name, split in source.splits.items()})
