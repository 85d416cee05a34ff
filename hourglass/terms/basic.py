"""Reconstruction: what is lost of x."""

from collections.abc import Callable

from torch import Tensor, nn

from ..contracts import Output
from ..spec import terms

Term = Callable[[Output, nn.Module], Tensor]


def per_sample(t: Tensor) -> Tensor:
    """(B, ...) -> (B,), summed."""
    return t.flatten(1).sum(1) if t.ndim > 1 else t


@terms.add("recon")
def recon(model: nn.Module) -> Term:
    """-log p(x|z) under the model's likelihood, in nats, over those values of x that are known."""
    def lost(out: Output, model: nn.Module) -> Tensor:
        nats = -out.px.log_prob(out.x)
        return per_sample(nats if out.known is None else nats * out.known)
    return lost
