"""Normalising flows, from zuko: neural splines, masked autoregressive ones and their inverse."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...core.contracts import CodeSpace
from ...core.hints import Count
from ...core.registry import priors
from .fitting import Scaling, learn

FEW = 32     # factors, up to which each depends on all before it; beyond, halves on halves
PASSES = 8   # of an inverse flow in learning, each a pass of its networks


class Flow(nn.Module):
    """A density over scaled codes that is told the class: a flow of zuko's."""

    def __init__(self, space: CodeSpace, density: nn.Module, what: str):
        super().__init__()
        self.groups, self.dim, self.what = space.groups, space.dim, what
        self.density = density
        self.scaling = Scaling(space.dim)

    def fit(self, z: Tensor, y: Tensor) -> None:
        self.scaling.fit(z)
        learn(self.density, lambda u, y: -self._given(y).log_prob(u), self.scaling.forth(z), y,
              f"fitting the {self.what}")

    def _given(self, y: Tensor) -> torch.distributions.Distribution:
        # one class is told too, as a constant: without it a single factor has nothing to depend on
        told = functional.one_hot(y, self.groups).float()
        found: torch.distributions.Distribution = self.density(told)
        return found

    def sample(self, y: Tensor, temperature: float = 1.0) -> Tensor:
        noise = temperature * torch.randn(len(y), self.dim)
        return self.scaling.back(self._given(y).transform.inv(noise))  # type: ignore[attr-defined]

    def log_prob(self, z: Tensor, y: Tensor) -> Tensor:
        return self._given(y).log_prob(self.scaling.forth(z)) - self.scaling.std.log().sum()


@priors.add("flow")
def flow(space: CodeSpace, transforms: Count = 3, hidden: Count = 128) -> Flow:
    """A neural spline flow over the codes, told the class (Durkan et al., 2019, arXiv 1906.04032),
    from zuko."""
    import zuko
    return Flow(space, zuko.flows.NSF(
        space.dim, space.groups, transforms=transforms, hidden_features=(hidden, hidden),
        passes=None if space.dim <= FEW else 2), "flow")


@priors.add("maf")
def maf(space: CodeSpace, transforms: Count = 5, hidden: Count = 128) -> Flow:
    """A masked autoregressive flow over the codes, told the class (Papamakarios et al., 2017, arXiv
    1705.07057): each factor is shifted and scaled by those before it. A density takes one pass, a
    draw one for each factor."""
    import zuko
    return Flow(space, zuko.flows.MAF(
        space.dim, space.groups, transforms=transforms, hidden_features=(hidden, hidden)), "MAF")


@priors.add("iaf")
def iaf(space: CodeSpace, transforms: Count = 2, hidden: Count = 64) -> Flow:
    """An inverse autoregressive flow over the codes, told the class (Kingma et al., 2016, arXiv
    1606.04934): a draw takes one pass, a density, and so learning, one for each factor, or, of more
    than eight, for each of eight groups of factors, which are shifted and scaled by those before
    them."""
    import zuko
    ahead = zuko.flows.MAF(space.dim, space.groups, transforms=transforms, passes=PASSES,
                           hidden_features=(hidden, hidden))
    # zuko's flows say how codes become noise: inverted, the fast way is that from noise to codes
    back = [transform.inv for transform in reversed(ahead.transform.transforms)]
    return Flow(space, zuko.lazy.Flow(back, ahead.base), "IAF")
