"""A detector without a model: the distance of a sample from the training samples."""

import numpy as np

from ...core.contracts import Rule, Seen
from ...core.hints import Count
from ...core.registry import detectors
from .latent_distance import distance_to, distance_to_others


@detectors.add("input_knn")
def input_knn(k: Count = 5) -> Rule:
    """Mean distance of the sample itself to its k nearest neighbours among at most 10,000 training
    samples, with at most 5 million values, as the model gets them: `knn` without the encoder. A
    missing value counts as the mean of the training samples (Ramaswamy, Rastogi & Shim, 2000)."""
    def fit(codes: np.ndarray, calibration: Seen) -> dict[str, np.ndarray]:
        known = np.isfinite(calibration.train)
        mean = np.where(known, calibration.train, 0).sum(0) / np.maximum(known.sum(0), 1)
        mean = mean.astype(np.float32)
        return {"mean": mean, "train": np.where(known, calibration.train, mean).astype(np.float32)}

    def score(seen: Seen, state: dict[str, np.ndarray]) -> np.ndarray:
        return distance_to(state["train"], np.where(np.isfinite(seen.x), seen.x, state["mean"]), k)

    def apart(codes: np.ndarray, calibration: Seen, state: dict[str, np.ndarray]) -> np.ndarray:
        if not np.array_equal(calibration.train, calibration.x, equal_nan=True):
            return score(calibration, state)
        return distance_to_others(state["train"], np.arange(len(calibration.x)), k)
    return Rule(fit, score, codes=False, apart=apart, maps=frozenset({"inputs"}))
