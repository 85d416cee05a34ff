"""Dense encoder and decoder, for vectors and small images."""

import math
from itertools import pairwise
from typing import Literal

from torch import nn

from ...core.contracts import Backbone
from ...core.hints import Count, Rate
from ...core.registry import backbones
from .layers import ACTIVATIONS, Activation, Decoder, Encoder, Norm, Style


@backbones.add("mlp")
def mlp(
    shape: tuple[int, ...], out: tuple[int, ...], widths: Count | tuple[Count, ...] = (512, 256),
    norm: Norm = "none", activation: Activation | Literal["gated"] = "relu", dropout: Rate = 0.0,
) -> Backbone:
    """Dense layers with these widths, and the reverse in the decoder.

    A gated layer computes W x times sigmoid(V x) (Dauphin et al., 2017, arXiv 1612.08083).
    """
    widths = (widths,) if isinstance(widths, int) else widths
    if not widths:
        raise ValueError("mlp needs at least one width, as in mlp((512, 256))")
    gated = activation == "gated"
    style = Style(norm, "none" if activation == "gated" else activation, dropout)
    first = _gate(widths[-1], widths[-1]) if gated else [ACTIVATIONS[style.activation]()]
    ups = [*_dense((math.prod(shape), *widths), style, gated)]
    downs = [*first, *_dense(widths[::-1], style, gated)]
    last = nn.Linear(widths[0], math.prod(out))
    return Backbone(Encoder([nn.Flatten(), *ups]), Decoder([*downs, last, nn.Unflatten(1, out)]),
                    (widths[-1],))


def _dense(widths: tuple[int, ...], style: Style, gated: bool) -> list[nn.Module]:
    return [layer for n, m in pairwise(widths)
            for layer in (*(_gate(n, m) if gated else [nn.Linear(n, m, bias=style.bias)]),
                          *style.after(m, maps=False))]


def _gate(n: int, m: int) -> list[nn.Module]:
    return [nn.Linear(n, 2 * m), nn.GLU(dim=1)]
