"""Windows of series as arrays (N, T, C), each channel scaled by the training part."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..core.contracts import Collection


@dataclass(frozen=True)
class Windows:
    """Windows of a series in their own units."""

    values: np.ndarray                 # (N, T, C) float32, NaN for missing values
    y: np.ndarray | None = None        # (N,)
    classes: tuple[str, ...] = ()
    own: dict[str, np.ndarray] = field(default_factory=dict)   # splits that a file has
    identity: dict[str, Any] = field(default_factory=dict)

    def parts(self, shares: dict[str, float]) -> dict[str, np.ndarray]:
        """The splits of the file, because windows have no order in time."""
        return self.own

    def learn(self, train: np.ndarray) -> Collection:
        """Bring each channel to mean 0 and deviation 1 by the training windows. Raises ValueError
        for a channel without a number there."""
        values = self.values[train].astype(np.float64)
        empty = ~np.isfinite(values).any((0, 1))
        if empty.any():
            raise ValueError(f"channel {int(empty.argmax()) + 1} holds no number in the training "
                             f"windows; leave it out")
        mean, std = np.nanmean(values, (0, 1)), np.nanstd(values, (0, 1))
        flat = std <= 1e-12 * np.maximum(np.abs(mean), 1)
        notes = [f"channel {i + 1} is the same throughout the training windows: it is centred, "
                 f"not scaled" for i in np.flatnonzero(flat)]
        return self._on({"kind": "windows", "mean": mean.tolist(),
                         "std": np.where(flat, 1.0, std).tolist()}, [
            "each channel is brought to mean 0 and deviation 1 by the training windows", *notes])

    def encode(self, encoding: dict[str, Any]) -> Collection:
        """The windows on the scale of others."""
        if self.values.shape[2] != len(encoding["mean"]):
            raise ValueError(f"this model was trained on {len(encoding['mean'])} channels, not on "
                             f"windows of {self.values.shape[2]}: {self.values.shape}")
        return self._on(encoding, [])

    def _on(self, encoding: dict[str, Any], notes: list[str]) -> Collection:
        scaled = ((self.values - encoding["mean"]) / encoding["std"]).astype(np.float32)
        missing = int(np.isnan(scaled).sum())
        return Collection(scaled, self.y, self.classes, parts=self.own, raw=self, encoding=encoding,
                          identity=dict(self.identity), notes=[*notes, *[
                              f"{missing:,} of {scaled.size:,} values are missing and stay out of "
                              f"the loss"] * (missing > 0)])


def windows_of(x: Any, y: np.ndarray | None = None, classes: tuple[str, ...] = (),
               own: dict[str, np.ndarray] | None = None) -> Windows:
    """Windows of an array or tensor (N, T, C), or (N, T) of one channel, with labels y (N,) as
    numbers of classes; raises ValueError for another."""
    x = x.detach().cpu().numpy() if hasattr(x, "detach") else np.asarray(x)
    values = x[..., None] if x.ndim == 2 else x
    if values.ndim != 3 or not values.size or values.dtype.kind not in "biuf":
        raise ValueError(f"an array of {x.dtype}, {x.shape}, holds no windows of series; they are "
                         f"numbers (N, T, C): N windows of T steps and C channels, or (N, T)")
    values = values.astype(np.float32)
    return Windows(np.where(np.isfinite(values), values, np.nan), y, classes, own or {})


def over_time(encoding: dict[str, Any] | None) -> bool:
    """Whether an encoding is of series: with a scale for each channel."""
    return encoding is not None and encoding.get("kind") in ("series", "windows")


def in_own_units(encoding: dict[str, Any] | None, x: np.ndarray) -> np.ndarray:
    """Windows (N, T, C), or steps (T, C), as a model sees them, in the units of their channels; all
    that is no series as it is."""
    if encoding is None or not over_time(encoding):
        return x
    mean, std = (np.array(encoding[name], np.float32) for name in ("mean", "std"))
    return np.asarray(x * std + mean)


