"""Hide the labels of most training samples, for semi-supervised learning."""

from dataclasses import replace

import torch

from .split_data import Source


def show_labels(source: Source, count: int | None, seed: int) -> Source:
    """Keep the labels of `count` training samples, balanced over classes and drawn by the seed. The
    others are hidden from training only. None keeps all labels.

    Raises ValueError if there are too few labels.
    """
    if count is None:
        return source
    train = source.splits["train"]
    if train.y is None or len(source.classes) < 2:
        raise ValueError("labelled is for data with labels of two classes or more")
    index = train.index[train.y[train.index] >= 0]   # only samples with a label
    y = train.y[index]
    if not len(source.classes) <= count <= len(y):
        raise ValueError(f"labelled must be from {len(source.classes)}, one of each class, to "
                         f"{len(y):,}, the training samples with a label; not {count:,}")
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(seed))
    turn = torch.empty_like(y)   # a sample's rank within its class
    for kind in y.unique():
        own = order[y[order] == kind]
        turn[own] = torch.arange(len(own))
    first = (turn * len(source.classes) + y).argsort()[:count]   # one of each class, repeatedly
    shown = torch.zeros(len(train.y), dtype=torch.bool)
    shown[index[first]] = True
    return replace(source, splits={**source.splits, "train": replace(train, shown=shown)})
