"""The normal likelihood, with a fixed, a learned or the optimal standard deviation."""

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.distributions import Distribution
from torch.distributions import Normal as NormalDistribution

from ...core.hints import Positive
from ...core.registry import likelihoods
from .common import EVERYWHERE, UNIT, logit_of, mean_of

NARROWEST = math.exp(-6)   # least optimal standard deviation, for perfect reconstructions
MEMORY = 50                # training batches averaged for evaluation, roughly


@likelihoods.add("normal")
class NormalLikelihood(nn.Module):
    """Squared error, up to constants, with one standard deviation for all values: a number,
    std='learned', or std='optimal', which maximises each batch's likelihood (both: Rybkin et al.,
    2021, arXiv 2006.13202). bounded=True keeps the mean in [0, 1] by a sigmoid.

    The optimal variance is the batch's mean squared error over observed values. It needs no
    gradient, because the derivative of the likelihood with respect to it is zero at the optimum.
    Evaluation uses the mean of the last training batches' variances, so that a sample's likelihood
    does not depend on other samples.
    """

    discrete = False
    variance: Tensor
    now: Tensor
    batches: Tensor

    def __init__(self, std: Positive | Literal["learned", "optimal"] = 1.0, bounded: bool = False):
        super().__init__()
        self.bounded, self.support = bounded, UNIT if bounded else EVERYWHERE
        self.kind = std if isinstance(std, str) else "given"
        if self.kind == "optimal":
            self.register_buffer("variance", torch.ones(()))
            self.register_buffer("batches", torch.zeros(()))
            self.register_buffer("now", torch.ones(()), persistent=False)   # of the last batch
            return
        log_std = torch.tensor(0.0 if isinstance(std, str) else math.log(std))
        self.log_std = nn.Parameter(log_std, requires_grad=self.kind == "learned")

    @property
    def std(self) -> Tensor:
        """Standard deviation of all values, ()."""
        if self.kind != "optimal":
            return self.log_std.exp()
        # a copy: a distribution must not change with the next batch
        return (self.now if self.training else self.variance).sqrt()

    def forward(self, params: Tensor) -> Distribution:
        return self._around(params.sigmoid() if self.bounded else params)

    def _around(self, mean: Tensor) -> Distribution:
        return NormalDistribution(mean, self.std, validate_args=False)

    def adapt(self, px: Distribution, x: Tensor, known: Tensor | None) -> Distribution:
        """p(x|z) of a training batch with the optimal standard deviation, if that is chosen."""
        if self.kind != "optimal":
            return px
        with torch.no_grad():
            squares = (px.mean - x).square()
            mean = squares.mean() if known is None else (
                (squares * known).sum() / known.sum().clamp(min=1))
            self.now.copy_(mean.clamp(min=NARROWEST**2))
            self.batches += 1
            self.variance.lerp_(self.now, (1 / self.batches).clamp(min=1 / MEMORY))
        return self._around(px.mean)

    def out(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return shape

    def start(self, x: Tensor, known: Tensor | None = None) -> Tensor:
        mean = mean_of(x, known)
        return logit_of(mean) if self.bounded else mean

    def per_value(self, nats: float, values: float) -> dict[str, float]:
        if self.kind != "given":
            return {}
        std = float(self.std)
        constant = math.log(std) + math.log(2 * math.pi) / 2
        return {"mse": 2 * std**2 * (nats / values - constant)}
