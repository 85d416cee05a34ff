"""Several autoencoders side by side: the networks of an ensemble."""

import math
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ...core.contracts import Backbone
from ...core.part_contracts import LearnsInputs, Shows, Takes, offers
from ...core.precision import at_least_single, full_precision
from ...core.registry import backbones, bottlenecks, likelihoods

EXAMPLE = "members((('mlp((16,))', '', 'plain(4)', 'normal'),))"


class MemberHalf(NamedTuple):
    """A member's encoder or decoder with its bottleneck, the shape of one of its codes, and how
    many maps its decoder takes by skip connections."""

    network: nn.Module
    bottleneck: Any   # a module with the contract of bottlenecks
    code: tuple[int, ...]
    skips: int


class MemberTexts(NamedTuple):
    """An autoencoder in texts: backbone, decoder (may be empty), bottleneck and likelihood."""

    backbone: str
    decoder: str
    bottleneck: str
    likelihood: str


@backbones.add("members", example=EXAMPLE)
def members(
    shape: tuple[int, ...], out: tuple[int, ...], of: tuple[tuple[str, ...], ...] = ()
) -> Backbone:
    """Autoencoders side by side, as `hourglass ensemble` puts them together; each of `of` has four
    texts: backbone, decoder, bottleneck, likelihood. Codes and outputs are concatenated. It needs
    the bottleneck identity and the likelihood mixture_of."""
    if not of or any(len(texts) != 4 for texts in of):
        raise ValueError(f"members needs four texts of each, as in {EXAMPLE}")
    parts = [_made(MemberTexts(*texts), shape) for texts in of]
    forth, back = [encoding for encoding, _, _ in parts], [decoding for _, decoding, _ in parts]
    widths = [width for _, _, width in parts]
    if sum(widths) != out[0]:
        raise ValueError(f"members needs the likelihood mixture_of, with that of each member: "
                         f"they put out {sum(widths)} channels, not {out[0]}")
    return Backbone(MemberEncoders(forth, [member[3] for member in of]), MemberDecoders(back),
                    (sum(math.prod(half.code) for half in back),))


def _made(member: MemberTexts, shape: tuple[int, ...]) -> tuple[MemberHalf, MemberHalf, int]:
    """A member's two halves, and the number of its output channels. Each half has a bottleneck of
    its own, so that it can be used without the other."""
    out = likelihoods.make(member.likelihood).out(shape)
    forth = backbones.make(member.backbone, shape, out)
    back = backbones.make(member.decoder, shape, out) if member.decoder else forth
    taken = back.decoder.takes if offers(back.decoder, Takes) else back.code
    first, second = (bottlenecks.make(member.bottleneck, forth.code, taken) for _ in range(2))
    code, skips = _code_of(first, forth.code), _skips_of(forth.encoder, shape)
    return (MemberHalf(forth.encoder, first, code, skips),
            MemberHalf(back.decoder, second, code, skips), out[0])


@torch.no_grad()
def _skips_of(encoder: nn.Module, shape: tuple[int, ...]) -> int:
    """How many maps an encoder hands to its decoder, by a pass through it."""
    skips = encoder.eval()(torch.zeros(2, *shape))[1]
    encoder.train()
    return len(skips)


@torch.no_grad()
def _code_of(bottleneck: Any, code: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of one code of a bottleneck, by a pass through it."""
    if offers(bottleneck, LearnsInputs):   # its own prior is not used here
        bottleneck.inputs = None
    shape = bottleneck.eval()(torch.zeros(2, *code)).z.shape[1:]
    bottleneck.train()
    return tuple(shape)


class MemberEncoders(nn.Module):
    """x (B, *shape) -> all members' codes (B, D), and their skips, one member after the other."""

    def __init__(self, halves: list[MemberHalf], likelihood: list[str]):
        super().__init__()
        self.encoders = nn.ModuleList(half.network for half in halves)
        self.bottlenecks = nn.ModuleList(half.bottleneck for half in halves)
        self.likelihoods = nn.ModuleList(map(likelihoods.make, likelihood))   # some show x anew

    def forward(self, x: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        codes: list[Tensor] = []
        skips: list[Tensor] = []
        likelihood: Any
        for encoder, bottleneck, likelihood in zip(self.encoders, self.bottlenecks,
                                                   self.likelihoods, strict=True):
            h, own = encoder(likelihood.shown(x) if offers(likelihood, Shows) else x)
            with full_precision(h):
                codes.append(bottleneck(at_least_single(h), self.training).z.flatten(1))
            skips += own
        return torch.cat(codes, 1), tuple(skips)


class MemberDecoders(nn.Module):
    """All members' codes (B, D) -> their outputs (B, *out), side by side."""

    def __init__(self, halves: list[MemberHalf]):
        super().__init__()
        self.decoders = nn.ModuleList(half.network for half in halves)
        self.bottlenecks = nn.ModuleList(half.bottleneck for half in halves)
        self.codes = [half.code for half in halves]
        ends = [0, *accumulate(half.skips for half in halves)]
        self.own_skips = [slice(*pair) for pair in pairwise(ends)]   # of each, among all

    def forward(self, z: Tensor, skips: tuple[Tensor, ...] = ()) -> Tensor:
        parts = z.split([math.prod(code) for code in self.codes], 1)
        outputs = []
        for k, (part, code) in enumerate(zip(parts, self.codes, strict=True)):
            bottleneck: Any = self.bottlenecks[k]
            h = bottleneck.expand(part.unflatten(1, code))
            outputs.append(self.decoders[k](h, skips[self.own_skips[k]]))
        return torch.cat(outputs, 1)
