"""The likelihood of counts: integers from 0, without an upper limit."""

import torch
from torch import Tensor, nn
from torch.distributions import Distribution
from torch.nn.functional import logsigmoid

from ...core.registry import likelihoods
from .common import Elementwise, limited, mean_of, unlimited, wider

RAREST = 1e-4    # least initial mean
LARGEST = 20.0   # log mean stays within +-20
EVENEST = 7.0    # log dispersion stays within +-7


@likelihoods.add("negative_binomial")
class NegativeBinomial(nn.Module):
    """Negative binomial counts: the decoder gives each mean m and dispersion r; the variance is
    m + m^2 / r (in VAEs: Lopez et al., 2018, scVI). Data stays unscaled, and the encoder gets
    log(1 + x), as in scVI."""

    support = (0.0, float("inf"))
    discrete = True
    counts = True

    def shown(self, x: Tensor) -> Tensor:
        """The encoder's input for counts, (B, *shape)."""
        return torch.log1p(x.clamp(min=0))

    def forward(self, params: Tensor) -> Distribution:
        log_mean, log_r = params.unflatten(1, (2, -1)).unbind(1)
        log_mean, log_r = limited(log_mean, LARGEST), limited(log_r, EVENEST)
        r = log_r.exp()

        def log_prob(x: Tensor) -> Tensor:
            ways = _log_choices(x, r)
            return ways + r * logsigmoid(log_r - log_mean) + x * logsigmoid(log_mean - log_r)
        return Elementwise(r.shape, log_prob, log_mean.exp)

    def out(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return wider(shape, 2)

    def start(self, x: Tensor, known: Tensor | None = None) -> Tensor:
        """The log mean counts, and a dispersion of 1."""
        log_mean = unlimited(mean_of(x, known).clamp(min=RAREST).log(), LARGEST)
        return torch.cat([log_mean, torch.zeros_like(log_mean)])

    def per_value(self, nats: float, values: float) -> dict[str, float]:
        return {}


def _log_choices(x: Tensor, r: Tensor) -> Tensor:
    """Log of the binomial coefficient (x + r - 1 over x), in double precision where available,
    because it is a difference of large numbers."""
    wide = r.dtype if r.device.type == "mps" else torch.float64
    a, b = x.to(wide), r.to(wide)
    return (torch.lgamma(a + b) - torch.lgamma(b) - torch.lgamma(a + 1)).to(r.dtype)
