"""The Hamiltonian bound in a latent space with a learned metric."""

import math
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ...core.contracts import Output
from ...core.hints import Count, Positive
from ...core.precision import full_precision
from ...core.registry import terms
from .hamiltonian import Force, LeapfrogSteps, force, standard, unbounded
from .importance_weights import nats


class LatentMetric(NamedTuple):
    """A metric whose inverse M(z) is the sum over i of S_i exp(-|z - c_i|^2 / temperature^2), plus
    `floor` on the diagonal. Codes z and velocities v are (K, B, D)."""

    centroids: Tensor    # c (N, D)
    shapes: Tensor       # S (N, D, D), positive definite
    temperature: float
    floor: float

    def at(self, z: Tensor) -> "MetricAtPoint":
        """The metric at z."""
        apart = self.centroids - z[..., None, :]
        reach = torch.exp(-apart.square().sum(-1) / self.temperature**2)
        own = self.floor * torch.eye(z.shape[-1], dtype=z.dtype, device=z.device)
        inverse = torch.einsum("kbn,nij->kbij", reach, self.shapes) + own
        root = torch.linalg.cholesky(inverse)
        rises = 2 / self.temperature**2 * reach[..., None] * apart
        return MetricAtPoint(self.shapes, inverse, root, torch.cholesky_inverse(root), rises)


class MetricAtPoint(NamedTuple):
    """The metric at one code. Velocities v are (K, B, D)."""

    shapes: Tensor    # S (N, D, D)
    inverse: Tensor   # M (K, B, D, D)
    root: Tensor      # Cholesky factor of M, (K, B, D, D)
    itself: Tensor    # G, the inverse of M
    rises: Tensor     # gradient in z of the weight of each S, (K, B, N, D)

    def log_prob(self, v: Tensor) -> Tensor:
        """log N(v | 0, M), (K, B)."""
        noise = torch.linalg.solve_triangular(self.root, v[..., None], upper=False)[..., 0]
        return standard(noise) - self.root.diagonal(dim1=-2, dim2=-1).log().sum(-1)

    def downhill(self, slope: Tensor) -> Tensor:
        """M (slope + gradient in z of log det M / 2), (K, B, D)."""
        traces = torch.einsum("kbij,nij->kbn", self.itself, self.shapes) / 2
        return _times(self.inverse, slope + torch.einsum("kbn,kbnd->kbd", traces, self.rises))

    def bend(self, v: Tensor) -> Tensor:
        """Christoffel symbols times v, (K, B, D, D)."""
        moved = torch.einsum("nij,kbj->kbni", self.shapes, _times(self.itself, v))
        sideways = torch.einsum("kbni,kbnj->kbij", moved, self.rises)
        along = torch.einsum("kbn,nij->kbij", torch.einsum("kbnd,kbd->kbn", self.rises, v),
                             self.shapes)
        return ((self.inverse @ sideways.mT - along) @ self.itself - sideways) / 2


def _means(out: Output) -> Tensor:
    """Means of the posteriors, (B, D)."""
    try:
        return unbounded(out).mean.detach()
    except NotImplementedError:
        raise ValueError("rhvae needs a bottleneck whose posteriors have a known mean, such as "
                         "gaussian(2)") from None


def _times(matrix: Tensor, vector: Tensor) -> Tensor:
    return (matrix @ vector[..., None])[..., 0]


def kick(place: MetricAtPoint, v: Tensor, slope: Tensor, sizes: Tensor) -> tuple[Tensor, Tensor]:
    """Half a step of velocity v (K, B, D), given the gradient of log p(x, z). Returns the new v and
    the log determinant of its Jacobian, (K, B)."""
    half = sizes[:, None] / 2
    one = torch.eye(len(sizes), dtype=v.dtype, device=v.device)
    turn = one + half * place.bend(v)
    after = torch.linalg.solve(turn, v + half[:, 0] * place.downhill(slope))
    back = one - half * place.bend(after)
    return after, torch.linalg.slogdet(back)[1] - torch.linalg.slogdet(turn)[1]


def curved_leapfrog(
    pull: Force, metric: LatentMetric, z: Tensor, v: Tensor, slope: Tensor, sizes: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """One step of z and velocity v (K, B, D), given the gradient of log p(x, z) at z. Returns new
    z, v, log p(x, z), gradient, and the log determinant of the step's Jacobian (K, B)."""
    with full_precision(z):
        v, first = kick(metric.at(z), v, slope, sizes)
    z = z + sizes * v
    joint, slope = pull(z)
    with full_precision(z):
        v, second = kick(metric.at(z), v, slope, sizes)
    return z, v, joint, slope, first + second


@terms.add("rhvae", example="rhvae(1)")
class RHVAE(nn.Module):
    """Riemannian hvae: leapfrog steps in a space with a learned metric, so that they follow the
    data's codes (Chadebec et al., 2020, arXiv 2010.11518).

    The metric is built on the posterior means of the last `centroids` training samples, and on a
    network from each mean to its matrix (in the paper, from x). `temperature` is the range of a
    mean, `floor` what remains beyond. Steps are explicit, in velocities, with known determinants
    (Lan et al., 2015, arXiv 1211.3759). The paper's steps are implicit and solved in a few rounds,
    with an unknown change of volume, so their result is not a bound.
    """

    centroids: Tensor

    def __init__(self, model: nn.Module, steps: Count = 3, step_size: Positive = 0.05,
                 largest: Positive = 0.5, tempering: Positive = 0.3, centroids: Count = 100,
                 temperature: Positive = 1.5, floor: Positive = 0.01):
        super().__init__()
        first = model.sample_prior(centroids)  # type: ignore[operator]
        if first.ndim != 2:
            raise ValueError("rhvae needs a bottleneck whose code is a vector, such as gaussian(2)")
        self.dim, self.steps = first.shape[1], steps
        self.temperature, self.floor = temperature, floor
        self.pace = LeapfrogSteps((self.dim,), step_size, largest, tempering)
        self.register_buffer("centroids", first)
        last = nn.Linear(64, self.dim * (self.dim + 1) // 2)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        # so that the means together start as the identity, or the first velocities would explode
        nn.init.constant_(last.bias[:self.dim], -math.log(centroids) / 2)
        self.factor = nn.Sequential(nn.Linear(self.dim, 64), nn.ReLU(), last)

    def metric(self) -> LatentMetric:
        """The current metric."""
        centres = self.centroids.clone()   # this batch's means will overwrite them
        with full_precision(centres):
            numbers = self.factor(centres)
            root = numbers.new_zeros(len(centres), self.dim, self.dim)
            rows, columns = torch.tril_indices(self.dim, self.dim, -1, device=root.device)
            root[:, rows, columns] = numbers[:, self.dim:]
            root = root + torch.diag_embed(numbers[:, :self.dim].exp())
            return LatentMetric(centres, root @ root.mT, self.temperature, self.floor)

    def log_weights(self, out: Output, model: nn.Module, k: int) -> Tensor:
        """(K, B): the mean of their exponentials is an unbiased estimate of p(x)."""
        q = unbounded(out)
        z = q.rsample(torch.Size((k,)))
        sizes, heats, pull = self.pace.sizes, self.pace.heats(self.steps), force(out, model)
        metric = self.metric()
        with full_precision(z):
            v = _times(metric.at(z).root, torch.randn_like(z))
            weight = -nats(q, z) - metric.at(z).log_prob(v)
        v = heats[0] * v
        joint, slope = pull(z)
        for before, after in pairwise(heats):
            z, v, joint, slope, volume = curved_leapfrog(pull, metric, z, v, slope, sizes)
            v, weight = after / before * v, weight + volume
        with full_precision(z):
            return weight + joint + metric.at(z).log_prob(v)

    def forward(self, out: Output, model: nn.Module) -> Tensor:
        """(B,)."""
        means = _means(out)
        lost = -self.log_weights(out, model, 1)[0]
        if self.training:   # afterwards, so that no sample's loss depends on others in the batch
            self.centroids.copy_(torch.cat([means, self.centroids])[:len(self.centroids)])
        return lost
