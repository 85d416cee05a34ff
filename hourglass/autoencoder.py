"""The one model: corrupt, encode, squeeze, decode."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from .condition import LabelCondition
from .contracts import Alphabet, Latent, Output
from .corruptions import corrupter
from .spec import backbones, bottlenecks, likelihoods

INITIALISED = (nn.Linear, nn.Conv1d, nn.ConvTranspose1d, nn.Conv2d, nn.ConvTranspose2d)


@dataclass(frozen=True)
class Parts:
    """What a model is made of: each field names a part, as text. "auto" fits the data."""

    backbone: str = "auto"
    decoder: str = ""             # another backbone, of which the decoder is taken
    bottleneck: str = "plain(32)"
    likelihood: str = "auto"
    corruption: str = "none"
    condition: str = "none"       # or "label"
    loss: str = "recon"
    prior: str = "auto"           # that samples are drawn from, if none is asked for

    def fitted(
        self, shape: tuple[int, ...], low: float, high: float, columns: str = ""
    ) -> "Parts":
        """With a part for every "auto", and the likelihood's support held against the data, of
        which `columns` says what a table's are, as `mixed` is told."""
        backbone = self.backbone if self.backbone != "auto" else (
            {3: "conv", 2: "conv1d"}.get(len(shape), "mlp"))
        bounded = low >= 0 and high <= 1
        several = "kinds" in columns or "pair" in columns
        likelihood = self.likelihood if self.likelihood != "auto" else (
            "mixed" if several else "bernoulli" if bounded else "normal")
        if columns and likelihood.startswith("mixed"):   # whatever another table's were
            likelihood = f"mixed({columns!r})"
        least, most = likelihoods.make(likelihood).support
        if low < least or high > most:
            raise ValueError(f"{likelihood} is for values from {least:g} to {most:g}, and this "
                             f"data has others; use --likelihood normal, or scale the data")
        return replace(self, backbone=backbone, likelihood=likelihood)


def full_precision(t: Tensor) -> AbstractContextManager[None]:
    """No autocast where t is; the meta device, on which models are measured, knows none."""
    return nullcontext() if t.is_meta else torch.autocast(t.device.type, enabled=False)


def at_least_single(t: Tensor) -> Tensor:
    """float32, but of float64, which stays."""
    return t if t.dtype == torch.float64 else t.float()


def initialise(layer: nn.Module) -> None:
    """Begin a layer as Keras does: weights by Glorot & Bengio (2010), biases zero."""
    if isinstance(layer, INITIALISED):
        nn.init.xavier_uniform_(layer.weight)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


class Autoencoder(nn.Module):
    """Composed of parts, never subclassed. `shape` is that of one x, such as (1, 28, 28); a
    conditional model wants to know how many classes there are."""

    def __init__(self, parts: Parts, shape: tuple[int, ...], classes: int = 0):
        super().__init__()
        self.likelihood = likelihoods.make(parts.likelihood)
        out = self.likelihood.out(shape)
        forth = backbones.make(parts.backbone, shape, out)
        back = backbones.make(parts.decoder, shape, out) if parts.decoder else forth
        self.encoder, self.decoder = forth.encoder, back.decoder
        self.bottleneck = bottlenecks.make(parts.bottleneck, forth.code, back.code)
        if hasattr(self.bottleneck, "inputs"):
            self.bottleneck.inputs = nn.Parameter(torch.rand(self.bottleneck.count, *shape))
        self.corruption, self.corrupt = parts.corruption, corrupter(parts.corruption)
        self.condition = (None if parts.condition == "none" else
                          LabelCondition(classes, forth.code, back.code))
        self.apply(initialise)

    def encode(
        self, x: Tensor, y: Tensor | None = None, draw: bool = False
    ) -> tuple[Latent, tuple[Tensor, ...]]:
        """x (B, *shape), y (B,) if conditional -> Latent, skips. The bottleneck works in full
        precision."""
        if hasattr(self.likelihood, "shown"):
            x = self.likelihood.shown(x)
        h, skips = self.encoder(x)
        if self.condition is not None:
            h = self.condition.encoding(h, y)
        with full_precision(h):
            return self.bottleneck(at_least_single(h), draw, *self._anchors()), skips

    def _anchors(self) -> tuple[Tensor, ...]:
        """What the encoder makes of the inputs (K, *shape) that a bottleneck's prior learns, if it
        does: h (K, *code)."""
        inputs = getattr(self.bottleneck, "inputs", None)
        return () if inputs is None else (at_least_single(self.encoder(inputs)[0]),)

    def decode(
        self, z: Tensor, y: Tensor | None = None, skips: tuple[Tensor, ...] = ()
    ) -> Distribution:
        """z (B, D) or (B, D, H, W), y (B,) -> p(x|z), over (B, *shape), in full precision, in
        double if z and the weights are."""
        h = self.bottleneck.expand(z)
        if self.condition is not None:
            h = self.condition.decoding(h, y)
        params = self.decoder(h, skips)
        with full_precision(params):
            return self.likelihood(at_least_single(params))

    def forward(
        self, x: Tensor, y: Tensor | None = None, draw: bool | None = None,
        given: Tensor | None = None, known: Tensor | None = None,
    ) -> Output:
        """Corrupts what it is given, which is x if nothing else, and draws z in training, or where
        `draw` says so; else neither. x counts where it is known."""
        draw = self.training if draw is None else draw
        seen = x if given is None else given
        latent, skips = self.encode(self.corrupt(seen) if draw else seen, y, draw)
        px = self.decode(latent.z, y, skips)
        if self.training and hasattr(self.likelihood, "adapt"):
            px = self.likelihood.adapt(px, x, known)
        return Output(x, latent, px, known, y, skips, None if seen is x and not draw else seen)

    def sample_prior(self, n: int) -> Tensor:
        """n draws z (N, ...) from the bottleneck's own prior, on the CPU, in torch's noise."""
        drawn: Tensor = self.bottleneck.sample_prior(n, *self._anchors())
        return drawn.detach().cpu()

    def settled(self, z: Tensor) -> Tensor:
        """The codes nearest to z (N, ...) that the decoder was trained for: of most bottlenecks z
        itself, of others a point of the sphere, say, or the nearest words."""
        found: Tensor = self.bottleneck.settle(z) if hasattr(self.bottleneck, "settle") else z
        return found

    @property
    def alphabet(self) -> Alphabet | None:
        """What its codes are written in, if they are discrete."""
        found: Alphabet | None = getattr(self.bottleneck, "alphabet", None)
        return found

    def sample(self, n: int, y: Tensor | None = None) -> Tensor:
        """The means of n draws from the bottleneck's own prior, (N, *shape), of classes y (N,)."""
        return self.decode(self.sample_prior(n).to(next(self.parameters())), y).mean
