"""Code pixels of drawings and writing, mostly black or white: first which of both, then the
grey."""

import numpy as np

from ...core.console import track
from .entropy_coder import SEEN, Coder, Tables
from .pixels import Canvas, PixelPositions, canvas_of, diagonals

GUESSES = np.array([0, 8, 48, 127, 200, 240, 252])   # bins of the decoder's prediction
NEIGHBOURS = np.array([0, 127, 252])                 # bins of a neighbouring pixel
WHITES = 252             # greys from here on, and 0, have their own kind; all others share one
KINDS = 2 + 256 - WHITES
GREY = 1                 # the kind that the others share
STRIPES = 8              # bins of the expected grey


def code_tones(coder: Coder, guess: np.ndarray, x: np.ndarray | None) -> np.ndarray:
    """Write images x, uint8 (N, H, W, C), given the decoder's prediction, or read them."""
    canvas = canvas_of(guess)
    contexts = (len(GUESSES) + 1) * (len(NEIGHBOURS) + 1) ** 3
    channels = range(guess.shape[-1])
    kinds = [Tables(np.full((contexts, KINDS), 2 * SEEN // KINDS)) for _ in channels]
    greys = [Tables(np.full((STRIPES, 256), 16 * SEEN // 256)) for _ in channels]
    steps = diagonals(*guess.shape[1:3])
    for place in track(steps, len(steps), "coding what the model missed"):
        for channel in channels:
            true, kind = None, None
            if x is not None:
                true = x[:, place.rows, place.columns, channel].astype(np.int64).reshape(-1)
                kind = np.where(true == 0, 0, np.maximum(true - WHITES + 2, GREY))
            kind = kinds[channel].code(coder, _around(canvas, place, channel), kind)
            tones = np.where(kind > GREY, kind - 2 + WHITES, 0)
            rows = np.flatnonzero(kind == GREY)
            if len(rows):
                tones[rows] = greys[channel].code(coder, _stripe(canvas, place, channel)[rows],
                                                  None if true is None else true[rows])
            tones = tones.reshape(len(guess), -1)
            canvas.put(place, channel, tones, tones)
    return canvas.inside.copy()


def _around(canvas: Canvas, place: PixelPositions, channel: int) -> np.ndarray:
    """The prediction of a pixel and its known neighbours, as one context (N * M,)."""
    context = np.searchsorted(GUESSES, canvas.guessed(place, 0, 0, channel))
    for dy, dx in ((0, -1), (-1, 0), (-1, 1)):
        tone = np.searchsorted(NEIGHBOURS, canvas.pixel(place, dy, dx, channel))
        context = context * (len(NEIGHBOURS) + 1) + tone
    return context.reshape(-1)


def _stripe(canvas: Canvas, place: PixelPositions, channel: int) -> np.ndarray:
    """Bin of the grey that prediction and neighbours suggest, (N * M,)."""
    near = canvas.guessed(place, 0, 0, channel)
    for dy, dx in ((0, -1), (-1, 0)):
        near = near + canvas.pixel(place, dy, dx, channel)
    corners = canvas.pixel(place, -1, -1, channel) + canvas.pixel(place, -1, 1, channel)
    return ((2 * near + corners) * STRIPES // (8 * 256)).reshape(-1)
