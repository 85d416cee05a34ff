"""A prior, fitted to the codes of a run and saved with it."""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..core.contracts import CodeSpace
from ..core.expressions import read
from ..core.part_contracts import HasDensity, check_part, offers
from ..core.random_numbers import seeded
from ..core.registry import priors
from ..model.autoencoder import Autoencoder
from ..model.depth_limit import limited_depth
from .latents import TrainingCodes
from .run_cache import RunCache


@dataclass(frozen=True)
class FittedPrior:
    """A prior that is fitted to codes. A seed determines its samples."""

    text: str                   # as a user types it
    part: Any                   # of the registry of priors
    share: Tensor               # (G,) frequency of each class
    shape: tuple[int, ...]      # of one code

    @property
    def groups(self) -> int:
        """The number of classes that it is fitted to; 1 if it ignores classes."""
        return int(getattr(self.part, "groups", 1))

    @torch.no_grad()
    def sample(
        self, n: int, y: np.ndarray | None = None, temperature: float = 1.0, seed: int = 0
    ) -> tuple[np.ndarray, np.ndarray]:
        """n codes (N, ...) with classes (N,): y, or by default as frequent as in the data.

        A temperature below 1 gives more typical codes. Raises ValueError for a class without codes.
        """
        with seeded(seed):
            kinds = (torch.multinomial(self.share, n, replacement=True) if y is None
                     else torch.as_tensor(y, dtype=torch.long))
            if (self.share[kinds] == 0).any():
                raise ValueError("no training sample has this class, so there are no codes to "
                                 "sample it from")
            z = self.part.sample(kinds if self.groups > 1 else torch.zeros_like(kinds), temperature)
        return z.unflatten(1, self.shape).numpy(), kinds.numpy()

    @torch.no_grad()
    def log_prob(self, z: np.ndarray, y: np.ndarray | None = None) -> np.ndarray:
        """Log density (N,) of codes, in nats; over all classes without y. Raises ValueError for a
        prior without a density."""
        if not offers(self.part, HasDensity):
            raise ValueError(f"the prior {self.text} generates codes but has no density")
        flat = torch.as_tensor(z, dtype=torch.float32).flatten(1)
        if self.groups > 1 and y is None:
            log_probs = [self.part.log_prob(flat, torch.full((len(flat),), kind))
                         + self.share[kind].log()
                         for kind in self.share.nonzero().flatten().tolist()]
            return torch.logsumexp(torch.stack(log_probs), 0).numpy()
        kinds = torch.zeros(len(flat), dtype=torch.long) if self.groups == 1 else (
            torch.as_tensor(y, dtype=torch.long))
        density: np.ndarray = self.part.log_prob(flat, kinds).numpy()
        return density


def fit_prior(text: str, codes: TrainingCodes, classes: int, model: Autoencoder) -> FittedPrior:
    """Fit a prior to a model's codes. Raises ValueError for a wrong text."""
    z = codes.z.float().flatten(1)
    y = torch.zeros(len(z), dtype=torch.long) if codes.y is None else codes.y.long()
    share = torch.bincount(y, minlength=classes if codes.y is not None else 1) / len(y)
    if not torch.isfinite(z).all():
        raise ValueError("some codes are not finite, so no prior fits them; train the model again")
    with seeded(0):
        part = _made(text, _space(len(z), codes.z.shape[1:], len(share), model))
        check_part("prior", text, part)
        part.fit(z, y)
    return FittedPrior(str(read(text)), part.eval(), share, tuple(codes.z.shape[1:]))


def _made(text: str, space: CodeSpace) -> Any:
    """A prior that is not fitted yet. Raises ValueError for a wrong text, and for a large one."""
    with limited_depth():
        return priors.make(text, space)


def _space(count: int, shape: tuple[int, ...], groups: int, model: Autoencoder) -> CodeSpace:
    return CodeSpace(count, math.prod(shape), groups, model.sample_prior, tuple(shape),
                     model.alphabet)


def pack_prior(prior: FittedPrior, count: int) -> tuple[dict[str, Tensor], dict[str, str]]:
    """A prior that was fitted to `count` codes, as tensors and texts for a file."""
    about = {"text": prior.text, "shape": prior.shape, "count": count}
    return ({**prior.part.state_dict(prefix="part."), "share": prior.share},
            {"hourglass": json.dumps(about)})


def unpack_prior(
    tensors: dict[str, Tensor], texts: dict[str, str], model: Autoencoder, text: str = ""
) -> FittedPrior:
    """A prior from a file, perhaps with other sampling options. Raises ValueError, KeyError,
    TypeError or RuntimeError if the file is not a prior."""
    description = json.loads(texts["hourglass"])
    share, shape = tensors.pop("share"), tuple(description["shape"])
    space = _space(description["count"], shape, len(share), model)
    text = str(read(text or description["text"]))
    part = _made(text, space)
    part.load_state_dict({name.removeprefix("part."): t for name, t in tensors.items()})
    return FittedPrior(text, part.eval(), share, shape)


def knows_no_classes(text: str) -> bool:
    """Whether a prior gives the same samples for every class."""
    return getattr(priors.parts[read(text).name], "groups", 0) == 1


def prior_of(
    cache: RunCache, text: str, codes: Callable[[], TrainingCodes], classes: int,
    model: Autoencoder,
) -> FittedPrior:
    """A prior of a run: the saved one, or one that is fitted now and saved."""
    name = cache.marked_name("priors", priors, text)
    kept = cache.kept_tensors(name, lambda tensors, texts: unpack_prior(
        tensors, texts, model, text), marked=True)
    if kept is not None:
        return kept
    training_codes = codes()
    fitted = fit_prior(text, training_codes, classes, model)
    cache.keep_tensors(name, *pack_prior(fitted, len(training_codes.z)))
    return fitted
