"""8-bit images that are decoded pixel by pixel, and the known pixels that predict the next one.
"""

from dataclasses import dataclass

import numpy as np
from einops import rearrange

EDGE = 2   # border of a canvas in pixels: the largest distance of a neighbour


@dataclass(frozen=True)
class Canvas:
    """Images with a border: pixels, zero while unknown, and the decoder's prediction with repeated
    edges. All are uint8 (N, H, W, C), border included."""

    x: np.ndarray
    guess: np.ndarray
    error: np.ndarray      # absolute error of each pixel's prediction

    @property
    def inside(self) -> np.ndarray:
        """The pixels, without their border."""
        return self.x[:, EDGE:-EDGE, EDGE:-EDGE]

    def pixel(self, place: "PixelPositions", dy: int, dx: int, channel: int) -> np.ndarray:
        """The pixels at a distance from positions (M,), (N, M)."""
        return _near(self.x, place, dy, dx, channel)

    def guessed(self, place: "PixelPositions", dy: int, dx: int, channel: int) -> np.ndarray:
        """The decoder's prediction there, (N, M)."""
        return _near(self.guess, place, dy, dx, channel)

    def missed(self, place: "PixelPositions", dy: int, dx: int, channel: int) -> np.ndarray:
        """The error of the prediction there, (N, M)."""
        return _near(self.error, place, dy, dx, channel)

    def put(
        self, place: "PixelPositions", channel: int, x: np.ndarray, prediction: np.ndarray
    ) -> None:
        """Store pixels x (N, M) and their prediction at positions (M,)."""
        at = (slice(None), place.rows + EDGE, place.columns + EDGE, channel)
        self.x[at], self.error[at] = x, np.abs(x - prediction)


@dataclass(frozen=True)
class PixelPositions:
    """Positions of pixels in every image: rows and columns (M,)."""

    rows: np.ndarray
    columns: np.ndarray


def canvas_of(guess: np.ndarray, x: np.ndarray | None = None) -> Canvas:
    """A canvas for the decoder's prediction, uint8 (N, H, W, C), and the pixels, if known."""
    edges = ((0, 0), (EDGE, EDGE), (EDGE, EDGE), (0, 0))
    none = np.zeros_like(guess)
    return Canvas(np.pad(none if x is None else x, edges), np.pad(guess, edges, mode="edge"),
                  np.pad(none, edges))


def _near(array: np.ndarray, place: PixelPositions, dy: int, dx: int, channel: int) -> np.ndarray:
    values = array[:, place.rows + (EDGE + dy), place.columns + (EDGE + dx), channel]
    return values.astype(np.int64)


def all_places(height: int, width: int) -> PixelPositions:
    """Every pixel, row by row."""
    return PixelPositions(*(rearrange(part, "h w -> (h w)") for part in np.indices((height,
                                                                                    width))))


def diagonals(height: int, width: int) -> list[PixelPositions]:
    """All pixels in steps. Pixels of a step do not depend on each other, only on those above, up to
    one to the right, and to the left."""
    every = all_places(height, width)
    step = every.columns + 2 * every.rows
    order = np.argsort(step, kind="stable")
    ends = np.flatnonzero(np.diff(step[order])) + 1
    return [PixelPositions(every.rows[part], every.columns[part]) for part in np.split(order, ends)]
