"""Maps between a backbone's code and the vectors that are rounded to tokens."""

import math
from dataclasses import dataclass

from torch import Tensor, nn

from .projection import project, unproject

CONVOLUTIONS = {2: nn.Conv1d, 3: nn.Conv2d}   # by the number of the code's axes


@dataclass(frozen=True)
class TokenGrid:
    """Positions of the vectors with `dim` numbers: (T,) or (H, W) of a map; for vector codes, one
    after another."""

    places: tuple[int, ...]
    dim: int
    maps: bool

    def split(self, z: Tensor) -> Tensor:
        """z (B, D, *places) or (B, P * D) -> vectors (B, P, D)."""
        if self.maps:
            return z.flatten(2).transpose(1, 2)
        return z.unflatten(1, (self.places[0], -1))

    def of(self, z: Tensor) -> tuple[int, ...]:
        """The positions of z. There are more of them for images larger than in training."""
        return tuple(z.shape[2:]) if self.maps else self.places

    def join(self, v: Tensor, places: tuple[int, ...] = ()) -> Tensor:
        """Vectors (B, P, D) -> z with these positions; by default, those of training."""
        return v.transpose(1, 2).unflatten(2, places or self.places) if self.maps else v.flatten(1)


def places(
    code: tuple[int, ...], back: tuple[int, ...], dim: int | None, count: int
) -> tuple[nn.Module, nn.Module, TokenGrid]:
    """Layers from h (B, *code) to z and from z to h (B, *back), and the vectors' positions.

    A map has one vector of `dim` numbers at each position, by a 1x1 convolution; without `dim`, the
    map is used unchanged. A vector code has `count` vectors.
    """
    convolution = CONVOLUTIONS.get(len(code))
    if dim is None:
        if convolution is None or code != back:
            raise ValueError(f"dim=None needs an encoder whose map fits the decoder: {code} does "
                             f"not fit {back}; pass a number, such as dim=16")
        return nn.Identity(), nn.Identity(), TokenGrid(code[1:], code[0], True)
    if convolution is None:
        return (project(code, count * dim), unproject(count * dim, back),
                TokenGrid((count,), dim, False))
    grid = TokenGrid(code[1:], dim, True)
    if back[1:] == code[1:]:
        return convolution(code[0], dim, 1), convolution(dim, back[0], 1), grid
    leave = nn.Sequential(nn.Flatten(), unproject(dim * math.prod(grid.places), back))
    return convolution(code[0], dim, 1), leave, grid
