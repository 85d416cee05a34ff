"""How large files may become in memory: those that are made to fill it are refused beforehand."""

import os
import zipfile
from pathlib import Path

SMALL = 2**27   # bytes; smaller content is never refused
SWELLS = 500    # times as large as its file; images and archives of them stay far below
SHARE = 0.5     # of the memory that is left, which one thing may take


def check_swelling(decoded: int, stored: int, what: str) -> None:
    """Raises ValueError for content that is suspiciously larger than its file, in bytes, and for
    content that does not fit into memory."""
    if decoded > SMALL and decoded > SWELLS * max(stored, 1):
        raise ValueError(f"{what} has {stored:,} bytes and would become {decoded:,}. Files that "
                         f"are made to fill a memory do so")
    check_room(decoded, what)


def check_room(needed: int, what: str) -> None:
    """Raises ValueError for what takes more bytes than memory has left for it."""
    left = memory_left()
    if needed > SMALL and needed > SHARE * left:
        raise ValueError(f"{what} takes {needed / 2**30:,.1f} GiB of memory, and "
                         f"{left / 2**30:,.1f} are left")


def check_zip(path: Path) -> None:
    """Raises ValueError for a zip, such as an .npz, that memory does not hold, and
    zipfile.BadZipFile for a damaged one."""
    with zipfile.ZipFile(path) as archive:
        check_room(sum(member.file_size for member in archive.infolist()), str(path))


def memory_left() -> int:
    """Bytes of free memory or, if the system does not say, all memory of the machine."""
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):   # another system
        pass
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
