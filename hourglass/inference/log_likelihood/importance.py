"""Estimate log p(x) by importance sampling."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...core.console import track
from ...data.split_data import Split
from ...model.autoencoder import Autoencoder
from .proposal import pose

HELD = 2**16   # codes in memory at once, for a group of samples


@dataclass(frozen=True)
class Weighed:
    """Results of importance sampling for each sample, (N,) each, in nats."""

    nll: np.ndarray     # -log of the mean weight, on average above -log p(x)
    elbo: np.ndarray    # mean of the log weights, below log p(x)
    ess: np.ndarray     # effective number of codes

    def __len__(self) -> int:
        return len(self.nll)


@torch.inference_mode()
def weigh(model: Autoencoder, split: Split, rows: Tensor, count: int, seed: int = 0) -> Weighed:
    """-log 1/S sum p(x, z) / q(z|x) of the samples at rows (N,) of a split, over exactly S =
    `count` codes z from q(z|x) each (Burda et al., 2016, arXiv 1509.00519).

    Each sample is encoded once and has its own noise. Raises ValueError for weights that are not
    finite.
    """
    groups = rows.split(max(1, HELD // count))
    estimates = [summed_up(pose(model, split, chunk, count, seed).log_weights())
                 for chunk in track(groups, len(groups), f"weighting {count:,} codes per sample")]
    return Weighed(*(np.concatenate(parts) for parts in zip(*estimates, strict=True)))


def summed_up(log_w: Tensor) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """-log of the mean weight, mean log weight, and effective number (Kong, 1992), (B,) each, of
    log weights (S, B) in double precision."""
    if log_w.isnan().any() or (log_w == math.inf).any():
        raise ValueError("the weights of codes are not finite; the model's densities overflow")
    total = torch.logsumexp(log_w, 0)
    ess = torch.exp(2 * total - torch.logsumexp(2 * log_w, 0)).nan_to_num()
    return ((math.log(len(log_w)) - total).cpu().numpy(), log_w.mean(0).cpu().numpy(),
            ess.cpu().numpy())
