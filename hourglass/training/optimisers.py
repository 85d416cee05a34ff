"""Optimisers: `(parameters, lr, **options)` -> a torch optimiser. Without lr, its usual rate."""

from collections.abc import Iterable

import torch
from torch import nn, optim
from torch.optim import Optimizer

from ..core.hints import NotNegative, Rate
from ..core.registry import optimisers
from .muon import Muon

Weights = Iterable[nn.Parameter]


def _fused(parameters: Weights) -> tuple[list[nn.Parameter], bool]:
    """The parameters, and whether one fused kernel may update all of them."""
    weights = list(parameters)
    return weights, all(w.device.type in ("cpu", "cuda") and w.is_floating_point() for w in weights)


@optimisers.add("adam")
def adam(parameters: Weights, lr: float | None, beta1: Rate = 0.9, beta2: Rate = 0.999,
         eps: NotNegative = 1e-8, weight_decay: NotNegative = 0.0) -> Optimizer:
    """Adam (Kingma & Ba, 2015, arXiv 1412.6980). Default lr: 0.002."""
    weights, fused = _fused(parameters)
    return optim.Adam(weights, lr or 2e-3, (beta1, beta2), eps, weight_decay, fused=fused)


@optimisers.add("adamw")
def adamw(parameters: Weights, lr: float | None, beta1: Rate = 0.9, beta2: Rate = 0.999,
          eps: NotNegative = 1e-8, weight_decay: NotNegative = 0.01) -> Optimizer:
    """Adam with decoupled weight decay (Loshchilov & Hutter, 2019, arXiv 1711.05101). Default lr:
    0.002."""
    weights, fused = _fused(parameters)
    return optim.AdamW(weights, lr or 2e-3, (beta1, beta2), eps, weight_decay, fused=fused)


@optimisers.add("adamax")
def adamax(parameters: Weights, lr: float | None, beta1: Rate = 0.9, beta2: Rate = 0.999,
           weight_decay: NotNegative = 0.0) -> Optimizer:
    """Adamax: Adam with the infinity norm (Kingma & Ba, 2015). Default lr: 0.002."""
    return optim.Adamax(parameters, lr or 2e-3, (beta1, beta2), weight_decay=weight_decay)


@optimisers.add("nadam")
def nadam(parameters: Weights, lr: float | None, beta1: Rate = 0.9, beta2: Rate = 0.999,
          weight_decay: NotNegative = 0.0) -> Optimizer:
    """Adam with Nesterov momentum (Dozat, 2016). Default lr: 0.002."""
    return optim.NAdam(parameters, lr or 2e-3, (beta1, beta2), weight_decay=weight_decay)


@optimisers.add("muon")
def muon(parameters: Weights, lr: float | None, momentum: Rate = 0.95,
         weight_decay: NotNegative = 0.0) -> Optimizer:
    """Muon: orthogonalised steps for matrices, Adam for vectors at a tenth of the rate. Steps are
    fewer and slower; for dense layers (Jordan et al., 2024, kellerjordan.github.io/posts/muon).
    Default lr: 0.02."""
    return Muon(parameters, lr or 2e-2, momentum, weight_decay)


@optimisers.add("adadelta")
def adadelta(parameters: Weights, lr: float | None, rho: Rate = 0.9,
             weight_decay: NotNegative = 0.0) -> Optimizer:
    """Adadelta (Zeiler, 2012, arXiv 1212.5701). Default lr: 1."""
    return optim.Adadelta(parameters, lr or 1.0, rho, weight_decay=weight_decay)


@optimisers.add("adagrad")
def adagrad(parameters: Weights, lr: float | None, weight_decay: NotNegative = 0.0) -> Optimizer:
    """Adagrad (Duchi et al., 2011). Default lr: 0.01."""
    return optim.Adagrad(parameters, lr or 1e-2, weight_decay=weight_decay)


@optimisers.add("rmsprop")
def rmsprop(parameters: Weights, lr: float | None, alpha: Rate = 0.99, momentum: Rate = 0.0,
            weight_decay: NotNegative = 0.0) -> Optimizer:
    """RMSprop (Tieleman & Hinton, 2012). Default lr: 0.001."""
    return optim.RMSprop(parameters, lr or 1e-3, alpha, momentum=momentum,
                         weight_decay=weight_decay)


@optimisers.add("sgd")
def sgd(parameters: Weights, lr: float | None, momentum: Rate = 0.9, nesterov: bool = False,
        weight_decay: NotNegative = 0.0) -> Optimizer:
    """Stochastic gradient descent. Default lr: 0.0001, as losses are summed over all pixels."""
    return optim.SGD(parameters, lr or 1e-4, momentum, nesterov=nesterov,
                     weight_decay=weight_decay)


def state_tensors(optimiser: Optimizer) -> tuple[dict[str, torch.Tensor], dict[str, float]]:
    """An optimiser's state as flat tensors and numbers, named "weight/name"."""
    flat = {f"{weight}/{what}": value
            for weight, values in optimiser.state_dict()["state"].items()
            for what, value in values.items()}
    tensors = {name: value for name, value in flat.items() if isinstance(value, torch.Tensor)}
    return tensors, {name: value for name, value in flat.items() if name not in tensors}


def load_state(
    optimiser: Optimizer, tensors: dict[str, torch.Tensor], numbers: dict[str, float]
) -> None:
    """Load what `state_tensors` returned. Each tensor gets the memory layout of its weight."""
    weights = [weight for group in optimiser.param_groups for weight in group["params"]]
    state: dict[int, dict[str, object]] = {}
    for name, value in {**tensors, **numbers}.items():
        number, _, what = name.partition("/")
        weight = weights[int(number)]
        if isinstance(value, torch.Tensor) and value.shape == weight.shape:
            value = torch.empty_like(weight, dtype=value.dtype).copy_(value)
        state.setdefault(int(number), {})[what] = value
    optimiser.load_state_dict({**optimiser.state_dict(), "state": state})
