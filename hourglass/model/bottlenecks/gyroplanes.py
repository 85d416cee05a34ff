"""Distances to hyperplanes of the Poincare ball: what a dense layer is in flat space."""

import math

import torch
from torch import Tensor, nn


class Gyroplanes(nn.Linear):
    """z (B, D) of the ball -> (B, units): signed distances to planes, times the planes' weights
    (Ganea et al., 2018, arXiv 1805.09112; as a decoder's first layer, Mathieu et al., 2019, arXiv
    1901.06033). A unit's weight is normal to its plane, whose point nearest to the centre lies in
    that direction, as far away as the unit's bias says."""

    def __init__(self, dim: int, units: int, c: float):
        super().__init__(dim, units)
        self.c = c

    def forward(self, z: Tensor) -> Tensor:
        c, root = self.c, math.sqrt(self.c)
        size = torch.linalg.vector_norm(self.weight, dim=1).clamp(min=1e-12)   # (units,)
        along = z.double() @ (self.weight / size[:, None]).double().T          # (B, units)
        far = root / 2 * self.bias.double()
        place, room = torch.tanh(far) / root, torch.cosh(far) ** -2
        zz = z.double().square().sum(1, keepdim=True)
        # <-p + z, a> over 1 - c |-p + z|^2, both of the ball's addition, whose divisor cancels
        inner = room * along - (1 - 2 * c * place * along + c * zz) * place
        distance = torch.asinh(2 * root * inner / (room * (1 - c * zz))) / root
        return (size * distance).to(z)
