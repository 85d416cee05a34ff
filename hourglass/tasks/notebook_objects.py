"""Results of a model as objects that a notebook shows and that can save themselves."""

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

import numpy as np
from PIL import Image

from .write_images import (
    MOVING,
    SUFFIXES,
    as_picture,
    as_sheet,
    check_name,
    enlarged,
    save_animation,
    save_array,
    save_picture,
)

TALL = 600   # pixels of a page that a notebook shows


@dataclass(frozen=True, repr=False)
class Picture:
    """Images in rows and columns, and the picture that they make."""

    array: np.ndarray                              # (..., H, W, C), each in [0, 1]
    image: Callable[[], Image.Image]               # draws it
    about: str = ""                                # what it shows
    codes: np.ndarray = field(default_factory=lambda: np.empty(0))   # they were decoded from
    labels: np.ndarray | None = None               # of each image, by name

    def save(self, path: str | Path) -> Path:
        """Write it as a picture (.png, .webp, .jpg, .bmp), or its images as .npy. Raises
        ValueError for another name."""
        path = Path(path)
        if path.suffix == ".npy":
            save_array(path, self.array)
        else:
            save_picture(path, self.image())
        return path

    def __repr__(self) -> str:
        return f"Picture of {self.array.shape} values" + (f": {self.about}" if self.about else "")

    def _repr_html_(self) -> str:
        words = f"<p>{escape(self.about)}</p>" if self.about else ""
        return words + inline(as_bytes(self.image()), "png")


@dataclass(frozen=True, repr=False)
class Film:
    """Images that follow one another."""

    array: np.ndarray          # (F, H, W, C) in [0, 1]
    rate: int = 25             # frames a second
    loop: bool = True
    columns: int = 0           # of a strip; 0: as many as rows
    codes: np.ndarray = field(default_factory=lambda: np.empty(0))   # (F, ...) of the frames

    def save(self, path: str | Path) -> Path:
        """Write it as .gif, .webp or .mp4, as a strip (.png) or as .npy. Raises ValueError for
        another name."""
        path = Path(path)
        if path.suffix == ".npy":
            save_array(path, self.array)
        elif path.suffix.lower() in MOVING:
            save_animation(path, list(self.array), self.rate, self.loop)
        else:
            check_name(path, (*MOVING, *SUFFIXES, ".npy"))
            save_picture(path, enlarged(as_sheet(self.array, self.columns), self.array.shape[1:3]))
        return path

    def __repr__(self) -> str:
        return f"Film of {len(self.array)} frames, {self.rate} a second"

    def _repr_html_(self) -> str:
        import tempfile
        with tempfile.TemporaryDirectory() as folder:
            return inline(self.save(Path(folder) / "film.gif").read_bytes(), "gif")


@dataclass(frozen=True, repr=False)
class Page:
    """A page of HTML in one file: a report, a comparison, the explorer."""

    html: str
    what: str = "page"
    path: Path | None = None   # where it lies, if it lies somewhere

    def save(self, path: str | Path) -> Path:
        """Write it as .html; raises ValueError for another name."""
        from ..core.files import write_out
        path = Path(path)
        check_name(path, (".html", ".htm"))
        write_out(path, self.html)
        return path

    def __fspath__(self) -> str:
        if self.path is None:
            raise ValueError(f"this {self.what} is not in a file yet; save it with "
                             f"save('x.html')")
        return str(self.path)

    def __repr__(self) -> str:
        return f"{self.what}: {self.path or f'{len(self.html):,} characters of HTML'}"

    def _repr_html_(self) -> str:
        return (f'<iframe srcdoc="{escape(self.html)}" width="100%" height="{TALL}" '
                f'style="border:0"></iframe>')


def sheet_of(images: np.ndarray, about: str = "", columns: int = 0) -> Picture:
    """A sheet of images (N, H, W, C)."""
    return Picture(images, lambda: enlarged(as_sheet(images, columns), images.shape[1:3]), about)


def one_row(images: Sequence[np.ndarray]) -> Image.Image:
    """Pictures (H, W, C) in [0, 1] of one size, side by side."""
    return as_picture(np.concatenate(list(images), axis=1))


def as_bytes(image: Image.Image) -> bytes:
    """A picture as the content of a PNG."""
    buffer = io.BytesIO()
    image.save(buffer, "png")
    return buffer.getvalue()


def inline(content: bytes, kind: str) -> str:
    """A picture's file as HTML that holds it."""
    return f'<img src="data:image/{kind};base64,{base64.b64encode(content).decode()}">'
