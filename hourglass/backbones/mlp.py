"""Dense layers, for vectors and small images."""

import math
from itertools import pairwise

from torch import nn

from ..contracts import Backbone
from ..spec import Count, Rate, backbones
from .layers import ACTIVATIONS, Activation, Decoder, Encoder, Norm, Style


@backbones.add("mlp")
def mlp(
    shape: tuple[int, ...], out: tuple[int, ...], widths: Count | tuple[Count, ...] = (512, 256),
    norm: Norm = "none", activation: Activation = "relu", dropout: Rate = 0.0,
) -> Backbone:
    """Dense layers of these widths, and back through the same widths."""
    widths = (widths,) if isinstance(widths, int) else widths
    if not widths:
        raise ValueError("mlp needs at least one width, as in mlp((512, 256))")
    style = Style(norm, activation, dropout)
    ups = [*_dense((math.prod(shape), *widths), style)]
    downs = [ACTIVATIONS[activation](), *_dense(widths[::-1], style)]
    last = nn.Linear(widths[0], math.prod(out))
    return Backbone(Encoder([nn.Flatten(), *ups]), Decoder([*downs, last, nn.Unflatten(1, out)]),
                    (widths[-1],))


def _dense(widths: tuple[int, ...], style: Style) -> list[nn.Module]:
    return [layer for n, m in pairwise(widths)
            for layer in (nn.Linear(n, m, bias=style.bias), *style.after(m, maps=False))]
