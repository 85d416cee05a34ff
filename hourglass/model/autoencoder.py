"""The autoencoder: corrupt, encode, bottleneck, decode."""

from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from ..core.contracts import Alphabet, Latent, Output
from ..core.hints import Initial
from ..core.part_contracts import (
    Adapts,
    Begins,
    Discrete,
    GuessesClasses,
    KeepsWeights,
    LearnsInputs,
    MakesTokens,
    OfTokens,
    ReadsTokens,
    Settles,
    SeveralBooks,
    Shows,
    Takes,
    WritesTokens,
    check_part,
    offers,
)
from ..core.precision import at_least_single, full_precision
from ..core.registry import backbones, bottlenecks, likelihoods
from .conditioning import CONDITIONS, Condition
from .corruptions import corrupter
from .parts import Parts

INITIALISED = (nn.Linear, nn.Conv1d, nn.ConvTranspose1d, nn.Conv2d, nn.ConvTranspose2d)


def initialise(layer: nn.Module) -> None:
    """Initialise a layer as Keras does: weights by Glorot & Bengio (2010), biases zero."""
    if isinstance(layer, INITIALISED):
        nn.init.xavier_uniform_(layer.weight)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


class Autoencoder(nn.Module):
    """An autoencoder made of parts. `shape` is that of one x, such as (1, 28, 28).

    A conditional model needs the number of classes. Weights are initialised by Glorot's rule or by
    PyTorch's defaults; `initial_units` and `initial_bias` add what "data" means."""

    def __init__(self, parts: Parts, shape: tuple[int, ...], classes: int = 0,
                 initial: Initial = "glorot"):
        super().__init__()
        self.shape, self.likelihood = shape, likelihoods.make(parts.likelihood)
        out = self.likelihood.out(shape)
        forth = backbones.make(parts.backbone, shape, out)
        back = backbones.make(parts.decoder, shape, out) if parts.decoder else forth
        self.encoder, self.decoder = forth.encoder, back.decoder
        taken = back.decoder.takes if offers(back.decoder, Takes) else back.code
        self.bottleneck = bottlenecks.make(parts.bottleneck, forth.code, taken)
        check_part("likelihood", parts.likelihood, self.likelihood)
        check_part("bottleneck", parts.bottleneck, self.bottleneck)
        # asked once: a compiled model cannot ask as it goes
        self.shows, self.adapts = offers(self.likelihood, Shows), offers(self.likelihood, Adapts)
        self.of_tokens = offers(self.likelihood, OfTokens)
        self.writes = self.of_tokens and offers(self.decoder, WritesTokens)
        self.settles = offers(self.bottleneck, Settles)
        self.learns_inputs = offers(self.bottleneck, LearnsInputs)
        if self.of_tokens:
            self._check_tokens(parts)
        if self.learns_inputs:
            self.bottleneck.inputs = nn.Parameter(torch.rand(self.bottleneck.count, *shape))
        self.corruption, self.corrupt = parts.corruption, corrupter(parts.corruption)
        self.condition: Condition | None = (
            None if parts.condition == "none" else
            CONDITIONS[parts.condition](classes, forth.code, taken))
        for part in self.children() if initial != "pytorch" else ():
            if not offers(part, KeepsWeights):   # as a user's own networks do
                part.apply(initialise)
        if offers(self.decoder, Begins):
            self.decoder.begin()

    def _check_tokens(self, parts: Parts) -> None:
        """Raise ValueError for parts that cannot read or write tokens."""
        reads = offers(self.encoder, ReadsTokens)
        if not reads or not (self.writes or offers(self.decoder, MakesTokens)):
            wrong = parts.backbone if not reads else parts.decoder or parts.backbone
            raise ValueError(f"the backbone {wrong} is not for lines of text, whose samples are "
                             f"token indices; use gru, lstm or transformer")
        if self.learns_inputs:
            raise ValueError(f"the bottleneck {parts.bottleneck} learns inputs, and tokens cannot "
                             f"be learnt; use another, such as gaussian(16)")
        if parts.corruption != "none":
            raise ValueError(f"the corruption {parts.corruption} is for numbers, and lines are "
                             f"tokens; leave it out, or hide earlier tokens from the decoder with "
                             f"--backbone \"gru(word_dropout=0.3)\"")

    def encode(
        self, x: Tensor, y: Tensor | None = None, draw: bool = False
    ) -> tuple[Latent, tuple[Tensor, ...]]:
        """x (B, *shape), y (B,) if conditional -> Latent, skips. The bottleneck computes in full
        precision."""
        h, skips = self.hidden(x)
        return self.squeeze(h, y, draw), skips

    def hidden(self, x: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        """x (B, *shape) -> the encoder's h (B, *code), skips."""
        if self.shows:
            x = self.likelihood.shown(x)
        encoded: tuple[Tensor, tuple[Tensor, ...]] = self.encoder(x)
        return encoded

    def squeeze(self, h: Tensor, y: Tensor | None = None, draw: bool = False) -> Latent:
        """h (B, *code) of the encoder, y (B,) if conditional -> Latent."""
        guess = None
        if self.condition is not None:
            y, guess = self.condition.labels_and_logits(h, y)
            h = self.condition.encoding(h, y)
        anchors = self._anchors()
        with full_precision(h):
            latent: Latent = self.bottleneck(at_least_single(h), draw, *anchors)
        return replace(latent, y=y, guess=guess)

    def _anchors(self) -> tuple[Tensor, ...]:
        """The encoder's h (K, *code) for the pseudo-inputs (K, *shape) of the prior, if it has
        any. Pseudo-inputs are kept inside the support of x."""
        if not self.learns_inputs or self.bottleneck.inputs is None:
            return ()
        inputs = self.bottleneck.inputs.clamp(*self.likelihood.support)
        return (at_least_single(self.hidden(inputs)[0]),)

    def decode(
        self, z: Tensor, y: Tensor | None = None, skips: tuple[Tensor, ...] = ()
    ) -> Distribution:
        """z (B, D) or (B, D, H, W), y (B,) -> p(x|z), over (B, *shape). Computes in full precision;
        in double precision if z and the weights are."""
        return self.distribution(self._params(z, y, skips))

    def distribution(self, params: Tensor) -> Distribution:
        """The decoder's output (B, *out) -> p(x|z). For a decoder that writes token by token, it is
        what the decoder is given, as p(x|z) reads x."""
        if self.writes:
            line: Distribution = self.likelihood.written(self.decoder, params)
            return line
        with full_precision(params):
            px: Distribution = self.likelihood(at_least_single(params))
        return px

    def member_means(self, z: Tensor, skips: tuple[Tensor, ...] = ()) -> Tensor:
        """z (B, D) -> the reconstruction of each member of an ensemble, (K, B, *shape)."""
        means: Tensor = self.likelihood.means(self._params(z, None, skips))
        return means

    def _params(self, z: Tensor, y: Tensor | None, skips: tuple[Tensor, ...]) -> Tensor:
        """z (B, D) or (B, D, H, W), y (B,) -> the decoder's output (B, *out), or its input for one
        that writes token by token."""
        h: Tensor = self.bottleneck.expand(z)
        if self.condition is not None:
            h = self.condition.decoding(h, y)
        return h if self.writes else self.decoder(h, skips)

    def forward(
        self, x: Tensor, y: Tensor | None = None, draw: bool | None = None,
        encoder_input: Tensor | None = None, known: Tensor | None = None,
    ) -> Output:
        """Run the model on a batch. In training, or with `draw`, it corrupts x (or `encoder_input`
        if set) and samples z; otherwise neither. `known` marks the observed values of x."""
        draw = self.training if draw is None else draw
        encoder_input = x if encoder_input is None else encoder_input
        seen, hidden = self.corrupt.apply(encoder_input) if draw else (encoder_input, None)
        if hidden is None and encoder_input is not x:
            hidden = encoder_input != x   # data pairs have no mask, only differences
        latent, skips = self.encode(seen, y, draw)
        params = self._params(latent.z, latent.y, skips)
        px = self.distribution(params)
        if self.training and self.adapts:
            px = self.likelihood.adapt(px, x, known)
        return Output(x, latent, px, known, y, skips, None if seen is x else seen, hidden, params)

    def sample_prior(self, n: int) -> Tensor:
        """Draw n codes z (N, ...) from the bottleneck's own prior, on the CPU, with torch's
        seed."""
        drawn: Tensor = self.bottleneck.sample_prior(n, *self._anchors())
        return drawn.detach() if drawn.is_meta else drawn.detach().cpu()

    def settled(self, z: Tensor) -> Tensor:
        """The valid codes nearest to z (N, ...): z itself for most bottlenecks; for others a point
        on the sphere, or the nearest codebook entries."""
        codes: Tensor = self.bottleneck.settle(z) if self.settles else z
        return codes

    @property
    def alphabet(self) -> Alphabet | None:
        """The tokens of its codes, if they are discrete."""
        return self.bottleneck.alphabet if offers(self.bottleneck, Discrete) else None

    @property
    def books(self) -> int:
        """Number of codebooks per position; 1 for codes that are not discrete."""
        return self.bottleneck.books if offers(self.bottleneck, SeveralBooks) else 1

    @property
    def guesses_classes(self) -> bool:
        """Whether it infers classes."""
        return offers(self.condition, GuessesClasses)

    def sample(self, n: int, y: Tensor | None = None) -> Tensor:
        """Means of n samples from the bottleneck's own prior, (N, *shape), with classes y (N,)."""
        return self.decode(self.sample_prior(n).to(next(self.parameters())), y).mean
