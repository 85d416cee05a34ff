"""A normalising flow."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..contracts import CodeSpace
from ..spec import Count, priors
from .learning import Scaling, learn

FEW = 32   # factors, up to which each depends on all before it; beyond, halves on halves


@priors.add("flow")
class Flow(nn.Module):
    """A neural spline flow over the codes, told the class (Durkan et al., 2019, arXiv 1906.04032),
    from zuko."""

    def __init__(self, space: CodeSpace, transforms: Count = 3, hidden: Count = 128):
        super().__init__()
        import zuko
        self.groups, self.dim = space.groups, space.dim
        # one class is told too, as a constant: without it a single factor has nothing to depend on
        self.density = zuko.flows.NSF(
            space.dim, space.groups, transforms=transforms, hidden_features=(hidden, hidden),
            passes=None if space.dim <= FEW else 2)
        self.scaling = Scaling(space.dim)

    def fit(self, z: Tensor, y: Tensor) -> None:
        self.scaling.fit(z)
        learn(self.density, lambda u, y: -self._given(y).log_prob(u), self.scaling.forth(z), y,
              "fitting the flow")

    def _given(self, y: Tensor) -> torch.distributions.Distribution:
        told = functional.one_hot(y, self.groups).float()
        found: torch.distributions.Distribution = self.density(told)
        return found

    def sample(self, y: Tensor, temperature: float = 1.0) -> Tensor:
        noise = temperature * torch.randn(len(y), self.dim)
        return self.scaling.back(self._given(y).transform.inv(noise))  # type: ignore[attr-defined]

    def log_prob(self, z: Tensor, y: Tensor) -> Tensor:
        return self._given(y).log_prob(self.scaling.forth(z)) - self.scaling.std.log().sum()
