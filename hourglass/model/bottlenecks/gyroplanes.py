"""Distances to hyperplanes of the Poincare ball, the counterpart of a dense layer."""

import math

import torch
from torch import Tensor, nn


class Gyroplanes(nn.Linear):
    """z (B, D) in the ball -> (B, units): signed distances to hyperplanes, times the planes'
    weights (Ganea et al., 2018, arXiv 1805.09112; as a decoder's first layer: Mathieu et al., 2019,
    arXiv 1901.06033). A unit's weight is the normal of its plane. The plane's point nearest to the
    centre lies in that direction, at the distance of the unit's bias."""

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
        # <-p + z, a> / (1 - c |-p + z|^2) by Moebius addition; the divisor of both cancels
        inner = room * along - (1 - 2 * c * place * along + c * zz) * place
        distance = torch.asinh(2 * root * inner / (room * (1 - c * zz))) / root
        return (size * distance).to(z)
