"""Write pictures: one image, a sheet of many, or an animation."""

import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from ..analysis.figures.canvas import as_png
from ..core.channels import laid_out
from ..core.files import write_out
from ..core.image_grid import shown, tile

if TYPE_CHECKING:   # few commands draw, and matplotlib takes half a second to import
    from matplotlib.figure import Figure

SUFFIXES = (".png", ".webp", ".jpg", ".jpeg", ".bmp")
TIFFS = (".tif", ".tiff")
MOVING = (".gif", ".webp", ".mp4")
SEEN = 64        # least pixels of an image's shorter side in a sheet
LEAST = 256      # least pixels of an animation's shorter side
COLOURS = 256


def as_picture(image: np.ndarray) -> Image.Image:
    """Convert an image (H, W, C) in [0, 1] to a picture. For other than one or three channels, it
    shows those that `show_channels` chose, or all side by side."""
    values = np.rint(np.clip(laid_out(image[None])[0], 0, 1) * 255).astype(np.uint8)
    return Image.fromarray(values[..., 0] if values.shape[-1] == 1 else values)


def as_sheet(images: np.ndarray, columns: int = 0) -> np.ndarray:
    """Join images (N, H, W, C) to one picture (H, W, 3); empty places are white."""
    columns = columns or math.ceil(math.sqrt(len(images)))
    rgb = shown(images)
    missing = -len(rgb) % columns
    rgb = np.concatenate([rgb, np.ones((missing, *rgb.shape[1:]), rgb.dtype)])
    return tile([rgb[start:start + columns] for start in range(0, len(rgb), columns)])


def save_picture(path: Path, picture: Image.Image, quality: int = 75) -> None:
    """Write a still picture as a whole. `quality`, up to 100, is for lossy formats. Raises
    ValueError for another suffix."""
    check_name(path, SUFFIXES)
    buffer = io.BytesIO()
    kind = path.suffix.lower()
    picture.save(buffer, Image.registered_extensions()[kind], quality=quality)
    write_out(path, buffer.getvalue(), wait=False)


def save_deep(path: Path, values: np.ndarray) -> None:
    """Write an image (H, W, C) of any type and number of channels as a TIFF."""
    from tifffile import imwrite
    buffer, colour = io.BytesIO(), values.shape[-1] == 3
    imwrite(buffer, values[..., 0] if values.shape[-1] == 1 else values,
            photometric="rgb" if colour else "minisblack", compression="zlib",
            planarconfig=None if values.shape[-1] == 1 else "contig")
    write_out(path, buffer.getvalue(), wait=False)


def save_figure(path: Path, figure: "Figure") -> None:
    """Write a figure as a picture, without empty margins."""
    save_picture(path, Image.open(io.BytesIO(as_png(figure, tight=True))))


def check_name(path: Path, suffixes: Sequence[str]) -> None:
    """Raise ValueError for a name with none of these suffixes."""
    if path.suffix.lower() not in suffixes:
        raise ValueError(f"{path} has no known suffix; end it in one of "
                         f"{', '.join(dict.fromkeys(suffixes))}")


def enlarged(sheet: np.ndarray, size: tuple[int, ...]) -> Image.Image:
    """Enlarge a sheet of small images (H, W)."""
    times = max(1, SEEN // min(size))
    height, width = sheet.shape[:2]
    return as_picture(sheet).resize((times * width, times * height), Image.Resampling.NEAREST)


def save_animation(path: Path, frames: Sequence[np.ndarray], rate: int, loop: bool) -> None:
    """Write images (H, W, C) in [0, 1] as .gif, .webp or .mp4, with `rate` frames per second,
    enlarged if small. Raises ValueError for another suffix."""
    check_name(path, MOVING)
    height, width = frames[0].shape[:2]
    times = max(1, math.ceil(LEAST / min(height, width)))
    pictures = [as_picture(frame).resize((times * width, times * height), Image.Resampling.NEAREST)
                for frame in frames]
    kind = path.suffix.lower()
    if kind == ".mp4":
        _save_video(path, pictures, rate)
        return
    if kind == ".gif":   # one palette for all frames, so that none flickers
        sheet = Image.fromarray(np.concatenate([np.asarray(p.convert("RGB")) for p in
                                                pictures[::max(1, len(pictures) // 12)]]))
        palette = sheet.quantize(COLOURS, Image.Quantize.FASTOCTREE)
        pictures = [p.convert("RGB").quantize(palette=palette, dither=Image.Dither.NONE)
                    for p in pictures]
    forever = {"loop": 0 if loop else 1} if loop or kind == ".webp" else {}
    buffer = io.BytesIO()
    pictures[0].save(buffer, kind[1:], save_all=True, append_images=pictures[1:],
                     duration=1000 // rate, **forever)
    write_out(path, buffer.getvalue())


def _save_video(path: Path, pictures: list[Image.Image], rate: int) -> None:
    try:
        import av
    except ImportError:
        raise ValueError("an .mp4 needs an extra: pip install 'hourglass[video]'; .gif and .webp "
                         "do not") from None
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as film:
        stream = film.add_stream("libx264", rate=rate)
        stream.width, stream.height = (2 * (side // 2) for side in pictures[0].size)
        stream.pix_fmt = "yuv420p"
        for picture in pictures:
            frame = av.VideoFrame.from_image(picture.convert("RGB"))
            film.mux(stream.encode(frame))
        film.mux(stream.encode())
    write_out(path, buffer.getvalue())


def save_array(path: Path, values: np.ndarray) -> None:
    """Write an array as .npy."""
    buffer = io.BytesIO()
    np.save(buffer, values)
    write_out(path, buffer.getvalue())
