"""Names of files that are written, made from names that came with data, and safe to write to."""

import re
from pathlib import PurePosixPath


def inside(name: str) -> PurePosixPath:
    """The path of that name in the folder that is written to.

    Raises ValueError for a name that may lie outside: it is absolute, climbs, or is one on another
    system. A name that a file or a manifest brings is not trusted.
    """
    path = PurePosixPath(name)
    if (path.is_absolute() or ".." in path.parts or not path.name
            or any(sign in name for sign in "\\:\0")):
        raise ValueError(f"a sample is named {name!r}, which may lie outside the folder that is "
                         f"written to. Rename it, or write an array: -o out.npy")
    return path


def png_name(name: str) -> PurePosixPath:
    """What a picture is called that goes with an image: the same in its folder, as .png. Raises
    ValueError as `inside` does."""
    path = inside(name)
    return path if path.suffix == ".png" else path.with_name(path.name + ".png")


def folder_name(text: str) -> str:
    """A class's name as the name of one folder: what paths are made of becomes a dash."""
    plain = re.sub(r"[/\\:\0]", "-", text)
    return plain if plain.strip(". ") else f"_{plain}"


def png_names(names: tuple[str, ...]) -> list[PurePosixPath]:
    """Where files of these names go, ending in .png, no two in one place, whatever the system
    thinks of case. Raises ValueError as `inside` does."""
    taken: set[str] = set()
    found = []
    for name in names:
        path = inside(name)
        place, number = path.with_suffix(".png"), 1
        while str(place).casefold() in taken:   # a.jpg and a.bmp, or A.jpg where case is no matter
            number += 1
            place = path.with_name(f"{path.stem}-{number}.png")
        taken.add(str(place).casefold())
        found.append(place)
    return found
