"""The likelihood of lines of tokens. The decoder writes all at once, or one by one."""

from collections.abc import Callable
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Distribution

from ...core.hints import Depth
from ...core.registry import likelihoods
from ...core.tokens import END, PAD
from .common import EVERYWHERE

COLDEST = 1e-6    # the least temperature; below, only 0 differs: it is the most probable token
AT_ONCE = 2**25   # logits in memory at once, where no gradient is needed
ROWS = 64         # lines that are read together then


@likelihoods.add("tokens", example="tokens(32)")
class Tokens(nn.Module):
    """For lines of text: each token is one of `size`, a categorical distribution. It is the only
    likelihood for lines, and training sets the size.

    A decoder that writes token by token gives p(x|z) as the product of p(token | z, tokens before
    it) (Bowman et al., 2016, arXiv 1511.06349). The loss leaves out what pads a line. The
    reconstruction is what the decoder writes if it takes the most probable token each time.
    """

    support = EVERYWHERE
    discrete = True
    tokens = True

    def __init__(self, size: Depth = 0):
        super().__init__()
        self.size = size

    def out(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        if not self.size or len(shape) != 1:
            raise ValueError("the likelihood tokens needs lines of text, as in "
                             "lines('words.txt'), which set its size")
        return (self.size, *shape)

    def forward(self, params: Tensor) -> Distribution:
        return TokensAtOnce(params)

    def written(self, decoder: nn.Module, h: Tensor) -> Distribution:
        """p(x|z) of a decoder that writes token by token, given its h (B, *code)."""
        return WrittenTokens(decoder, h)

    def per_value(self, nats: float, values: float) -> dict[str, float]:
        return {"nats_per_token": nats / values}


class TokensAtOnce(Distribution):
    """p(x|z) of lines x (B, T) whose tokens are independent, given logits (B, V, T)."""

    arg_constraints: ClassVar[dict[str, Any]] = {}

    def __init__(self, logits: Tensor):
        self.logits = logits.transpose(1, 2)   # (B, T, V)
        super().__init__(self.logits.shape[:2], validate_args=False)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log probability of every token, (B, T), in nats; 0 where x is padding."""
        return log_prob_of(self.logits, value)

    @property
    def mean(self) -> Tensor:
        """The most probable tokens (B, T), as float, with padding after the end."""
        return self.drawn(best)

    def drawn(self, choose: Callable[[Tensor], Tensor]) -> Tensor:
        """Tokens (B, T), as float, that `choose` takes from logits (B, V)."""
        ids = torch.stack([choose(logits) for logits in self.logits.unbind(1)], 1)
        after = ((ids == END).cumsum(1) - (ids == END).int()) > 0
        return ids.masked_fill(after, PAD).to(self.logits.dtype)


class WrittenTokens(Distribution):
    """p(x|z) of lines x (B, T) that a decoder writes token by token, given h (B, *code)."""

    arg_constraints: ClassVar[dict[str, Any]] = {}

    def __init__(self, decoder: nn.Module, h: Tensor):
        self.decoder, self.h = decoder, h
        super().__init__(h.shape[:1], validate_args=False)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log probability of every token given those before it, (B, T), in nats; 0 where x is
        padding."""
        if torch.is_grad_enabled() or value.is_meta:
            return self._padded(self.decoder(self.h, value), value)
        # not all logits at once, and lines of like length together
        rows = max(1, AT_ONCE // (value.shape[1] * int(self.decoder.size)))  # type: ignore[arg-type]
        order = (value != PAD).sum(1).argsort(stable=True)
        log_probs = torch.cat([self._padded(self.decoder(self.h[some], value[some]), value)
                               for some in order.split(min(rows, ROWS))])
        return log_probs[order.argsort()]

    def _padded(self, log_probs: Tensor, value: Tensor) -> Tensor:
        return F.pad(log_probs, (0, value.shape[1] - log_probs.shape[1]))

    @property
    def mean(self) -> Tensor:
        """What the decoder writes (B, T), as float, if it takes the most probable token each time;
        with padding after the end. It has no gradient."""
        return self.drawn(best)

    @torch.no_grad()
    def drawn(self, choose: Callable[[Tensor], Tensor]) -> Tensor:
        """The same, of tokens that `choose` takes from logits (B, V)."""
        tokens: Tensor = self.decoder.write(self.h, choose)  # type: ignore[operator]
        return tokens.to(self.h.dtype)


def log_prob_of(logits: Tensor, x: Tensor) -> Tensor:
    """Log probability of tokens x (B, T), (B, T), by logits (B, S, V) of their first S <= T places;
    0 where x is padding."""
    ids = x.long()[:, :logits.shape[1]] - 1   # no decoder writes padding, so END is the first
    nats = F.cross_entropy(logits.flatten(0, 1).float(), ids.flatten(), ignore_index=PAD - 1,
                           reduction="none").unflatten(0, ids.shape)
    return -F.pad(nats, (0, x.shape[1] - ids.shape[1]))


def best(logits: Tensor) -> Tensor:
    """The most probable tokens (B,) by logits (B, V)."""
    return logits.argmax(1) + 1


def chooser(temperature: float = 1.0, top_k: int = 0) -> Callable[[Tensor], Tensor]:
    """A function that draws tokens (B,) by logits (B, V), which are divided by `temperature`; 0 is
    the most probable token. `top_k` leaves only as many tokens, the most probable; 0 is all."""
    if temperature == 0 or top_k == 1:
        return best

    def choose(logits: Tensor) -> Tensor:
        logits = logits.float()
        # the largest becomes 0, so that a tiny temperature divides nothing to infinity
        logits = (logits - logits.amax(1, keepdim=True)) / max(temperature, COLDEST)
        if 0 < top_k < logits.shape[1]:
            least = logits.topk(top_k, 1).values[:, -1:]
            logits = logits.masked_fill(logits < least, float("-inf"))
        return torch.multinomial(logits.softmax(1), 1)[:, 0] + 1
    return choose
