"""The errors of restored samples against the clean ones, and those of the baselines."""

import numpy as np

from ...core.registry import metrics
from ..snapshot import CLEAN, Lacking, Snapshot
from .reconstruction import WINDOW, peak_ratio, structural_similarity


@metrics.add("restoration")
def restoration(s: Snapshot) -> dict[str, np.ndarray]:
    """Peak signal-to-noise ratio in dB and structural similarity to the clean samples, for the
    corrupted samples, the model's restorations and each baseline's. If values have no range, it is
    the squared error. If a corruption hides values, also the squared error of the hidden ones."""
    if not s.restored:
        raise Lacking("a model that restores")
    x = s.restored[CLEAN]
    scores: dict[str, np.ndarray] = {}
    for name, restored in s.restored.items():
        if name == CLEAN:
            continue
        if s.hidden.any():
            scores[f"{name}_hidden_mse"] = _of_hidden(np.square(restored - x), s.hidden)
        if not s.bounded:
            scores[f"{name}_mse"] = np.square(restored - x).reshape(len(x), -1).mean(1)
            continue
        scores[f"{name}_psnr"] = peak_ratio(x, restored)
        if x.ndim == 4 and min(x.shape[1:3]) >= WINDOW:
            scores[f"{name}_ssim"] = structural_similarity(x, restored)
    return scores


def _of_hidden(values: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """The mean of each sample's hidden values, (M,). Samples without hidden values are left out.
    """
    flat, hidden = values.reshape(len(values), -1), hidden.reshape(len(values), -1)
    some = hidden.any(1)
    means: np.ndarray = (flat * hidden).sum(1)[some] / hidden.sum(1)[some]
    return means
