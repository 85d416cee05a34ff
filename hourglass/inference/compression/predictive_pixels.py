"""Code pixels of photographs: predict each as a weighted sum of known values, and code the error.

Contexts of uncertainty follow Wu & Memon (1997). The decoder's image is among the known values, and
known on all sides.
"""

import numpy as np
from einops import rearrange

from ...core.console import track
from .entropy_coder import SEEN, Coder, Tables, falling
from .pixels import Canvas, PixelPositions, all_places, canvas_of, diagonals

BEFORE = ((0, -1), (-1, 0), (-1, -1), (-1, 1), (0, -2), (-2, 0))   # known neighbours (dy, dx)
AROUND = ((0, 0), (0, -1), (0, 1), (-1, 0), (1, 0), (-1, -1), (-1, 1), (1, -1), (1, 1))
ONE = 1 << 12            # the integer for a weight of 1
LARGEST = 64 * ONE       # largest weight
PENALTY = 50.0           # ridge penalty, which keeps weights small for little data
FITTED = 400_000         # most pixels that weights are fitted to
FEW = 100_000            # with fewer pixels, only one set of weights pays off
ROUNDS = 3               # of least squares, each weighted by the errors of the last one
CLOSE = 2.0              # errors below count alike, in greys
ACTIVITY = np.array([2, 6, 12, 24, 48, 100])        # bins of local change, each with its weights
LEVELS = np.array([0, 1, 2, 3, 5, 8, 12, 17, 23, 31, 41, 55, 75, 105, 150])   # of uncertainty
TONES = np.array([0, 15, 127, 239, 254])            # bins of grey, as errors differ between them
MASS = 24 * SEEN         # initial weight of a table

Weights = list[list[list[int]]]   # by channel, by activity, by known value


def known_count(channel: int) -> int:
    """Number of known values that predict a pixel of that channel."""
    return len(BEFORE) * (channel + 1) + channel + len(AROUND) + channel


def fit_weights(x: np.ndarray, guess: np.ndarray) -> Weights:
    """Fit the weights that predict pixels of images uint8 (N, H, W, C), given the decoder's images:
    by least squares, reweighted towards least absolute errors."""
    n, height, width, channels = x.shape
    random, every = np.random.default_rng(0), all_places(height, width)
    images = np.sort(random.permutation(n)[:FITTED // 100])
    some = np.sort(random.permutation(height * width)[:max(100, FITTED // len(images))])
    place = PixelPositions(every.rows[some], every.columns[some])
    canvas = canvas_of(guess[images], x[images])
    kinds = 1 if n * height * width < FEW else len(ACTIVITY) + 1
    weights = []
    for channel in range(channels):
        known = _known(canvas, place, channel).astype(np.float64)
        kind = _kind(_activity(canvas, place, channel), kinds)
        true = canvas.pixel(place, 0, 0, channel)
        weights.append([_fit(known[kind == k], true[kind == k], channel) for k in range(kinds)])
    return weights


def _fit(known: np.ndarray, true: np.ndarray, channel: int) -> list[int]:
    """Integer weights (F,) that predict `true` (M,) from `known` (M, F)."""
    start = np.zeros(known_count(channel))
    start[len(BEFORE) * (channel + 1) + channel] = 1.0   # the decoder's value of this pixel
    best, worth = start, np.ones(len(true))
    for _ in range(ROUNDS):
        weighed = known * rearrange(worth, "m -> m 1")
        square = weighed.T @ known + PENALTY * np.eye(len(start))
        best = start + np.linalg.solve(square, weighed.T @ (true - known @ start))
        worth = 1 / np.maximum(np.abs(true - known @ best), CLOSE)
    whole: list[int] = np.rint(best * ONE).clip(-LARGEST, LARGEST).astype(int).tolist()
    return whole


def code_differences(
    coder: Coder, guess: np.ndarray, weights: Weights, x: np.ndarray | None
) -> np.ndarray:
    """Write images x, uint8 (N, H, W, C), given the decoder's images, or read them."""
    canvas = canvas_of(guess)
    tables = [Tables(_beginnings()) for _ in weights]
    steps = diagonals(*guess.shape[1:3])
    for place in track(steps, len(steps), "coding what the model missed"):
        for channel, vectors in enumerate(weights):
            activity = _activity(canvas, place, channel)
            chosen = np.array(vectors)[_kind(activity, len(vectors))]
            predicted = (_known(canvas, place, channel) * chosen).sum(-1)
            predicted = ((predicted + ONE // 2) // ONE).clip(0, 255)
            level = np.searchsorted(LEVELS, (_uncertainty(canvas, place, channel) + activity) // 2)
            contexts = level * (len(TONES) + 1) + np.searchsorted(TONES, predicted)
            true = None if x is None else x[:, place.rows, place.columns, channel]
            missed = None if true is None else ((true - predicted) & 255).reshape(-1)
            coded = tables[channel].code(coder, contexts.reshape(-1), missed)
            values = (predicted + coded.reshape(predicted.shape)) & 255
            canvas.put(place, channel, values, predicted)
    return canvas.inside.copy()


def _known(canvas: Canvas, place: PixelPositions, channel: int) -> np.ndarray:
    """The known values that predict a pixel, (N, M, F)."""
    values = [canvas.pixel(place, dy, dx, c) for c in range(channel + 1) for dy, dx in BEFORE]
    values += [canvas.pixel(place, 0, 0, c) for c in range(channel)]
    values += [canvas.guessed(place, dy, dx, channel) for dy, dx in AROUND]
    values += [canvas.guessed(place, 0, 0, c) for c in range(channel)]
    return np.stack(values, -1)


def _activity(canvas: Canvas, place: PixelPositions, channel: int) -> np.ndarray:
    """How much the image changes nearby, (N, M)."""
    left, above, corner, right = (canvas.pixel(place, dy, dx, channel) for dy, dx in BEFORE[:4])
    change = np.abs(left - corner) + np.abs(above - corner) + np.abs(right - above)
    if channel:   # if one colour changes, the next does too
        here, *beside = (canvas.pixel(place, dy, dx, channel - 1)
                         for dy, dx in ((0, 0), *BEFORE[:2]))
        change = change + sum(np.abs(here - other) for other in beside)
    return change


def _kind(activity: np.ndarray, kinds: int) -> np.ndarray:
    return np.minimum(np.searchsorted(ACTIVITY, activity), kinds - 1)


def _uncertainty(canvas: Canvas, place: PixelPositions, channel: int) -> np.ndarray:
    """Errors of the predictions of earlier pixels, (N, M)."""
    left, above, corner, right = (canvas.missed(place, dy, dx, channel) for dy, dx in BEFORE[:4])
    total = 2 * (left + above) + corner + right
    return total + 6 * canvas.missed(place, 0, 0, channel - 1) if channel else total


def _beginnings() -> np.ndarray:
    """Initial weights of the tables, (contexts, 256): small errors are more likely, most of all at
    low uncertainty."""
    scales = [1, *(4 * LEVELS[1:] // 3), 200]
    weights = [np.roll(falling(256, 128, int(scale), MASS), -128) for scale in scales]
    return np.repeat(np.stack(weights), len(TONES) + 1, axis=0)
