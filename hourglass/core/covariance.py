"""Covariance estimates that can be inverted even for few codes."""

import torch
from torch import Tensor


def root_of_covariance(z: Tensor) -> Tensor:
    """Cholesky factor (D, D) of the covariance of z (N, D), shrunk towards a multiple of the
    identity (Ledoit & Wolf, 2004)."""
    from sklearn.covariance import ledoit_wolf
    covariance = torch.eye(z.shape[1], dtype=torch.float64) if len(z) < 2 else (
        torch.from_numpy(ledoit_wolf(z.double().numpy())[0]))
    least = 1e-6 * covariance.diagonal().mean().clamp(min=1e-6)
    shrunk = covariance + least * torch.eye(len(covariance), dtype=torch.float64)
    return torch.linalg.cholesky(shrunk).float()
