"""Choose the samples for training, validation, test and holdout."""

import numpy as np

from ..core.contracts import Collection
from ..core.hints import did_you_mean

SPLITS = ("train", "val", "test", "holdout")


def make_splits(
    total: int, own: dict[str, np.ndarray], shares: dict[str, float], y: np.ndarray | None,
    seed: int, others: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """Indices of each split: the data's own splits first, the others drawn from the training part.

    `shares` are fractions below 1 or counts of the samples outside the data's own splits. With
    labels, splits are balanced over classes, and samples without a label (-1) are for training.
    `others`, as indices, must not be used in training: a drawn test split has all of them, the
    data's own one only those that it contains.
    """
    others = np.empty(0, int) if others is None else others
    unlabelled = np.flatnonzero(y < 0) if y is not None else np.empty(0, int)   # for training
    splits = {name: index for name, index in own.items() if name != "train"}
    taken = np.concatenate([np.empty(0, int), *splits.values()])
    rest = _without(total, own.get("train", _without(total, slice(None), taken)), others)
    if "val" in splits:
        splits["val"] = _without(total, splits["val"], others)
    hidden = np.intersect1d(rest, unlabelled)
    rest = _without(total, rest, hidden)
    generator, available = np.random.default_rng(seed), len(rest)
    for name in ("test", "holdout", "val"):
        if name not in splits:
            count = _count(name, shares.get(name, 0), available)
            picked = _draw(rest, y, count, generator)
            splits[name], rest = picked, _without(total, rest, picked)
    if not len(rest):
        raise ValueError(f"nothing is left for training: of {available} samples, "
                         f"{', '.join(f'{n} takes {len(i)}' for n, i in splits.items() if len(i))}")
    splits["train"] = np.concatenate([rest, hidden])
    if "test" not in own:
        splits["test"] = np.concatenate([_without(total, splits["test"], others), others])
    return {name: np.sort(splits[name]) for name in SPLITS if len(splits[name])}


def _without(total: int, index: np.ndarray | slice, others: np.ndarray) -> np.ndarray:
    """The indices without the others, in order, by a mask of `total` samples: much faster than
    numpy's set difference."""
    left = np.zeros(total, bool)
    left[index] = True
    left[others] = False
    return np.flatnonzero(left)


def spans(total: int, shares: dict[str, float]) -> dict[str, tuple[int, int]]:
    """Start and end of each part of a series with `total` steps, in order of time: training,
    validation, test, holdout. `shares` are fractions or counts of the steps."""
    counts = {name: _count(name, shares.get(name, 0), total) for name in SPLITS[1:]}
    left = total - sum(counts.values())
    if left < 1:
        raise ValueError(f"nothing is left for training of a series of {total} steps")
    ends = np.cumsum([left, *counts.values()]).tolist()
    return dict(zip(SPLITS, zip([0, *ends], ends, strict=False), strict=True))


def of_other_classes(collection: Collection, only: str) -> np.ndarray:
    """Indices of samples outside these classes, separated by commas; none if `only` is empty.
    Raises ValueError for a class that the data lacks."""
    if not only:
        return np.empty(0, int)
    classes = [name.strip() for name in only.split(",")]
    if collection.y is None:
        raise ValueError(f"only {only}: this data has no classes; classes come from folders or "
                         f"from labels y")
    wrong = next((name for name in classes if name not in collection.classes), None)
    if wrong is not None:
        raise ValueError(f"only {only}: this data has no class {wrong!r}; "
                         f"{did_you_mean(wrong, collection.classes)}")
    if (collection.y < 0).any():
        raise ValueError(f"only {only}: {int((collection.y < 0).sum()):,} samples have no label, "
                         f"so their class is not known; leave them out")
    return np.flatnonzero(~np.isin(np.array(collection.classes)[collection.y], classes))


def _count(name: str, share: float, total: int) -> int:
    if share < 0 or (share >= 1 and share != int(share)) or share > total:
        raise ValueError(f"{name} must be a share below 1 or a number of samples up to {total}, "
                         f"not {share:g}")
    return int(share) if share >= 1 else round(share * total)


def _draw(
    pool: np.ndarray, y: np.ndarray | None, count: int, generator: np.random.Generator
) -> np.ndarray:
    """Draw `count` of the pool at random, evenly over classes: every n-th, sorted by class."""
    order = generator.permutation(pool)
    if y is not None:
        order = order[np.argsort(y[order], kind="stable")]
    places = (np.arange(count) + generator.random()) * len(order) / max(count, 1)
    return order[places.astype(int)]
