"""The bound where some classes are known and others are not."""

import math
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot

from ...core.contracts import Output
from ...core.hints import NotNegative
from ...core.part_contracts import GuessesClasses, offers
from ...core.registry import terms
from .kl import divergence
from .reconstruction import log_likelihood, per_sample


@terms.add("semi_supervised")
class SemiSupervised(nn.Module):
    """-log p(x, y) or, where the class is unknown (-1), -log p(x), at least: recon and kl of x as
    of each class, weighed by the guess q(y|x), less the guess's entropy (model M2 of Kingma et al.,
    2014, arXiv 1406.5298). Known classes also teach the guess: their cross-entropy counts `alpha`
    times. Classes are taken to be equally likely. In nats; needs condition='inferred'."""

    def __init__(self, model: nn.Module, alpha: NotNegative = 100.0):
        super().__init__()
        if not offers(getattr(model, "condition", None), GuessesClasses):
            raise ValueError("the loss semi_supervised needs a model that guesses classes: "
                             "--condition inferred, on data with labels")
        self.alpha = alpha

    def forward(self, out: Output, model: nn.Module) -> Tensor:
        """(B,)."""
        guess = out.latent.guess
        assert guess is not None, "a model that guesses classes says what it guessed"
        y = torch.full_like(guess.argmax(1), -1) if out.y is None else out.y
        known = (y >= 0).float()
        log_q = guess.float().log_softmax(1)
        q = torch.where(known[:, None] > 0, one_hot(y.clamp(min=0), guess.shape[1]), log_q.exp())
        h, _ = model.hidden(out.x if out.seen is None else out.seen)  # type: ignore[operator]
        each = torch.stack([_bound(out, model, h, torch.full_like(y, kind))
                            for kind in range(guess.shape[1])], 1)   # (B, K)
        entropy = -(q * log_q).sum(1) * (1 - known)
        taught = cross_entropy(guess.float(), y.clamp(min=0), reduction="none") * known
        return (q * each).sum(1) - entropy + math.log(guess.shape[1]) + self.alpha * taught


def _bound(out: Output, model: nn.Module, h: Tensor, y: Tensor) -> Tensor:
    """recon + kl of x, of which the encoder made h, as of the classes y, (B,)."""
    latent = model.squeeze(h, y, draw=True)  # type: ignore[operator]
    if latent.q is None:
        raise ValueError("the loss needs a bottleneck with a posterior, such as gaussian(16)")
    as_told = replace(out, latent=latent)
    lost = -log_likelihood(as_told, model, latent.z[None])[0]
    return lost + per_sample(divergence(latent.q, latent.p, latent.z))
