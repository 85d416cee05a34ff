"""Channels first as networks want them, last as arrays and files have them."""

from einops import rearrange
from torch import Tensor


def channels_first(t: Tensor) -> Tensor:
    """(B, H, W, C) -> (B, C, H, W), (B, T, C) -> (B, C, T); vectors (B, D) as they are."""
    return rearrange(t, "b ... c -> b c ...") if t.ndim > 2 else t


def channels_last(t: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, H, W, C), (B, C, T) -> (B, T, C); vectors (B, D) as they are."""
    return rearrange(t, "b c ... -> b ... c") if t.ndim > 2 else t
