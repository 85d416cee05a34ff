"""The multinomial likelihood: which items a user chose, out of all."""

from torch import Tensor, nn
from torch.distributions import Distribution

from ...core.registry import likelihoods
from .common import Elementwise, mean_of

RAREST = 1e-2   # least initial share of the samples that have an item, in samples


@likelihoods.add("multinomial")
class Multinomial(nn.Module):
    """Multinomial counts: the decoder gives a logit for each item, and all items share one softmax
    (Liang et al., 2018, arXiv 1802.05814). log p(x|z) is the log probability of the chosen items in
    one order, so without the multinomial coefficient, as in the paper. The mean is the probability
    of each item. Data stays unscaled."""

    support = (0.0, float("inf"))
    discrete = True
    counts = True
    ranks = True

    def forward(self, params: Tensor) -> Distribution:
        log_share = params.flatten(1).log_softmax(1).unflatten(1, params.shape[1:])
        return Elementwise(params.shape, lambda x: x * log_share, log_share.exp)

    def out(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return shape

    def start(self, x: Tensor, known: Tensor | None = None) -> Tensor:
        """The log share of each item."""
        least = RAREST / max(len(x), 1)
        return mean_of(x, known).clamp(min=least).log()

    def per_value(self, nats: float, values: float) -> dict[str, float]:
        return {}
