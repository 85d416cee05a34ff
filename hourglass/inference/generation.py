"""Generate new samples: sample codes from a prior, and decode them."""

from collections.abc import Callable
from typing import Any

import numpy as np

from .fit_prior import FittedPrior, knows_no_classes
from .pipeline import Pipeline
from .prompted import NAME, DenoiserPrior, DiffusionWish

Drawn = tuple[np.ndarray, np.ndarray, np.ndarray]   # samples, their codes, their classes


class Sampler:
    """Generates samples. `prior` returns a prior by its text, fitted to the training samples'
    codes."""

    def __init__(self, pipeline: Pipeline, prior: Callable[[str], FittedPrior | DenoiserPrior],
                 has_denoiser: Callable[[], bool]):
        self.pipeline, self.prior, self.has_denoiser = pipeline, prior, has_denoiser
        self.model, self.classes = pipeline.network.model, pipeline.labels.classes

    def draw(self, n: int, y: Any, seed: int, prior: str, temperature: float,
             wish: DiffusionWish | None = None, top_k: int = 0) -> Drawn:
        """n samples as the model sees them, their codes (N, ...) and class indices (N,), if the
        prior or the model has classes. A `wish` is for latent diffusion. Lines of text are drawn
        token by token: there, `temperature` and `top_k` are of the tokens. Raises ValueError."""
        if self.model.of_tokens:
            if not 0 <= temperature < float("inf"):
                raise ValueError(f"temperature must be a number from 0, not {temperature}")
            z, names, labels = self.codes(n, y, seed, prior, 1.0, wish)
            class_ids = None if names is None else self.pipeline.labels.number(names, n)
            return self.pipeline.network.write(z, class_ids, temperature, top_k, seed), z, labels
        if top_k:
            raise ValueError("top_k is for lines of text, which are drawn token by token; leave "
                             "it out")
        z, names, labels = self.codes(n, y, seed, prior, temperature, wish)
        return self.pipeline.decode(z, names), z, labels

    def codes(
        self, n: int, y: Any, seed: int, prior: str, temperature: float,
        wish: DiffusionWish | None = None,
    ) -> tuple[np.ndarray, list[str] | None, np.ndarray]:
        """n codes (N, ...), the classes that a conditional decoder needs with them or None, and the
        class indices as in `draw`. Raises ValueError."""
        if not isinstance(n, int | np.integer) or n < 1:
            raise ValueError(f"n must be a whole number from 1, not {n}")
        if not 0 <= temperature < float("inf"):
            raise ValueError(f"temperature must be a number from 0, not {temperature}")
        prior = self.usual_prior(y is not None) if prior == "auto" else prior
        labels: np.ndarray | None
        asks = wish is not None and wish.is_told
        if asks and prior != NAME:
            raise ValueError(f"prompts, guidance and changed images need latent diffusion, and "
                             f"this would draw from the prior {prior}; train it with: hourglass "
                             f"train RUN --latent-diffusion dit")
        fitted = None if prior == "own" else self.prior(prior)
        conditional = self.model.condition is not None
        knows = conditional or (fitted is not None and fitted.groups > 1)
        if y is not None and not knows:
            raise ValueError(f"neither this model nor the prior {prior} has classes" + (
                "; try --prior per_class" if self.classes else ", as its data had none"))
        chosen = self.pipeline.labels.indices(y, n) if y is not None else (
            np.arange(n) % len(self.classes) if conditional else None)
        if isinstance(fitted, DenoiserPrior):
            z, labels = fitted.sample(n, chosen, temperature, seed, wish)
        elif fitted is None:   # the model's own prior needs no codes and no data
            z, labels = self.pipeline.network.own_codes(n, temperature, seed), chosen
        else:
            z, labels = fitted.sample(n, chosen, temperature, seed)
        if labels is None or not knows or (labels < 0).any():
            return z, None, np.empty(0, int)
        return z, [self.classes[label] for label in labels] if conditional else None, labels

    def usual_prior(self, with_class: bool) -> str:
        """The default prior, `with_class` if a class is chosen."""
        if self.has_denoiser():
            return NAME
        named = self.pipeline.inputs.description.parts.prior
        if named != "auto" and not (with_class and knows_no_classes(named)):
            return named
        conditional = self.model.condition is not None
        own = self.model.bottleneck.confined and (conditional or not with_class)
        return "own" if own else "mixture"
