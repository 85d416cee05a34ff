"""AUROC as an objective: normal samples of a split against those of classes that training leaves
out, which are halved: one half chooses the best trial, the other is for the last two splits."""

import numpy as np
import torch
from torch import Tensor

from ..analysis.metrics.bootstrap import Estimate
from ..analysis.metrics.detection import separation
from ..data.split_data import Source
from ..inference.trained import Trained
from .aims import AUROC

MOST = 10_000   # normal samples, and abnormal ones, that are scored


def abnormal_rows(source: Source, split: str) -> Tensor:
    """The abnormal rows (n,) of the test split, to compare with this split's normal samples. Their
    classes are not in training. Raises ValueError if there are fewer than two."""
    rows = _rows(source, "test", abnormal=True) if "test" in source.splits else None
    if rows is None or len(rows) < 2:
        raise ValueError("auroc needs samples of classes that training leaves out: pass --only "
                         "with the normal classes, or data with test/good and test/OTHER folders")
    return rows[0::2] if split in ("train", "val") else rows[1::2]


def auroc(model: Trained, source: Source, split: str) -> tuple[int, Estimate]:
    """How well a model's default detector separates abnormal samples from a split's normal ones:
    the number of normal samples, and the area under the ROC curve."""
    detector = model.detector()
    normal = _some(_rows(source, split, abnormal=False))
    odd = _some(abnormal_rows(source, split))
    scores = np.concatenate([detector.score_split(source.splits[split], normal),
                             detector.score_split(source.splits["test"], odd)])
    return len(normal), separation(scores, np.repeat([0, 1], [len(normal), len(odd)]))[AUROC]


def _rows(source: Source, split: str, abnormal: bool) -> Tensor:
    """Rows of a split whose class is in training or, if `abnormal`, is not. Rows without a label
    are in neither."""
    part, seen = source.splits[split], source.splits["train"]
    if part.y is None or seen.y is None:
        return part.index[:0] if abnormal else part.evenly(len(part))
    kinds = part.y[part.index]
    known = np.isin(kinds.numpy(), seen.y[seen.index].unique().numpy())
    chosen = (~known if abnormal else known) & (kinds.numpy() >= 0)
    return torch.from_numpy(np.flatnonzero(chosen))


def _some(rows: Tensor) -> Tensor:
    """At most `MOST` rows, evenly spread."""
    step = -(-len(rows) // MOST)
    return rows[::step] if step > 1 else rows
