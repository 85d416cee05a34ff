"""Reconstruction, and divergence of the posterior from the prior."""

from collections.abc import Callable
from typing import TypeVar

from torch import Tensor, nn
from torch.distributions import Distribution, kl_divergence

from ..contracts import Output
from ..spec import terms

Q = TypeVar("Q", bound=Distribution)
Term = Callable[[Output, nn.Module], Tensor]


def per_sample(t: Tensor) -> Tensor:
    """(B, ...) -> (B,), summed."""
    return t.flatten(1).sum(1) if t.ndim > 1 else t


def posterior(out: Output, kind: type[Q]) -> Q:
    """q(z|x), or an error that says which kind of bottleneck the loss wants."""
    q = out.latent.q
    if not isinstance(q, kind):
        wanted = "a posterior" if kind is Distribution else f"a {kind.__name__} posterior"
        raise ValueError(f"the loss needs a bottleneck with {wanted}, such as gaussian(16); this "
                         f"one gives {'none' if q is None else f'a {type(q).__name__}'}")
    return q


@terms.add("recon")
def recon(model: nn.Module) -> Term:
    """-log p(x|z) under the model's likelihood, in nats."""
    return lambda out, model: -per_sample(out.px.log_prob(out.x))


@terms.add("kl")
def kl(model: nn.Module) -> Term:
    """KL(q(z|x) || p(z)), in nats (Kingma & Welling, 2014, arXiv 1312.6114)."""
    def term(out: Output, model: nn.Module) -> Tensor:
        q = posterior(out, Distribution)
        assert out.latent.p is not None, "a bottleneck with a posterior has a prior"
        return per_sample(kl_divergence(q, out.latent.p))
    return term
