"""Prompts, guidance and images to change, as a person gives them to latent diffusion."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypedDict

from ..core.hints import did_you_mean
from ..inference.prompted import DiffusionWish
from ..inference.trained import Trained
from ..model.noise_levels import SAMPLERS, SamplerName
from .pick_samples import one_class, picked


@dataclass(frozen=True)
class PromptOptions:
    """What latent diffusion is asked for. `image` is a path, an array or the number of an unseen
    sample; several prompts share the samples evenly."""

    prompts: tuple[str, ...] = ()
    negative: str = ""
    towards: str = ""
    guidance: float | None = None
    steps: int = 20
    sampler: str = "dpm"
    image: Any = ""
    strength: float = 0.6

    @property
    def is_told(self) -> bool:
        """Whether it needs latent diffusion."""
        plain = replace(self, image="")
        return plain != PromptOptions() or self.has_image

    @property
    def has_image(self) -> bool:
        """Whether an image is to be changed."""
        return not (isinstance(self.image, str) and not self.image)

    def wish(self, model: Trained, n: int, kind: str = "") -> DiffusionWish:
        """The same for n samples: a prompt each, and the code of the image. Raises ValueError."""
        if self.sampler not in SAMPLERS:
            raise ValueError(f"sampler must be one of {', '.join(SAMPLERS)}, not "
                             f"{self.sampler!r}")
        sampler: SamplerName = self.sampler   # type: ignore[assignment]
        if self.strength != PromptOptions.strength and not self.has_image:
            raise ValueError("--strength is of the change of an --image")
        return DiffusionWish(
            spread(self.prompts, n), self.negative, self.towards, self.guidance, self.steps,
            sampler, self._code(model, kind), self.strength)

    def _code(self, model: Trained, kind: str) -> Any:
        if not self.has_image:
            return None
        found = picked(model, [self.image])
        told = kind if model.model.condition is not None else ""
        return model.encode(found, one_class(model, found, told))


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
    strength: float


def as_options(given: PromptKeywords) -> PromptOptions:
    """The same options under their names in Python. Raises ValueError for other names."""
    options: dict[str, Any] = dict(given)
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
