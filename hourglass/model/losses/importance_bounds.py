"""Importance-weighted bounds of log p(x), each to use instead of "recon + kl"."""

import math

import torch
from torch import Tensor, nn

from ...core.contracts import Output
from ...core.hints import Count, Share
from ...core.registry import terms
from .importance_weights import drawable, log_joint, log_weights, nats
from .reconstruction import Term


def bound(log_w: Tensor, axis: int = 0) -> Tensor:
    """Log of the mean weight over an axis: log_w (K, ...) -> (...)."""
    return torch.logsumexp(log_w, axis) - math.log(log_w.shape[axis])


@terms.add("iwae", example="iwae(2)")
def iwae(model: nn.Module, k: Count = 8, doubly: bool = False, kept: Count | None = None) -> Term:
    """Negative importance-weighted bound with k codes (Burda et al., 2016, arXiv 1509.00519).

    doubly=True gives the encoder a gradient whose noise does not grow with k (Tucker et al., 2019,
    arXiv 1810.04152). kept=4 takes the gradient through four codes only, sampled by their weights:
    it has the same mean at a fraction of the cost (section 3 of the first paper)."""
    def lost(out: Output, model: nn.Module) -> Tensor:
        if torch.is_grad_enabled() and kept:
            return -_resampled(out, model, k, kept, doubly)
        if torch.is_grad_enabled() and doubly:
            return -_doubly(out, model, k)
        return -bound(log_weights(out, model, k))
    return lost


@terms.add("ciwae", example="ciwae(2)")
def ciwae(model: nn.Module, k: Count = 8, beta: Share = 0.05) -> Term:
    """beta times the ELBO plus 1 - beta times iwae's bound, from the same k codes (Rainforth et
    al., 2018, arXiv 1802.04537)."""
    def lost(out: Output, model: nn.Module) -> Tensor:
        log_w = log_weights(out, model, k)
        return -(beta * log_w.mean(0) + (1 - beta) * bound(log_w))
    return lost


@terms.add("miwae", example="miwae(2, 2)")
def miwae(model: nn.Module, m: Count = 8, k: Count = 8) -> Term:
    """Mean of m of iwae's bounds with k codes each: as tight as one, with a less noisy gradient
    (Rainforth et al., 2018, arXiv 1802.04537)."""
    def lost(out: Output, model: nn.Module) -> Tensor:
        log_w = log_weights(out, model, m * k).unflatten(0, (m, k))
        return -bound(log_w, 1).mean(0)
    return lost


@terms.add("piwae", example="piwae(2, 2)")
def piwae(model: nn.Module, m: Count = 8, k: Count = 8) -> Term:
    """iwae's bound with m * k codes for decoder and prior, and miwae's with the same codes for the
    posterior (Rainforth et al., 2018, arXiv 1802.04537)."""
    def lost(out: Output, model: nn.Module) -> Tensor:
        if not torch.is_grad_enabled():
            return -bound(log_weights(out, model, m * k))
        return -_apart(out, model, m, k)
    return lost


def _apart(out: Output, model: nn.Module, m: int, k: int) -> Tensor:
    """iwae's bound, (B,), whose gradient in q is that of miwae."""
    q = drawable(out)
    drawn = q.rsample(torch.Size((m * k,)))
    log_q = nats(q, drawn)
    z = drawn.detach().requires_grad_()
    joint = log_joint(out, model, z)
    log_w = (joint - log_q).detach()                    # (M K, B)
    of_all = torch.softmax(log_w, 0)
    of_group = torch.softmax(log_w.unflatten(0, (m, k)), 1).flatten(0, 1) / m
    pull, = torch.autograd.grad(joint, z, of_group, retain_graph=True)
    of_q = (pull * drawn).flatten(2).sum(2) - of_group * log_q
    return _valued(bound(log_w), (of_all * joint + of_q).sum(0))


def _resampled(out: Output, model: nn.Module, k: int, kept: int, doubly: bool) -> Tensor:
    """iwae's bound, (B,), with a gradient through `kept` codes, sampled by their weights."""
    q = drawable(out)
    drawn = q.rsample(torch.Size((k,)))
    with torch.no_grad():
        log_w = log_joint(out, model, drawn) - nats(q, drawn)
        shares = torch.softmax(log_w, 0)                # (K, B)
        weights = shares.nan_to_num(1.0).T   # for a loss that is not finite, any weights do
        chosen = torch.multinomial(weights, kept, replacement=True).T
    z = drawn[chosen, torch.arange(chosen.shape[1], device=chosen.device)]   # (kept, B, ...)
    if doubly:
        z, log_w_of_z, _ = _by_codes_alone(out, model, z)
        _scale_gradient(z, shares.gather(0, chosen))
    else:
        log_w_of_z = log_joint(out, model, z) - nats(q, z)
    return _valued(bound(log_w), log_w_of_z.mean(0))


def _doubly(out: Output, model: nn.Module, k: int) -> Tensor:
    """iwae's bound, (B,), with the doubly reparametrised gradient: q gets a gradient only through
    its codes, each weighted by its squared share of the bound."""
    z, moves, log_w = _by_codes_alone(out, model, drawable(out).rsample(torch.Size((k,))))
    shares = torch.softmax(log_w, 0)                    # (K, B)
    _scale_gradient(z, shares)
    return _valued(bound(log_w), (shares * moves).sum(0))


def _by_codes_alone(out: Output, model: nn.Module, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Codes z (K, B, ...); log w, (K, B), without the gradient in q's own parameters; and log w
    without any gradient."""
    still = z.detach().requires_grad_()
    log_q = nats(drawable(out), still)
    slope, = torch.autograd.grad(log_q.sum(), still)    # of log q in z, with q fixed
    z = z.clone()
    joint = log_joint(out, model, z)
    return z, joint - (slope * z).flatten(2).sum(2), (joint - log_q).detach()


def _scale_gradient(z: Tensor, by: Tensor) -> None:
    """Multiply the gradient of codes z (K, B, ...) by numbers (K, B)."""
    if z.requires_grad:
        z.register_hook(lambda gradient: torch.einsum("kb...,kb->kb...", gradient, by))


def _valued(value: Tensor, moves: Tensor) -> Tensor:
    """The first tensor's value with the second's gradient."""
    return value + moves - moves.detach()
