"""log p(x) by importance sampling."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...core.console import track
from ...data.source import Split
from ...model.autoencoder import Autoencoder
from .proposal import pose

HELD = 2**16   # codes of a group of samples, which are held together


@dataclass(frozen=True)
class Weighed:
    """What the codes of each sample say, (N,) each, in nats."""

    nll: np.ndarray     # -log of their mean weight: above -log p(x) in the mean
    elbo: np.ndarray    # the mean of their log weights, which is below log p(x)
    ess: np.ndarray     # how many equal weights would say as much

    def __len__(self) -> int:
        return len(self.nll)


@torch.inference_mode()
def weigh(model: Autoencoder, split: Split, rows: Tensor, count: int, seed: int = 0) -> Weighed:
    """-log 1/S sum p(x, z) / q(z|x) of samples, the rows (N,) of a split, over exactly S = `count`
    codes z of each, drawn from q(z|x) (Burda et al., 2016, arXiv 1509.00519).

    Each sample is encoded once, and its noise is its own. Raises ValueError where weights are no
    numbers.
    """
    groups = rows.split(max(1, HELD // count))
    found = [summed_up(pose(model, split, chunk, count, seed).log_weights())
             for chunk in track(groups, len(groups), f"weighing {count:,} codes a sample")]
    return Weighed(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


def summed_up(log_w: Tensor) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """-log of the mean weight, the mean log weight, and the effective number, (B,) each, of log
    weights (S, B) in double precision (Kong, 1992)."""
    if log_w.isnan().any() or (log_w == math.inf).any():
        raise ValueError("the weights of codes are no numbers; the model's densities overflow")
    total = torch.logsumexp(log_w, 0)
    ess = torch.exp(2 * total - torch.logsumexp(2 * log_w, 0)).nan_to_num()
    return ((math.log(len(log_w)) - total).cpu().numpy(), log_w.mean(0).cpu().numpy(),
            ess.cpu().numpy())
