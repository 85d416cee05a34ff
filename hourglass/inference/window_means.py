"""Join windows that overlap: each step is the mean over all windows that cover it."""

import numpy as np


class StepMeans:
    """What windows of `window` steps, `stride` apart, say of each step of a series, averaged."""

    def __init__(self, windows: int, window: int, stride: int, channels: int):
        steps = (windows - 1) * stride + window
        self.stride, self.total = stride, np.zeros((steps, channels))
        self.count = np.zeros((steps, channels))

    def add(self, first: int, values: np.ndarray, counts: np.ndarray) -> None:
        """Windows from number `first` on: values (n, W, C), which count where `counts`, of the
        same shape, is 1."""
        n = len(values)
        for place in range(values.shape[1]):   # each is a run of steps, a stride apart
            start = first * self.stride + place
            steps = slice(start, start + (n - 1) * self.stride + 1, self.stride)
            self.total[steps] += values[:, place] * counts[:, place]
            self.count[steps] += counts[:, place]

    @property
    def mean(self) -> np.ndarray:
        """(T, C), NaN for a step that no window covers."""
        return np.where(self.count > 0, self.total / np.maximum(self.count, 1), np.nan)
