"""The KL of RecVAE: a composite prior, a weight for each user, and alternating updates."""

import copy
import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Normal

from ...core.contracts import Clock, Output
from ...core.hints import Depth, NotNegative
from ...core.precision import at_least_single, full_precision
from ...core.registry import terms
from .kl import posterior

SHARES = (3 / 20, 3 / 4, 1 / 10)   # of N(0, 1), of the earlier posterior, of the wide Gaussian
WIDE = math.exp(5)                 # deviation of the third: its log variance is 10


@terms.add("composite_kl")
class CompositeKL(nn.Module):
    """KL of RecVAE, sampled: log q(z|x) - log p(z|x), times `gamma` and the number of the user's
    items (Shenbin et al., 2020, arXiv 1912.11160). The prior is a mixture, in each dimension, of
    N(0, 1), of the posterior at the start of the cycle, and of a wide Gaussian. A cycle has
    `encoder_epochs` epochs in which only the encoder learns, then one in which only the decoder
    does, without dropout; encoder_epochs=0 trains both together, and then the earlier posterior is
    that of the epoch before."""

    def __init__(self, model: nn.Module, gamma: NotNegative = 0.005, encoder_epochs: Depth = 3):
        super().__init__()
        self.gamma, self.encoder_epochs = gamma, encoder_epochs
        self.of: list[Any] = [model]   # in a list, so that it is not a submodule
        own = self.of[0]
        self.encoder, self.bottleneck = _still(own.encoder), _still(own.bottleneck)
        self.now = -1       # the epoch whose weights learn
        self.dropouts = [(part, name, getattr(part, name)) for part in own.encoder.modules()
                         for name in ("rate", "p") if isinstance(getattr(part, name, None), float)]

    def at(self, clock: Clock | None) -> None:
        """Let either the encoder or the decoder learn. At the start of a cycle, the present
        posterior becomes the earlier one. Without a clock, both can learn."""
        if clock is None:
            self.now = -1
            self._let(True, True)
            return
        epoch = clock.step // max(clock.batches, 1)
        if epoch == self.now:
            return
        self.now = epoch
        place = epoch % (self.encoder_epochs + 1)
        if clock.step % max(clock.batches, 1) == 0 and place == self.encoder_epochs:
            self.take_over()
        self._let(place < self.encoder_epochs or not self.encoder_epochs,
                  place == self.encoder_epochs)

    @torch.no_grad()
    def take_over(self) -> None:
        """Make the present posterior the earlier one."""
        self.encoder.load_state_dict(self.of[0].encoder.state_dict())
        self.bottleneck.load_state_dict(self.of[0].bottleneck.state_dict())

    def _let(self, encoder: bool, decoder: bool) -> None:
        """Let these halves learn. Dropout is for the encoder's turn."""
        model = self.of[0]
        back = {id(weight) for weight in model.bottleneck.expand.parameters()} if isinstance(
            model.bottleneck.expand, nn.Module) else set()
        for weight in model.bottleneck.parameters():
            weight.requires_grad_(decoder if id(weight) in back else encoder)
        for half, learns in ((model.encoder, encoder), (model.decoder, decoder)):
            for weight in half.parameters():
                weight.requires_grad_(learns)
        for part, name, rate in self.dropouts:
            setattr(part, name, rate if encoder else 0.0)

    def forward(self, out: Output, model: nn.Module) -> Tensor:
        """(B,)."""
        q = posterior(out, Normal)
        seen = out.x if out.seen is None else out.seen
        before = self.earlier(seen)
        if before.mean.shape != out.latent.z.shape:
            raise ValueError("the loss composite_kl needs a bottleneck with one Gaussian, such as "
                             "gaussian(200)")
        z, zero = out.latent.z, torch.zeros_like(out.latent.z)
        parts = (Normal(zero, zero + 1, validate_args=False), before,
                 Normal(zero, zero + WIDE, validate_args=False))
        mixed = torch.stack([part.log_prob(z) + math.log(share)
                             for part, share in zip(parts, SHARES, strict=True)])
        log_ratio = q.log_prob(z) - mixed.logsumexp(0)
        count = (seen != 0).flatten(1).sum(1)
        return self.gamma * count * log_ratio.flatten(1).sum(1)

    @torch.no_grad()
    def earlier(self, x: Tensor) -> Normal:
        """The earlier posterior of samples (B, *shape)."""
        self.encoder.eval()
        h, _ = self.encoder(x)
        with full_precision(h):
            q = self.bottleneck(at_least_single(h), False).q
        if not isinstance(q, Normal):
            raise ValueError("the loss composite_kl needs a bottleneck with a Gaussian posterior, "
                             "such as gaussian(200)")
        return q


def _still(part: nn.Module) -> nn.Module:
    """A copy that does not learn."""
    clone = copy.deepcopy(part)
    for weight in clone.parameters():
        weight.requires_grad_(False)
    return clone.eval()
