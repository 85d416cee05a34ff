"""A mixture of Gaussians per class."""

import torch
from torch import Tensor, nn
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal

from ...core.contracts import CodeSpace
from ...core.hints import Count
from ...core.registry import priors

ENOUGH = 3        # codes per dimension and component, for full covariances
MOST = 20_000     # most codes per class


@priors.add("mixture")
class MixturePrior(nn.Module):
    """A mixture of `components` Gaussians per class (or one without labels), fitted by
    scikit-learn's expectation maximisation; with full covariances or, for few codes, diagonal
    ones."""

    share: Tensor
    mean: Tensor
    root: Tensor

    def __init__(self, space: CodeSpace, components: Count = 10):
        super().__init__()
        self.groups, self.components = space.groups, components
        shape = (self.groups, components, space.dim)
        self.register_buffer("share", torch.full(shape[:2], 1 / components))
        self.register_buffer("mean", torch.zeros(shape))
        self.register_buffer("root", torch.eye(space.dim).expand(*shape, -1).clone())

    def fit(self, z: Tensor, y: Tensor) -> None:
        for group in y.unique().tolist():
            own = z[y == group]
            self._fit_one(group, own[torch.randperm(len(own))][:MOST])

    def _fit_one(self, group: int, z: Tensor) -> None:
        from sklearn.mixture import GaussianMixture
        z = z if len(z) > 1 else z.repeat(2, 1)   # a Gaussian needs two codes
        count = min(self.components, max(1, len(z.unique(dim=0)) // 2))
        full = len(z) >= ENOUGH * z.shape[1] * count
        least = 1e-3 * float(z.var(0, correction=0).mean()) + 1e-9
        gmm = GaussianMixture(count, covariance_type="full" if full else "diag", reg_covar=least,
                              random_state=0).fit(z.double().numpy())
        covariance = torch.from_numpy(gmm.covariances_)
        covariance = covariance if full else torch.diag_embed(covariance)
        self.share[group] = 0
        self.share[group, :count] = torch.from_numpy(gmm.weights_)
        self.mean[group, :count] = torch.from_numpy(gmm.means_).float()
        self.root[group, :count] = torch.linalg.cholesky(covariance).float()

    def sample(self, y: Tensor, temperature: float = 1.0) -> Tensor:
        which = torch.multinomial(self.share[y], 1).squeeze(1)
        noise = torch.randn(len(y), self.mean.shape[2])
        return self.mean[y, which] + temperature * torch.einsum(
            "nij,nj->ni", self.root[y, which], noise)

    def log_prob(self, z: Tensor, y: Tensor) -> Tensor:
        log_probs = torch.empty(len(z))
        for group in y.unique().tolist():
            parts = MultivariateNormal(self.mean[group], scale_tril=self.root[group])
            density = MixtureSameFamily(Categorical(self.share[group]), parts)
            log_probs[y == group] = density.log_prob(z[y == group])
        return log_probs
