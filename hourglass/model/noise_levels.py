"""How noise is added to latents and taken away: noise levels, preconditioning and samplers.

A noisy latent is u + sigma * noise. A noising says how a network of fixed scale becomes a denoiser
D(x, sigma), the expected u, which noise levels training draws, and how it weighs them. `SAMPLERS`
follow the exact flow dx/dsigma = (x - D(x, sigma)) / sigma from the largest noise level to none.
"""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from ..core.expressions import read
from ..core.hints import Positive
from ..core.registry import Registry

Denoise = Callable[[Tensor, float], Tensor]   # x (N, *shape), sigma -> D, like x
SamplerName = Literal["heun", "euler", "dpm"]
LARGEST, SMALLEST = 80.0, 0.01   # noise levels that sampling begins with and goes towards
CURVE = 7.0                      # of the noise levels between (Karras et al., 2022)
EDGE = 1e-4                      # of uniform times, at either end


class Noising(NamedTuple):
    """D(x, sigma) = skip * x + out * F(scale * x, level), with the network F."""

    coefficients: Callable[[Tensor], tuple[Tensor, Tensor, Tensor, Tensor]]   # skip, out, scale,
    #                                                                         level of sigma
    draw: Callable[[Tensor], Tensor]   # standard normal numbers -> noise levels of training
    min_snr: float | None = None

    def weight(self, sigma: Tensor) -> Tensor:
        """Of the squared error of F at noise levels sigma, in training: 1, or so that the error of
        D has the weight min(1 / sigma^2, min_snr)."""
        if self.min_snr is None:
            return torch.ones_like(sigma)
        out = self.coefficients(sigma)[1]
        return out ** 2 * (1 / sigma ** 2).clamp(max=self.min_snr)


noisings = Registry("noising", __name__, 0, "(**options) -> Noising")


@noisings.add("flow")
def flow(
    times: Literal["logit_normal", "uniform"] = "logit_normal", mean: float = 0.0,
    std: Positive = 1.0, min_snr: Positive | None = None,
) -> Noising:
    """Flow matching (Lipman et al., 2023, arXiv 2210.02747): the network predicts the velocity from
    noise (time 0) to latents (time 1); time is 1 / (1 + sigma).

    Training draws `times` uniformly, or with a normal logit of this `mean` and `std` (Esser et al.,
    2024, arXiv 2403.03206). `min_snr`, such as 5, bounds the weight of small noise levels (Hang et
    al., 2023, arXiv 2303.09556).
    """
    if times not in ("logit_normal", "uniform"):
        raise ValueError(f"flow: times must be logit_normal or uniform, not {times!r}")
    return Noising(_straight, _uniform if times == "uniform" else (
        lambda normal: (std * normal - mean).exp()), min_snr)


@noisings.add("edm")
def edm(mean: float = -0.5, std: Positive = 1.2, min_snr: Positive | None = None) -> Noising:
    """Denoising whose network has inputs and targets of unit variance at every noise level (Karras
    et al., 2022, arXiv 2206.00364). The log noise levels of training are normal with this `mean`
    and `std`; `min_snr` is as in flow."""
    return Noising(_unit_variance, lambda normal: (mean + std * normal).exp(), min_snr)


def _straight(sigma: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    time = 1 / (1 + sigma)
    return time, 1 - time, time, time


def _unit_variance(sigma: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    whole = (1 + sigma ** 2).sqrt()
    return 1 / whole ** 2, sigma / whole, 1 / whole, torch.sigmoid(-sigma.log())


def _uniform(normal: Tensor) -> Tensor:
    """The noise levels of uniform times, from standard normal numbers."""
    time = torch.special.ndtr(normal).clamp(EDGE, 1 - EDGE)
    return (1 - time) / time


def noising_of(text: object) -> Noising:
    """The noising that a text names, such as "flow(min_snr=5)". Raises ValueError."""
    call = read(text)
    if call.name not in noisings.parts:
        raise ValueError(f"noising must be one of {', '.join(noisings.parts)}, not {call.name!r}")
    noising: Noising = noisings.build(call)
    return noising


NOISINGS: dict[str, Noising] = {"flow": flow(), "edm": edm()}


def noise_levels(steps: int, start: float = 1.0) -> list[float]:
    """The noise levels of that many steps, from the largest to 0. A `start` below 1 begins later,
    with less noise, to change an image instead of drawing a new one (`strength`).

    The last step, to 0, counts as one of the steps. Otherwise, one of two steps would begin where
    hardly any noise is left.
    """
    if steps < 1:
        raise ValueError(f"steps must be a whole number from 1, not {steps}")
    first, last = LARGEST ** (1 / CURVE), SMALLEST ** (1 / CURVE)
    begin = start_of(start) ** (1 / CURVE) if start < 1 else first
    return [(begin + i / steps * (last - begin)) ** CURVE for i in range(steps)] + [0.0]


def start_of(strength: float) -> float:
    """The noise level at which a change of that strength begins. The strength is the share of the
    straight path from noise to latents that remains: 0.5 is as much noise as latent."""
    return min(max(strength, 1e-3) / max(1 - strength, 1e-9), LARGEST)


def euler(denoise: Denoise, x: Tensor, levels: list[float]) -> Tensor:
    """Euler's method, which is DDIM without noise (Song et al., 2021, arXiv 2010.02502)."""
    for now, then in pairwise(levels):
        slope = (x - denoise(x, now)) / now
        x = x + (then - now) * slope
    return x


def heun(denoise: Denoise, x: Tensor, levels: list[float]) -> Tensor:
    """Heun's method, of second order, with two calls a step (Karras et al., 2022)."""
    for now, then in pairwise(levels):
        slope = (x - denoise(x, now)) / now
        guess = x + (then - now) * slope
        if then:
            slope = (slope + (guess - denoise(guess, then)) / then) / 2
            guess = x + (then - now) * slope
        x = guess
    return x


def dpm(denoise: Denoise, x: Tensor, levels: list[float]) -> Tensor:
    """DPM-Solver++ (2M), of second order, with one call a step (Lu et al., 2022, arXiv
    2211.01095)."""
    before: tuple[Tensor, float] | None = None   # the last D, and its step in log sigma
    for now, then in pairwise(levels):
        clean = denoise(x, now)
        if not then:
            return clean
        step = math.log(now / then)
        towards = clean
        if before is not None:
            share = step / (2 * before[1])
            towards = (1 + share) * clean - share * before[0]
        x = (then / now) * x - math.expm1(-step) * towards
        before = clean, step
    return x


SAMPLERS: dict[str, Callable[[Denoise, Tensor, list[float]], Tensor]] = {
    "heun": heun, "euler": euler, "dpm": dpm}
