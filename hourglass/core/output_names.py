"""Names of files: safe to write to, made from the names in the data, and as texts to show.

To the system a name is bytes. Python holds bytes that are not UTF-8 as lone surrogates (PEP 383).
It turns them into the same bytes again when a file is opened or written under that name.
"""

import codecs
import re
from pathlib import PurePosixPath

ESCAPED = "percent"   # the error handler that writes as %XX what is not text
LONGEST = 160         # characters of a name that a line of output shows
UNSHOWN = re.compile("[\x00-\x1f\x7f-\x9f\udc80-\udcff]")
CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\udc80-\udcff]")   # except tabs and line ends


def _percent(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in match[0].encode(errors="surrogateescape"))


def printable(name: str) -> str:
    """A name as a text to print, draw or keep. Bytes that are not UTF-8, line ends and other
    control characters, which may move a terminal's cursor, become %XX."""
    return UNSHOWN.sub(_percent, name)


def brief(name: str) -> str:
    """The same, of at most LONGEST characters: a name may be a whole line of text."""
    text = printable(name)
    return text if len(text) <= LONGEST else f"{text[:LONGEST - 4]} ..."


def harmless(text: str) -> str:
    """The same of a message, which may have lines."""
    return CONTROLS.sub(_percent, text)


def _encode(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start:error.end]
    if UNSHOWN.search(text):
        return printable(text), error.end
    return text.encode("ascii", "backslashreplace").decode(), error.end


codecs.register_error(ESCAPED, _encode)


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
    paths = []
    for name in names:
        path = inside(name)
        place, number = path.with_suffix(".png"), 1
        while str(place).casefold() in taken:   # such as a.jpg and a.bmp, or A.jpg and a.jpg
            number += 1
            place = path.with_name(f"{path.stem}-{number}.png")
        taken.add(str(place).casefold())
        paths.append(place)
    return paths
