"""The index of a shard: where in a tar archive each sample's image lies, and what its label is."""

import hashlib
import json
import tarfile
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from os.path import splitext
from pathlib import Path, PurePosixPath
from typing import Any

from ..core.files import read_file, remove_stale_parts, write_out
from ..core.output_names import printable
from .fetch import cache_folder
from .find_images import LARGEST_FILE, SUFFIXES
from .shard_bytes import RemoteFile, read_range, size_of
from .shard_names import is_address

FORMAT = 1
LABELS = ("cls", "json", "txt")   # members that may hold a sample's label, the best first
LARGEST_LABEL = 2**20             # bytes of such a member
KEYS = ("label", "class", "cls")  # of a .json
PACKED = {b"\x1f\x8b": "gunzip", b"BZ": "bunzip2", b"\xfd7": "unxz"}   # first bytes: what unpacks


@dataclass
class ShardIndex:
    """The samples of a shard, in its order."""

    keys: list[str] = field(default_factory=list)      # with the image's suffix
    offsets: list[int] = field(default_factory=list)   # of the images, in bytes
    sizes: list[int] = field(default_factory=list)
    labels: dict[str, dict[int, str]] = field(default_factory=dict)   # by member, then sample
    others: dict[str, int] = field(default_factory=dict)   # suffixes of members that are not read
    without: int = 0     # samples without an image
    whole: bool = True   # whether the archive has its end mark


def index_of(place: str) -> ShardIndex:
    """The index of a shard, from the cache or made by one pass over the archive's headers. Raises
    ValueError for an archive that is missing, damaged or cut short."""
    size, mark = size_of(place)
    key = hashlib.sha256(json.dumps([FORMAT, _whole(place), size, mark]).encode()).hexdigest()
    kept = cache_folder() / "shards" / f"{key[:32]}.json"
    try:
        return _from_json(json.loads(read_file(kept)))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass   # there is none, or it is damaged
    index = _scanned(place, size)
    try:
        write_out(kept, json.dumps(asdict(index)), wait=False)
        remove_stale_parts(kept.parent)
    except OSError:
        pass   # it is made again next time
    return index


def _whole(place: str) -> str:
    return place if is_address(place) else str(Path(place).resolve())


def _from_json(fields: dict[str, Any]) -> ShardIndex:
    labels = {str(name): {int(row): str(text) for row, text in texts.items()}
              for name, texts in fields.pop("labels").items()}
    index = ShardIndex(**fields, labels=labels)
    if not len(index.keys) == len(index.offsets) == len(index.sizes):
        raise ValueError("its lists differ in length")
    return index


def _scanned(place: str, size: int) -> ShardIndex:
    """Go through the headers of an archive. The contents of images are not looked at."""
    remote = is_address(place)
    file: Any = RemoteFile(place, size) if remote else open(place, "rb", buffering=2**16)
    try:
        start = file.read(2)
        file.seek(0)
        packed = next((tool for head, tool in PACKED.items() if start == head), "")
        if packed:
            raise ValueError(f"{place} is a compressed archive, which cannot be read in parts; "
                             f"unpack it first, such as with {packed}")
        with tarfile.open(fileobj=file, mode="r:") as tar:
            index = _gathered(tar, lambda a, b: read_range(place, a, b))
            at_end = tar.offset
        file.seek(at_end)
        rest = file.read(tarfile.BLOCKSIZE)
    except tarfile.TarError as error:
        raise ValueError(f"the shard {place} is damaged, or was cut short ({error}); make it "
                         f"again, or leave it out of the pattern") from None
    finally:
        if not remote:
            file.close()
    if rest.strip(b"\0") or 0 < len(rest) < tarfile.BLOCKSIZE:
        raise ValueError(f"the shard {place} is damaged, or was cut short, at byte {at_end:,} of "
                         f"{size:,}; make it again, or leave it out of the pattern")
    index.whole = bool(rest)
    return index


def _gathered(tar: tarfile.TarFile, read: Callable[[int, int], bytes]) -> ShardIndex:
    """Group the members by sample, which are those with the same name up to the first dot."""
    index, others = ShardIndex(), Counter[str]()
    sample, image, labels = "", False, dict[str, str]()

    def finish() -> None:
        if sample and image:
            for name, text in labels.items():
                index.labels.setdefault(name, {})[len(index.keys) - 1] = text
        elif sample:
            index.without += 1
    for member in tar:
        tar.members = []  # type: ignore[attr-defined]   # they would fill the memory
        if not member.isreg() or member.issparse():
            continue
        path = PurePosixPath(member.name)
        stem, _, suffix = path.name.partition(".")
        key, suffix = str(path.with_name(stem or path.name)), suffix.lower()
        if key != sample or (suffix in LABELS and suffix in labels):
            finish()
            sample, image, labels = key, False, {}
        if f".{suffix}" in SUFFIXES and not image and 0 < member.size <= LARGEST_FILE:
            index.keys.append(f"{key}.{suffix}")
            index.offsets.append(member.offset_data)
            index.sizes.append(member.size)
            image = True
        elif suffix in LABELS and member.size <= LARGEST_LABEL:
            content = read(member.offset_data, member.offset_data + member.size)
            if (text := _label_in(suffix, content)) is not None:
                labels[suffix] = text
        else:
            others[splitext(path.name)[1].lower() or "no suffix"] += 1
    finish()
    index.others = {printable(name): count for name, count in others.items()}
    return index


def _label_in(suffix: str, content: bytes) -> str | None:
    """The label in a member's content; None if it has none."""
    try:
        text = content.decode("utf-8-sig").strip()
        if suffix != "json":
            return printable(text)
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        return None
    value = next((parsed[key] for key in KEYS if key in parsed), None) if isinstance(
        parsed, dict) else parsed
    return printable(str(value)) if isinstance(value, str | int) else None
