"""Find and open image files by name, in a folder, in an archive or alone."""

import hashlib
import io
import lzma
import math
import os
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from os.path import splitext
from pathlib import Path
from typing import IO

from PIL import Image

from ..core.output_names import ESCAPED, printable
from ..core.size_limits import check_swelling
from ..core.wording import counted

SUFFIXES = {".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".pjpeg", ".pjp", ".bmp", ".dib",
            ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm", ".pnm", ".pbm", ".tga", ".avif",
            ".jp2"}
UNKNOWN = {".heic", ".heif", ".svg", ".dcm", ".cr2", ".cr3", ".nef", ".arw", ".dng", ".psd", ".raw",
           ".exr", ".hdr", ".xcf", ".nii", ".jxl"}   # images that nothing here reads
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
HIDDEN = (".", "__MACOSX", "@eaDir")   # beginnings of folders and files that are skipped
LARGEST_FILE = 2**30     # bytes of one image in an archive
NAMED = 3                # files in a note


@dataclass(frozen=True)
class Files:
    """Image files by name, in order. In a folder or archive, names are relative to it."""

    place: str
    sizes: dict[str, int]                # of each file in bytes
    open: Callable[[str], IO[bytes]]
    notes: tuple[str, ...] = ()          # notes on the files
    pages: dict[str, int] = field(default_factory=dict)    # page of its file, by name
    labels: dict[str, str] = field(default_factory=dict)   # the class of each; {} for none
    splits: dict[str, str] = field(default_factory=dict)   # the split of each; {} for none

    @property
    def digest(self) -> str:
        """Digest of all names and sizes, not of the content."""
        listed = "\n".join(f"{name} {size}" for name, size in self.sizes.items())
        return hashlib.sha256(listed.encode(errors=ESCAPED)).hexdigest()


def files_in(root: Path, most: float = math.inf) -> Files:
    """The images in a folder and its subfolders, including linked ones.

    Raises ValueError if there are more than `most` files.
    """
    images, notes = _walked(root, most)
    paths = sorted(images, key=lambda path: path.relative_to(root).parts)
    place = {path.relative_to(root).as_posix(): path for path in paths}
    sizes = {name: path.stat().st_size for name, path in place.items()}
    return Files(str(root), sizes, lambda name: open(place[name], "rb"), tuple(notes))


def _walked(root: Path, most: float) -> tuple[list[Path], list[str]]:
    """Paths of all images below the root, and notes. Each real folder is read once, so circular
    links end, and links to folders that are read anyway add nothing."""
    images: list[Path] = []
    links: list[Path] = []
    trouble: list[str] = []
    others: Counter[str] = Counter()
    visited = {_identity(folder) for folder in root.resolve().parents}
    waiting, nothing_new, entries = [root], 0, 0
    while waiting:
        for folder, folders, files in os.walk(waiting.pop(), onerror=lambda error: trouble.append(
                f"{error.filename} cannot be opened ({error.strerror})")):
            visited.add(_identity(Path(folder)))
            entries += len(folders) + len(files)
            if entries > most:
                raise ValueError(f"{root} holds more than {most:,} files")
            below = [Path(folder, name) for name in folders if not name.startswith(HIDDEN)]
            links += [path for path in below if path.is_symlink()]
            folders[:] = [path.name for path in below
                          if not path.is_symlink() and _identity(path) not in visited]
            for path in (Path(folder, name) for name in files):
                if path.is_symlink() and not path.exists():
                    trouble.append(f"the link {path} leads nowhere")
                elif _is_image(path.relative_to(root).as_posix()) and path.is_file():
                    images.append(path)
                else:
                    others[path.suffix.lower()] += 1
        while links and not waiting:   # real folders first: they name the files
            links.sort(reverse=True)
            link = links.pop()
            if _identity(link) in visited:
                nothing_new += 1
            else:
                waiting.append(link)
    if nothing_new:
        trouble.append(f"{counted(nothing_new, 'link')} to folders that are read anyway "
                       f"{'is' if nothing_new == 1 else 'are'} skipped")
    unknown = {suffix: n for suffix, n in others.items() if suffix in UNKNOWN}
    return images, [printable(note) for note in [*trouble[:NAMED], *_of_unknown(unknown)]]


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


def _of_unknown(unknown: dict[str, int]) -> list[str]:
    kinds = ", ".join(f"{n:,} {suffix}" for suffix, n in sorted(unknown.items()))
    return [f"files of kinds that cannot be read are left out: {kinds}; save them as PNG, TIFF or "
            f"JPEG"] if unknown else []


def some_of(names: list[str] | tuple[str, ...], most: int = NAMED) -> str:
    """The first few names, and how many more there are."""
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")


@contextmanager
def page_of(files: Files, name: str) -> Iterator[Image.Image]:
    """Open the image of that name at its page, without decoding it. Raises what Pillow raises."""
    with files.open(name) as file, Image.open(file) as image:
        if name in files.pages:
            image.seek(files.pages[name])
        yield image


def is_archive(path: Path) -> bool:
    """Whether a file's name is that of a zip or tar archive."""
    return path.name.lower().endswith(ARCHIVES)


@contextmanager
def opened(place: str | Path) -> Iterator[Files]:
    """Open the images in a folder or an archive, or one image file. Raises ValueError."""
    path = Path(place).expanduser()
    if path.is_dir():
        yield files_in(path)
    elif path.is_file() and is_archive(path):
        with opened_archive(path) as files:
            yield files
    elif path.is_file() and path.suffix.lower() in SUFFIXES:
        yield Files(str(path), {path.name: path.stat().st_size},
                    lambda _: open(path, "rb"))
    else:
        why = "is not" if path.exists() else "does not exist; it must be"
        raise ValueError(f"{place} {why} a folder of images, a zip or tar archive of them, or an "
                         f"image")


@contextmanager
def opened_archive(place: Path) -> Iterator[Files]:
    """Open the images in a zip or tar archive. Raises ValueError."""
    if not place.is_file():   # a pipe would block
        raise ValueError(f"there is no file {place}")
    with ExitStack() as stack:
        try:
            files = (_zip_files(place, stack.enter_context(zipfile.ZipFile(place)))
                     if zipfile.is_zipfile(place) else _tar_files(place))
        except (zipfile.BadZipFile, tarfile.TarError, EOFError, OSError, ValueError,
                lzma.LZMAError, zlib.error) as error:
            why = str(error).partition("\n")[0]
            raise ValueError(f"{place} is not a complete zip or tar archive ({why})") from None
        yield files


def _is_image(name: str) -> bool:
    return splitext(name)[1].lower() in SUFFIXES and not _is_hidden(name)


def _is_hidden(name: str) -> bool:
    """Whether a file's name or one of its folders is skipped; ".." is one of them."""
    return any(part.startswith(HIDDEN) and part != "." for part in name.split("/"))


def _name_in_archive(name: str) -> str:
    """A member's name: backslashes of Windows become slashes, and an absolute path is one below
    the archive, as unpacking makes it."""
    return name.replace("\\", "/").lstrip("/")


def _of_outside(names: Iterable[str]) -> list[str]:
    """A note on images that unpacking would write outside of the archive's folder."""
    count = sum(".." in name.split("/") and splitext(name)[1].lower() in SUFFIXES for name in names)
    return [f"{counted(count, 'image')} left out because their names lead out of the archive by .."
            ] if count else []


def _zip_files(place: Path, archive: zipfile.ZipFile) -> Files:
    members = {_name_in_archive(i.filename): i for i in archive.infolist() if not i.is_dir()}
    sizes = {name: members[name].file_size for name in sorted(members)
             if _is_image(name)}
    return Files(str(place), sizes, lambda name: io.BytesIO(_bounded(archive, members[name])),
                 (*_of_outside(members), *_of_unknown(_unknown_among(members))))


def _unknown_among(names: Iterable[str]) -> dict[str, int]:
    unknown = [name for name in names if splitext(name)[1].lower() in UNKNOWN]
    return dict(Counter(splitext(name)[1].lower() for name in unknown if not _is_hidden(name)))


def _bounded(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    if member.file_size > LARGEST_FILE:
        raise OSError(f"a file of {member.file_size:,} bytes")
    check_swelling(member.file_size, member.compress_size, "this file of an archive")
    return archive.read(member)


def _tar_files(place: Path) -> Files:
    """A tar's images, kept compressed in memory, as a tar cannot be read out of order quickly."""
    contents, names, large, total = {}, [], [], 0
    stored = place.stat().st_size
    with tarfile.open(place) as tar:
        for member in tar:
            name = _name_in_archive(member.name)
            names.append(name)
            check_swelling(member.size, stored, f"{name} in it")   # to pass it by takes as long
            if not member.isfile() or not _is_image(name):
                continue
            if member.size > LARGEST_FILE:
                large.append(f"{name} is left out: it has {member.size:,} bytes")
                continue
            total += member.size
            check_swelling(total, stored, "it, whole,")
            contents[name] = tar.extractfile(member).read()  # type: ignore[union-attr]
    sizes = {name: len(contents[name]) for name in sorted(contents)}
    return Files(str(place), sizes, lambda name: io.BytesIO(contents[name]),
                 (*large[:NAMED], *_of_outside(names), *_of_unknown(_unknown_among(names))))
