"""Properties of molecules in latent space: predicted from codes, and the way along which one
grows."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ..core.ridge import explained, ridge
from ..data.molecule_properties import check_property, properties_of
from .trained import Trained

MOST = 3000   # training molecules that a predictor is fitted to; as many at most judge it
LEAST = 20


@dataclass(frozen=True)
class PropertyDirection:
    """A property as a linear function of codes (N, D), fitted to molecules of training."""

    name: str
    weights: np.ndarray     # (D,) of the ridge regression
    offset: float
    direction: np.ndarray   # (D,) how far the mean code moves with one standard deviation
    spread: float           # the standard deviation of the property
    r2: float               # share of the variance explained, on other training molecules

    def predict(self, z: np.ndarray) -> np.ndarray:
        """The property (N,) of codes (N, D)."""
        predicted: np.ndarray = z @ self.weights + self.offset
        return predicted


def property_direction(model: Trained, name: str) -> PropertyDirection:
    """A property by its name: a column of the model's data, or a property that RDKit computes. It
    is kept in the run's folder. Raises ValueError for an unknown name, and if the data is gone."""
    mark = hashlib.sha256(name.encode()).hexdigest()[:8]
    kept = model.cache.kept_tensors(f"properties/{mark}.safetensors", lambda tensors, texts: (
        PropertyDirection(texts["name"], tensors["weights"].numpy(), float(tensors["offset"]),
                          tensors["direction"].numpy(), float(tensors["spread"]),
                          float(tensors["r2"]))))
    if kept is not None:
        return kept
    direction = _fitted(model, name)
    numbers = {key: torch.tensor(getattr(direction, key), dtype=torch.float64)
               for key in ("offset", "spread", "r2")}
    model.cache.keep_tensors(f"properties/{mark}.safetensors", {
        "weights": direction.weights, "direction": direction.direction, **numbers},
        {"name": direction.name})
    return direction


def _fitted(model: Trained, name: str) -> PropertyDirection:
    source, codes = model.source(), model.codes()
    name = check_property(name, tuple(source.properties))
    few = np.linspace(0, len(codes.z) - 1, min(MOST, len(codes.z))).astype(int)
    index = source.splits["train"].index[codes.rows[few]].cpu().numpy()
    values = (source.properties[name][index] if name in source.properties else
              properties_of(name, [source.names[i] for i in index]))
    there = np.isfinite(values)
    y = values[there]
    z = codes.z.numpy()[few][there].reshape(len(y), -1).astype(np.float64)
    if len(y) < LEAST or np.ptp(y) == 0:
        raise ValueError(f"{name} has {len(y)} values among the training molecules, and "
                         f"{len(set(y.tolist()))} different ones; that is too few to predict it")
    half, offset = ridge(z[::2], y[::2])
    r2 = explained(y[1::2], z[1::2] @ half + offset)
    weights, offset = ridge(z, y)
    spread = float(y.std())
    together = (z - z.mean(0)).T @ (y - y.mean()) / len(y)
    return PropertyDirection(name, weights, offset, together / spread, spread, r2)


def moved(
    z: np.ndarray, properties: Sequence[PropertyDirection], targets: np.ndarray, cov: np.ndarray
) -> np.ndarray:
    """Codes (N, D) moved so that the predicted properties (K) have the targets (N, K), by the step
    that is shortest in the covariance `cov` (D, D): the mean of a Gaussian, given the properties.
    """
    weights = np.stack([direction.weights for direction in properties])          # (K, D)
    missing = targets - np.stack([direction.predict(z) for direction in properties], 1)
    across = cov @ weights.T                                                     # (D, K)
    steps: np.ndarray = missing @ np.linalg.pinv(weights @ across) @ across.T
    return z + steps
