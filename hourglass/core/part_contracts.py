"""The contract of each kind of part: members that it must have, and optional ones.

A part has every member of its kind's first contract. The contracts that follow it are optional: a
part has all members of one, or none. Code that uses them asks `offers`."""

import math
from collections.abc import Callable
from typing import Any, Protocol

from torch import Tensor, nn
from torch.distributions import Distribution

from .contracts import Alphabet, Clock, Latent, Output

# backbones

class Takes(Protocol):
    """A decoder that takes an h of another shape than its encoder gives."""

    takes: tuple[int, ...]   # of one h


class KeepsWeights(Protocol):
    """A network that training starts with unchanged weights."""

    given: bool   # true


class Begins(Protocol):
    """A decoder, some of whose weights must begin in their own way."""

    def begin(self) -> None:
        """Set these weights, once all are initialised."""


class ReadsTokens(Protocol):
    """An encoder of lines x (B, T) of token indices, where 0 is padding."""

    reads_tokens: bool   # true


class WritesTokens(Protocol):
    """A decoder that writes a line token by token. Its `forward` takes h (B, *code) and lines
    x (B, T), and gives the log probability (B, S) of the first S tokens, each given those before
    it."""

    size: int   # different tokens

    def write(self, h: Tensor, choose: Callable[[Tensor], Tensor]) -> Tensor:
        """Tokens (B, T), which `choose` takes from logits (B, size) one by one. Logit i is of the
        token i + 1, as padding is not written."""


class MakesTokens(Protocol):
    """A decoder that gives the logits (B, size, T) of all tokens of a line at once."""

    makes_tokens: bool   # true


class Centres(Protocol):
    """An encoder or decoder that works around the means of the training samples."""

    def centre(self, x: Tensor, known: Tensor | None) -> None:
        """Learn the means of samples x (N, *shape), where `known` is 1, before training."""


# bottlenecks

class Bottleneck(Protocol):
    """h (B, *code) of the encoder to a code z and back. A module, made as `(code, back)`."""

    confined: bool   # whether training draws the codes towards the prior

    def forward(self, h: Tensor, draw: bool = False) -> Latent:
        """The code of each sample; without `draw` there is no noise."""

    def expand(self, z: Tensor) -> Tensor:
        """z (B, ...) to h (B, *back), for the decoder."""

    def sample_prior(self, n: int) -> Tensor:
        """n codes (n, ...) from the bottleneck's own prior."""


class LearnsInputs(Protocol):
    """A bottleneck whose prior comes from learned inputs (pseudo-inputs), such as vamp. Its
    `forward` and `sample_prior` get the encoder's h (K, *code) of them as a last argument."""

    inputs: nn.Parameter | None   # (K, *shape), which the autoencoder makes
    count: int                    # K


class Settles(Protocol):
    """A bottleneck whose decoder is trained for some codes only, such as points of a sphere."""

    def settle(self, z: Tensor) -> Tensor:
        """The nearest of these codes to each code z (N, ...)."""


class Discrete(Protocol):
    """A bottleneck of discrete codes, such as vq."""

    alphabet: Alphabet | None   # what codes are written in; None where they are too many


class SeveralBooks(Protocol):
    """Discrete codes where each place has tokens of several codebooks, such as product_vq."""

    books: int   # how many


# likelihoods

class Likelihood(Protocol):
    """The decoder's output (B, *out) to p(x|z). A module, made without arguments of ours."""

    support: tuple[float, float]   # between which values x may lie
    discrete: bool                 # whether densities are probabilities of the values stored

    def out(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of the decoder's output for one x of that shape."""

    def forward(self, params: Tensor) -> Distribution:
        """p(x|z), over (B, *shape)."""

    def per_value(self, nats: float, values: float) -> dict[str, float]:
        """Figures per value, by name, from the mean -log p(x|z) of samples of `values` values."""


class Starts(Protocol):
    """A likelihood that knows the decoder's output for the mean of the data."""

    def start(self, x: Tensor, known: Tensor | None = None) -> Tensor:
        """The initial last bias of the decoder, from samples x (N, *shape) where `known` is 1."""


class Adapts(Protocol):
    """A likelihood that learns from reconstructions in training, such as the best variance."""

    def adapt(self, px: Distribution, x: Tensor, known: Tensor | None) -> Distribution:
        """p(x|z) of a batch x (B, *shape), with the parameters that training has learnt."""


class Shows(Protocol):
    """A likelihood whose encoder sees x in another form, such as the logarithm of counts."""

    def shown(self, x: Tensor) -> Tensor:
        """x (B, *shape) as the encoder sees it."""


class HasMembers(Protocol):
    """A likelihood made of several, one for each member of an ensemble."""

    weights: tuple[float, ...]   # (K,), which sum to 1

    def means(self, params: Tensor) -> Tensor:
        """Each member's reconstruction, (K, B, *shape), from the decoder's output (B, *out)."""


class TakesLogits(Protocol):
    """A likelihood that applies a sigmoid to the decoder's output itself, such as bernoulli."""

    logits: bool   # true


class OfCounts(Protocol):
    """A likelihood of whole numbers that must not be scaled."""

    counts: bool   # true


class OfTokens(Protocol):
    """A likelihood of lines of tokens."""

    tokens: bool   # true

    def written(self, decoder: nn.Module, h: Tensor) -> Distribution:
        """p(x|z) of a decoder that writes token by token, given its h (B, *code)."""


class Ranks(Protocol):
    """A likelihood whose mean ranks items, such as multinomial."""

    ranks: bool   # true


# conditions

class GuessesClasses(Protocol):
    """A condition that guesses the class of a sample from the encoder's h."""

    classify: nn.Module   # h (B, *code) -> logits (B, K)


# losses

class Scheduled(Protocol):
    """A loss term that changes in the course of training, such as kl with a capacity."""

    def at(self, clock: Clock | None) -> None:
        """Count as at that moment of the run; without one, as at its end."""


class LearnsProperties(Protocol):
    """A loss term that needs numbers of the samples, in `out.properties` (B, P)."""

    names: tuple[str, ...]   # (P,) of the data's properties


class Adversarial(Protocol):
    """A loss term with a discriminator, which learns by a loss of its own."""

    rival: nn.Module   # the discriminator
    rate: float        # its learning rate, as a multiple of the model's

    def rival_loss(self, out: Output, model: nn.Module) -> Tensor:
        """The loss of the discriminator, (B,). It trains the discriminator's weights only."""


class Fixed(Protocol):
    """A loss term that changes in training, with a form that does not, to compare epochs by."""

    def fixed(self, out: Output) -> Tensor:
        """(B,)."""


class CountsHidden(Protocol):
    """A reconstruction term that may count only the values that a corruption hid."""

    hidden: bool   # whether it does


class UsesFeatures(Protocol):
    """A loss term of a feature extractor, which takes images in [0, 1]."""

    used: str   # the extractor with its digest, for a note


# posteriors

class Relaxed(Protocol):
    """A distribution that training relaxes, such as that of Gumbel-softmax."""

    def unrelaxed(self) -> Distribution:
        """The distribution of the codes themselves."""


# priors

class Prior(Protocol):
    """A density that is fitted to codes z (N, D) after training. A module, made of a CodeSpace."""

    groups: int   # classes that it is fitted to; 1 if it ignores classes

    def fit(self, z: Tensor, y: Tensor) -> None:
        """Learn from codes (N, D) of classes y (N,), which are 0 where there are none."""

    def sample(self, y: Tensor, temperature: float) -> Tensor:
        """A code (N, D) for each class asked for, y (N,)."""


class HasDensity(Protocol):
    """A prior that says how likely codes are."""

    def log_prob(self, z: Tensor, y: Tensor) -> Tensor:
        """(N,) log density in nats of codes z (N, D) of classes y (N,)."""


class OnlyDrawn(Protocol):
    """A prior with options that matter only for sampling: a change needs no new fit."""

    only_drawn: tuple[str, ...]   # their names


# values of members that a user's own part may leave out
ASSUMED: dict[str, dict[str, Any]] = {
    "bottleneck": {"confined": False},
    "prior": {"groups": 1},
    "likelihood": {"support": (-math.inf, math.inf), "discrete": False, "out": lambda shape: shape,
                   "per_value": lambda nats, values: {}}}
REQUIRED: dict[str, Any] = {"bottleneck": Bottleneck, "likelihood": Likelihood, "prior": Prior}
MODULES = tuple(REQUIRED)   # kinds whose parts are torch modules
# what parts of the other kinds must have once they are made
NEEDED = {"backbone": ("encoder", "decoder", "code"), "detector": ("fit", "score")}


def members(contract: Any) -> list[str]:
    """The names that a contract asks for."""
    named = [*vars(contract).get("__annotations__", {}), *vars(contract)]
    return [name for name in dict.fromkeys(named) if not name.startswith("_")]


def offers(part: object, contract: Any) -> bool:
    """Whether a part has all that an optional contract names."""
    return all(hasattr(part, name) for name in members(contract))


def check_part(kind: str, text: str, part: object) -> None:
    """Raises ValueError for a part that lacks what its kind must offer, and says what that is."""
    contract = REQUIRED[kind]
    lacking = [name for name in members(contract) if not hasattr(part, name)]
    if lacking:
        raise ValueError(f"the {kind} {text} has no {' and no '.join(lacking)}. Each {kind} needs "
                         f"{', '.join(members(contract))}: see {contract.__name__} in "
                         f"hourglass/core/part_contracts.py")


