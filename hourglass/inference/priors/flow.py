"""Normalising flows, from zuko: neural splines, masked autoregressive ones and their inverse."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...core.contracts import CodeSpace
from ...core.hints import Count
from ...core.registry import priors
from .gradient_training import CodeScaling, learn

FEW = 32     # most dimensions for full autoregression; beyond, coupling of halves
PASSES = 8   # passes per step when an inverse flow is trained


class FlowPrior(nn.Module):
    """A conditional density of scaled codes, given the class: a flow from zuko."""

    def __init__(self, space: CodeSpace, density: nn.Module, what: str):
        super().__init__()
        self.groups, self.dim, self.what = space.groups, space.dim, what
        self.density = density
        self.scaling = CodeScaling(space.dim)

    def fit(self, z: Tensor, y: Tensor) -> None:
        self.scaling.fit(z)
        learn(self.density, lambda u, y: -self._given(y).log_prob(u), self.scaling.forth(z), y,
              f"fitting the {self.what}")

    def _given(self, y: Tensor) -> torch.distributions.Distribution:
        # even a single class is passed, as a constant: one dimension needs something to depend on
        one_hot = functional.one_hot(y, self.groups).float()
        density: torch.distributions.Distribution = self.density(one_hot)
        return density

    def sample(self, y: Tensor, temperature: float = 1.0) -> Tensor:
        noise = temperature * torch.randn(len(y), self.dim)
        return self.scaling.back(self._given(y).transform.inv(noise))  # type: ignore[attr-defined]

    def log_prob(self, z: Tensor, y: Tensor) -> Tensor:
        return self._given(y).log_prob(self.scaling.forth(z)) - self.scaling.std.log().sum()


@priors.add("flow")
def flow(space: CodeSpace, transforms: Count = 3, hidden: Count = 128) -> FlowPrior:
    """Neural spline flow over the codes, given the class (Durkan et al., 2019, arXiv 1906.04032),
    from zuko."""
    import zuko
    return FlowPrior(space, zuko.flows.NSF(
        space.dim, space.groups, transforms=transforms, hidden_features=(hidden, hidden),
        passes=None if space.dim <= FEW else 2), "flow")


@priors.add("maf")
def maf(space: CodeSpace, transforms: Count = 5, hidden: Count = 128) -> FlowPrior:
    """Masked autoregressive flow over the codes, given the class (Papamakarios et al., 2017, arXiv
    1705.07057): each dimension is shifted and scaled by the earlier ones. A density takes one pass,
    a sample one per dimension."""
    import zuko
    return FlowPrior(space, zuko.flows.MAF(
        space.dim, space.groups, transforms=transforms, hidden_features=(hidden, hidden)), "MAF")


@priors.add("iaf")
def iaf(space: CodeSpace, transforms: Count = 2, hidden: Count = 64) -> FlowPrior:
    """Inverse autoregressive flow over the codes, given the class (Kingma et al., 2016, arXiv
    1606.04934). A sample takes one pass. A density, and so training, takes one pass per dimension
    or, beyond eight dimensions, one for each of eight groups, which are shifted and scaled by the
    earlier groups."""
    import zuko
    ahead = zuko.flows.MAF(space.dim, space.groups, transforms=transforms, passes=PASSES,
                           hidden_features=(hidden, hidden))
    # zuko's flows map codes to noise; inverted, the fast direction is from noise to codes
    back = [transform.inv for transform in reversed(ahead.transform.transforms)]
    return FlowPrior(space, zuko.lazy.Flow(back, ahead.base), "IAF")
