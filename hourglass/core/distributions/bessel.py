"""Modified Bessel functions of the first kind, of any order from 0, in plain tensor operations."""

import math
from typing import Any

import torch
from torch import Tensor

HIGH = 16.0   # order from which the expansion is right to seven digits


def log_bessel(order: float, k: Tensor) -> tuple[Tensor, Tensor]:
    """log I(order, k) - k and the ratio I(order + 1, k) / I(order, k), for k > 0 of any shape.

    Both have their exact derivatives in k.
    """
    log, ratio = _LogBessel.apply(k, order)
    return log, ratio


class _LogBessel(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, k: Tensor, order: float) -> tuple[Tensor, Tensor]:
        steps = max(0, math.ceil(HIGH - order))
        log = _expanded(order + steps, k)
        ratio = torch.exp(_expanded(order + steps + 1, k) - log)
        for n in range(steps, 0, -1):   # the downward recurrence is stable
            ratio = 1 / (2 * (order + n) / k + ratio)
            log = log - ratio.log()
        ctx.save_for_backward(k, ratio)
        ctx.order = order
        return log, ratio

    @staticmethod
    def backward(ctx: Any, by_log: Tensor, by_ratio: Tensor) -> tuple[Tensor, None]:
        k, ratio = ctx.saved_tensors
        log = ratio + ctx.order / k - 1
        return by_log * log + by_ratio * ratio_slope(ctx.order, k, ratio), None


def ratio_slope(order: float, k: Tensor, ratio: Tensor) -> Tensor:
    """The derivative of I(order + 1, k) / I(order, k) in k."""
    return 1 - ratio.square() - (2 * order + 1) / k * ratio


def _expanded(order: float, k: Tensor) -> Tensor:
    """log I(order, k) - k of high order, by Debye's uniform expansion (NIST's Digital Library of
    Mathematical Functions, 10.41.3)."""
    z = k / order
    root = torch.sqrt(1 + z.square())
    p = 1 / root
    squared = p.square()
    terms = (
        p * (3 - 5 * squared) / 24,
        squared * (81 + squared * (-462 + 385 * squared)) / 1152,
        p**3 * (30375 + squared * (-369603 + squared * (765765 - 425425 * squared))) / 414720,
        p**4 * (4465125 + squared * (-94121676 + squared * (349922430 + squared * (
            -446185740 + 185910725 * squared)))) / 39813120)
    series = 1 + torch.stack([term / order**n for n, term in enumerate(terms, 1)]).sum(0)
    exponent = order * (1 / (root + z) + torch.log(z / (1 + root)))
    return exponent - (math.log(2 * math.pi * order) + root.log()) / 2 + torch.log(series)
