"""How finely to round each factor: as much as the decoder cares, or a share of its spread."""

from dataclasses import dataclass

import numpy as np
import torch
from einops import rearrange
from torch import Tensor

from ...core.channels import channels_last
from ...core.console import track
from ...model.autoencoder import Autoencoder
from .exact_decoder import decoded_mean
from .quantiser import Grid, flat, grid_of

PROBES = 8               # directions in which each is looked at
WIDEST = 4.0             # standard deviations of a factor, in one step
ROUNDING = 1 / 255**2 / 12   # error of 8-bit values; no less than that is worth saving
SEARCHED = 32            # eighths of an octave to either side of the first guess


@dataclass(frozen=True)
class Spread:
    """How the codes of samples lie: the mean and standard deviation of each factor, (D,)."""

    mean: np.ndarray
    std: np.ndarray


def spread_of(z: np.ndarray) -> Spread:
    """Of codes z (N, D, ...); of one that never changes, its size or 1 stands for its deviation."""
    values = rearrange(flat(z), "n d p -> d (n p)")
    mean, std = values.mean(1), values.std(1)
    return Spread(mean, np.where(std > 0, std, np.maximum(np.abs(mean), 1.0)))


def by_share(spread: Spread, share: float) -> Grid:
    """Every step that share of its factor's standard deviation."""
    return grid_of(share * spread.std, spread.mean)


def by_quality(
    model: Autoencoder, z: np.ndarray, y: np.ndarray | None, x: np.ndarray, quality: float
) -> Grid:
    """Steps with which rounding adds at most (100 - quality) % to the model's squared error.

    x (N, ...) are the samples in the model's scale, z (N, D, ...) their codes. At that error the
    least is spent where every factor adds the same (reverse water-filling; Cover & Thomas,
    2006, 10.3): its step is inverse to how much the decoder changes with it, but no wider than the
    factor is.
    """
    spread, slopes = spread_of(z), sensitivity(model, z, y)
    error = _error(model, z, y, x)
    added = max(error, ROUNDING) * (100 - quality) / 100

    def grid(eighths: int) -> Grid:
        sizes = 2 ** (eighths / 8) / np.maximum(slopes, 1e-12)
        return grid_of(np.minimum(sizes, WIDEST * spread.std), spread.mean)

    linear = np.sqrt(12 * added * x[0].size / z[0].size)   # the step, if the decoder were
    first = round(8 * np.log2(linear))
    low, high = first - SEARCHED, first + SEARCHED
    rounds = int(np.log2(high - low))
    for _ in track(range(rounds), rounds, "choosing steps"):   # the widest that add no more
        middle = (low + high) // 2
        tried = grid(middle)
        again = tried.place(tried.round(z)).reshape(z.shape)
        low, high = (middle, high) if _error(model, again, y, x) <= error + added else (low, middle)
    return grid(low)


def sensitivity(model: Autoencoder, z: np.ndarray, y: np.ndarray | None) -> np.ndarray:
    """How far the decoder's output moves with each factor, (D,): the root mean square of the
    columns of its Jacobian, from its products with random signs."""
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
    """The mean squared error of samples x by what is decoded of codes z."""
    with torch.inference_mode():
        again = channels_last(decoded_mean(model, _codes(model, z), y)).cpu().numpy()
    return float(np.square(again - x).mean(dtype=np.float64))


def _codes(model: Autoencoder, z: np.ndarray) -> Tensor:
    return torch.from_numpy(z).float().to(next(model.parameters()).device)
