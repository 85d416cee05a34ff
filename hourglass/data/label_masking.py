"""Training samples that show their class, and those that hide it."""

from dataclasses import replace

import torch

from .source import Source


def show_labels(source: Source, count: int | None, seed: int) -> Source:
    """The source with the classes of so many training samples shown, as many of each as can be,
    drawn by the seed; the others are hidden from training, and from nothing else. None is all.

    Raises ValueError where there are not so many labels.
    """
    if count is None:
        return source
    train = source.splits["train"]
    if train.y is None or len(source.classes) < 2:
        raise ValueError("labelled is for data with labels of two classes or more")
    index = train.index[train.y[train.index] >= 0]   # the others have no label to show
    y = train.y[index]
    if not len(source.classes) <= count <= len(y):
        raise ValueError(f"labelled must be from {len(source.classes)}, one of each class, to "
                         f"{len(y):,}, the training samples with a label; not {count:,}")
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(seed))
    turn = torch.empty_like(y)   # a sample's turn among those of its class
    for kind in y.unique():
        own = order[y[order] == kind]
        turn[own] = torch.arange(len(own))
    first = (turn * len(source.classes) + y).argsort()[:count]   # round after round of all classes
    shown = torch.zeros(len(train.y), dtype=torch.bool)
    shown[index[first]] = True
    return replace(source, splits={**source.splits, "train": replace(train, shown=shown)})
