"""A U-Net that removes noise from latent maps."""

import math

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from ...core.hints import Count, Rate
from ...core.registry import denoisers

GROUPS = 16   # of a group norm, at most


@denoisers.add("unet")
class UNet(nn.Module):
    """Residual blocks at several sizes, with skips and self-attention at the smallest (Ho et al.,
    2020, arXiv 2006.11239; Rombach et al., 2022, arXiv 2112.10752).

    The first of `widths` is for maps of the latent's size, each further one for maps of half the
    size before, with `blocks` residual blocks each. The condition scales and shifts each block.
    """

    def __init__(self, shape: tuple[int, ...], widths: Count | tuple[Count, ...] = (64, 128),
                 blocks: Count = 2, dropout: Rate = 0.0):
        super().__init__()
        if len(shape) != 3:
            raise ValueError(f"unet needs latents that are maps (C, H, W), such as those of "
                             f"gaussian_map, not of shape {shape}; use mlp for vectors")
        sizes = (widths,) if isinstance(widths, int) else widths
        self.width = 4 * sizes[0]
        self.enter = nn.Conv2d(shape[0], sizes[0], 3, padding=1)
        kept, now = [sizes[0]], sizes[0]
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        for level, size in enumerate(sizes):
            for _ in range(blocks):
                self.down.append(_Residual(now, size, self.width, dropout))
                now = size
                kept.append(now)
            if level < len(sizes) - 1:
                self.down.append(nn.Conv2d(now, now, 3, 2, 1))
                kept.append(now)
        self.middle = _Residual(now, now, self.width, dropout)
        self.attention, self.after = _Attention(now), _Residual(now, now, self.width, dropout)
        for level, size in reversed(list(enumerate(sizes))):
            for _ in range(blocks + 1):
                self.up.append(_Residual(now + kept.pop(), size, self.width, dropout))
                now = size
            if level:
                self.up.append(nn.Conv2d(now, now, 3, padding=1))
        self.norm, self.leave = _norm(now), nn.Conv2d(now, shape[0], 3, padding=1)
        _begin_at_nothing(self.leave)

    def forward(self, u: Tensor, condition: Tensor) -> Tensor:
        """u (B, C, H, W), condition (B, width) -> like u."""
        h = self.enter(u)
        skips = [h]
        for layer in self.down:
            h = layer(h, condition) if isinstance(layer, _Residual) else layer(h)
            skips.append(h)
        h = self.after(self.attention(self.middle(h, condition)), condition)
        for layer in self.up:
            if isinstance(layer, _Residual):
                h = layer(torch.cat([h, skips.pop()], 1), condition)
            else:
                h = layer(F.interpolate(h, size=skips[-1].shape[2:], mode="nearest"))
        out: Tensor = self.leave(F.silu(self.norm(h)))
        return out


class _Residual(nn.Module):
    """h (B, C, H, W), condition (B, width) -> (B, D, H, W)."""

    def __init__(self, before: int, after: int, width: int, dropout: float):
        super().__init__()
        self.first, self.norm = nn.Conv2d(before, after, 3, padding=1), _norm(before)
        self.again = nn.GroupNorm(math.gcd(GROUPS, after), after, affine=False)
        self.dropout, self.second = nn.Dropout(dropout), nn.Conv2d(after, after, 3, padding=1)
        self.tell = nn.Linear(width, 2 * after)
        self.straight = nn.Identity() if before == after else nn.Conv2d(before, after, 1)
        _begin_at_nothing(self.tell)
        _begin_at_nothing(self.second)

    def forward(self, h: Tensor, condition: Tensor) -> Tensor:
        scale, shift = self.tell(F.silu(condition))[:, :, None, None].chunk(2, 1)
        modulated = self.again(self.first(F.silu(self.norm(h)))) * (1 + scale) + shift
        out: Tensor = self.straight(h) + self.second(self.dropout(F.silu(modulated)))
        return out


class _Attention(nn.Module):
    """Self-attention between all places of a map, added to it (B, C, H, W)."""

    def __init__(self, width: int):
        super().__init__()
        self.norm, self.ask, self.say = (
            _norm(width), nn.Conv2d(width, 3 * width, 1), nn.Conv2d(width, width, 1))

    def forward(self, h: Tensor) -> Tensor:
        q, k, v = rearrange(self.ask(self.norm(h)), "b (t c) h w -> t b 1 (h w) c", t=3)
        attended = F.scaled_dot_product_attention(q, k, v)[:, 0].transpose(1, 2)   # one head
        out: Tensor = h + self.say(attended.unflatten(2, h.shape[2:]))
        return out


def _begin_at_nothing(layer: nn.Module) -> None:
    for weight in layer.parameters():
        nn.init.zeros_(weight)


def _norm(width: int) -> nn.GroupNorm:
    return nn.GroupNorm(math.gcd(GROUPS, width), width)
