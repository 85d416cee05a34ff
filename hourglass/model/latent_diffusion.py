"""Latent diffusion: a denoiser of latents, given a class and a text, and how samples are drawn."""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..core.registry import denoisers
from .noise_levels import SAMPLERS, Denoise, SamplerName, noise_levels, noising_of

WAVES = 64          # sines and cosines of the noise level
LONGEST = 1000.0    # period of the slowest, relative to the fastest
NOTHING, TEXT, CLASS = 0.1, 0.5, 0.2   # shares of training samples that get nothing, only the
#                                        text, only the class; the others get both


@dataclass(frozen=True)
class Condition:
    """The conditions of samples: classes y (B,), -1 for none, and features of texts (B, K).
    `has_text` (B,) is False for samples without a text."""

    y: Tensor
    text: Tensor
    has_text: Tensor

    def without(self, y: Tensor, text: Tensor) -> "Condition":
        """The same, without the classes and texts that these masks (B,) mark."""
        return Condition(torch.where(y, -1, self.y), self.text, self.has_text & ~text)

    def mixed(self, other: "Condition", share: Tensor) -> "Condition":
        """From this text to another one, by a share (B,) from 0 to 1."""
        text = torch.lerp(self.text, other.text, share[:, None])
        length = torch.lerp(self.text.norm(dim=1), other.text.norm(dim=1), share)
        scaled = F.normalize(text, dim=1) * length[:, None]
        return Condition(self.y, scaled, self.has_text | other.has_text)


@dataclass(frozen=True)
class Draw:
    """How samples are drawn."""

    steps: int = 20
    guidance: float = 1.0
    sampler: SamplerName = "dpm"
    temperature: float = 1.0
    strength: float = 1.0   # below 1: of the change of given latents


class LatentDiffusion(nn.Module):
    """A denoiser with its condition. `shape` is that of a latent, `classes` the number of classes,
    0 for none, `texts` the number of features of a text, 0 for none.

    Latents are standardised by `mean` and `std`, one each for a channel of maps or a number of
    vectors.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, denoiser: str, shape: tuple[int, ...], classes: int = 0, texts: int = 0,
                 noising: str = "flow"):
        super().__init__()
        self.shape, self.classes, self.texts = tuple(shape), classes, texts
        self.noising = noising_of(noising)
        self.denoiser = denoisers.make(denoiser, self.shape)
        width: int = self.denoiser.width
        self.level = nn.Sequential(nn.Linear(2 * WAVES, width), nn.SiLU(), nn.Linear(width, width))
        self.kinds = nn.Embedding(classes + 1, width)   # the last one is no class
        self.words = nn.Linear(max(texts, 1), width)
        self.wordless = nn.Parameter(torch.zeros(width))
        nn.init.normal_(self.kinds.weight, std=0.02)
        scale = (shape[0], *[1] * (len(shape) - 1))
        self.register_buffer("mean", torch.zeros(scale))
        self.register_buffer("std", torch.ones(scale))

    def denoised(self, x: Tensor, sigma: Tensor, condition: Condition) -> Tensor:
        """D(x, sigma): x (B, *shape) with noise of levels sigma (B,) -> the expected latents."""
        skip, out, scale, level = self._coefficients(sigma)
        return skip * x + out * self.predicted(scale * x, level.flatten(), condition)

    def predicted(self, x: Tensor, level: Tensor, condition: Condition) -> Tensor:
        """The network's output for x (B, *shape) at levels (B,) from 0 to 1."""
        prediction: Tensor = self.denoiser(x, self.condition(level, condition))
        return prediction

    def loss(self, u: Tensor, sigma: Tensor, noise: Tensor, condition: Condition) -> Tensor:
        """(B,) weighted mean squared error of the network, for standardised latents u (B,
        *shape)."""
        x = u + self._like(sigma, u) * noise
        skip, out, scale, level = self._coefficients(sigma)
        target = (u - skip * x) / out
        error = self.predicted(scale * x, level.flatten(), condition) - target
        return self.noising.weight(sigma) * error.square().flatten(1).mean(1)

    def condition(self, level: Tensor, condition: Condition) -> Tensor:
        """The vector (B, width) of levels (B,), classes and texts."""
        rates = torch.exp(torch.linspace(0, -math.log(LONGEST), WAVES, device=level.device))
        angles = LONGEST * level[:, None] * rates
        embedding = self.level(torch.cat([angles.sin(), angles.cos()], 1).to(level.dtype))
        embedding = embedding + self.kinds(torch.where(condition.y < 0, self.classes, condition.y))
        if not self.texts:
            return embedding
        text = torch.where(condition.has_text[:, None], self.words(condition.text), self.wordless)
        return embedding + text

    def nothing(self, count: int) -> Condition:
        """The conditions of samples without class and text."""
        device = self.mean.device
        return Condition(torch.full((count,), -1, device=device),
                         torch.zeros(count, max(self.texts, 1), device=device),
                         torch.zeros(count, dtype=torch.bool, device=device))

    def standardised(self, z: Tensor) -> Tensor:
        """Latents z (B, *shape) at mean 0 and standard deviation 1."""
        return (z - self.mean) / self.std

    def latents(self, u: Tensor) -> Tensor:
        """The reverse of `standardised`."""
        return u * self.std + self.mean

    @torch.no_grad()
    def sample(self, noise: Tensor, condition: Condition, against: Condition, draw: Draw,
               start: Tensor | None = None, kept: Tensor | None = None) -> Tensor:
        """Latents (B, *shape) from standard normal noise like them.

        `against` is what guidance leads away from: nothing, or a negative prompt. `start` are
        latents (B, *shape) that are changed by `draw.strength`; where `kept`, bool (B, *shape) or
        a shape that expands to it, they stay unchanged.
        """
        levels = noise_levels(draw.steps, draw.strength if start is not None else 1.0)
        x = draw.temperature * levels[0] * noise
        denoise = self.guided(condition, against, draw.guidance)
        if start is not None:
            u = self.standardised(start)
            x = x + u
            denoise = denoise if kept is None else holding(denoise, u, kept)
        return self.latents(SAMPLERS[draw.sampler](denoise, x, levels))

    def guided(
        self, condition: Condition, against: Condition, guidance: float
    ) -> Denoise:
        """The denoiser with classifier-free guidance (Ho & Salimans, 2022, arXiv 2207.12598)."""
        def denoise(x: Tensor, level: float) -> Tensor:
            sigma = x.new_full((len(x),), level)
            clean = self.denoised(x, sigma, condition)
            if guidance == 1:
                return clean
            other = self.denoised(x, sigma, against)
            return other + guidance * (clean - other)
        return denoise

    def _coefficients(self, sigma: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return self.noising.coefficients(sigma.view(-1, *[1] * len(self.shape)))

    def _like(self, sigma: Tensor, u: Tensor) -> Tensor:
        return sigma.view(-1, *[1] * (u.ndim - 1))


def holding(denoise: Denoise, u: Tensor, kept: Tensor) -> Denoise:
    """The denoiser of latents that are known to be u (B, *shape) where `kept`: there, the flow
    leads straight to them, and the other places see them under the noise of each step."""
    return lambda x, sigma: torch.where(kept, u, denoise(x, sigma))


def dropped(condition: Condition, chance: Tensor, classes: bool, texts: bool) -> Condition:
    """Leave out the class, the text or both, by uniform numbers (B,), so that the network learns
    each alone and neither."""
    if not (classes and texts):
        gone = chance < NOTHING
        return condition.without(gone, gone)
    only_class = (chance >= 1 - CLASS) & condition.has_text
    only_text = (chance >= NOTHING) & (chance < NOTHING + TEXT) & condition.has_text
    gone = chance < NOTHING
    return condition.without(gone | only_text, gone | only_class)
