"""Find files under MNIST's names, such as train-images-idx3-ubyte.gz, in folders and archives."""

import os
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ..core.size_limits import check_swelling
from .find_images import SUFFIXES, is_archive

NAME = re.compile(
    r"(?:(?P<set>.+)[-_.])?(?P<part>train(?:ing)?|t10k|test|val|valid|validation)[-_.]"
    r"(?P<what>images|labels)[-_.]idx\d[-_.](?:ubyte|u?int|byte|float)(?:\.gz)?", re.I)
DEEPEST = 3     # levels of folders that are looked through
LOOKED_AT = 50  # members of a tar to search: such archives have few
LONGEST = 10_000   # entries of a folder to search


@dataclass(frozen=True)
class StoredFile:
    """A file of a folder or archive."""

    name: str
    size: int
    read: Callable[[], bytes]


def holds_idx(path: Path) -> bool:
    """Whether a folder or archive holds IDX files under MNIST's names, and no images; or a file is
    one of them."""
    if path.is_file() and not is_archive(path):
        return bool(NAME.fullmatch(path.name))
    has_idx = False
    try:
        with ExitStack() as stack:
            for member in files_in(path, stack):
                if PurePosixPath(member.name).suffix.lower() in SUFFIXES:
                    return False
                has_idx |= named(member.name) is not None
    except (OSError, ValueError, zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error):
        return False   # the source itself reports the fault
    return has_idx


def named(name: str) -> re.Match[str] | None:
    """The parts of a file's name: the data set, the split, and images or labels."""
    return NAME.fullmatch(PurePosixPath(name).name)


def files_in(place: Path, stack: ExitStack) -> Iterator[StoredFile]:
    """The files in a folder, zip or tar."""
    if place.is_dir():
        for count, file in enumerate(_walked(place)):
            if count > LONGEST:
                return
            name, size = file.relative_to(place).as_posix(), file.stat().st_size
            yield StoredFile(name, size, file.read_bytes)
    elif not place.is_file():   # a pipe would keep its reader waiting
        return
    elif zipfile.is_zipfile(place):
        archive = stack.enter_context(zipfile.ZipFile(place))
        for member in archive.infolist():
            if not member.is_dir():
                yield StoredFile(member.filename.replace("\\", "/"), member.compress_size,
                                 lambda member=member: _unzipped(archive, member))  # type: ignore[misc]
    elif is_archive(place):
        tar = stack.enter_context(tarfile.open(place))
        for _ in range(LOOKED_AT):
            if (entry := tar.next()) is None:
                return
            if entry.isfile():
                yield StoredFile(entry.name, entry.size,
                                 lambda entry=entry: tar.extractfile(entry).read())  # type: ignore


def _walked(place: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(place):
        if len(Path(folder).relative_to(place).parts) >= DEEPEST:
            folders.clear()
        folders[:] = [name for name in folders if not name.startswith((".", "__MACOSX"))]
        yield from (file for name in files
                    if not name.startswith(".") and (file := Path(folder, name)).is_file())


def _unzipped(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    check_swelling(member.file_size, member.compress_size, member.filename)
    return archive.read(member)
