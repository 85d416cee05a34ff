"""Data of the studio: folders to choose from, files that are uploaded, and a look at a data set."""

import base64
import io
import re
from pathlib import Path, PurePosixPath
from typing import Any

from PIL import Image

from ..core.output_names import printable
from ..serving.errors import Refusal
from ..serving.multipart import FormField
from .jobs import NAME
from .roots import Roots
from .run_details import in_fields

MOST_SHOWN = 500     # entries of a folder
LARGEST = 2**26      # pixels of an uploaded image
TABLES = (".csv", ".tsv", ".txt", ".npy", ".npz", ".zip", ".parquet")   # and lines of text
IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".avif")
DATA = "data"        # the folder of uploads


def listed(roots: Roots, text: str) -> dict[str, Any]:
    """The folders and data files of a folder, or the allowed folders themselves for ""."""
    if not text:
        return {"path": "", "above": None, "entries": [
            {"name": printable(str(folder)), "path": str(folder), "kind": "folder"}
            for folder in roots.folders], "images": 0, "left_out": 0}
    folder = roots.resolve(text)
    if not folder.is_dir():
        raise ValueError(f"{printable(text)} is a file; choose a folder to open")
    entries, images, files = [], 0, []
    for path in folder.iterdir():
        if path.name.startswith("."):
            continue
        if path.is_symlink() and not roots.holds(path.resolve()):
            continue
        if path.is_dir():
            entries.append({"name": printable(path.name), "path": str(path), "kind": "folder"})
        elif path.suffix.lower() in IMAGES:
            images += 1
        elif path.suffix.lower() in TABLES:
            files.append({"name": printable(path.name), "path": str(path), "kind": "file"})
    entries = [*sorted(entries, key=lambda entry: entry["name"]),
               *sorted(files, key=lambda entry: entry["name"])]
    above = str(folder.parent) if roots.holds(folder.parent) else ""
    return {"path": str(folder), "above": above, "entries": entries[:MOST_SHOWN], "images": images,
            "left_out": max(0, len(entries) - MOST_SHOWN)}


def keep_uploads(roots: Roots, folder: str, parts: list[FormField]) -> dict[str, Any]:
    """Save uploaded files in a folder below data/. The first folder of a name becomes a class.
    Returns where they are (a table that is alone there by its own path), how many files lay there
    before, how many were saved, and which were refused and why. Raises ValueError for a wrong name
    of the folder."""
    if not NAME.fullmatch(folder) or folder.strip(" .") != folder:
        raise ValueError(f"{folder!r} cannot name a folder: use letters, digits, spaces, dots "
                         f"and hyphens, and begin with a letter or digit")
    place = roots.home / DATA / folder
    place.mkdir(parents=True, exist_ok=True)
    if not place.resolve().is_relative_to(roots.home):
        raise ValueError(f"{folder} is a link that leads out of the studio's folder")
    saved, refused, before = 0, [], sum(path.is_file() for path in place.rglob("*"))
    for part in parts:
        why = _refusal(part)
        if why:
            refused.append({"name": printable(part.filename), "why": why})
            continue
        target = _target(place, part.filename)
        target.parent.mkdir(exist_ok=True)
        with target.open("xb") as file:
            file.write(part.content)
        saved += 1
    return {"path": str(_data_in(place)), "before": before, "saved": saved, "refused": refused}


def _data_in(place: Path) -> Path:
    """The path to read for a folder of uploads: its only file if that is a table, or the folder."""
    inner = list(place.iterdir())
    alone = len(inner) == 1 and inner[0].suffix.lower() in TABLES and not inner[0].is_symlink()
    return inner[0] if alone and inner[0].is_file() else place


def _target(place: Path, name: str) -> Path:
    """A path for an uploaded file that does not exist yet."""
    from ..serving.uploads import safe_name  # which brings torch
    inner = PurePosixPath(name.replace("\\", "/")).parts
    above = _class_name(inner[-2]) if len(inner) > 1 else ""
    target = place / above / safe_name(inner[-1] if inner else "file")
    if target.parent.is_symlink():
        raise ValueError(f"{target.parent.name} is a link; remove it first")
    number, stem = 1, target.stem
    while target.exists() or target.is_symlink():
        number += 1
        target = target.with_name(f"{stem}-{number}{target.suffix}")
    return target


def _class_name(name: str) -> str:
    """The folder of a class: its name, without characters that a folder cannot have."""
    return re.sub(r"[\x00-\x1f/\\:]", "_", name).strip(". ")[:80] or "other"


def _refusal(part: FormField) -> str:
    """Why an uploaded file is not saved; "" if it is."""
    suffix = PurePosixPath(part.filename).suffix.lower()
    if not part.content:
        return "it is empty"
    if suffix in TABLES:
        return ""
    from ..serving.uploads import FORMATS
    try:
        with Image.open(io.BytesIO(part.content), formats=FORMATS) as image:
            if image.width * image.height > LARGEST:
                return f"it has more than {LARGEST:,} pixels; make it smaller"
            image.verify()
        return ""
    except Exception:   # Pillow raises many kinds for a broken file
        return "it is neither a whole image nor a .csv, .tsv, .txt, .npy, .npz, .parquet or .zip"


def looked_at(roots: Roots, text: str, values: dict[str, Any]) -> dict[str, Any]:
    """What `hourglass data show` says of a data set, and its contact sheet. Raises ValueError."""
    from ..analysis.figures.canvas import as_png  # which bring torch and matplotlib
    from ..tasks.inspect_data import inspected
    from .form import check_data, settings_from
    settings = settings_from({**values, "data": text}, roots)
    check_data(settings.data)
    lines, figure = inspected(settings.data, settings.reading())
    sheet = base64.b64encode(as_png(figure)).decode() if figure is not None else ""
    home = f"{roots.home}/"
    return {"data": settings.data, "lines": [_line(line, home) for line in lines], "sheet": sheet}


def _line(line: str, home: str) -> dict[str, str]:
    kind, _, rest = line.partition(": ")
    label = kind if kind in ("note", "warning") else ""
    words = printable((rest if label else line).replace(home, ""))
    return {"kind": label, "text": in_fields(words)}


def check_field(parts: list[FormField]) -> list[FormField]:
    """The files of a form. Raises Refusal if there are none."""
    files = [part for part in parts if part.name == "files"]
    if not files:
        raise Refusal(422, "send files in fields named files")
    return files
