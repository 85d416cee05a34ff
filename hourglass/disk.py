"""Writing to disk: files whole or not at all, and only where there is room."""

import os
import shutil
from pathlib import Path


def write_whole(path: Path, content: bytes | str) -> None:
    """Write a file so that whoever reads it sees the old content or the new, never a part."""
    part = path.with_name(path.name + ".part")
    data = content.encode() if isinstance(content, str) else content
    try:
        with open(part, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(path)) from None


def check_space(path: Path, needed: int) -> None:
    """Raises ValueError where the disk has no room for so many bytes."""
    free = shutil.disk_usage(path).free
    if free < needed:
        raise ValueError(f"{path} is on a disk with {free / 2**20:.1f} MiB free, and this "
                         f"needs {needed / 2**20:.1f}; free some, or choose another --out")
