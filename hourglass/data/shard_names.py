"""The names of shards: patterns such as photos-{000..099}.tar, in a folder or at an address."""

import re
from glob import glob, has_magic
from itertools import product
from pathlib import Path

BRACES = re.compile(r"\{([^{}]*)\}")
RANGE = re.compile(r"(\d+)\.\.(\d+)")
ADDRESS = re.compile(r"([a-z0-9]+)://", re.I)
SCHEMES = ("http", "https", "s3", "gs", "gcs", "az", "abfs")   # of storage that is only read
MOST = 1_000_000   # shards


def is_address(place: str) -> bool:
    """Whether this is an address, such as https://..., and no path. Raises ValueError for a scheme
    that is not one of plain storage."""
    match = ADDRESS.match(place)
    if match and match[1].lower() not in SCHEMES:
        raise ValueError(f"{place}: shards are read from paths and from {', '.join(SCHEMES)}, not "
                         f"from {match[1]}")
    return match is not None


def are_shards(data: str) -> bool:
    """Whether a text names shards by a pattern or an address."""
    return data.endswith(".tar") and (BRACES.search(data) is not None
                                      or ADDRESS.match(data) is not None)


def expanded(pattern: str) -> list[str]:
    """The shards of a pattern, in order: {000..099} counts, {a,b} are choices, * and ? match files
    of a folder, and a folder means all its .tar files. Raises ValueError if there are none."""
    pieces = BRACES.split(pattern)   # texts, with the insides of braces between them
    choices = [_choices(piece, pattern) if i % 2 else [piece] for i, piece in enumerate(pieces)]
    total = 1
    for some in choices:
        total *= len(some)
    if total > MOST:
        raise ValueError(f"{pattern} names {total:,} shards; at most {MOST:,} are read")
    names = ["".join(parts) for parts in product(*choices)]
    shards = [place for name in names for place in _of_one(name)]
    if not shards:
        raise ValueError(f"{pattern} matches no .tar file")
    return shards


def _choices(inside: str, pattern: str) -> list[str]:
    counted = RANGE.fullmatch(inside)
    if not counted:
        if "," not in inside:
            raise ValueError(f"{pattern}: braces count, such as {{000..099}}, or choose, such as "
                             f"{{a,b}}; {{{inside}}} does neither")
        return inside.split(",")
    first, last = int(counted[1]), int(counted[2])
    if not first <= last < first + MOST:
        raise ValueError(f"{pattern}: {{{inside}}} must count upwards, by less than {MOST:,}")
    wide = len(counted[1]) if counted[1].startswith("0") else 0
    return [f"{number:0{wide}}" for number in range(first, last + 1)]


def _of_one(name: str) -> list[str]:
    if is_address(name):
        return [name]
    path = str(Path(name).expanduser())
    if Path(path).is_dir():
        return sorted(map(str, Path(path).glob("*.tar")))
    return sorted(glob(path)) if has_magic(path) and not Path(path).exists() else [path]


def absolute(pattern: str) -> str:
    """The pattern with an absolute folder, so that it means the same in every folder."""
    return pattern if not pattern or is_address(pattern) else str(
        Path(pattern).expanduser().absolute())
