"""An adversarial loss term for sharp images: a discriminator judges patch by patch."""

from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import relu, softplus

from ...core.contracts import Clock, Output
from ...core.hints import Count, NotNegative, Positive, Share
from ...core.registry import terms
from .adversarial import frozen
from .perceptual import want_images
from .reconstruction import per_sample

KERNEL, SLOPE = 4, 0.2
DEEPEST = 3        # halvings of a discriminator that chooses them itself
SMALLEST = 4       # least side of the map that they lead to
WIDEST = 8         # channels of the last layers, as a multiple of the first's
LARGEST = 1e4      # of the adaptive weight, as the paper has it
Kind = Literal["hinge", "least_squares", "logistic"]


class PatchScores(nn.Module):
    """Images (B, C, H, W) -> a score for each patch (B, P), and the last layer's maps."""

    def __init__(self, shape: tuple[int, ...], width: int, halvings: int):
        super().__init__()
        widths = [min(2**i, WIDEST) * width for i in range(halvings + 1)]
        layers: list[nn.Module] = [
            nn.Conv2d(shape[0], width, KERNEL, 2, 1), nn.LeakyReLU(SLOPE)]
        for i, (n, m) in enumerate(pairwise(widths), 2):
            layers += [nn.Conv2d(n, m, KERNEL - 1 if i > halvings else KERNEL,
                                 1 if i > halvings else 2, 1, bias=False),
                       nn.GroupNorm(1, m), nn.LeakyReLU(SLOPE)]
        self.features, self.decide = nn.Sequential(*layers), nn.Conv2d(widths[-1], 1, 3, padding=1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = self.features(x)
        return self.decide(h).flatten(1), h


def fooled(score: Tensor, kind: Kind) -> Tensor:
    """What a decoder loses by the scores (B, P) of its images, (B,), a mean over patches."""
    lost = (-score if kind == "hinge" else (score - 1).square() if kind == "least_squares" else
            softplus(-score))
    return lost.mean(1)


def judged(real: Tensor, fake: Tensor, kind: Kind) -> Tensor:
    """What a discriminator loses by its scores (B, P), (B,), a mean over patches."""
    lost = (relu(1 - real) + relu(1 + fake) if kind == "hinge" else
            (real - 1).square() + fake.square() if kind == "least_squares" else
            softplus(-real) + softplus(fake))
    return lost.mean(1) / (1 if kind == "logistic" else 2)


@terms.add("patch_gan")
class PatchDiscriminator(nn.Module):
    """A discriminator judges each patch of an image, and the decoder learns to fool it (Isola et
    al., 2017, arXiv 1611.07004), for reconstructions that are sharp (VQGAN: Esser et al., 2021,
    arXiv 2012.09841). Its weight, such as 0.5, is a share of the reconstruction's gradient: at the
    decoder's output, the batch's two gradients are brought to the same length.

    It begins after the share `start` of the run, once images are roughly right. `kind` is the loss:
    hinge, least_squares or logistic. Images shrink by half in each of `layers` layers, by default
    as often as leaves 4 pixels, at most three times; the first layer has `width` channels. `r1`
    weighs the discriminator's squared gradient at real images, halved (Mescheder et al., 2018,
    arXiv 1801.04406). `rate` multiplies the model's learning rate for it.
    """

    begun: Tensor

    def __init__(self, model: nn.Module, kind: Kind = "hinge", start: Share = 0.25,
                 width: Count = 32, layers: Count | None = None, r1: NotNegative = 0.0,
                 rate: Positive = 1.0):
        super().__init__()
        shape: tuple[int, ...] = model.shape  # type: ignore[assignment]
        want_images("patch_gan", shape)
        self.kind, self.start, self.r1, self.rate = kind, start, r1, rate
        self.rival = PatchScores(shape, width, _halvings(min(shape[1:]), layers))
        # a tensor: a compiled network, or one that is a CUDA graph, would not see another number
        self.register_buffer("begun", torch.tensor(1.0), persistent=False)

    def at(self, clock: Clock | None) -> None:
        """Count from `start` on, and after training."""
        self.begun.fill_(float(clock is None or clock.share >= self.start))

    def forward(self, out: Output, model: nn.Module) -> Tensor:
        """(B,): what the decoder loses, with a gradient as long as the reconstruction's."""
        if out.params is None or not (torch.is_grad_enabled() and out.params.requires_grad):
            return self.begun * fooled(frozen(self.rival, out.px.mean)[0], self.kind)
        at = out.params.detach().requires_grad_()
        px = model.distribution(at)  # type: ignore[operator]
        lost = fooled(frozen(self.rival, px.mean)[0], self.kind)
        nats = px.log_prob(out.x)
        away, = torch.autograd.grad(
            (nats if out.known is None else nats * out.known).sum(), at, retain_graph=True)
        slope, = torch.autograd.grad(lost.sum(), at)
        weight = (away.norm() / slope.norm().clamp(min=1e-12)).clamp(max=LARGEST)
        learnt = per_sample((out.params - out.params.detach()) * slope * weight)
        return self.begun * (lost.detach() + learnt)

    def rival_loss(self, out: Output, model: nn.Module) -> Tensor:
        """(B,), with a gradient only for the discriminator."""
        real = out.x.detach().requires_grad_(bool(self.r1))
        scores = self.rival(real)[0]
        lost = judged(scores, self.rival(out.px.mean.detach())[0], self.kind)
        if self.r1 and torch.is_grad_enabled():
            slope, = torch.autograd.grad(scores.mean(1).sum(), real, create_graph=True)
            lost = lost + self.r1 / 2 * per_sample(slope.square())
        return self.begun * lost


def _halvings(side: int, layers: int | None) -> int:
    """How often images with that shorter side shrink by half."""
    possible = max((side // SMALLEST).bit_length() - 1, 1)
    if layers is None:
        return min(possible, DEEPEST)
    if side < 2**layers:
        raise ValueError(f"patch_gan(layers={layers}) needs images of at least {2**layers} pixels "
                         f"a side, not {side}; layers={possible} fits")
    return layers
