"""Move channels first (for networks) or last (for arrays and files), and choose those to show."""

import numpy as np
from einops import rearrange
from torch import Tensor

FEW = 6        # at most this many channels are shown side by side by default
CHOSEN = [""]  # the channels to show, as text, see the setting `show`


def channels_first(t: Tensor) -> Tensor:
    """(B, H, W, C) -> (B, C, H, W), (B, T, C) -> (B, C, T). Vectors (B, D) are unchanged."""
    return rearrange(t, "b ... c -> b c ...") if t.ndim > 2 else t


def channels_last(t: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, H, W, C), (B, C, T) -> (B, T, C). Vectors (B, D) are unchanged."""
    return rearrange(t, "b c ... -> b ... c") if t.ndim > 2 else t


def show_channels(text: str) -> None:
    """Set the channels that all later pictures of this process show. See `read_channels` for the
    text. It applies to images that have neither one nor three channels."""
    CHOSEN[:] = [text]


def read_channels(text: str, count: int) -> tuple[int, ...]:
    """Indices of the channels to show, of `count`: "3,2,1" gives (2, 1, 0) and "2" gives (1,).

    "all" gives (), which means one panel per channel. An empty text gives one panel each for 2, 5
    or 6 channels, and otherwise the first three. Raises ValueError.
    """
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
    """Make grey or colour images from images (N, H, W, C) with any number of channels.

    Shows the channels that `show_channels` chose, or panels side by side, (N, H, C W, 1). With
    `flat`, the first three instead of panels. Missing pixels are black.
    """
    count, images = images.shape[-1], np.nan_to_num(images)
    if count in (1, 3):
        return images
    channels = read_channels(CHOSEN[0], count)
    if not channels and not flat:
        return rearrange(images, "n h w c -> n h (c w) 1")
    return images[..., list(channels or range(3 if count > 2 else 1))]
