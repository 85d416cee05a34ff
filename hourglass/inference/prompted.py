"""The latent diffusion of a run, which draws codes for classes and prompts."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..core.console import say
from ..core.expressions import read
from ..core.random_numbers import seeded
from ..core.registry import text_encoders
from ..model.latent_diffusion import Condition, Draw, LatentDiffusion
from ..model.noise_levels import SAMPLERS, SamplerName
from ..run.denoiser_file import DenoiserDescription, read_denoiser
from ..run.folder import RunFolder
from .batches import patiently

NAME = "latent_diffusion"   # of this prior
BATCH = 64                  # codes that are drawn together
GUIDED = 4.0                # guidance with a prompt, unless another is asked for
MOST_STEPS = 1000
CHANGED = 0.6               # strength of the change of an image


@dataclass(frozen=True)
class DiffusionWish:
    """What latent diffusion is asked for, besides a number, classes and a seed."""

    prompts: tuple[str, ...] = ()       # one for all samples, or one each
    negative: str = ""                  # what samples should not show
    towards: str = ""                   # the prompt that the last sample has, mixed in between
    guidance: float | None = None       # default: 4 with a prompt, otherwise 1
    steps: int = 20
    sampler: SamplerName = "dpm"
    start: np.ndarray | None = None     # codes (1 or N, ...) that are changed
    strength: float | None = None       # of that change, to 1; default: 0.6, or 1 with `anew`
    anew: np.ndarray | None = None      # bool (H, W): where an image gets new content

    @property
    def is_told(self) -> bool:
        """Whether it needs latent diffusion."""
        changes_image = self.start is not None or self.anew is not None
        return changes_image or self != DiffusionWish()

    @property
    def share(self) -> float:
        """How strongly given codes are changed, from 0 to 1; 1 without any."""
        usual = CHANGED if self.anew is None else 1.0
        return 1.0 if self.start is None else usual if self.strength is None else self.strength

    def check(self) -> None:
        """Raises ValueError for what has no meaning."""
        if not 1 <= self.steps <= MOST_STEPS:
            raise ValueError(f"steps must be a whole number from 1 to {MOST_STEPS:,}, not "
                             f"{self.steps}")
        if self.guidance is not None and not 0 <= self.guidance <= 100:
            raise ValueError(f"guidance must be a number from 0 to 100, not {self.guidance}")
        if self.strength is not None and not 0 < self.strength <= 1:
            raise ValueError(f"strength must be a number above 0 and up to 1, not {self.strength}")
        if self.sampler not in SAMPLERS:
            raise ValueError(f"sampler must be one of {', '.join(SAMPLERS)}, not "
                             f"{self.sampler!r}")
        if (self.towards or self.negative) and not self.prompts:
            raise ValueError("a second or negative prompt needs a --prompt")
        if self.towards and len(set(self.prompts)) > 1:
            raise ValueError("--to leads from one --prompt to another, so give one --prompt")


@dataclass(frozen=True)
class DenoiserPrior:
    """A prior like the fitted ones, but trained for longer, and with more conditions."""

    model: LatentDiffusion
    about: DenoiserDescription
    device: torch.device
    encoder: Any = None   # of texts

    text = NAME

    @property
    def groups(self) -> int:
        """How many classes it tells apart; 1 if none."""
        return max(1, self.about.classes)

    @property
    def share(self) -> Tensor:
        """(G,) frequency of each class."""
        return torch.tensor(self.about.share or (1.0,), dtype=torch.float32)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one code."""
        return self.about.shape

    def log_prob(self, z: np.ndarray, y: np.ndarray | None = None) -> np.ndarray:
        """Refused: raises ValueError."""
        raise ValueError(f"the prior {NAME} generates codes but has no density")

    def sample(
        self, n: int, y: np.ndarray | None = None, temperature: float = 1.0, seed: int = 0,
        wish: DiffusionWish | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """n codes (N, ...) with classes (N,): y; by default as frequent as in the data, or -1 with
        a prompt. Raises ValueError for what it was not trained on."""
        wish = wish or DiffusionWish()
        wish.check()
        kept = None if wish.anew is None else kept_places(wish.anew, self.shape).to(self.device)
        draw = Draw(wish.steps, self._guidance(wish), wish.sampler, temperature, wish.share)
        with seeded(seed):   # on the CPU, so that every device draws the same
            noise = torch.randn(n, *self.shape)
            kinds = self._kinds(n, y, wish)
        condition, against = self._told(n, kinds, wish)
        start = None if wish.start is None else torch.from_numpy(
            np.ascontiguousarray(wish.start)).float().expand(n, *self.shape)
        codes = []
        starts = range(0, n, BATCH)
        for first in patiently(starts, len(starts), "drawing codes"):
            cut = slice(first, first + BATCH)
            codes.append(self.model.sample(
                noise[cut].to(self.device), _cut(condition, cut), _cut(against, cut), draw,
                None if start is None else start[cut].to(self.device), kept).cpu())
        return torch.cat(codes).numpy(), kinds.numpy()

    def _guidance(self, wish: DiffusionWish) -> float:
        return wish.guidance if wish.guidance is not None else GUIDED if wish.prompts else 1.0

    def _kinds(self, n: int, y: np.ndarray | None, wish: DiffusionWish) -> Tensor:
        if y is not None:
            kinds = torch.as_tensor(y, dtype=torch.long)
            if self.about.classes and (self.share[kinds] == 0).any():
                raise ValueError("no training sample has this class, so latent diffusion has not "
                                 "learnt it")
            return kinds
        if wish.prompts or wish.start is not None or not self.about.classes:
            return torch.full((n,), -1 if self.about.classes else 0)
        return torch.multinomial(self.share, n, replacement=True)

    def _told(self, n: int, kinds: Tensor, wish: DiffusionWish) -> tuple[Condition, Condition]:
        """The conditions of the samples, and those that guidance leads away from."""
        nothing = self.model.nothing(n)
        y = (kinds if self.about.classes else torch.full((n,), -1)).to(self.device)
        condition, against = replace(nothing, y=y), nothing
        if wish.prompts:
            condition = replace(condition, **self._texts(wish.prompts, n))
        if wish.towards:
            end = replace(condition, **self._texts((wish.towards,), n))
            condition = condition.mixed(end, torch.linspace(0, 1, n, device=self.device))
        if wish.negative:
            against = replace(nothing, **self._texts((wish.negative,), n))
        return condition, against

    def _texts(self, texts: Sequence[str], n: int) -> dict[str, Tensor]:
        """The features of texts: one for all samples, or one each."""
        if self.encoder is None:
            raise ValueError("this latent diffusion was trained without texts, so it knows no "
                             "prompts; use --class, or train it with --text words")
        if len(texts) not in (1, n):
            raise ValueError(f"{len(texts)} prompts for {n} samples; give one, or one for each")
        different = list(dict.fromkeys(texts))
        for text in different:
            self._check(text)
        features = self.encoder.features(different).to(self.device)
        rows = torch.tensor([different.index(text) for text in texts], device=self.device)
        return {"text": features[rows].expand(n, -1),
                "has_text": torch.ones(n, dtype=torch.bool, device=self.device)}

    def _check(self, text: str) -> None:
        """Say which words a text encoder does not know. Raises ValueError if it knows none."""
        if not text.strip():
            raise ValueError("an empty prompt says nothing; leave it out")
        unknown = self.encoder.unknown(text)
        if not unknown:
            return
        words = ", ".join(map(repr, unknown))
        if not self.encoder.features([text]).any():
            raise ValueError(f"no caption that training saw has a word of the prompt {text!r}. Use "
                             f"words of the captions, or train with --text minilm, which knows "
                             f"what words mean")
        say(f"left out of the prompt, as no caption had it: {words}")


def kept_places(anew: np.ndarray, shape: tuple[int, ...]) -> Tensor:
    """Bool (1, 1, h, w): the places of a latent map (C, h, w) that stay unchanged when the pixels
    `anew` (H, W) of an image are redrawn. A place is redrawn if any of its pixels is. Raises
    ValueError for latents that are not maps."""
    if len(shape) != 3:
        raise ValueError("a mask needs latents that are maps, such as those of gaussian_map; the "
                         "latents of this run are vectors")
    changed = torch.from_numpy(np.ascontiguousarray(anew))[None, None].float()
    redrawn = F.adaptive_max_pool2d(changed, shape[1:])
    if any(side % places for side, places in zip(anew.shape, shape[1:], strict=True)):
        # the image was padded, so the place may be the neighbouring one
        redrawn = F.max_pool2d(redrawn, 3, 1, 1)
    return redrawn == 0


def _cut(condition: Condition, rows: slice) -> Condition:
    return Condition(condition.y[rows], condition.text[rows], condition.has_text[rows])


def denoiser_prior(folder: RunFolder, device: torch.device) -> DenoiserPrior | None:
    """The latent diffusion of a run, on that device; None if it has none. Raises ValueError for a
    damaged file, and where the package of its text encoder is missing."""
    saved = read_denoiser(folder)
    if saved is None:
        return None
    model, about = saved
    encoder = text_encoders.build(read(about.text), about.remembers) if about.text else None
    if encoder is not None and encoder.size != about.size:
        raise ValueError(f"the text encoder {about.text} gives {encoder.size} features, and this "
                         f"latent diffusion was trained with {about.size}; its file was altered")
    return DenoiserPrior(model.to(device), about, device, encoder)
