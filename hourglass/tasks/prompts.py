"""Prompts, guidance and images to change, as a person gives them to latent diffusion."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypedDict

import numpy as np

from ..core.hints import did_you_mean
from ..inference.prompted import DiffusionWish
from ..inference.trained import Trained
from ..model.noise_levels import SAMPLERS, SamplerName
from .pick_samples import one_class, picked


@dataclass(frozen=True)
class PromptOptions:
    """What latent diffusion is asked for. `image` is a path, an array or the number of an unseen
    sample, `mask` a path or an array, bright where new content is generated; several prompts share
    the samples evenly."""

    prompts: tuple[str, ...] = ()
    negative: str = ""
    towards: str = ""
    guidance: float | None = None
    steps: int = 20
    sampler: str = "dpm"
    image: Any = ""
    strength: float | None = None
    mask: Any = ""

    @property
    def is_told(self) -> bool:
        """Whether it needs latent diffusion."""
        plain = replace(self, image="", mask="")
        return plain != PromptOptions() or self.has_image or self.has_mask

    @property
    def has_image(self) -> bool:
        """Whether there is an image to change."""
        return is_given(self.image)

    @property
    def has_mask(self) -> bool:
        """Whether only a part of it is."""
        return is_given(self.mask)

    def wish(self, model: Trained, n: int, kind: str = "") -> DiffusionWish:
        """The same for n samples: a prompt each, and the code of the image. Raises ValueError."""
        if self.sampler not in SAMPLERS:
            raise ValueError(f"sampler must be one of {', '.join(SAMPLERS)}, not "
                             f"{self.sampler!r}")
        sampler: SamplerName = self.sampler   # type: ignore[assignment]
        if self.strength is not None and not self.has_image:
            raise ValueError("--strength is of the change of an --image")
        return DiffusionWish(
            spread(self.prompts, n), self.negative, self.towards, self.guidance, self.steps,
            sampler, self._code(model, kind), self.strength, self._anew(model))

    def pasted(self, model: Trained, x: np.ndarray) -> np.ndarray:
        """Samples x (N, H, W, C) with the image's own pixels outside of the mask."""
        anew = self._anew(model)
        if anew is None:
            return x
        own = picked(model, [self.image]).x
        return np.where(anew[..., None], x, own).astype(x.dtype)

    def _code(self, model: Trained, kind: str) -> Any:
        if not self.has_image:
            return None
        collection = picked(model, [self.image])
        label = kind if model.model.condition is not None else ""
        return model.encode(collection, one_class(model, collection, label))


    def _anew(self, model: Trained) -> np.ndarray | None:
        """Bool (H, W): True where new content is generated; None for everywhere."""
        if not self.has_mask:
            return None
        if not self.has_image:
            raise ValueError("--mask says where an --image gets new content; pass --image too")
        if isinstance(self.mask, str | Path):
            grey = picked(model, [str(self.mask)]).x[0].mean(-1)
        else:
            grey = np.asarray(self.mask, np.float32)
            grey = grey.mean(-1) if grey.ndim == 3 else grey
        if grey.shape != model.shape[1:]:
            own, needed = ("x".join(map(str, shape)) for shape in (grey.shape, model.shape[1:]))
            raise ValueError(f"the mask has {own} pixels, and the model's images have {needed}")
        if grey.min() == grey.max():
            raise ValueError("the mask is the same everywhere; make it white where the image gets "
                             "new content, and black where it stays")
        return np.asarray(grey > (grey.min() + grey.max()) / 2)


def is_given(image: Any) -> bool:
    """Whether an image or mask is given: a path, an array or a number."""
    return not (isinstance(image, str) and not image)


def spread(prompts: Sequence[str], n: int) -> tuple[str, ...]:
    """A prompt for each of n samples, or the only one. Raises ValueError for more prompts than
    samples."""
    if len(prompts) <= 1:
        return tuple(prompts)
    if len(prompts) > n:
        raise ValueError(f"{len(prompts)} prompts need as many samples or more; give -n "
                         f"{len(prompts)}")
    return tuple(text for i, text in enumerate(prompts)
                 for _ in range(n // len(prompts) + (i < n % len(prompts))))


class PromptKeywords(TypedDict, total=False):
    """What model.generate takes of latent diffusion; see PromptOptions."""

    prompt: str | Sequence[str]
    negative: str
    to: str
    guidance: float | None
    steps: int
    sampler: str
    image: Any
    strength: float | None
    mask: Any


def as_options(keywords: PromptKeywords) -> PromptOptions:
    """The same options under their names in Python. Raises ValueError for other names."""
    options: dict[str, Any] = dict(keywords)
    known = PromptKeywords.__annotations__
    wrong = next((name for name in options if name not in known), "")
    if wrong:
        names = ("n", "label", "prior", "temperature", "seed", *known)
        raise TypeError(f"generate() takes no {wrong!r}; {did_you_mean(wrong, names)}")
    prompt = options.pop("prompt", ())
    options["prompts"] = (prompt,) if isinstance(prompt, str) else tuple(prompt)
    options["prompts"] = tuple(text for text in options["prompts"] if text)
    options["towards"] = options.pop("to", "")
    return PromptOptions(**options)
