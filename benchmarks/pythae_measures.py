"""The measures of a model of either side: the same code, run in each side's environment.

x (N, D) are grey values in [0, 1]. A side gives `encode`: x -> mean and log variance of its
posterior, (N, Z) each, or codes and None; `decode`: codes -> pixels' probabilities (N, D).
"""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

CHUNK = 500   # images at once
AT_ONCE = 20_000   # codes at once

Encode = Callable[[Tensor], tuple[Tensor, Tensor | None]]
Decode = Callable[[Tensor], Tensor]


def cross_entropy(p: Tensor, x: Tensor) -> Tensor:
    """(..., D) and (..., D) -> (...), summed over values."""
    return functional.binary_cross_entropy(p, x.expand_as(p), reduction="none").sum(-1)


@torch.no_grad()
def measure(x: np.ndarray, encode: Encode, decode: Decode, given: dict) -> dict[str, float]:
    """Squared error and cross-entropy of reconstructions from the posterior's mean, summed over
    values, the latter of those in [0, 1]; and where there is a posterior, -log p(x) by importance
    sampling, as `given` says."""
    values = torch.from_numpy(x.reshape(len(x), -1)).float() / 255
    errors: dict[str, list[Tensor]] = {"mse": [], "bce": []}
    stochastic = False
    for chunk in values.split(CHUNK):
        mean, log_var = encode(chunk)
        stochastic = log_var is not None
        p = decode(mean)
        errors["mse"].append((p - chunk).square().sum(1))
        if p.min() >= 0 and p.max() <= 1:
            errors["bce"].append(cross_entropy(p, chunk))
    numbers = {name: float(torch.cat(parts).double().mean()) for name, parts in errors.items()
               if sum(map(len, parts)) == len(values)}
    if not stochastic:
        return numbers
    few = values[:given["nll_images"]]
    log_w = log_weights(few, encode, decode, given["draws"])
    numbers["nll"] = float(-log_mean(log_w).mean())
    numbers["ess"] = float((2 * log_w.logsumexp(0) - (2 * log_w).logsumexp(0)).exp().mean())
    numbers["nll_of_few"] = float(-log_mean(log_w)[:given["own_images"]].mean())
    k = given["k"]
    groups = log_w[:len(log_w) // k * k].unflatten(0, (-1, k))
    numbers["bound"] = float(-log_mean(groups.transpose(0, 1)).mean())   # of k codes
    numbers["elbo"] = float(-log_w.mean())
    return numbers


def log_weights(x: Tensor, encode: Encode, decode: Decode, draws: int) -> Tensor:
    """log p(x|z) p(z) / q(z|x) of `draws` codes z of every x (N, D), (K, N). All but p(x|z) is in
    double precision. The noise is the same for every model of the same size."""
    mean, log_var = encode(x)
    generator = np.random.default_rng(0)
    weights, size = [], max(1, AT_ONCE // len(x))
    for start in range(0, draws, size):
        count = min(size, draws - start)
        noise = torch.from_numpy(generator.standard_normal((count, *mean.shape)))
        z = mean.double() + (log_var.double() / 2).exp() * noise
        p = decode(z.float().flatten(0, 1)).unflatten(0, (count, -1))
        log_q = -(noise.square() + log_var.double() + math.log(2 * math.pi)).sum(-1) / 2
        log_p = -(z.square() + math.log(2 * math.pi)).sum(-1) / 2
        weights.append(log_p - log_q - cross_entropy(p, x).double())
    return torch.cat(weights)


def log_mean(log_w: Tensor) -> Tensor:
    """(K, ...) -> (...): log of the mean of exp."""
    return log_w.logsumexp(0) - math.log(len(log_w))
