"""A loss term that finds the reconstruction's weight itself, from the error that is allowed."""

import torch
import torch.distributed as processes
from torch import Tensor, nn

from ...core.contracts import Output
from ...core.hints import Positive, Rate
from ...core.registry import terms
from .reconstruction import per_sample

LARGEST = 1e4    # of the weight, as a multiple of the first; its inverse is the smallest
FARTHEST = 1.0   # an error counts as at most twice the allowed one, or the weight would run away
FIRM = 2.0       # of the first weight: what an excess counts where epochs are compared


@terms.add("geco")
class ConstrainedError(nn.Module):
    """Squared error with a weight that training adapts until the mean error per value is `error`,
    so that "geco(0.02) + kl" is the smallest KL with that error (GECO: Rezende & Viola, 2018, arXiv
    1810.00597). It takes the place of recon and of a tuned weight of the KL.

    The term is the weight times (squared error - allowed error), summed over a sample's values. The
    weight begins at 1 / (2 * error), which is right for normal errors of that size. At each step it
    is multiplied by exp(`speed` * c); c is the running mean, with `decay`, of the error's excess as
    a share of the allowed error, from -1 to 1. An error that the model cannot reach makes it an
    autoencoder without a KL, in effect.
    """

    weight: Tensor
    excess: Tensor

    def __init__(self, model: nn.Module, error: Positive = 0.02, speed: Positive = 0.02,
                 decay: Rate = 0.9):
        super().__init__()
        self.error, self.speed, self.decay = error, speed, decay
        self.register_buffer("weight", torch.tensor(1 / (2 * error)))
        self.register_buffer("excess", torch.tensor(0.0))

    def forward(self, out: Output, model: nn.Module) -> Tensor:
        """(B,)."""
        beyond, allowed = self._beyond(out)
        weight = self.weight.clone()   # the step's own: the gradient comes after the change
        if self.training and torch.is_grad_enabled():
            self._adapt(beyond.detach().sum() / allowed.sum())
        return weight * beyond

    def fixed(self, out: Output) -> Tensor:
        """What the batch's excess of the allowed error counts when epochs are compared, (B,). It
        is quadratic: batches differ a little, and among epochs near the allowed error the KL
        decides."""
        beyond, allowed = self._beyond(out)
        share = (beyond.sum() / allowed.sum()).clamp(min=0)
        return FIRM / (2 * self.error) * share.square() * allowed

    def _beyond(self, out: Output) -> tuple[Tensor, Tensor]:
        """The squared error less the allowed one, and the allowed one: (B,) each, of a sample."""
        squared = (out.px.mean - out.x).square()
        known = torch.ones_like(squared) if out.known is None else out.known
        allowed = self.error * per_sample(known)
        return per_sample(squared * known) - allowed, allowed

    @torch.no_grad()
    def _adapt(self, share: Tensor) -> None:
        """Move the weight by a batch's excess, a share of the allowed error."""
        if processes.is_initialized():   # batches differ per process, the weight must not
            processes.all_reduce(share)
            share = share / processes.get_world_size()
        self.excess.lerp_(share.clamp(-FARTHEST, FARTHEST).to(self.excess), 1 - self.decay)
        self.weight.mul_(torch.exp(self.speed * self.excess))
        first = 1 / (2 * self.error)
        self.weight.clamp_(first / LARGEST, first * LARGEST)   # for an error that is never reached
