"""Answers to requests: pictures as PNG, zip or JSON, and numbers as JSON."""

import base64
import io
import json
import zipfile
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from fastapi import Response
from pydantic import BaseModel

from ..tasks.write_images import as_picture, as_sheet
from .errors import Refusal

Format = Literal["auto", "png", "zip", "json"]
TYPES = {"application/json": "json", "image/png": "png", "image/*": "png", "application/zip": "zip",
         "*/*": "auto"}
NOTES_HEADER = "Hourglass-Notes"   # of answers that are no JSON
LONGEST_HEADER = 1000              # characters


class EncodedImage(BaseModel):
    """One image."""

    name: str
    height: int
    width: int
    png: str   # base64


class Pictures(BaseModel):
    """Images, in the order of the request."""

    images: list[EncodedImage]
    notes: list[str] = []   # on what was sent


def choose_format(requested: str, accept: str, count: int) -> str:
    """png, zip or json: the chosen format, otherwise the one that the client prefers, otherwise a
    PNG for one image and a zip for several."""
    chosen = requested if requested != "auto" else _accepted(accept)
    return chosen if chosen != "auto" else "png" if count == 1 else "zip"


def _accepted(accept: str) -> str:
    def weight(part: str) -> float:
        try:
            return float(part.partition("q=")[2] or 1)
        except ValueError:
            return 0.0
    for part in sorted(accept.lower().split(",")[:20], key=weight, reverse=True):
        kind = part.partition(";")[0].strip()
        if kind in TYPES and weight(part) > 0:
            return TYPES[kind]
    return "auto"


def pictures(
    images: Sequence[np.ndarray], names: Sequence[str], kind: str, notes: Sequence[str] = ()
) -> Response:
    """Images (H, W, C) in [0, 1] as a PNG (several as a sheet), a zip of PNGs or JSON. Notes on
    what was sent are in the JSON, or in the header Hourglass-Notes."""
    check_finite(images)
    headers = {NOTES_HEADER: as_header(notes)} if notes else {}
    if kind == "png":
        whole = images[0] if len(images) == 1 else as_sheet(np.stack(images))
        return Response(as_png_file(whole), media_type="image/png", headers=headers)
    if kind == "zip":
        files = dict(zip(distinct(names), map(as_png_file, images), strict=True))
        return Response(_zipped(files), media_type="application/zip", headers={
            "Content-Disposition": 'attachment; filename="images.zip"', **headers})
    return as_json(Pictures(images=encoded(images, names), notes=list(notes)))


def encoded(images: Sequence[np.ndarray], names: Sequence[str]) -> list[EncodedImage]:
    """Images (H, W, C) in [0, 1] as PNG in base64."""
    return [EncodedImage(name=name, height=image.shape[0], width=image.shape[1],
                         png=base64.b64encode(as_png_file(image)).decode())
            for name, image in zip(distinct(names), images, strict=True)]


def as_header(notes: Sequence[str]) -> str:
    """Notes as a header's value: one line of ASCII."""
    line = "; ".join(" ".join(note.split()) for note in notes)
    return line.encode("ascii", "replace").decode()[:LONGEST_HEADER]


def as_png_file(image: np.ndarray) -> bytes:
    """An image (H, W, C) in [0, 1] as a PNG file's content."""
    buffer = io.BytesIO()
    as_picture(image).save(buffer, "PNG")
    return buffer.getvalue()


def distinct(names: Sequence[str]) -> list[str]:
    """The names, with a number added to repeated ones."""
    seen: dict[str, None] = {}
    for name in names:
        unique, number = name, 1
        while unique in seen:
            number += 1
            unique = f"{name.removesuffix('.png')}-{number}.png"
        seen[unique] = None
    return list(seen)


def _zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)        # with a fixed date, so that equal images are equal
            entry.external_attr = 0o644 << 16    # otherwise, unzipped files are not readable
            archive.writestr(entry, content)
    return buffer.getvalue()


def as_json(result: BaseModel) -> Response:
    """An answer as JSON."""
    return Response(result.model_dump_json(by_alias=True), media_type="application/json")


def listed(values: np.ndarray) -> Any:
    """An array as nested lists. Raises Refusal if the model overflowed."""
    check_finite([values])
    return values.tolist()


def records(frame: Any) -> list[dict[str, Any]]:
    """A data frame's rows by column, as JSON data: dates as texts, and null for a missing cell."""
    rows: list[dict[str, Any]] = json.loads(frame.to_json(
        orient="records", date_format="iso", double_precision=15))
    return rows


def check_finite(arrays: Sequence[np.ndarray]) -> None:
    """Raise Refusal if the model overflowed."""
    if not all(np.isfinite(values).all() for values in arrays):
        raise Refusal(422, "the model overflows on these numbers; they are too far from the "
                           "training data")
