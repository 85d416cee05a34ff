"""The reconstruction loss."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from ...core.contracts import Output
from ...core.registry import terms

Term = Callable[[Output, nn.Module], Tensor]


def per_sample(t: Tensor) -> Tensor:
    """Sum over all but the batch, (B, ...) -> (B,)."""
    return t.flatten(1).sum(1) if t.ndim > 1 else t


def log_likelihood(out: Output, model: nn.Module, z: Tensor) -> Tensor:
    """log p(x|z), (K, B), of other codes z (K, B, ...) for the same samples."""
    count = len(z)

    def again(t: Tensor) -> Tensor:
        return t.expand(count, *t.shape).flatten(0, 1)
    skips = tuple(again(skip) for skip in out.skips)
    px = model.decode(z.flatten(0, 1), None if out.latent.y is None else again(out.latent.y), skips)  # type: ignore[operator]
    nats = px.log_prob(again(out.x))
    return per_sample(nats if out.known is None else nats * again(out.known)).unflatten(
        0, (count, -1))


@dataclass(frozen=True)
class ReconstructionLoss:
    """The loss term `recon`."""

    hidden: bool   # whether to count only the values that a corruption hid

    def __call__(self, out: Output, model: nn.Module) -> Tensor:
        """(B,)."""
        nats = -out.px.log_prob(out.x)
        if self.hidden and out.hidden is not None:
            nats = nats * out.hidden
        return per_sample(nats if out.known is None else nats * out.known)


@terms.add("recon")
def recon(model: nn.Module, hidden: bool = False) -> Term:
    """-log p(x|z) under the model's likelihood, in nats, over the observed values of x.

    hidden=True counts only the values that the corruption hid (He et al., 2022, arXiv 2111.06377),
    or all of them for a corruption that hides none, such as noise."""
    return ReconstructionLoss(hidden)
