"""The semi-supervised bound, where only some classes are known."""

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
    """Bound of -log p(x, y) for labelled samples, and of -log p(x) for others (-1): recon + kl for
    each class, weighted by q(y|x), minus the entropy of q(y|x) (model M2 of Kingma et al., 2014,
    arXiv 1406.5298). Labels also train q(y|x), by cross-entropy with weight `alpha`. Classes are
    assumed to be equally likely. In nats; needs condition='inferred'."""

    def __init__(self, model: nn.Module, alpha: NotNegative = 100.0):
        super().__init__()
        if not offers(getattr(model, "condition", None), GuessesClasses):
            raise ValueError("the loss semi_supervised needs a model that infers classes: "
                             "--condition inferred, on data with labels")
        self.alpha = alpha

    def forward(self, out: Output, model: nn.Module) -> Tensor:
        """(B,)."""
        guess = out.latent.guess
        assert guess is not None, "a model that infers classes returns logits"
        y = torch.full_like(guess.argmax(1), -1) if out.y is None else out.y
        known = (y >= 0).float()
        log_q = guess.float().log_softmax(1)
        q = torch.where(known[:, None] > 0, one_hot(y.clamp(min=0), guess.shape[1]), log_q.exp())
        h, _ = model.hidden(out.x if out.seen is None else out.seen)  # type: ignore[operator]
        bounds = torch.stack([_bound(out, model, h, torch.full_like(y, kind))
                              for kind in range(guess.shape[1])], 1)   # (B, K)
        entropy = -(q * log_q).sum(1) * (1 - known)
        taught = cross_entropy(guess.float(), y.clamp(min=0), reduction="none") * known
        return (q * bounds).sum(1) - entropy + math.log(guess.shape[1]) + self.alpha * taught


def _bound(out: Output, model: nn.Module, h: Tensor, y: Tensor) -> Tensor:
    """recon + kl, (B,), for x with encoder output h, under classes y."""
    latent = model.squeeze(h, y, draw=True)  # type: ignore[operator]
    if latent.q is None:
        raise ValueError("the loss needs a bottleneck with a posterior, such as gaussian(16)")
    as_told = replace(out, latent=latent)
    lost = -log_likelihood(as_told, model, latent.z[None])[0]
    return lost + per_sample(divergence(latent.q, latent.p, latent.z))
