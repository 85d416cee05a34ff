"""8-bit images as they become known, pixel by pixel: what is there to tell the next one from."""

from dataclasses import dataclass

import numpy as np
from einops import rearrange

EDGE = 2   # pixels of border around a canvas: as far as anything looks


@dataclass(frozen=True)
class Canvas:
    """Images with a border: of the pixels, zeros where they are not known yet; of the decoder's
    guess, its edge. All uint8 (N, H, W, C), border included."""

    x: np.ndarray
    guess: np.ndarray
    error: np.ndarray      # between a pixel and what was told of it, absolute

    @property
    def inside(self) -> np.ndarray:
        """The pixels, without their border."""
        return self.x[:, EDGE:-EDGE, EDGE:-EDGE]

    def pixel(self, place: "Place", dy: int, dx: int, channel: int) -> np.ndarray:
        """The pixels that lie so far from places (M,), (N, M)."""
        return _near(self.x, place, dy, dx, channel)

    def guessed(self, place: "Place", dy: int, dx: int, channel: int) -> np.ndarray:
        """What the decoder guesses there, (N, M)."""
        return _near(self.guess, place, dy, dx, channel)

    def missed(self, place: "Place", dy: int, dx: int, channel: int) -> np.ndarray:
        """How far what was told there was off, (N, M)."""
        return _near(self.error, place, dy, dx, channel)

    def put(self, place: "Place", channel: int, x: np.ndarray, told: np.ndarray) -> None:
        """Pixels x (N, M) and what was told of them, at places (M,)."""
        at = (slice(None), place.rows + EDGE, place.columns + EDGE, channel)
        self.x[at], self.error[at] = x, np.abs(x - told)


@dataclass(frozen=True)
class Place:
    """Where pixels lie in every image: rows and columns (M,)."""

    rows: np.ndarray
    columns: np.ndarray


def canvas_of(guess: np.ndarray, x: np.ndarray | None = None) -> Canvas:
    """What the decoder guesses, uint8 (N, H, W, C), and the pixels, if they are known."""
    edges = ((0, 0), (EDGE, EDGE), (EDGE, EDGE), (0, 0))
    none = np.zeros_like(guess)
    return Canvas(np.pad(none if x is None else x, edges), np.pad(guess, edges, mode="edge"),
                  np.pad(none, edges))


def _near(held: np.ndarray, place: Place, dy: int, dx: int, channel: int) -> np.ndarray:
    found = held[:, place.rows + (EDGE + dy), place.columns + (EDGE + dx), channel]
    return found.astype(np.int64)


def all_places(height: int, width: int) -> Place:
    """Every pixel, row by row."""
    return Place(*(rearrange(part, "h w -> (h w)") for part in np.indices((height, width))))


def diagonals(height: int, width: int) -> list[Place]:
    """Every pixel, in steps: those of a step have no need of one another, only of what lies above,
    one to the right included, and to the left."""
    every = all_places(height, width)
    step = every.columns + 2 * every.rows
    order = np.argsort(step, kind="stable")
    ends = np.flatnonzero(np.diff(step[order])) + 1
    return [Place(every.rows[part], every.columns[part]) for part in np.split(order, ends)]
