"""Channels first as networks want them, last as arrays and files have them; in pictures, some."""

import numpy as np
from einops import rearrange
from torch import Tensor

FEW = 6        # channels that are shown side by side if nobody chose
CHOSEN = [""]  # the channels that pictures show, as the run's settings name them


def channels_first(t: Tensor) -> Tensor:
    """(B, H, W, C) -> (B, C, H, W), (B, T, C) -> (B, C, T); vectors (B, D) as they are."""
    return rearrange(t, "b ... c -> b c ...") if t.ndim > 2 else t


def channels_last(t: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, H, W, C), (B, C, T) -> (B, T, C); vectors (B, D) as they are."""
    return rearrange(t, "b c ... -> b ... c") if t.ndim > 2 else t


def show_channels(text: str) -> None:
    """Choose which channels of images that have other than one or three all pictures of this
    process show from now on, see `read_channels`."""
    CHOSEN[:] = [text]


def read_channels(text: str, count: int) -> tuple[int, ...]:
    """Which of `count` channels a picture shows, from 0: "3,2,1" as (2, 1, 0), "2" as (1,). "all"
    is (): a panel a channel. Without a text, the first three of colour images, a panel each where
    there are few others, else the first three. Raises ValueError."""
    if text in ("", "all"):
        apart = text == "all" or count == 2 or 4 < count <= FEW
        return () if apart and count > 1 else tuple(range(min(count, 3)))
    numbers = [part.strip() for part in text.split(",")]
    good = len(numbers) in (1, 3) and all(n.isdecimal() and 1 <= int(n) <= count for n in numbers)
    if not good:
        raise ValueError(f"show must be one or three channels from 1 to {count}, such as "
                         f"{'3,2,1' if count > 2 else '1'}, or all; not {text!r}")
    return tuple(int(n) - 1 for n in numbers)


def laid_out(images: np.ndarray, flat: bool = False) -> np.ndarray:
    """Images (N, H, W, C) of any number of channels as grey or colour ones: the channels that
    `show_channels` chose, or panels side by side, (N, H, C W, 1); the first three if `flat`.
    Missing pixels are black."""
    count, images = images.shape[-1], np.nan_to_num(images)
    if count in (1, 3):
        return images
    channels = read_channels(CHOSEN[0], count)
    if not channels and not flat:
        return rearrange(images, "n h w c -> n h (c w) 1")
    return images[..., list(channels or range(3 if count > 2 else 1))]
