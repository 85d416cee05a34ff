"""Shards: images in many tar archives, as WebDataset writes them, read where they lie."""

import hashlib
import io
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import numpy as np

from ...core.console import say, track
from ...core.contracts import Collection
from ...core.output_names import ESCAPED
from ...core.registry import sources
from ...core.wording import counted
from ..deep_images import read_deep
from ..find_images import Files, some_of
from ..image_options import Reading, read_size
from ..labels import natural
from ..on_demand import OnDemand, Places
from ..read_image import open_image, shape_image
from ..shard_index import LABELS, ShardIndex, index_of
from ..shard_names import expanded, is_address
from .read_image_folder import SAMPLED, settled_by

TOGETHER = 8         # shards whose index is made at the same time
RUNNABLE = (".pyd", ".pkl", ".pickle", ".pth", ".pt", ".pyc", ".so")   # loading such runs code
MOST_TEXTS = 1000    # different texts that are taken as classes


@sources.add("shards", example="shards('shards-{0..1}.tar')")
def shards(
    reading: Reading, path: str, val: str = "", test: str = "", label: str = ""
) -> Collection:
    """Images in tar shards as WebDataset writes them, read where they lie: more than a disk holds.

    `path` is a pattern such as 'photos-{000..099}.tar' of files, or of addresses (https, s3, gs).
    A sample is the members with one name up to the first dot: an image, and a label in .cls, .json
    or .txt, or in the member that `label` names ('none': no labels). `val` and `test` are patterns
    of shards for these splits; without them, a hash of a sample's name decides.
    """
    if reading.patches:
        raise ValueError("--patches needs images in a folder or an archive; images in shards are "
                         "resized to one --size while they are read")
    names = {"train": expanded(path), **{
        split: expanded(pattern) for split, pattern in (("val", val), ("test", test)) if pattern}}
    places = [place for some in names.values() for place in some]
    twice = [place for place, count in Counter(places).items() if count > 1]
    if twice:
        raise ValueError(f"the shard {twice[0]} is named twice; name each shard once")
    hosts = sorted({urlsplit(place).netloc for place in places if is_address(place)})
    if hosts:
        say(f"reading shards from {', '.join(hosts)}")   # a stranger's run may name them
    with ThreadPoolExecutor(TOGETHER) as pool:
        indices = list(track(pool.map(index_of, places), len(places), "reading shards' indices"))
    where = _places(places, indices)
    if not len(where.size):
        raise ValueError(f"the shards of {path} hold no images{_of_others(indices)}")
    keys = _names(places, indices)
    classes, y, notes = _labels(indices, label)
    settled, said, sizes = _settled(path, where, keys, reading)
    x = _on_demand(where, keys, settled)
    parts, before = {}, 0
    for split, some in names.items():
        rows = sum(len(index.keys) for index in indices[before:before + len(some)])
        first = sum(len(index.keys) for index in indices[:before])
        parts[split], before = np.arange(first, first + rows), before + len(some)
    total = f"{len(keys):,} images in {counted(len(places), 'shard')}, read on demand"
    how = ("splits are made of shards" if len(parts) == 3 else
           "other splits are made by a hash of the samples' names")
    return Collection(x, y, classes, keys, parts if len(parts) > 1 else {},  # type: ignore[arg-type]
                      [f"{total}; {how}", *said, *notes, *_remarks(places, indices)],
                      {"path": path, "digest": _digest(where, keys, y)}, sizes)


def _places(places: list[str], indices: list[ShardIndex]) -> Places:
    shard = np.repeat(np.arange(len(places), dtype=np.int32),
                      [len(index.keys) for index in indices])
    offset, size = (np.array([value for index in indices for value in getattr(index, name)],
                             np.int64) for name in ("offsets", "sizes"))
    return Places(tuple(places), shard, offset, size)


def _names(places: list[str], indices: list[ShardIndex]) -> tuple[str, ...]:
    """The samples' names, which begin with the shard's name if several have the same."""
    keys = [key.removeprefix("./") for index in indices for key in index.keys]
    if len(set(keys)) == len(keys):
        return tuple(keys)
    stems = [place.rpartition("/")[2].removesuffix(".tar") for place in places]
    return tuple(f"{stem}/{key.removeprefix('./')}"
                 for stem, index in zip(stems, indices, strict=True) for key in index.keys)


def _labels(
    indices: list[ShardIndex], label: str
) -> tuple[tuple[str, ...], np.ndarray | None, list[str]]:
    """Classes and labels (N,), -1 for a sample without one, and notes."""
    there = [name for name in LABELS if any(name in index.labels for index in indices)]
    if label not in ("", "none", *there):
        raise ValueError(f"label={label!r}: the shards have no labels there; they have some in "
                         f"{', '.join(there) or 'no member'}, and 'none' leaves them out")
    notes = []
    for name in [label] if label in there else [] if label else there:
        texts = [index.labels.get(name, {}).get(row) for index in indices
                 for row in range(len(index.keys))]
        classes = sorted({text for text in texts if text is not None}, key=natural)
        few = len(classes) <= min(MOST_TEXTS, max(2, len(texts) // 2))
        if name == "txt" and not label and not few:
            notes.append(f"the .txt members hold {len(classes):,} different texts, so they are no "
                         f"classes and are left out; label='txt' takes them as classes")
            continue
        number = {text: i for i, text in enumerate(classes)}
        y = np.array([-1 if text is None else number[text] for text in texts], np.int64)
        notes.append(f"labels are from .{name}: {len(classes):,} classes ({some_of(classes)})")
        return tuple(classes), y, notes
    return (), None, notes


def _settled(
    path: str, where: Places, keys: tuple[str, ...], reading: Reading
) -> tuple[Reading, list[str], dict[str, int]]:
    """The reading's size, depth and colours, by the headers of some images."""
    rows = {keys[row]: row for row in range(0, len(keys), -(-len(keys) // SAMPLED))}
    plain = OnDemand(where, (0, 0, 0), np.dtype(np.uint8), lambda content: np.empty(0), keys,
                     where.blocks())
    files = Files(path, {name: int(where.size[row]) for name, row in rows.items()},
                  lambda name: io.BytesIO(plain.content(rows[name])))
    return settled_by(files, list(rows), reading)


def _on_demand(where: Places, keys: tuple[str, ...], settled: Reading) -> OnDemand:
    height, width = read_size(settled.pad or settled.size, "size")
    shape = (height, width, settled.channels or (1 if settled.grey else 3))

    def decode(content: bytes) -> np.ndarray:
        file = io.BytesIO(content)
        if settled.depth or settled.channels:
            return read_deep(file, settled)
        return shape_image(open_image(file, settled), settled)
    return OnDemand(where, shape, np.dtype(settled.depth or "uint8"), decode, keys, where.blocks())


def _digest(where: Places, keys: tuple[str, ...], y: np.ndarray | None) -> str:
    """Digest of all samples' names, sizes and labels."""
    digest = hashlib.sha256("\n".join(keys).encode(errors=ESCAPED))
    digest.update(where.size.tobytes())
    digest.update(b"" if y is None else y.tobytes())
    return digest.hexdigest()


def _of_others(indices: list[ShardIndex]) -> str:
    others = sum((Counter(index.others) for index in indices), Counter())
    return "; they hold " + ", ".join(f"{n:,} {name}" for name, n in others.most_common(5)) if (
        others) else ""


def _remarks(places: list[str], indices: list[ShardIndex]) -> list[str]:
    """Notes on files in the shards that are not read."""
    others = sum((Counter(index.others) for index in indices), Counter())
    runs = {name: count for name, count in others.items() if name in RUNNABLE}
    rest = {name: count for name, count in others.items() if name not in RUNNABLE}
    without = sum(index.without for index in indices)
    cut = [place for place, index in zip(places, indices, strict=True) if not index.whole]

    def listed(some: dict[str, int]) -> str:
        return ", ".join(f"{count:,} {name}" for name, count in some.items())
    return [*([f"never opened, since loading them can run code: {listed(runs)}"] if runs else []),
            *([f"members of other kinds are not read: {listed(rest)}"] if rest else []),
            *([f"{counted(without, 'sample')} without an image left out"] if without else []),
            *([f"{counted(len(cut), 'shard')} without an end mark, such as {cut[0]}: the rest may "
               f"be missing"] if cut else [])]


def split_by_name(
    x: OnDemand, shares: dict[str, float], own: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """The splits of samples in shards, as indices: the shards' `own`, and for the others the
    samples whose names have the smallest hashes. With shares below 1, a sample stays in its split
    when shards are added."""
    rest = own.get("train", np.arange(len(x)))
    hashes = np.array([int.from_bytes(hashlib.blake2b(
        x.keys[row].encode(errors=ESCAPED), digest_size=8).digest(), "big") / 2**64
        for row in rest.tolist()])
    order = np.argsort(hashes)
    splits, first, low = {name: rows for name, rows in own.items() if name != "train"}, 0, 0.0
    for name in ("test", "holdout", "val"):
        share = shares.get(name, 0)
        if name in splits or share <= 0:
            continue
        end = first + int(share) if share >= 1 else int(
            np.searchsorted(hashes[order], low + share))
        splits[name] = np.sort(rest[order[first:end]])
        first, low = end, float(hashes[order[end]]) if share >= 1 and end < len(order) else (
            low + share)
    return splits
