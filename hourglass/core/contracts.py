"""Data classes that the parts exchange. Shapes: B batch, D latent, C H W image, N samples."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from torch import Tensor, nn
from torch.distributions import Distribution


@dataclass(frozen=True)
class Batch:
    """A batch of a split.

    `x` are samples (B, *shape) as the model sees them, and `y` are integer labels (B,).
    `encoder_input` is set if it is not x, `known` is 1 where a value is observed, and `y_observed`
    are the labels that training may use.
    """

    x: Tensor                      # (B, C, H, W), (B, C, T) or (B, D), as float
    y: Tensor | None = None        # (B,) integer labels
    encoder_input: Tensor | None = None   # if it is not x
    known: Tensor | None = None    # like x: 1 where a value is observed; missing values of x are 0
    y_observed: Tensor | None = None   # the labels that training may use; -1 where they are hidden
    properties: Tensor | None = None   # (B, P) standardised numbers of the samples, NaN: missing

    @property
    def seen(self) -> Tensor:
        """The encoder's input, like x."""
        return self.x if self.encoder_input is None else self.encoder_input


class Corrupted(NamedTuple):
    """A corrupted batch."""

    x: Tensor                # (B, *shape), the encoder's input
    hidden: Tensor | None    # like x, bool: the values that the corruption removed; None: no mask


@dataclass(frozen=True)
class Factors:
    """The known generative factors of the samples."""

    values: np.ndarray                # (N, F) integers: index of each factor's value
    names: tuple[str, ...]            # (F,)
    unordered: tuple[str, ...] = ()   # names of the factors whose values have no order

    def of(self, rows: np.ndarray) -> "Factors":
        """The factors of the samples with these indices."""
        return Factors(self.values[rows], self.names, self.unordered)


@dataclass(frozen=True)
class Scale:
    """How data is scaled for a model: (x - offset) * factor. Found once per data set and saved with
    the model."""

    offset: float = 0.0
    factor: float = 1.0
    low: float = float("-inf")   # smallest value, in the data's units
    high: float = float("inf")   # largest value, in the data's units
    bits: int = 0                # bit depth of integers, such as 12; 0 for others
    clip: bool = False           # whether to clip values to low and high
    what: str = "numbers"        # such as "16-bit images"

    @property
    def kept(self) -> bool:
        """Whether no scaling is applied."""
        return self.offset == 0 and self.factor == 1

    @property
    def bounded(self) -> bool:
        """Whether all scaled values lie between 0 and 1."""
        ends = [(end - self.offset) * self.factor for end in (self.low, self.high)]
        return min(ends) >= -1e-6 and max(ends) <= 1 + 1e-6

    @property
    def words(self) -> str:
        """A description in one line."""
        line = f"{self.what}, values {self.low:,.6g} to {self.high:,.6g}"
        if self.kept:
            return f"{line}, not scaled"
        worth = abs(self.factor)
        by = f"1/{1 / worth:,.6g}" if worth < 1 else f"{worth:,.6g}"
        if self.factor < 0:
            return f"{line}, inverted and scaled by {by}"
        moved = f"shifted by {-self.offset:,.6g} and " if self.offset else ""
        return f"{line}, {moved}scaled by {by}"

    def apply(self, x: np.ndarray) -> np.ndarray:
        """Scale data (N, ...) for the model, as float32."""
        values: np.ndarray = np.array(x, np.float64 if x.dtype.itemsize > 4 else np.float32)
        if not self.kept:
            values -= self.offset
            values *= values.dtype.type(self.factor)
        if self.clip:
            values = np.clip(values, 0, 1)   # NaN stays
        return values.astype(np.float32, copy=False)

    def back(self, seen: np.ndarray) -> np.ndarray:
        """Scale a model's values (N, ...) back to the data's units. Integers become integers again,
        all others float32."""
        values = seen.astype(np.float64) / self.factor + self.offset
        if not self.bits:
            return values.astype(np.float32)
        bits = next((size for size in (8, 16) if self.bits <= size), 32)
        kind = np.dtype(f"{'int' if self.low < 0 else 'uint'}{bits}")
        return np.rint(values).clip(np.iinfo(kind).min, np.iinfo(kind).max).astype(kind)

    def fits_pictures(self, channels: int) -> bool:
        """Whether an 8-bit PNG holds images with this many channels without loss."""
        return channels in (1, 3) and (self.bits == 8 or (self.kept and self.bounded))


@dataclass
class Collection:
    """All samples of a data source, not yet split.

    Images are (N, H, W, C) with any number of channels, as uint8, uint16, int16 or float32. Series
    are (N, T, C) and vectors (N, D). A missing number is NaN.
    """

    x: np.ndarray
    y: np.ndarray | None = None                            # (N,) integer labels
    classes: tuple[str, ...] = ()
    names: tuple[str, ...] = ()                            # of each sample: its file, if it has one
    parts: dict[str, np.ndarray] = field(default_factory=dict)   # the data's own splits, as indices
    notes: list[str] = field(default_factory=list)         # notes on the data, to print
    identity: dict[str, Any] = field(default_factory=dict)  # identifies the data
    sizes: dict[str, int] = field(default_factory=dict)    # number of files by original image size
    encoder_input: np.ndarray | None = None                # if it is not x
    raw: "Raw | None" = None         # unscaled values, if the scale is learnt from training data
    encoding: dict[str, Any] = field(default_factory=dict)   # the learnt encoding, as JSON data
    unreadable: tuple[str, ...] = ()                       # files that could not be read
    factors: Factors | None = None                         # known generative factors
    scale: Scale | None = None       # how x is scaled for the model; None: found from x
    captions: tuple[tuple[str, ...], ...] = ()   # of each sample: texts that describe it
    properties: dict[str, np.ndarray] = field(default_factory=dict)   # (N,) numbers of the samples

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample for the model: (C, H, W), (C, T) or (D,)."""
        *places, channels = self.x.shape[1:]
        return (channels, *places)


class Raw(Protocol):
    """Values in the data's units. Their scale is learnt from the training split, after the data is
    split."""

    def parts(self, shares: dict[str, float]) -> dict[str, np.ndarray]:
        """The splits that keep the order of the samples, as indices; {} to draw them at random."""
        ...

    def learn(self, train: np.ndarray) -> Collection:
        """Learn the encoding from the training samples, and apply it to all."""
        ...

    def encode(self, encoding: dict[str, Any]) -> Collection:
        """Apply an encoding that was learnt from other values. Raises ValueError."""
        ...


class Backbone(NamedTuple):
    """The networks of a backbone.

    encoder: x (B, *shape) -> h (B, *code), skips; decoder: h, skips -> (B, *out).
    """

    encoder: nn.Module
    decoder: nn.Module
    code: tuple[int, ...]


@dataclass
class Latent:
    """The result of a bottleneck: `out.latent` of a loss term.

    `z` is the code, (B, D) or (B, D, H, W); `q` the posterior and `p` the prior, torch
    distributions, or None; `codes` the token indices of discrete codes; `penalties` terms of its
    own, (B,) each; `y` the classes that conditioned the encoder; `guess` logits of q(y|x), (B, K).
    """

    z: Tensor                              # (B, D) or (B, D, H, W)
    q: Distribution | None = None          # posterior; its batch shape starts with B
    p: Distribution | None = None          # prior of the same kind
    codes: Tensor | None = None            # (B, *places) token indices, if z is discrete
    penalties: dict[str, Tensor] = field(default_factory=dict)  # (B,) each, such as commitment
    y: Tensor | None = None                # (B,) classes, if they conditioned the encoder
    guess: Tensor | None = None            # (B, K) logits of q(y|x), if classes are inferred


@dataclass
class Output:
    """The result of an autoencoder. A loss term gets it as `out`.

    `x` is the clean target, (B, *shape); `px` the distribution p(x|z), whose `px.mean` is the
    reconstruction; `seen` the encoder's input, if it is not x; `latent` the code, see `Latent`;
    `y` labels (B,); `known` is 1 where x is observed, and None if it is everywhere; `hidden` marks
    values that a corruption hid from the encoder; `skips` are the encoder's maps for a decoder with
    skip connections.
    """

    x: Tensor                  # (B, *shape), the clean target
    latent: Latent
    px: Distribution           # p(x|z); px.mean is the reconstruction
    known: Tensor | None = None   # like x: 1 where x is observed; None: everywhere
    y: Tensor | None = None       # (B,) integer labels, if there are any
    skips: tuple[Tensor, ...] = ()   # the encoder's maps for a decoder with skip connections
    seen: Tensor | None = None    # like x: the encoder's input, if it is not x
    hidden: Tensor | None = None  # like x, bool: values that were hidden from the encoder
    params: Tensor | None = None  # (B, *out), the decoder's output, the parameters of px, if known
    properties: Tensor | None = None   # (B, P) standardised numbers of the samples, NaN: missing


class Alphabet(NamedTuple):
    """How discrete codes are written as tokens."""

    size: int                          # number of different tokens
    places: tuple[int, ...]            # shape of a code's tokens, such as (H, W)
    read: Callable[[Tensor], Tensor]   # z (N, ...) -> token indices (N, *places)
    write: Callable[[Tensor], Tensor]  # token indices (N, *places) -> z (N, ...)


@dataclass(frozen=True)
class CodeSpace:
    """The latent space that a prior is fitted in."""

    count: int                        # number of codes
    dim: int                          # numbers in a code
    groups: int                       # number of classes, or 1 without labels
    own: Callable[[int], Tensor]      # samples from the model's own prior, (N, ...)
    shape: tuple[int, ...] = ()       # of a code, such as (D,) or (D, H, W)
    alphabet: Alphabet | None = None  # of discrete codes


class Images(Protocol):
    """Images (H, W, C) by number: an array of one size, or several sizes, decoded when asked for.
    """

    def __len__(self) -> int:
        """How many there are."""
        ...

    def __getitem__(self, row: int, /) -> Any:
        """One image."""
        ...

    def __iter__(self) -> Iterator[Any]:
        """All of them."""
        ...


class Seen(NamedTuple):
    """A trained model's results for samples, from which detectors compute scores."""

    error: np.ndarray    # (N,) mean squared error per observed value
    nats: np.ndarray     # (N,) -log p(x|z) per observed value, averaged over samples of z
    z: np.ndarray        # (N, D) codes
    # Maps of squared errors, (N, H, W), (N, T) or (N, D, 1), averaged over channels, NaN where
    # nothing is observed. They are empty, (0,), unless a detector needs them:
    model: np.ndarray = np.empty(0)   # of the model's reconstruction
    pca: np.ndarray = np.empty(0)     # of the reconstruction by PCA of the training samples
    linear: np.ndarray = np.empty(0)  # (N,) error of PCA with as many components as latents
    spread: np.ndarray = np.empty(0)  # variance among the members of an ensemble
    # of the members of an ensemble, (N, K): their errors, and their weights, alike in every row
    members: np.ndarray = np.empty(0)
    weights: np.ndarray = np.empty(0)
    # Likewise, only for detectors that need them:
    x: np.ndarray = np.empty(0)       # (N, D) the samples, NaN for missing values
    train: np.ndarray = np.empty(0)   # (M, D) training samples, with calibration samples only
    # (N, H, W, C) images in [0, 1] or of 8 bits, or images of several sizes, one by one; and those
    # of training, with calibration samples only
    images: Images = np.empty(0)
    train_images: Images = np.empty(0)


class Rule(NamedTuple):
    """A detector. Its whole state is the result of `fit`."""

    # arguments: codes (N, D) of training samples, and results for calibration samples
    fit: Callable[[np.ndarray, Seen], dict[str, np.ndarray]]
    score: Callable[[Seen, dict[str, np.ndarray]], np.ndarray]   # (N,), higher is more abnormal
    draws: int = 0       # of each z, that `nats` are over
    codes: bool = True   # whether `fit` looks at the codes of training samples, or gets none
    # of the arguments of `fit`, and the state that it found: scores (N,) of the held-out samples,
    # each as if `fit` had not seen it; None where `score` gives just that
    apart: Callable[[np.ndarray, Seen, dict[str, np.ndarray]], np.ndarray] | None = None
    # other inputs that it needs: maps of model, pca or spread; members; samples (inputs); images
    maps: frozenset[str] = frozenset()
    # from samples and the state: how abnormal each place is, like `Seen.model`. The largest value
    # of a sample is its score. None where a score does not come from one place
    places: Callable[[Seen, dict[str, np.ndarray]], np.ndarray] | None = None
    features: str = ""   # the feature extractor that it uses, as a user types it
    # of results that hold more training samples, and the state: the state, fitted to these, with
    # all that was calibrated; None where the state stays
    refit: Callable[[Seen, dict[str, np.ndarray]], dict[str, np.ndarray]] | None = None
    # of results for more normal samples, and the state: the state, fitted to these too, in the same
    # units; None where that needs the earlier samples
    extend: Callable[[Seen, dict[str, np.ndarray]], dict[str, np.ndarray]] | None = None

    def calibrate(
        self, codes: np.ndarray, samples: Seen
    ) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Fit, and score the calibration samples, each as if `fit` had not seen it: state, (N,)."""
        state = self.fit(codes, samples)
        return state, (self.score(samples, state) if self.apart is None else
                       self.apart(codes, samples, state))


class Evaluation(Protocol):
    """A measurement of a model on samples that training did not see."""

    @property
    def seconds(self) -> float:
        """How long that took."""
        ...

    @property
    def lines(self) -> list[str]:
        """The result in words."""
        ...

    @property
    def record(self) -> dict[str, Any]:
        """The result as values for JSON."""
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
    """The training loop yields this after every batch, and after every epoch with `row`."""

    epoch: int                             # from 1
    batch: int                             # of this epoch, from 1
    batches: int                           # in an epoch
    images: int                            # seen in this run, counted here and now
    sums: dict[str, Tensor]                # running sums of this epoch; reading them synchronises
    row: dict[str, float] | None = None    # the epoch's figures, as in history.csv
    best: bool = False                     # this epoch is the best so far
    stopped: str = ""                      # why training ends here, if it does
    notes: tuple[str, ...] = ()            # notes to print now

    @property
    def whole(self) -> bool:
        """Whether the epoch is over; of one with a `row` that is not, time cut it short."""
        return self.batch == self.batches
