"""Diagonal Gaussians over latent vectors, for posteriors and mixture components."""

import torch
from torch import Tensor
from torch.distributions import Independent, Normal

STEEPEST = 20.0   # log variance stays within +-20


def normal(params: Tensor) -> Normal:
    """Means and log variances (B, 2 D) -> a Gaussian per latent dimension, (B, D)."""
    mean, log_var = params.chunk(2, dim=1)
    # a soft limit: unlike a clamp it leaves a gradient everywhere
    log_var = STEEPEST * torch.tanh(log_var / STEEPEST)
    return Normal(mean, torch.exp(log_var / 2), validate_args=False)


def standard(mean: Tensor) -> Normal:
    """N(0, 1) for every latent dimension of a mean (B, D)."""
    return Normal(torch.zeros_like(mean), torch.ones_like(mean), validate_args=False)


def on_cpu(t: Tensor) -> Tensor:
    """Move t to the CPU, whose noise is the same on every machine. The meta device has no noise."""
    return t if t.is_meta else t.cpu()


def whole(factors: Normal) -> Independent:
    """Join the dimensions (B, D) to one distribution of vectors, with log density (B,)."""
    return Independent(factors, 1, validate_args=False)
