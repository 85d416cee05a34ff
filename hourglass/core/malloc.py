"""Settings of the process' memory allocator."""

import ctypes
import gc
import platform

# glibc's mallopt parameters
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -2, -3, -8
KEEPING = ((M_MMAP_THRESHOLD, 2**30), (M_TRIM_THRESHOLD, -1), (M_TOP_PAD, 2**26), (M_ARENA_MAX, 1))
USUAL = ((M_MMAP_THRESHOLD, 2**17), (M_TRIM_THRESHOLD, 2**17), (M_TOP_PAD, 2**17))   # glibc's own


def keep_freed_memory() -> None:
    """Make glibc keep freed memory. Otherwise every activation is mapped, zeroed and unmapped at
    each step, which costs up to half the time on CPUs. Does nothing without glibc."""
    _set(KEEPING)


def give_memory_back() -> None:
    """Return freed memory to the system, now and from now on, as other programs do. Does nothing
    without glibc."""
    gc.collect()
    if _set(USUAL):
        ctypes.CDLL(None).malloc_trim(0)


def _set(parameters: tuple[tuple[int, int], ...]) -> bool:
    if platform.libc_ver()[0] != "glibc":
        return False
    libc = ctypes.CDLL(None)
    for parameter, value in parameters:
        libc.mallopt(parameter, value)
    return True
