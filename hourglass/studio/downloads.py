"""What can be taken away from a run: ONNX files, its report and explorer, and all of its folder."""

import shutil
import tempfile
import zipfile
from pathlib import Path

from ..core.files import is_link, open_regular

NAMES = {   # file: its content type
    "encoder.onnx": "application/octet-stream", "decoder.onnx": "application/octet-stream",
    "explorer.html": "text/html", "report.html": "text/html", "run.zip": "application/zip"}
LEFT_OUT = ("lock",)   # of a run's folder, in its archive


def make_download(run: Path, name: str) -> Path:
    """Make one of the files for a run, in a new folder that the caller removes. Raises
    ValueError."""
    place = Path(tempfile.mkdtemp(prefix="hourglass-"))
    try:
        _make(run, name, place / name)
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise
    return place / name


def _make(run: Path, name: str, out: Path) -> None:
    if name == "run.zip":
        archive(run, out)
    elif name == "report.html":
        _copy(run / name, out)
    elif name == "explorer.html":
        from ..tasks.explore import explore
        explore(run, out)
    else:
        from ..tasks.export import export
        export(run, name.removesuffix(".onnx"), out)


def _copy(path: Path, out: Path) -> None:
    if is_link(path):
        raise ValueError(f"{path.name} is a link, and a run's files must be its own")
    try:
        with open_regular(path) as file, out.open("wb") as copy:
            shutil.copyfileobj(file, copy)
    except OSError:
        raise ValueError("this run has no report yet. Write it first") from None


def archive(run: Path, out: Path) -> None:
    """Write a run's folder as a zip file. Links are left out."""
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        for path in sorted(run.rglob("*")):
            inner = path.relative_to(run)
            if path.is_file() and not path.is_symlink() and inner.name not in LEFT_OUT and not any(
                    (run / above).is_symlink() for above in inner.parents):
                file.write(path, Path(run.name) / inner)
