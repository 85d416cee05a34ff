"""Frames of the same images' reconstructions during training, and a GIF of them."""

import contextlib
import io
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import nn

from ..core.channels import channels_last
from ..core.console import say
from ..core.contracts import Batch
from ..core.files import read_file, write_whole
from ..core.image_grid import shown, tile

COLUMNS = 8
MOST_PIXELS = 2**22   # of a frame; all frames that are made here are smaller
LARGEST = 128     # pixels of a frame image's longer side
SMALLEST = 40
COLOURS = 128


def is_framed(epoch: int) -> bool:
    """Whether an epoch gets a frame: every early one, then fewer and fewer."""
    return epoch <= 10 or (epoch % 5 == 0 and epoch <= 60) or epoch % 20 == 0


@torch.inference_mode()
def save_frame(model: nn.Module, batch: Batch, path: Path, caption: str) -> None:
    """Write the encoder's inputs (B, C, H, W) above their reconstructions, as a PNG."""
    model.eval()
    seen = batch.seen
    recon = model(batch.x, batch.y, encoder_input=seen).px.mean
    pair = [shown(channels_last(t.float().cpu()).numpy())
            for t in (seen, recon)]
    picture = Image.fromarray((tile(pair) * 255).astype(np.uint8))
    side = max(batch.x.shape[-2:])
    scale = min(LARGEST / side, max(1.0, SMALLEST * 1.5 // side))
    picture = picture.resize((round(picture.width * scale), round(picture.height * scale)),
                             Image.Resampling.NEAREST if scale >= 1 else Image.Resampling.LANCZOS)
    frame = Image.new("RGB", (picture.width, picture.height + 16), "white")
    frame.paste(picture, (0, 16))
    ImageDraw.Draw(frame).text((4, 2), caption, fill="black")
    buffer = io.BytesIO()
    frame.save(buffer, "png")
    write_whole(path, buffer.getvalue(), wait=False)


def animate(frames: Path, path: Path) -> bool:
    """Join a folder's frames to one GIF. Returns False for fewer than 2 frames.

    Frames that are damaged, or of another size than most, are left out with a note.
    """
    pictures = _readable(sorted(frames.glob("*.png")))
    if len(pictures) < 2:
        return False
    # one palette for all: quantising each frame by itself is a hundred times slower, and flickers
    sheet = np.concatenate([np.asarray(p) for p in (pictures[0], pictures[-1])])
    palette = Image.fromarray(sheet).quantize(COLOURS, Image.Quantize.FASTOCTREE)
    quantised = [p.quantize(palette=palette, dither=Image.Dither.NONE) for p in pictures]
    times = [2000 if i == len(pictures) - 1 else 300 for i in range(len(pictures))]
    buffer = io.BytesIO()
    quantised[0].save(buffer, "gif", save_all=True, append_images=quantised[1:], duration=times,
                      loop=0)
    write_whole(path, buffer.getvalue(), wait=False)
    return True


def _readable(files: list[Path]) -> list[Image.Image]:
    """The frames that can be read and are of one size."""
    frames = {}
    for file in files:
        with contextlib.suppress(Exception):   # Pillow raises many kinds for a broken file
            picture = Image.open(io.BytesIO(read_file(file)), formats=["PNG"])
            if picture.width * picture.height <= MOST_PIXELS:
                frames[file] = picture.convert("RGB")
    size = Counter(picture.size for picture in frames.values()).most_common(1)
    frames = {file: picture for file, picture in frames.items() if picture.size == size[0][0]}
    if len(frames) < len(files):
        first = next(file for file in files if file not in frames)
        say(f"{len(files) - len(frames)} frames are damaged, such as {first}; the animation leaves "
            f"them out")
    return list(frames.values())
