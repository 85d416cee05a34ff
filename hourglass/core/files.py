"""Writing to disk: files whole or not at all, where there is room and nobody else writes."""

import os
import shutil
from pathlib import Path
from typing import IO, Any


def write_whole(path: Path, content: bytes | str, wait: bool = True) -> None:
    """Write a file so that whoever reads it sees the old content or the new, never a part; and
    wait until it is on the disk, for milliseconds, which a thousand pictures need not."""
    part = path.with_name(path.name + ".part")
    data = content.encode() if isinstance(content, str) else content
    try:
        with open(part, "wb") as file:
            file.write(data)
            file.flush()
            if wait:
                os.fsync(file.fileno())
        os.replace(part, path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(path)) from None


def write_out(path: Path, content: bytes | str, wait: bool = True) -> None:
    """The same where a person said, in a folder that may not be there yet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, content, wait)


def check_space(path: Path, needed: int) -> None:
    """Raises ValueError where the disk has no room for so many bytes."""
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
        raise ValueError(f"{path} is there already and not empty; choose another {flag}")
