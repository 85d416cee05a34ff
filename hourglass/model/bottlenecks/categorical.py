"""Variational bottlenecks with categories, alone or together with continuous latents."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...core.contracts import Alphabet, Latent
from ...core.hints import Count, NotNegative, Positive
from ...core.registry import bottlenecks
from .gaussian_categorical import RelaxedLatents
from .projection import project, unproject

STEEPEST = 20.0   # log variance stays within +-20


class CategoricalBottleneck(nn.Module):
    """q(z|x) with `dim` Gaussian latents and a category for each of `classes`; p(z) is N(0, 1) and
    uniform. The sampling temperature falls by the share `cooling` per training step, down to
    `coldest`. Without `draw`, z holds the means and the most probable classes."""

    confined = True
    steps: Tensor

    def __init__(self, sides: tuple[tuple[int, ...], tuple[int, ...]], dim: int,
                 classes: tuple[int, ...], heat: tuple[float, float, float]):
        super().__init__()
        self.dim, self.classes, self.books = dim, classes, len(classes)
        self.temperature, self.cooling, self.coldest = heat
        self.reduce = project(sides[0], 2 * dim + sum(classes))
        self.expand = unproject(dim + sum(classes), sides[1])
        self.register_buffer("steps", torch.zeros(()))

    @property
    def heat(self) -> Tensor:
        """The current temperature, ()."""
        fallen = self.temperature * torch.exp(-self.cooling * self.steps)
        return fallen.clamp(min=min(self.coldest, self.temperature))

    @property
    def alphabet(self) -> Alphabet | None:
        """The tokens, if z has only categories with equal numbers of classes."""
        if self.dim or len(set(self.classes)) > 1:
            return None
        return Alphabet(self.classes[0], (len(self.classes),), self._read, self._write)

    def forward(self, h: Tensor, draw: bool = False) -> Latent:
        if self.training and draw:
            self.steps.add_(1)
        mean, log_var, *logits = self.reduce(h).split((self.dim, self.dim, *self.classes), 1)
        # a soft limit: unlike a clamp it leaves a gradient everywhere
        log_var = STEEPEST * torch.tanh(log_var / STEEPEST)
        q = RelaxedLatents(mean, torch.exp(log_var / 2), tuple(logits), self.heat)
        p = RelaxedLatents(torch.zeros_like(mean), torch.ones_like(mean),
                           tuple(torch.zeros_like(some) for some in logits), self.heat)
        codes = torch.stack([some.argmax(1) for some in logits], 1)
        return Latent(q.rsample() if draw else q.mean, q, p, codes)

    def settle(self, z: Tensor) -> Tensor:
        """Replace every mixture of classes in z by its most probable class."""
        numbers, *soft = z.split((self.dim, *self.classes), 1)
        return torch.cat([numbers, *(_hot(some.argmax(1), some.shape[1]) for some in soft)], 1)

    def sample_prior(self, n: int) -> Tensor:
        hot = [_hot(torch.randint(count, (n,)), count) for count in self.classes]
        return torch.cat([torch.randn(n, self.dim), *hot], 1)

    def _read(self, z: Tensor) -> Tensor:
        return z.unflatten(1, (len(self.classes), -1)).argmax(2)

    def _write(self, words: Tensor) -> Tensor:
        return _hot(words, self.classes[0]).flatten(1)


def _hot(words: Tensor, classes: int) -> Tensor:
    return F.one_hot(words, classes).float()


@bottlenecks.add("categorical")
def categorical(
    code: tuple[int, ...], back: tuple[int, ...], dim: Count = 16, classes: Count = 8,
    temperature: Positive = 1.0, cooling: NotNegative = 1e-4, coldest: Positive = 0.5,
) -> nn.Module:
    """`dim` categories with `classes` classes each, sampled as relaxed one-hots by Gumbel-softmax
    (Jang et al., 2017, arXiv 1611.01144; Maddison et al., 2017, arXiv 1611.00712). The temperature
    falls by the share `cooling` per training step, down to `coldest`.
    """
    return CategoricalBottleneck((code, back), 0, (classes,) * dim, (temperature, cooling, coldest))


@bottlenecks.add("joint")
def joint(
    code: tuple[int, ...], back: tuple[int, ...], dim: Count = 10,
    classes: tuple[Count, ...] = (10,), temperature: Positive = 0.67,
) -> nn.Module:
    """`dim` Gaussian latents, and a category for each number of classes in `classes` (Dupont, 2018,
    arXiv 1804.00104). Relaxed one-hots are sampled at this temperature.
    """
    if not classes:
        raise ValueError("joint needs classes, such as joint(10, classes=(10,)); without classes, "
                         "use gaussian(10)")
    return CategoricalBottleneck((code, back), dim, classes, (temperature, 0.0, temperature))
