"""Loss terms that keep codes small or sparse."""

import math
from typing import Annotated

import torch
from annotated_types import Gt, Lt
from torch import Tensor, nn

from ...core.contracts import Output
from ...core.registry import terms
from .reconstruction import Term, per_sample

LEAST = 1e-6   # mean activations are kept this far from 0 and 1


@terms.add("l1")
def l1(model: nn.Module) -> Term:
    """Sum of the code's absolute values, which makes codes sparse (Tibshirani, 1996)."""
    return lambda out, model: per_sample(out.latent.z.abs())


@terms.add("l2")
def l2(model: nn.Module) -> Term:
    """Half the squared norm of the code (Ghosh et al., 2020, arXiv 1903.12436)."""
    return lambda out, model: per_sample(out.latent.z.square()) / 2


@terms.add("sparsity")
def sparsity(model: nn.Module, target: Annotated[float, Gt(0), Lt(1)] = 0.05) -> Term:
    """KL between activations with mean `target` and a unit's mean activation over the batch, summed
    over units (Ng, 2011, Sparse autoencoder). Codes must lie between 0 and 1."""
    if not isinstance(getattr(model.bottleneck, "squash", None), nn.Sigmoid):
        raise ValueError("the loss sparsity needs codes between 0 and 1, such as those of "
                         "plain(64, activation='sigmoid')")
    constant = target * math.log(target) + (1 - target) * math.log1p(-target)

    def excess(out: Output, model: nn.Module) -> Tensor:
        on = out.latent.z.mean(0).clamp(LEAST, 1 - LEAST)
        kl = constant - target * on.log() - (1 - target) * torch.log1p(-on)
        return kl.sum().expand(len(out.x))
    return excess
