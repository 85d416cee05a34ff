"""The folder of a new run: made, and removed again if the run cannot begin."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .folder import RunFolder, is_run


@contextmanager
def begun(out: str | Path | None, overwrite: bool = False) -> Iterator[RunFolder]:
    """Make a new run's folder: `out`, or by default the next number under runs/. An error inside
    the block removes what was made.

    `overwrite` replaces a run in `out`, and no other folder. The replaced run is deleted at the end
    of the block; an error puts it back. Raises ValueError for a folder that cannot be used.
    """
    if overwrite and out is not None and is_run(Path(out)):
        with _replaced(RunFolder(Path(out))) as folder:
            yield folder
        return
    path, above = _made(out)
    try:
        yield RunFolder(path)
    except BaseException:
        _empty(path)
        for parent in above:
            with suppress(OSError):   # another process has put something there
                parent.rmdir()
        raise


def _made(out: str | Path | None) -> tuple[Path, list[Path]]:
    """A new run's folder, and which folders were made for it, the innermost first."""
    runs = Path("runs")
    path = Path(out) if out is not None else runs
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    if out is not None:
        return _empty_folder(path), missing
    runs.mkdir(exist_ok=True)
    taken = [p.name for p in runs.iterdir() if p.name.isascii() and p.name.isdecimal()]
    number = max(map(int, taken), default=0)
    while True:   # another process may take the number first
        number += 1
        with suppress(FileExistsError):
            (runs / str(number)).mkdir()
            return runs / str(number), [runs / str(number), *missing]


def _empty_folder(path: Path) -> Path:
    if is_run(path):
        raise ValueError(f"{path} is a run already. To continue it: hourglass train {path} "
                         f"--resume. For a new run, choose another --out")
    try:
        path.mkdir(parents=True, exist_ok=True)
        if any(path.iterdir()):
            raise ValueError(f"{path} exists and is not empty; choose another --out")
        with tempfile.TemporaryFile(dir=path):   # a folder may exist and not be writable
            pass
    except OSError as error:
        raise ValueError(f"{path} cannot be used as a folder ({error.strerror}); choose "
                         f"another --out") from None
    return path


@contextmanager
def _replaced(folder: RunFolder) -> Iterator[RunFolder]:
    """The folder of a run, emptied for a new one. An error inside the block restores the old run.
    Raises ValueError where another process trains in it."""
    folder.lock().close()
    try:
        old = Path(tempfile.mkdtemp(prefix=".replaced-", dir=folder.path))
        for path in [path for path in folder.path.iterdir() if path != old]:
            path.rename(old / path.name)
    except OSError as error:
        raise ValueError(f"{folder.path} cannot be overwritten ({error.strerror}); choose another "
                         f"--out") from None
    try:
        yield folder
    except BaseException:
        _empty(folder.path, old)
        for path in old.iterdir():
            path.rename(folder.path / path.name)
        old.rmdir()
        raise
    shutil.rmtree(old, ignore_errors=True)


def _empty(path: Path, keep: Path | None = None) -> None:
    """Delete what a folder holds, except `keep`, as far as possible."""
    for inner in [inner for inner in path.glob("*") if inner != keep]:
        if inner.is_dir() and not inner.is_symlink():
            shutil.rmtree(inner, ignore_errors=True)
        else:
            with suppress(OSError):
                inner.unlink()
