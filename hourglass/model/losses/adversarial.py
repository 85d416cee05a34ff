"""Adversarial loss terms, each with a discriminator that is trained against the model."""

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import softplus

from ...core.contracts import Output
from ...core.hints import Count, NotNegative, Positive
from ...core.registry import terms
from .reconstruction import per_sample

CHANNELS = (32, 64, 128)   # of a discriminator of images
WEIGHT = 0.1               # weight of the features, as a share of a sample's values
REST = 1.0                 # a discriminator of images waits below this loss (2.1 is chance)
LEAST = 0.01               # share of the features' mean square, added to each variance


class Dense(nn.Module):
    """Discriminator of vectors: (B, ...), flattened -> features (B, F) -> score (B,)."""

    def __init__(self, inputs: int, width: int, layers: int):
        super().__init__()
        hidden = [layer for n, m in pairwise((inputs, *[width] * layers))
                  for layer in (nn.Linear(n, m), nn.LeakyReLU(0.2))]
        self.features = nn.Sequential(nn.Flatten(), *hidden)
        self.decide = nn.Linear(width, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = self.features(x)
        return self.decide(h)[:, 0], h


class Convolutional(nn.Module):
    """Discriminator of images: (B, C, H, W) -> score (B,), features (B, F)."""

    def __init__(self, shape: tuple[int, ...]):
        super().__init__()
        self.features = nn.Sequential(*(
            layer for n, m in pairwise((shape[0], *CHANNELS))
            for layer in (nn.Conv2d(n, m, 3, 2, 1), nn.LeakyReLU(0.2))))
        self.decide = nn.LazyLinear(1)
        with torch.no_grad():
            self(torch.zeros(1, *shape))   # the lazy layer learns its size

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = self.features(x).flatten(1)
        return self.decide(h)[:, 0], h


def frozen(discriminator: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """The discriminator's score and features of x, without a gradient for its weights."""
    fixed = {name: weight.detach() for name, weight in discriminator.named_parameters()}
    output: tuple[Tensor, Tensor] = functional_call(discriminator, fixed, (x,))
    return output


def likeness(right: Tensor, generated: Tensor) -> Tensor:
    """Half the mean squared distance (B,) of features (B, F), each in standard deviations of those
    that are right."""
    spread = right.var(0, correction=0) + LEAST * right.square().mean() + 1e-12
    return ((generated - right).square() / spread).mean(1) / 2


def clipped_gradient(lost: Callable[[Tensor], Tensor], generated: Tensor, most: Tensor) -> Tensor:
    """lost(generated) (B,). The gradient of its sum is clipped, for each sample of `generated`
    (B, ...), to the length `most` (B,) or ()."""
    if not (torch.is_grad_enabled() and generated.requires_grad):
        return lost(generated)
    at = generated.detach().requires_grad_()
    loss = lost(at)
    slope, = torch.autograd.grad(loss.sum(), at)
    size = slope.flatten(1).norm(dim=1)
    share = (most / size.clamp(min=1e-12)).clamp(max=1).reshape(-1, *[1] * (slope.ndim - 1))
    return loss.detach() + ((generated - generated.detach()) * slope * share).flatten(1).sum(1)


def discriminator_loss(discriminator: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
    """The discriminator's own loss, (B,): cross-entropy of real against fake (Goodfellow et al.,
    2014, arXiv 1406.2661). Neither input gets a gradient."""
    return softplus(-discriminator(real.detach())[0]) + softplus(discriminator(fake.detach())[0])


def _of_codes(model: nn.Module, width: int, layers: int) -> Dense:
    return Dense(model.sample_prior(1).numel(), width, layers)  # type: ignore[operator]


def _prior_draws(out: Output, model: nn.Module) -> Tensor:
    drawn: Tensor = model.sample_prior(len(out.x)).to(out.latent.z)  # type: ignore[operator]
    return drawn


@terms.add("gan")
class PriorDiscriminator(nn.Module):
    """Adversarial prior matching: a discriminator tells codes from samples of the prior, and the
    encoder learns to fool it (Makhzani et al., 2016, arXiv 1511.05644). The term is -log of the
    discriminator's belief in the prior. `rate` multiplies the model's learning rate for it."""

    def __init__(self, model: nn.Module, width: Count = 256, layers: Count = 2,
                 rate: Positive = 1.0):
        super().__init__()
        self.rate, self.rival = rate, _of_codes(model, width, layers)

    def forward(self, out: Output, model: nn.Module) -> Tensor:
        """(B,)."""
        return softplus(-frozen(self.rival, out.latent.z)[0])

    def rival_loss(self, out: Output, model: nn.Module) -> Tensor:
        """(B,), with a gradient only for the discriminator."""
        return discriminator_loss(self.rival, _prior_draws(out, model), out.latent.z)


@terms.add("tc_gan")
class ShuffleDiscriminator(nn.Module):
    """Total correlation of the codes, in nats. A discriminator tells them from codes whose
    dimensions are shuffled over the batch; its log odds estimate the density ratio (Kim & Mnih,
    2018, arXiv 1802.05983)."""

    def __init__(self, model: nn.Module, width: Count = 256, layers: Count = 3,
                 rate: Positive = 1.0):
        super().__init__()
        self.rate, self.rival = rate, _of_codes(model, width, layers)

    def forward(self, out: Output, model: nn.Module) -> Tensor:
        """(B,)."""
        return frozen(self.rival, out.latent.z)[0]

    def rival_loss(self, out: Output, model: nn.Module) -> Tensor:
        """(B,), with a gradient only for the discriminator."""
        z = out.latent.z.flatten(1)
        order = torch.rand_like(z).argsort(0)   # a permutation for each dimension
        return discriminator_loss(self.rival, z, z.gather(0, order))


@terms.add("learned_likeness")
class ImageDiscriminator(nn.Module):
    """A discriminator tells samples from decoded codes and decoded samples of the prior. Half the
    squared distance of its features replaces the reconstruction loss. Only the decoder also learns
    to fool it, with weight `realism` (Larsen et al., 2016, arXiv 1512.09300).

    Features are divided by their standard deviation over the batch's real samples, where the paper
    has batch normalisation: otherwise the discriminator makes them larger and larger. Their mean
    counts as a tenth of a sample's values, so that it weighs about as much as a reconstruction. The
    gradients of features and realism for a decoded sample are at most as long as that of half its
    squared error: otherwise a sure discriminator drowns the reconstruction."""

    def __init__(self, model: nn.Module, realism: NotNegative = 1.0, width: Count = 256,
                 layers: Count = 2, rate: Positive = 1.0):
        super().__init__()
        self.realism, self.rate = realism, rate
        shape: tuple[int, ...] = model.shape  # type: ignore[assignment]
        self.rival: nn.Module = (Convolutional(shape) if len(shape) == 3 else
                                 Dense(torch.Size(shape).numel(), width, layers))

    def forward(self, out: Output, model: nn.Module) -> Tensor:
        """(B,)."""
        right = frozen(self.rival, out.x)[1].detach()
        away = (out.px.mean - out.x).detach().flatten(1).norm(dim=1)
        distance = clipped_gradient(lambda x: likeness(right, frozen(self.rival, x)[1])
                                    * out.x[0].numel() * WEIGHT, out.px.mean, away)
        unreal = sum(clipped_gradient(lambda x: softplus(-frozen(self.rival, x)[0]), x, away.mean())
                     for x in self._made(out, model))
        return distance + self.realism * unreal

    def fixed(self, out: Output) -> Tensor:
        """Half the squared error of the samples, (B,). It does not depend on the discriminator, and
        epochs are compared by it."""
        squares = (out.px.mean - out.x).square()
        return per_sample(squares if out.known is None else squares * out.known) / 2

    def rival_loss(self, out: Output, model: nn.Module) -> Tensor:
        """(B,), with a gradient only for the discriminator."""
        with torch.no_grad():
            reconstruction, drawn = self._made(out, model)
        loss = discriminator_loss(self.rival, out.x, reconstruction)
        loss = loss + softplus(self.rival(drawn)[0])
        return torch.where(loss.detach().mean() > REST, loss, loss.detach())

    def _made(self, out: Output, model: nn.Module) -> tuple[Tensor, Tensor]:
        """Decoded codes and decoded samples of the prior, without a gradient for the encoder."""
        codes = (out.latent.z.detach(), _prior_draws(out, model).detach())
        skips = tuple(skip.detach() for skip in out.skips)
        images = [model.decode(z, out.latent.y, skips).mean  # type: ignore[operator]
                  for z in codes]
        return images[0], images[1]
