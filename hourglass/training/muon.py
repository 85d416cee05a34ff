"""The Muon optimiser for whole networks. That of torch takes matrices only."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from ..core.precision import has_bf16

OF_VECTORS = 0.1   # learning rate of vectors, relative to that of matrices


class Muon(Optimizer):
    """Orthogonalised steps for matrices, Adam's for vectors. A convolution's kernel counts as a
    matrix with one row per output (Jordan et al., 2024, kellerjordan.github.io/posts/muon)."""

    def __init__(self, parameters: Iterable[nn.Parameter], lr: float, momentum: float,
                 weight_decay: float):
        super().__init__(parameters, {"lr": lr, "momentum": momentum,
                                      "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every weight that has a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    _move(weight, weight.grad, self.state[weight], **group)
        return loss


def _move(weight: Tensor, gradient: Tensor, state: dict[str, Any], lr: float, momentum: float,
          weight_decay: float, **_: Any) -> None:
    matrix = weight.ndim > 1
    rate = lr if matrix else lr * OF_VECTORS
    if not state:
        state["mean"] = torch.zeros_like(weight)
    change = _turned(state, gradient, momentum) if matrix else _adaptive(state, gradient)
    weight.mul_(1 - rate * weight_decay).sub_(change, alpha=rate)


def _turned(state: dict[str, Any], gradient: Tensor, momentum: float) -> Tensor:
    """The step of a matrix: Nesterov momentum, orthogonalised."""
    mean = state["mean"].lerp_(gradient, 1 - momentum)
    ahead = gradient.lerp(mean, momentum).flatten(1)
    rows, columns = ahead.shape
    return (max(1, rows / columns) ** 0.5 * orthogonal(ahead)).view(gradient.shape)


def _adaptive(state: dict[str, Any], gradient: Tensor) -> Tensor:
    """The step of a vector: Adam's, with its usual decays of 0.9 and 0.999."""
    if "square" not in state:
        state["step"], state["square"] = 0, torch.zeros_like(gradient)
    state["step"] += 1
    mean = state["mean"].lerp_(gradient, 1 - 0.9) / (1 - 0.9 ** state["step"])
    square = state["square"].lerp_(gradient ** 2, 1 - 0.999) / (1 - 0.999 ** state["step"])
    return mean / (square.sqrt() + 1e-8)


def orthogonal(m: Tensor) -> Tensor:
    """Approximate the nearest matrix whose singular values are all 1, (R, C) -> (R, C).

    After five Newton-Schulz steps, they lie between 0.6 and 1.3."""
    wide = m if len(m) <= m.shape[1] else m.T
    x = wide.bfloat16() if has_bf16(m.device) else wide
    x = x / (x.norm() + 1e-7)
    for _ in range(5):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=-4.7750, alpha=2.0315), x,
                        beta=3.4445)
    return (x if wide is m else x.T).to(m.dtype)
