"""The unit sphere in D dimensions: its uniform distribution, and points at an angle from a mean."""

import math
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributions import Distribution

Shape = torch.Size | list[int] | tuple[int, ...]


def log_area(dim: int) -> float:
    """Log area of the unit sphere in `dim` dimensions; log 2 pi for the circle."""
    return math.log(2) + dim / 2 * math.log(math.pi) - math.lgamma(dim / 2)


def around(mean: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Points (..., D), in double precision, at an angle (..., 1) from the means (B, D), in a random
    direction.

    No reflection is used, so the case where mean and pole agree needs no care.
    """
    mean = F.normalize(mean.double(), dim=-1)   # on a circle, the remainder is often tiny
    noise = torch.randn(*cosine.shape[:-1], mean.shape[-1], dtype=mean.dtype, device=mean.device)
    across = noise - (noise * mean).sum(-1, keepdim=True) * mean
    return cosine * mean + sine * F.normalize(across, dim=-1)


class SphereUniform(Distribution):
    """The uniform distribution of directions (B, D)."""

    arg_constraints: ClassVar = {}

    def __init__(self, like: Tensor):
        super().__init__(like.shape[:-1], like.shape[-1:], validate_args=False)
        self.like = like.detach()

    def sample(self, sample_shape: Shape = ()) -> Tensor:
        shape = self._extended_shape(torch.Size(sample_shape))
        return F.normalize(self.like.new_empty(shape).normal_(), dim=-1)

    def log_prob(self, value: Tensor) -> Tensor:
        return value.new_full(value.shape[:-1], -log_area(value.shape[-1]))
