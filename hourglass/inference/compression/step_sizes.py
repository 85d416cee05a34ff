"""Choose the step size of each latent: by the decoder's sensitivity, or as a share of its std."""

from dataclasses import dataclass

import numpy as np
import torch
from einops import rearrange
from torch import Tensor

from ...core.channels import channels_last
from ...core.console import track
from ...model.autoencoder import Autoencoder
from .exact_decoder import decoded_mean
from .quantiser import QuantiserGrid, flat, grid_of

PROBES = 8               # random directions to measure sensitivity
WIDEST = 4.0             # largest step, in standard deviations
ROUNDING = 1 / 255**2 / 12   # error of 8-bit values; smaller ones do not matter
SEARCHED = 32            # eighths of an octave to both sides of the first guess


@dataclass(frozen=True)
class LatentStats:
    """Mean and standard deviation of each latent over samples, (D,)."""

    mean: np.ndarray
    std: np.ndarray


def spread_of(z: np.ndarray) -> LatentStats:
    """Statistics of codes z (N, D, ...). A constant latent gets its size or 1 as deviation."""
    values = rearrange(flat(z), "n d p -> d (n p)")
    mean, std = values.mean(1), values.std(1)
    return LatentStats(mean, np.where(std > 0, std, np.maximum(np.abs(mean), 1.0)))


def by_share(spread: LatentStats, share: float) -> QuantiserGrid:
    """Steps of that share of each latent's standard deviation."""
    return grid_of(share * spread.std, spread.mean)


def by_quality(
    model: Autoencoder, z: np.ndarray, y: np.ndarray | None, x: np.ndarray, quality: float
) -> QuantiserGrid:
    """Steps with which rounding adds at most (100 - quality) % to the model's squared error.

    x (N, ...) are the samples in the model's scale, z (N, D, ...) their codes. At a given error,
    the file is smallest if every latent adds the same error (reverse water-filling; Cover & Thomas,
    2006, 10.3). So a step is inverse to the decoder's sensitivity, but at most as wide as the
    latent varies.
    """
    spread, slopes = spread_of(z), sensitivity(model, z, y)
    error = _error(model, z, y, x)
    added = max(error, ROUNDING) * (100 - quality) / 100

    def grid(eighths: int) -> QuantiserGrid:
        sizes = 2 ** (eighths / 8) / np.maximum(slopes, 1e-12)
        return grid_of(np.minimum(sizes, WIDEST * spread.std), spread.mean)

    linear = np.sqrt(12 * added * x[0].size / z[0].size)   # the step, if the decoder were
    first = round(8 * np.log2(linear))
    low, high = first - SEARCHED, first + SEARCHED
    rounds = int(np.log2(high - low))
    for _ in track(range(rounds), rounds, "choosing steps"):   # the widest that add no more
        middle = (low + high) // 2
        tried = grid(middle)
        rounded = tried.place(tried.round(z)).reshape(z.shape)
        fits = _error(model, rounded, y, x) <= error + added
        low, high = (middle, high) if fits else (low, middle)
    return grid(low)


def sensitivity(model: Autoencoder, z: np.ndarray, y: np.ndarray | None) -> np.ndarray:
    """Sensitivity of the decoder's output to each latent, (D,): root mean square of its Jacobian's
    columns, from products with random signs."""
    generator = torch.Generator().manual_seed(0)
    squares = np.zeros(z.shape[1])
    codes = _codes(model, z).requires_grad_()
    means = decoded_mean(model, codes, y)
    for _ in range(PROBES):
        signs = torch.randint(0, 2, means.shape, generator=generator).float() * 2 - 1
        (slopes,) = torch.autograd.grad(means, codes, signs.to(means.device), retain_graph=True)
        squares += np.square(flat(slopes.cpu().numpy())).mean((0, 2)) / PROBES
    return np.sqrt(squares)


def _error(model: Autoencoder, z: np.ndarray, y: np.ndarray | None, x: np.ndarray) -> float:
    """Mean squared error of samples x against the decoded codes z."""
    with torch.inference_mode():
        reconstruction = channels_last(decoded_mean(model, _codes(model, z), y)).cpu().numpy()
    return float(np.square(reconstruction - x).mean(dtype=np.float64))


def _codes(model: Autoencoder, z: np.ndarray) -> Tensor:
    return torch.from_numpy(z).float().to(next(model.parameters()).device)
