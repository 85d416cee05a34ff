"""Check that the parts that a run names fit together, before it trains."""

import math

from ..core.contracts import CodeSpace
from ..core.expressions import read, read_sum
from ..core.part_contracts import check_part
from ..core.random_numbers import seeded
from ..core.registry import (
    backbones,
    bottlenecks,
    likelihoods,
    optimisers,
    priors,
    schedules,
    stops,
    terms,
)
from ..data.augmentations import augmenter
from ..data.scales import AS_IT_IS, read_range
from ..model.autoencoder import Autoencoder
from ..model.corruptions import corrupter
from ..run.settings import Settings

FEW_CODES = 100   # number of codes that a prior is tried with


def check_texts(settings: Settings) -> None:
    """Raises ValueError for invalid names and options, before reading the data takes time."""
    parts = settings.parts()
    for registry, text in ((backbones, parts.backbone), (backbones, parts.decoder),
                           (bottlenecks, parts.bottleneck), (likelihoods, parts.likelihood),
                           (optimisers, settings.optimiser), (schedules, settings.schedule),
                           (stops, settings.stop), (priors, parts.prior)):
        if text not in ("", "auto"):
            registry.check(read(text))
    for summand in read_sum(parts.loss):
        terms.check(summand.call)
    corrupter(parts.corruption)
    augmenter(settings.augment, 0.0, 1.0)
    if settings.range not in ("", AS_IT_IS):
        read_range(settings.range)


def check_prior(text: str, model: Autoencoder, classes: int) -> None:
    """Raises ValueError for a prior that cannot be fitted to the model's codes, before anything is
    trained that would be sampled by it. It is made for a few codes, and thrown away."""
    if text == "auto":
        return
    with seeded(None):
        shape = tuple(model.sample_prior(1).shape[1:])
        space = CodeSpace(FEW_CODES, math.prod(shape), max(1, classes), model.sample_prior, shape,
                          model.alphabet)
        check_part("prior", text, priors.make(text, space))
