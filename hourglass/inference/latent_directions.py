"""Directions in latent space along which an attribute grows."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from ..core.hints import did_you_mean
from ..core.tokens import PAD
from ..data.measures import MEASURED
from ..data.split_data import Source
from .latents import TrainingCodes

MOST = 5000       # most samples used
OF_LINES: dict[str, Callable[[Tensor], Tensor]] = {"length": lambda x: (x != PAD).sum(1)}
QUARTER = 0.25    # share of them with the largest, and with the smallest, measurement


@dataclass(frozen=True)
class Attribute:
    """A direction: the mean code of samples with an attribute, minus that of samples without it
    (Larsen et al., 2016, arXiv 1512.09300)."""

    name: str
    direction: np.ndarray     # (...), like one code


def find_attribute(
    name: str, codes: TrainingCodes, classes: tuple[str, ...], source: Callable[[], Source],
    of_lines: bool = False,
) -> Attribute:
    """The direction of a class against all others, or of a measurement: of images one of MEASURED,
    of lines of text (tokens (N, T)) their length.

    Raises ValueError for an unknown name.
    """
    z = codes.z.numpy()
    if name in classes and codes.y is not None:
        has = codes.y.numpy() == classes.index(name)
        if has.all() or not has.any():
            raise ValueError(f"all training samples or none are {name!r}, so there is no direction")
        return Attribute(name, between(z[~has], z[has]))
    measured = OF_LINES if of_lines else MEASURED
    if name not in measured:
        raise ValueError(f"no class and no measurement is named {name!r}; "
                         f"{did_you_mean(name, [*classes, *measured])}")
    few = np.linspace(0, len(z) - 1, min(MOST, len(z))).astype(int)
    x = source().splits["train"].batch(codes.rows[few]).x.cpu()
    if not of_lines and x.ndim != 4:
        raise ValueError(f"{name} can be measured only in images")
    order = measured[name](x).argsort().numpy()
    count = max(1, int(QUARTER * len(order)))
    return Attribute(name, between(z[few[order[:count]]], z[few[order[-count:]]]))


def between(lacking: np.ndarray, having: np.ndarray) -> np.ndarray:
    """The mean of the codes with the attribute minus the mean of those without."""
    direction: np.ndarray = having.mean(0) - lacking.mean(0)
    return direction
