"""A U-Net: a convolutional decoder with skip connections from the encoder at every size."""

import torch
from torch import Tensor, nn

from ...core.contracts import Backbone
from ...core.hints import Count, Rate
from ...core.registry import backbones
from .conv import last, plan, same
from .layers import ACTIVATIONS, Activation, Norm, Skips, Style, UpConv


@backbones.add("unet")
def unet(
    shape: tuple[int, ...], out: tuple[int, ...], filters: Count | tuple[Count, ...] | None = None,
    kernel: Count = 3, norm: Norm = "none", activation: Activation = "relu", dropout: Rate = 0.0,
    layers: Count = 1, residual: bool = False,
) -> Backbone:
    """U-Net (Ronneberger et al., 2015, arXiv 1505.04597). Its skips LEAK x past the bottleneck.

    The skips carry the image around the code, so codes and samples mean little (for samples, the
    skips are zeros). Use it to restore images, not to compress or generate them. Each block has
    `layers` convolutions; the first one has the stride. With residual=True, only the difference
    from the image is learnt; this needs a likelihood whose mean is the output, such as normal.
    """
    sizes, filters, *_ = plan(shape, filters, kernel, 2)
    style = Style(norm, activation, dropout)
    downs, ups = nn.ModuleList(), nn.ModuleList()
    for n, m in zip((shape[0], *filters), filters, strict=False):
        down = nn.Conv2d(n, m, kernel, 2, (kernel - 1) // 2, bias=style.bias)
        more = [layer for _ in range(layers - 1) for layer in same(m, m, kernel, style)]
        downs.append(nn.Sequential(down, *style.after(m, maps=True), *more))
    for i in reversed(range(len(filters))):
        m = filters[max(i - 1, 0)]
        up = UpConv((2 * filters[i], m), kernel, 2, sizes[i + 1], sizes[i], style.bias)
        more = [layer for _ in range(layers - 1) for layer in same(m, m, kernel, style)]
        ups.append(nn.Sequential(up, *style.after(m, maps=True), *more))
    (end,) = last(filters[0] + shape[0], out, kernel, sizes[0])
    if residual and out[0] != shape[0]:
        raise ValueError(f"residual=True needs as many output channels as input channels: {out[0]} "
                         f"is not {shape[0]}")
    decoder = UNetDecoder(ups, end, ACTIVATIONS[activation](), (shape[0], *sizes[0]), residual)
    return Backbone(UNetEncoder(downs), decoder, (filters[-1], *sizes[-1]))


class UNetEncoder(nn.Module):
    """x -> h, and the maps of every size, from x on."""

    def __init__(self, downs: nn.ModuleList):
        super().__init__()
        self.downs = downs

    def forward(self, x: Tensor) -> tuple[Tensor, Skips]:
        maps = [x]
        for down in self.downs:
            maps.append(down(maps[-1]))
        return maps[-1], tuple(maps)


class UNetDecoder(nn.Module):
    """h and the encoder's maps -> the likelihood's parameters. Missing maps are zeros."""

    def __init__(self, ups: nn.ModuleList, end: nn.Module, activation: nn.Module,
                 first: tuple[int, ...], residual: bool):
        super().__init__()
        self.ups, self.end, self.activation, self.first = ups, end, activation, first
        self.residual = residual

    def begin(self) -> None:
        """If the network learns the difference from the image, start with no difference: an
        untrained network then returns the image unchanged."""
        if self.residual:
            for weights in self.end.parameters():
                nn.init.zeros_(weights)

    def forward(self, h: Tensor, skips: Skips = ()) -> Tensor:
        h = self.activation(h)
        for i, up in enumerate(self.ups):
            skip = skips[-1 - i] if skips else torch.zeros_like(h)
            h = up(torch.cat([h, skip], 1))
        image = skips[0] if skips else h.new_zeros(h.shape[0], *self.first)
        out = self.end(torch.cat([h, image], 1))
        return out + image if self.residual else out
