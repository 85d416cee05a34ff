"""Files on disk: read whole, written whole or not at all, never through a link."""

import contextlib
import os
import secrets
import shutil
import stat
import time
from pathlib import Path
from typing import IO, Any

from .output_names import ESCAPED

FILES = {".npy", ".npz", ".csv", ".json", ".parquet", ".png", ".jpg", ".jpeg", ".tif", ".tiff",
         ".gif", ".zip", ".tar", ".html", ".pdf", ".txt"}   # endings that no folder has
STALE = 3600.0   # seconds after which an unfinished part of a file is removed


def read_file(path: Path) -> bytes:
    """Read a regular file into memory. Later changes of the file have no effect.

    Raises OSError as `open_regular` does.
    """
    with open_regular(path) as file:
        return file.read()


def open_regular(path: Path) -> IO[bytes]:
    """A regular file, open for reading; raises OSError for a pipe or a device, which could be read
    forever."""
    file = open(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb")
    if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        return file
    file.close()
    raise OSError(0, "it is not a regular file", str(path))


def is_link(path: Path) -> bool:
    """Whether a file of a run, or the folder that it lies in, is a link, which may lead out."""
    return path.is_symlink() or path.parent.is_symlink()


def write_whole(path: Path, content: bytes | str, wait: bool = True) -> None:
    """Write a file so that a reader sees the old content or the new, never a part of it.

    With `wait`, return when it is on the disk; that takes milliseconds. Bytes of a text that are
    not UTF-8 are written as %XX. The content goes to a new file under a name that cannot be a link.
    The new file then replaces the old one.
    """
    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    data = content.encode(errors=ESCAPED) if isinstance(content, str) else content
    try:
        with open_new(part) as file:
            file.write(data)
            file.flush()
            if wait:
                os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException as error:
        part.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise OSError(error.errno, error.strerror, str(path)) from None
        raise


def open_new(path: Path) -> IO[bytes]:
    """Open a new file for writing. Raises OSError if it exists."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    return open(os.open(path, flags, 0o666), "wb")


def open_part(path: Path) -> IO[bytes]:
    """Open a file that may be unfinished, or a new one, for reading and writing. Raises OSError for
    a pipe, a device, or a link, which would lead to another file."""
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        handle = os.open(path, flags, 0o666)
    except OSError as error:
        why = "it is a link" if path.is_symlink() else error.strerror
        raise OSError(error.errno, why, str(path)) from None
    if stat.S_ISREG(os.fstat(handle).st_mode):
        return open(handle, "r+b")
    os.close(handle)
    raise OSError(0, "it is not a regular file", str(path))


def remove_stale_parts(folder: Path) -> None:
    """Remove unfinished files that killed processes left in a folder over an hour ago."""
    for part in folder.glob("*.part"):
        with contextlib.suppress(OSError):
            if time.time() - part.lstat().st_mtime > STALE and not part.is_dir():
                part.unlink()


def write_out(path: Path, content: bytes | str, wait: bool = True) -> None:
    """Write a file at a path that the user chose. Its folder is made if needed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, content, wait)


def open_lock(path: Path) -> IO[str]:
    """Open a lock file for writing, without a change. Raises OSError for a link."""
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
    return open(os.open(path, flags, 0o666), "r+")


def check_space(path: Path, needed: int) -> None:
    """Raise ValueError if the disk has no room for this many bytes."""
    free = shutil.disk_usage(path).free
    if free < needed:
        raise ValueError(f"{path} is on a disk with {free / 2**20:.1f} MiB free, and this "
                         f"needs {needed / 2**20:.1f}; free some, or choose another --out")


def lock(file: IO[Any], busy: str) -> None:
    """Keep other processes from the file for as long as it stays open, or this process lives;
    raises ValueError, with what `busy` says, where one has it already."""
    try:
        import fcntl
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except ImportError:   # no such locks on this system
        pass
    except OSError:
        raise ValueError(busy) from None


def check_empty(path: Path, flag: str = "-o") -> None:
    """Raises ValueError, which names the flag to change, where files would be written among
    others."""
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise ValueError(f"{path} exists and is not empty; choose another {flag}")


def check_folder(out: Path) -> None:
    """Raises ValueError for an output with the name of a file, such as out.npy, where images are
    written to a folder."""
    if out.suffix.lower() in FILES and not out.is_dir():
        raise ValueError(f"images are written to a folder, and {out} is named like a file; give a "
                         f"folder, such as -o {out.with_suffix('')}")


def check_writable(path: Path, flag: str = "-o") -> None:
    """Raises ValueError, which names the flag to change, where nothing can be written at `path`:
    the folder that it would lie in is a file, or may not be written to."""
    above = path.absolute().parent
    while not above.exists() and above != above.parent:
        above = above.parent
    if not above.is_dir():
        raise ValueError(f"{above} is a file, so {path} cannot lie in it; choose another {flag}")
    if not os.access(above, os.W_OK | os.X_OK):
        raise ValueError(f"{path} cannot be written: Permission denied for {above}; choose "
                         f"another {flag}")
