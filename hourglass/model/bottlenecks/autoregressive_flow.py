"""A step of an inverse autoregressive flow."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Transform, constraints

from .projection import project

HIDDEN = 128
OPEN = 2.0   # initial bias of the gates: at first, a step changes little of z


class Autoregressive(nn.Module):
    """h (B, *code) -> s z + (1 - s) m, where the m and gate s of a dimension depend on h and on the
    earlier dimensions, by a masked network (Kingma et al., 2016, arXiv 1606.04934)."""

    def __init__(self, code: tuple[int, ...], dim: int):
        super().__init__()
        self.context = project(code, HIDDEN)
        factor, unit = torch.arange(dim), torch.arange(HIDDEN) % dim
        # hidden unit k sees the dimensions before k; dimension k sees units up to k
        self.inwards = MaskedLinear(factor < unit[:, None], bias=False)
        self.outwards = MaskedLinear((unit <= factor[:, None]).repeat(2, 1))

    def forward(self, h: Tensor) -> Transform:
        return AutoregressiveStep(self, self.context(h))

    def gates(self, z: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        """m and the logits of s, (..., D) each, for z (..., D)."""
        hidden = F.elu(self.inwards(z) + context)
        m, logits = self.outwards(hidden).chunk(2, dim=-1)
        return m, logits + OPEN


class MaskedLinear(nn.Linear):
    """A dense layer whose weights (outputs, inputs) are masked: some are always zero."""

    def __init__(self, mask: Tensor, bias: bool = True):
        super().__init__(mask.shape[1], mask.shape[0], bias)
        self.register_buffer("mask", mask.float(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight * self.get_buffer("mask"), self.bias)


class AutoregressiveStep(Transform):
    """z (..., D) -> s z + (1 - s) m, with the order of dimensions reversed for the next step."""

    bijective = True
    domain = codomain = constraints.real_vector

    def __init__(self, network: Autoregressive, context: Tensor):
        super().__init__(cache_size=1)
        self.network, self.context = network, context
        self.held: tuple[Tensor | None, Tensor | None] = None, None

    def _call(self, x: Tensor) -> Tensor:
        m, logits = self.network.gates(x, self.context)
        self.held = x, logits
        return torch.lerp(m, x, torch.sigmoid(logits)).flip(-1)

    def _inverse(self, y: Tensor) -> Tensor:
        """Invert one dimension after the other, as each needs the earlier ones."""
        y = y.flip(-1)
        x = torch.zeros_like(y)
        for factor in range(y.shape[-1]):
            m, logits = self.network.gates(x, self.context)
            # (y - (1 - s) m) / s
            whole = m + (y - m) * (1 + torch.exp(-logits))
            x = torch.cat([x[..., :factor], whole[..., factor:factor + 1], x[..., factor + 1:]], -1)
        return x

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        cached_x, logits = self.held
        if cached_x is not x or logits is None:
            logits = self.network.gates(x, self.context)[1]
        return F.logsigmoid(logits).sum(-1)
