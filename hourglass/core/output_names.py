"""Safe names for written files, made from the names in the data."""

import re
from pathlib import PurePosixPath


def inside(name: str) -> PurePosixPath:
    """The path of a sample's name inside the output folder.

    Names from files and manifests are not trusted. Raises ValueError for a name that may lie
    outside the folder: an absolute one, one with "..", or one that is absolute on another system.
    """
    path = PurePosixPath(name)
    if (path.is_absolute() or ".." in path.parts or not path.name
            or any(sign in name for sign in "\\:\0")):
        raise ValueError(f"a sample is named {name!r}, which may lie outside the output folder. "
                         f"Rename it, or write an array: -o out.npy")
    return path


def png_name(name: str) -> PurePosixPath:
    """The name of the picture for an image: the same path, as .png. Raises ValueError as `inside`
    does."""
    path = inside(name)
    return path if path.suffix == ".png" else path.with_name(path.name + ".png")


def folder_name(text: str) -> str:
    """Turn a class's name into one folder's name: path separators become dashes."""
    plain = re.sub(r"[/\\:\0]", "-", text)
    return plain if plain.strip(". ") else f"_{plain}"


def png_names(names: tuple[str, ...]) -> list[PurePosixPath]:
    """Paths for these names, ending in .png, all different even where case is ignored. Raises
    ValueError as `inside` does."""
    taken: set[str] = set()
    found = []
    for name in names:
        path = inside(name)
        place, number = path.with_suffix(".png"), 1
        while str(place).casefold() in taken:   # such as a.jpg and a.bmp, or A.jpg and a.jpg
            number += 1
            place = path.with_name(f"{path.stem}-{number}.png")
        taken.add(str(place).casefold())
        found.append(place)
    return found
