"""The importance-weighted bound."""

import math

import torch
from torch import Tensor, nn

from ..contracts import Output
from ..spec import Count, terms
from .basic import Term
from .weights import drawable, log_joint, log_weights, nats


def bound(log_w: Tensor) -> Tensor:
    """log of the mean weight: log_w (K, ...) -> (...)."""
    return torch.logsumexp(log_w, 0) - math.log(len(log_w))


@terms.add("iwae")
def iwae(model: nn.Module, k: Count = 8, doubly: bool = False) -> Term:
    """Minus a lower bound of log p(x), from k codes of each x, in place of "recon + kl" (Burda et
    al., 2016, arXiv 1509.00519); doubly=True gives the encoder the gradient that does not drown in
    noise as k grows (Tucker et al., 2019, arXiv 1810.04152)."""
    def lost(out: Output, model: nn.Module) -> Tensor:
        if doubly and torch.is_grad_enabled():
            return -_doubly(out, model, k)
        return -bound(log_weights(out, model, k))
    return lost


def _doubly(out: Output, model: nn.Module, k: int) -> Tensor:
    """The bound, (B,), with the doubly reparametrised gradient: q is moved by way of its codes
    alone, and each code by its squared share in the bound."""
    q = drawable(out)
    drawn = q.rsample(torch.Size((k,)))
    fixed = drawn.detach().requires_grad_()
    log_q = nats(q, fixed)
    slope, = torch.autograd.grad(log_q.sum(), fixed)    # of log q in z, q held still
    z = drawn.clone()
    joint = log_joint(out, model, z)
    log_w = (joint - log_q).detach()
    shares = torch.softmax(log_w, 0)                    # (K, B)
    if z.requires_grad:
        z.register_hook(lambda gradient: torch.einsum("kb...,kb->kb...", gradient, shares))
    moves = (shares * (joint - (slope * z).flatten(2).sum(2))).sum(0)
    return bound(log_w) + moves - moves.detach()
