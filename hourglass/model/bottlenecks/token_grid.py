"""From a backbone's code to vectors at places, each of which is to become a word, and back."""

import math
from dataclasses import dataclass

from torch import Tensor, nn

from .projection import project, unproject

CONVOLUTIONS = {2: nn.Conv1d, 3: nn.Conv2d}   # by how many axes a code has


@dataclass(frozen=True)
class Grid:
    """Where vectors of `dim` numbers are: at the places (T,) or (H, W) of a map, or, where codes
    are vectors, one after another."""

    places: tuple[int, ...]
    dim: int
    maps: bool

    def split(self, z: Tensor) -> Tensor:
        """z (B, D, *places) or (B, P * D) -> vectors (B, P, D)."""
        if self.maps:
            return z.flatten(2).transpose(1, 2)
        return z.unflatten(1, (self.places[0], -1))

    def of(self, z: Tensor) -> tuple[int, ...]:
        """The places of z, which has more of them where the image was larger than in training."""
        return tuple(z.shape[2:]) if self.maps else self.places

    def join(self, v: Tensor, places: tuple[int, ...] = ()) -> Tensor:
        """Vectors (B, P, D) -> z, of these places, else of those in training."""
        return v.transpose(1, 2).unflatten(2, places or self.places) if self.maps else v.flatten(1)


def places(
    code: tuple[int, ...], back: tuple[int, ...], dim: int | None, count: int
) -> tuple[nn.Module, nn.Module, Grid]:
    """The layers from h (B, *code) to z and from z to h (B, *back), and where z's vectors are.

    A map has one of `dim` numbers at each of its places, through a convolution of 1 by 1; without
    `dim` it is taken as it is. Of a vector there are as many as `count` says.
    """
    convolution = CONVOLUTIONS.get(len(code))
    if dim is None:
        if convolution is None or code != back:
            raise ValueError(f"dim=None needs an encoder's map that the decoder takes as it is: "
                             f"{code} for {back} is none; use dim=16, say")
        return nn.Identity(), nn.Identity(), Grid(code[1:], code[0], True)
    if convolution is None:
        return (project(code, count * dim), unproject(count * dim, back),
                Grid((count,), dim, False))
    grid = Grid(code[1:], dim, True)
    if back[1:] == code[1:]:
        return convolution(code[0], dim, 1), convolution(dim, back[0], 1), grid
    leave = nn.Sequential(nn.Flatten(), unproject(dim * math.prod(grid.places), back))
    return convolution(code[0], dim, 1), leave, grid
