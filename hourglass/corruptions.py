"""Corruptions: what the encoder sees in place of x in training. The target stays x."""

from collections.abc import Callable

import torch
from torch import Tensor

from .spec import NotNegative, corruptions

Corruption = Callable[[Tensor], Tensor]


@corruptions.add("none")
def none() -> Corruption:
    """x as it is."""
    return lambda x: x


@corruptions.add("noise")
def noise(std: NotNegative = 0.3) -> Corruption:
    """x with Gaussian noise (denoising autoencoder: Vincent et al., 2008)."""
    return lambda x: x + std * torch.randn_like(x)
