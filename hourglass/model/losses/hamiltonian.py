"""The bound of a posterior that Hamiltonian dynamics move towards the true one."""

import math
from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, constraints

from ...core.contracts import Output
from ...core.distributions.support import support_of
from ...core.hints import Count, Positive
from ...core.registry import terms
from .importance_weights import drawable, log_joint, nats

Force = Callable[[Tensor], tuple[Tensor, Tensor]]   # z -> log p(x, z), and its gradient in z


def unbounded(out: Output) -> Distribution:
    """q(z|x). Raises ValueError if the codes have a bounded support."""
    q = drawable(out)
    if support_of(q) is not constraints.real or support_of(out.latent.p) not in (
            constraints.real, None):
        raise ValueError("the loss moves codes freely, so it needs a bottleneck with unbounded "
                         "codes, such as gaussian(16)")
    return q


def force(out: Output, model: nn.Module) -> Force:
    """log p(x, z), (K, B), and its gradient in z (K, B, ...), which can be differentiated again if
    gradients are enabled."""
    differentiable = torch.is_grad_enabled()

    def at(z: Tensor) -> tuple[Tensor, Tensor]:
        with torch.enable_grad():
            z = z if differentiable and z.requires_grad else z.detach().requires_grad_()
            joint = log_joint(out, model, z)
            slope, = torch.autograd.grad(joint.sum(), z, create_graph=differentiable)
        return joint if differentiable else joint.detach(), slope
    return at


def leapfrog(
    pull: Force, z: Tensor, rho: Tensor, slope: Tensor, sizes: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """One leapfrog step of z (K, B, ...) and momentum rho, given the gradient of log p(x, z) at z.
    Returns new z, rho, log p(x, z) and gradient. The step keeps volumes."""
    rho = rho + sizes / 2 * slope
    z = z + sizes * rho
    joint, slope = pull(z)
    return z, rho + sizes / 2 * slope, joint, slope


def standard(noise: Tensor) -> Tensor:
    """log N(noise | 0, 1), (K, B), of noise (K, B, ...)."""
    return (-noise.square() / 2 - math.log(2 * math.pi) / 2).flatten(2).sum(2)


class LeapfrogSteps(nn.Module):
    """Learned step sizes, one per latent dimension, and the learned initial temperature.

    The first momentum is sampled from N(0, 1/tempering). It cools to 1 with the square of the
    number of steps.
    """

    def __init__(self, shape: tuple[int, ...], step_size: float, largest: float, tempering: float):
        super().__init__()
        if not step_size < largest:
            raise ValueError(f"step_size must be below largest, {largest:g}, not {step_size:g}")
        if tempering > 1:
            raise ValueError(f"tempering must be above 0 and up to 1, not {tempering:g}")
        self.largest, self.tempered = largest, tempering < 1
        self.raw_sizes = nn.Parameter(torch.full(shape, _logit(step_size / largest)))
        if self.tempered:
            self.raw_tempering = nn.Parameter(torch.tensor(_logit(tempering)))

    @property
    def sizes(self) -> Tensor:
        """Step sizes, above 0 and below `largest`."""
        return self.largest * torch.sigmoid(self.raw_sizes)

    def heats(self, steps: int) -> Tensor:
        """Standard deviation of the momentum before and after each step, (steps + 1,)."""
        done = torch.linspace(0, 1, steps + 1, device=self.raw_sizes.device)
        if not self.tempered:
            return torch.ones_like(done)
        first = torch.rsqrt(torch.sigmoid(self.raw_tempering))
        return first + (1 - first) * done.square()


def _logit(share: float) -> float:
    return math.log(share / (1 - share))


@terms.add("hvae", example="hvae(1)")
class HVAE(nn.Module):
    """Negative Hamiltonian bound of log p(x), to use instead of "recon + kl": codes from q take
    leapfrog steps towards larger p(x, z) (Caterini et al., 2018, arXiv 1805.11328).

    Step sizes, below `largest`, and `tempering`, the inverse variance of the first momentum, are
    learned. tempering=1 switches tempering off.
    """

    def __init__(self, model: nn.Module, steps: Count = 3, step_size: Positive = 0.05,
                 largest: Positive = 0.5, tempering: Positive = 0.3):
        super().__init__()
        shape = model.sample_prior(1).shape[1:]  # type: ignore[operator]
        self.steps, self.pace = steps, LeapfrogSteps(shape, step_size, largest, tempering)

    def log_weights(self, out: Output, model: nn.Module, k: int) -> Tensor:
        """(K, B): the mean of their exponentials is an unbiased estimate of p(x)."""
        q = unbounded(out)
        z = q.rsample(torch.Size((k,)))
        noise = torch.randn_like(z)
        sizes, heats, pull = self.pace.sizes, self.pace.heats(self.steps), force(out, model)
        # cooling shrinks volumes by as much as the hot first momentum had stretched them
        started = nats(q, z) + standard(noise)
        rho = heats[0] * noise
        joint, slope = pull(z)
        for before, after in pairwise(heats):
            z, rho, joint, slope = leapfrog(pull, z, rho, slope, sizes)
            rho = after / before * rho
        return joint + standard(rho) - started

    def forward(self, out: Output, model: nn.Module) -> Tensor:
        """(B,)."""
        return -self.log_weights(out, model, 1)[0]
