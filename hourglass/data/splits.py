"""Which samples are for training, validation, testing and holding out."""

import numpy as np

from ..contracts import Collection
from ..spec import did_you_mean

SPLITS = ("train", "val", "test", "holdout")


def make_splits(
    total: int, own: dict[str, np.ndarray], shares: dict[str, float], y: np.ndarray | None,
    seed: int, others: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """Indices of each split: the set's own ones first, the others drawn from what is for training.

    `shares` are fractions below 1 or counts, of the samples that the set does not itself keep
    apart; a set's own split stays as it is. Where there are labels, each class gives its part.
    `others`, as indices, are for no training: a test split that is drawn has all of them, a set's
    own one those that it has.
    """
    others = np.empty(0, int) if others is None else others
    splits = {name: index for name, index in own.items() if name != "train"}
    taken = np.concatenate([np.empty(0, int), *splits.values()])
    rest = np.setdiff1d(own.get("train", np.setdiff1d(np.arange(total), taken)), others)
    if "val" in splits:
        splits["val"] = np.setdiff1d(splits["val"], others)
    generator, available = np.random.default_rng(seed), len(rest)
    for name in ("test", "holdout", "val"):
        if name not in splits:
            count = _count(name, shares.get(name, 0), available)
            picked = _draw(rest, y, count, generator)
            splits[name], rest = picked, np.setdiff1d(rest, picked)
    if not len(rest):
        raise ValueError(f"nothing is left for training: of {available} samples, "
                         f"{', '.join(f'{n} takes {len(i)}' for n, i in splits.items() if len(i))}")
    splits["train"] = rest
    if "test" not in own:
        splits["test"] = np.union1d(splits["test"], others).astype(int)
    return {name: np.sort(splits[name]) for name in SPLITS if len(splits[name])}


def of_other_classes(collection: Collection, only: str) -> np.ndarray:
    """Which samples are of none of these classes, named with commas; none if none are named.
    Raises ValueError for a class that the data has not."""
    if not only:
        return np.empty(0, int)
    wanted = [name.strip() for name in only.split(",")]
    if collection.y is None:
        raise ValueError(f"only {only}: this data has no classes; they are named by folders, or "
                         f"are labels y")
    wrong = next((name for name in wanted if name not in collection.classes), None)
    if wrong is not None:
        raise ValueError(f"only {only}: this data has no class {wrong!r}; "
                         f"{did_you_mean(wrong, collection.classes)}")
    return np.flatnonzero(~np.isin(np.array(collection.classes)[collection.y], wanted))


def _count(name: str, share: float, total: int) -> int:
    if share < 0 or (share >= 1 and share != int(share)) or share > total:
        raise ValueError(f"{name} must be a share below 1 or a number of samples up to {total}, "
                         f"not {share:g}")
    return int(share) if share >= 1 else round(share * total)


def _draw(
    pool: np.ndarray, y: np.ndarray | None, count: int, generator: np.random.Generator
) -> np.ndarray:
    """`count` of the pool at random, evenly over the classes: every n-th of the pool by class."""
    order = generator.permutation(pool)
    if y is not None:
        order = order[np.argsort(y[order], kind="stable")]
    places = (np.arange(count) + generator.random()) * len(order) / max(count, 1)
    return order[places.astype(int)]
