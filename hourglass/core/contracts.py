"""What the parts hand to one another. Shapes: B batch, D latent, C H W image, N samples."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from torch import Tensor, nn
from torch.distributions import Distribution


@dataclass(frozen=True)
class Batch:
    """What a split yields."""

    x: Tensor                      # (B, C, H, W), (B, C, T) or (B, D), as float
    y: Tensor | None = None        # (B,) integer labels
    given: Tensor | None = None    # what the encoder is to see in place of x, if not x itself
    known: Tensor | None = None    # like x: 1 where it is known; else x is 0
    told: Tensor | None = None     # y as training may know it: -1 where it may not

    @property
    def seen(self) -> Tensor:
        """What the encoder is to see, like x."""
        return self.x if self.given is None else self.given


class Corrupted(NamedTuple):
    """What corruptions make of a batch."""

    x: Tensor                # (B, *shape), what the encoder is to see
    hidden: Tensor | None    # like x, bool: the values that this no longer tells; None: no mask


@dataclass(frozen=True)
class Factors:
    """What samples were made of, where that is known."""

    values: np.ndarray                # (N, F) integers: which of its values each factor has
    names: tuple[str, ...]            # (F,)
    unordered: tuple[str, ...] = ()   # the names of those whose values are mere kinds

    def of(self, rows: np.ndarray) -> "Factors":
        """Those of the samples with these numbers."""
        return Factors(self.values[rows], self.names, self.unordered)


@dataclass(frozen=True)
class Scale:
    """How a data set's numbers become those that a model sees: (x - offset) * factor. There is one
    for a data set. It is found once and kept with the model."""

    offset: float = 0.0
    factor: float = 1.0
    low: float = float("-inf")   # the least and
    high: float = float("inf")   # the greatest number, in the data's own units
    bits: int = 0                # depth of whole numbers, such as 12; 0 for others
    clip: bool = False           # whether numbers outside become the nearest of low and high
    what: str = "numbers"        # such as "16-bit images"

    @property
    def kept(self) -> bool:
        """Whether numbers stay as they are."""
        return self.offset == 0 and self.factor == 1

    @property
    def bounded(self) -> bool:
        """Whether a model sees numbers from 0 to 1 alone."""
        ends = [(end - self.offset) * self.factor for end in (self.low, self.high)]
        return min(ends) >= -1e-6 and max(ends) <= 1 + 1e-6

    @property
    def words(self) -> str:
        """The same in one line."""
        line = f"{self.what}, values {self.low:,.6g} to {self.high:,.6g}"
        if self.kept:
            return f"{line}, as they are"
        worth = abs(self.factor)
        by = f"1/{1 / worth:,.6g}" if worth < 1 else f"{worth:,.6g}"
        if self.factor < 0:
            return f"{line}, inverted and scaled by {by}"
        moved = f"shifted by {-self.offset:,.6g} and " if self.offset else ""
        return f"{line}, {moved}scaled by {by}"

    def apply(self, x: np.ndarray) -> np.ndarray:
        """Numbers in the data's own units (N, ...) as a model sees them, float32."""
        values: np.ndarray = np.array(x, np.float64 if x.dtype.itemsize > 4 else np.float32)
        if not self.kept:
            values -= self.offset
            values *= values.dtype.type(self.factor)
        if self.clip:
            values = np.clip(values, 0, 1)   # NaN stays
        return values.astype(np.float32, copy=False)

    def back(self, seen: np.ndarray) -> np.ndarray:
        """What a model sees or makes (N, ...) in the data's own units, and in a type that holds
        them: whole numbers where the data had these, else float32."""
        values = seen.astype(np.float64) / self.factor + self.offset
        if not self.bits:
            return values.astype(np.float32)
        bits = next((size for size in (8, 16) if self.bits <= size), 32)
        kind = np.dtype(f"{'int' if self.low < 0 else 'uint'}{bits}")
        return np.rint(values).clip(np.iinfo(kind).min, np.iinfo(kind).max).astype(kind)

    def fits_pictures(self, channels: int) -> bool:
        """Whether a PNG of 8 bits holds such images of so many channels whole."""
        return channels in (1, 3) and (self.bits == 8 or (self.kept and self.bounded))


@dataclass
class Collection:
    """What a data source returns: all its samples, not yet split.

    Images are (N, H, W, C) of any number of channels, uint8, uint16, int16 or float32 as the source
    is; series are (N, T, C), vectors (N, D). A missing number is NaN.
    """

    x: np.ndarray
    y: np.ndarray | None = None                            # (N,) integer labels
    classes: tuple[str, ...] = ()
    names: tuple[str, ...] = ()                            # of each sample: a file's, if it has one
    parts: dict[str, np.ndarray] = field(default_factory=dict)   # the set's own splits, as indices
    notes: list[str] = field(default_factory=list)         # what the run should say of the data
    identity: dict[str, Any] = field(default_factory=dict)  # what tells this data from other data
    sizes: dict[str, int] = field(default_factory=dict)    # files' own, of some that were looked at
    given: np.ndarray | None = None                        # like x: what the encoder is to see
    raw: "Raw | None" = None         # what x was made of, where its scale is to be learnt
    encoding: dict[str, Any] = field(default_factory=dict)   # how it was, as JSON can hold it
    unreadable: tuple[str, ...] = ()                       # files that are left out
    factors: Factors | None = None                         # what its samples were made of
    scale: Scale | None = None       # how x becomes what a model sees; None: x itself tells

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one sample as a model sees it: (C, H, W), (C, T) or (D,)."""
        *places, channels = self.x.shape[1:]
        return (channels, *places)


class Raw(Protocol):
    """Values in their owner's units. What they are scaled by is learnt from the training part
    alone, and so only once the data is split."""

    def parts(self, shares: dict[str, float]) -> dict[str, np.ndarray]:
        """The splits that their order asks for, as indices; {} where any will do."""
        ...

    def learn(self, train: np.ndarray) -> Collection:
        """Learn the encoding from the samples that are for training, and apply it to all."""
        ...

    def encode(self, encoding: dict[str, Any]) -> Collection:
        """Apply an encoding that was learnt from other values; raises ValueError."""
        ...


class Backbone(NamedTuple):
    """What a backbone returns.

    encoder: x (B, *shape) -> h (B, *code), skips; decoder: h, skips -> (B, *out).
    """

    encoder: nn.Module
    decoder: nn.Module
    code: tuple[int, ...]


@dataclass
class Latent:
    """What a bottleneck returns."""

    z: Tensor                              # (B, D) or (B, D, H, W)
    q: Distribution | None = None          # posterior; its batch shape starts with B
    p: Distribution | None = None          # prior of the same kind
    codes: Tensor | None = None            # (B, *places) integers, if discrete
    penalties: dict[str, Tensor] = field(default_factory=dict)  # (B,) each, such as commitment
    y: Tensor | None = None                # (B,) the classes as which it was encoded, if any
    guess: Tensor | None = None            # (B, K) logits of q(y|x), if it was guessed


@dataclass
class Output:
    """What an autoencoder returns."""

    x: Tensor                  # (B, *shape), the clean target
    latent: Latent
    px: Distribution           # p(x|z); px.mean is the reconstruction
    known: Tensor | None = None   # like x: 1 where x is known; None is everywhere
    y: Tensor | None = None       # (B,) integer labels, if there are any
    skips: tuple[Tensor, ...] = ()   # of the encoder, which the decoder wants with any z
    seen: Tensor | None = None    # like x: what the encoder saw, where that is not x
    hidden: Tensor | None = None  # like x, bool: what the encoder could not see of it


class Alphabet(NamedTuple):
    """What discrete codes are written in."""

    size: int                          # words there are
    places: tuple[int, ...]            # of a code that hold one word each, such as (H, W)
    read: Callable[[Tensor], Tensor]   # z (N, ...) -> words (N, *places), integers
    write: Callable[[Tensor], Tensor]  # words (N, *places) -> z (N, ...)


@dataclass(frozen=True)
class CodeSpace:
    """What a prior is fitted in."""

    count: int                        # codes there are
    dim: int                          # numbers in a code
    groups: int                       # classes, or 1 without labels
    own: Callable[[int], Tensor]      # draws from the model's own prior, (N, ...)
    shape: tuple[int, ...] = ()       # of a code, such as (D,) or (D, H, W)
    alphabet: Alphabet | None = None  # of discrete codes


class Seen(NamedTuple):
    """What a trained model makes of samples: what detectors score them by."""

    error: np.ndarray    # (N,) mean squared error per known value
    nats: np.ndarray     # (N,) mean of -log p(x|z) per known value, and over draws of z
    z: np.ndarray        # (N, D) codes
    # squared errors by place, (N, H, W), (N, T) or (N, D, 1), the mean over channels, NaN where
    # nothing is known; (0,) but for detectors that ask for them:
    model: np.ndarray = np.empty(0)   # of the model's reconstruction
    pca: np.ndarray = np.empty(0)     # of the one by principal components of the training samples
    linear: np.ndarray = np.empty(0)  # (N,) the same of as many components as the code has numbers


class Rule(NamedTuple):
    """What a detector returns. Its state is what `fit` found, and is all that it remembers."""

    # of the codes (N, D) of training samples, and of held-out samples
    fit: Callable[[np.ndarray, Seen], dict[str, np.ndarray]]
    score: Callable[[Seen, dict[str, np.ndarray]], np.ndarray]   # (N,), higher is more abnormal
    draws: int = 0       # of each z, that `nats` are over
    codes: bool = True   # whether `fit` looks at the codes of training samples, or gets none
    # of the arguments of `fit`, and the state that it found: scores (N,) of the held-out samples,
    # each as if `fit` had not seen it; None where `score` gives just that
    apart: Callable[[np.ndarray, Seen, dict[str, np.ndarray]], np.ndarray] | None = None
    maps: frozenset[str] = frozenset()   # the errors by place that it looks at: model, pca
    # of samples, and the state: how abnormal each place is, like `Seen.model`, such that the
    # largest of a sample is its score; None where a score is not of one place
    places: Callable[[Seen, dict[str, np.ndarray]], np.ndarray] | None = None

    def calibrate(self, codes: np.ndarray, held: Seen) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Fit, and score the held-out samples, each as if `fit` had not seen it: state, (N,)."""
        state = self.fit(codes, held)
        return state, (self.score(held, state) if self.apart is None else
                       self.apart(codes, held, state))


class Evaluation(Protocol):
    """How good a model was found to be on samples that it has not seen."""

    @property
    def seconds(self) -> float:
        """How long that took."""
        ...

    @property
    def lines(self) -> list[str]:
        """The same in words."""
        ...

    @property
    def record(self) -> dict[str, Any]:
        """The same as JSON can hold it."""
        ...

    def write(self, out: Path) -> None:
        """A .csv, a row a sample."""
        ...


class Clock(NamedTuple):
    """How far a training is, before a batch."""

    step: int        # batches done
    batches: int     # in an epoch
    share: float     # of the run that is over, from 0 to 1


@dataclass(frozen=True)
class Progress:
    """What the training loop yields after every batch, and after every epoch with `row`."""

    epoch: int                             # from 1
    batch: int                             # of this epoch, from 1
    batches: int                           # in an epoch
    images: int                            # seen in this run, counted here and now
    sums: dict[str, Tensor]                # running sums of this epoch; reading them synchronises
    row: dict[str, float] | None = None    # the epoch's figures, as in history.csv
    best: bool = False                     # this epoch is the best so far
    stopped: str = ""                      # why training ends here, if it does
    notes: tuple[str, ...] = ()            # what a person should be told now

    @property
    def whole(self) -> bool:
        """Whether the epoch is over; of one with a `row` that is not, time cut it short."""
        return self.batch == self.batches
