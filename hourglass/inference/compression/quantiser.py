"""Round codes to integers and back, with one step size per latent dimension."""

import math
from dataclasses import dataclass

import numpy as np
from einops import rearrange

ROOTS = (1.0, 1.0905077326652577, 1.189207115002721, 1.2968395546510096, 1.4142135623730951,
         1.5422108254079407, 1.681792830507429, 1.8340080864093424)   # 2 ** (i / 8)
FINEST, COARSEST = -400, 400   # exponents
FARTHEST = 2**31 - 1           # largest rounded code


@dataclass(frozen=True)
class QuantiserGrid:
    """The grid of a latent's rounded values: (q + centre / 8) * 2 ** (step / 8) for integers q."""

    steps: np.ndarray      # (D,) exponents, in eighths of an octave
    centres: np.ndarray    # (D,) in eighths of a step

    def round(self, z: np.ndarray) -> np.ndarray:
        """Round codes z (N, D, ...) to integer steps from the centre, (N, D, P).

        Raises ValueError if they do not fit 32 bits.
        """
        q = np.rint(flat(z) / self._sizes() - rearrange(self.centres, "d -> d 1") / 8)
        if not np.abs(q).max(initial=0) < FARTHEST / 2:   # also false for NaN
            raise ValueError("codes cannot be rounded in such fine steps; use a larger --step, or "
                             "a lower --quality")
        return q.astype(np.int64)

    def place(self, q: np.ndarray) -> np.ndarray:
        """The values of rounded codes (N, D, P), in double precision."""
        return (8 * q + rearrange(self.centres, "d -> d 1")) * (self._sizes() / 8)

    def _sizes(self) -> np.ndarray:
        sizes = [math.ldexp(ROOTS[step % 8], step // 8) for step in self.steps.tolist()]
        return rearrange(np.array(sizes), "d -> d 1")


def flat(z: np.ndarray) -> np.ndarray:
    """Codes (N, D) or (N, D, H, W) as (N, D, P): P positions, 1 for a vector, in double
    precision."""
    return z.reshape(*z.shape[:2], -1).astype(np.float64)


def grid_of(sizes: np.ndarray, means: np.ndarray) -> QuantiserGrid:
    """The grid with steps nearest to these sizes (D,) and a point near the means (D,)."""
    steps = np.rint(8 * np.log2(sizes)).clip(FINEST, COARSEST).astype(np.int64)
    plain = QuantiserGrid(steps, np.zeros_like(steps))
    centres = np.rint(8 * means / plain._sizes()[:, 0])
    return QuantiserGrid(steps, centres.clip(-FARTHEST, FARTHEST).astype(np.int64))
