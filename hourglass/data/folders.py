"""Read classes, splits and masks from the names of folders and files."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

import numpy as np

from ..core.output_names import printable
from ..core.wording import counted
from .find_images import NAMED, some_of
from .labels import natural

SPLIT = re.compile(r"(?:(train|training)|(test|testing|tests)|(val|valid|validation|dev|eval)|"
                   r"(holdout))(?:set|data|images|imgs)?")
SPLITS = ("train", "test", "val", "holdout")
FILLER = {"data", "dataset", "set", "images", "image", "imgs", "img", "photos", "pictures",
          "samples", "split", "files"}
MASK_WORDS = (r"(?:masks?|gt|ground[_\- ]?truth|seg|segmentations?(?:class|object)?|labels?|"
              r"annot(?:ations?)?|mattes?|trimaps?)")
MASKS_FOR_CERTAIN = re.compile(r"ground[_\- ]?truth", re.I)
MASKS = re.compile(rf"(?:(?P<of>.+?)[_\- ])?{MASK_WORDS}", re.I)
IMAGES = re.compile(r".*(images?|imgs?|photos?|pictures?|inputs?|originals?|rgb|frames?)", re.I)
MASK_LAST = re.compile(rf"(.+?)[_\-. ]{MASK_WORDS}[_\- ]?\d*", re.I)
MASK_FIRST = re.compile(rf"{MASK_WORDS}[_\- ](.+)", re.I)
MASK_LIKE = re.compile(r"mask|gt|truth|seg|label|annot|matte|trimap", re.I)   # a necessary sign
TRUTH_WITHIN = re.compile(r"(.+?)_GT(_.+)")   # 0001_GT_SRGB_010 belongs to 0001_NOISY_SRGB_010
PARTNERS = 0.5   # share of images that need a partner of the same name in another folder
Folders = tuple[str, ...]


@dataclass(frozen=True)
class FolderLayout:
    """Classes and splits of images, by folders."""

    labels: dict[str, str]   # the class of each sample; {} if there are none
    splits: dict[str, str]   # the data's own split of each sample; {} if there are none
    stray: list[str]         # images outside the folders of classes or splits: not samples
    note: str = ""           # how the folders were read


def classify(
    names: Sequence[str], depth: int | None = None
) -> tuple[tuple[str, ...], np.ndarray | None, dict[str, np.ndarray]]:
    """Class names, labels (N,) and own splits of images. All images are samples."""
    layout = lay_out(names, depth)
    return numbered(names, layout.labels, layout.splits) if not layout.stray else ((), None, {})


def numbered(
    names: Sequence[str], labels: dict[str, str], splits: dict[str, str]
) -> tuple[tuple[str, ...], np.ndarray | None, dict[str, np.ndarray]]:
    """Class names in natural order, labels (N,) and the indices of each split."""
    parts = {part: np.array([i for i, name in enumerate(names) if splits[name] == part], np.int64)
             for part in sorted(set(splits.values()) - {""})}
    parts = {part: index for part, index in parts.items() if len(index)}
    if not labels:
        return (), None, parts
    classes = tuple(sorted({labels[name] for name in names}, key=natural))
    number = {name: i for i, name in enumerate(classes)}
    return classes, np.array([number[labels[name]] for name in names], np.int64), parts


def lay_out(names: Sequence[str], depth: int | None = None) -> FolderLayout:
    """Read classes and splits from the folders in images' names.

    Folders that contain everything are ignored. Folders such as train, Training, test_data or
    seg_val at the top are splits. Below them, the first `depth` folders name the class (default:
    one, if there are several; 0: no classes). A few images outside such folders are strays; if they
    are the majority, the folders are ignored.
    """
    folders = [tuple(part for part in name.split("/")[:-1] if part not in ("", "."))
               for name in names]
    rows, folders = _unwrapped(list(range(len(names))), folders)
    splits, rows, folders = _splits(rows, folders)
    if splits:
        rows, folders = _unwrapped(rows, folders, splits)
    labels = _labels(rows, folders, 1 if depth is None else depth)
    if labels:
        rows = [row for row in rows if labels[row]]
    elif splits:
        rows = list(splits)
    else:
        rows = list(range(len(names)))
    kept = set(rows)
    return FolderLayout({names[row]: labels[row] for row in rows} if labels else {},
                        {names[row]: splits[row] for row in rows} if splits else {},
                        [name for i, name in enumerate(names) if i not in kept],
                        _note([labels[row] for row in rows] if labels else [],
                                    [splits[row] for row in rows] if splits else [],
                                    [folders[row] for row in rows], depth))


def _unwrapped(
    rows: list[int], folders: list[Folders], splits: dict[int, str] | None = None
) -> tuple[list[int], list[Folders]]:
    """The rows, and all folders without those that contain everything, except for a few images
    outside; and without a folder below a split with the split's name."""
    folders, splits = list(folders), splits or {}
    while True:
        inside = [row for row in rows if folders[row]]
        heads = {folders[row][0] for row in inside}
        deeper = any(len(folders[row]) > 1 for row in inside)
        alone = len(heads) == 1 and (bool(splits) or _split_word(min(heads)) != ("train",))
        repeated = bool(splits) and all(_split_word(folders[row][0])[:1] == (splits[row],)
                                        for row in inside)
        whole = len(inside) == len(rows)
        if not inside or not (alone or repeated) or not (
                deeper or (whole and not splits)) or _are_strays(inside, rows):
            return rows, folders
        for row in inside:
            folders[row] = folders[row][1:]
        rows = inside


def _are_strays(some: list[int], all_of_them: list[int]) -> bool:
    return 2 * len(some) < len(all_of_them)


def _split_word(folder: str) -> tuple[str, ...]:
    """The split that a folder's name means, and the rest of the name; () for other folders."""
    words = re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", folder).lower())
    words = [word for word in words if word not in FILLER]
    matches = [SPLIT.fullmatch(word) for word in words]
    if not words or sum(map(bool, matches)) != 1 or not (matches[0] or matches[-1]):
        return ()
    match = matches[0] or matches[-1]
    assert match is not None
    which = next(name for name, group in zip(SPLITS, match.groups(), strict=True) if group)
    return (which, *(word for word, hit in zip(words, matches, strict=True) if not hit))


def _splits_among(heads: Iterable[str]) -> dict[str, str]:
    """The folders that are splits: train and others with similar names. Other folders may exist
    next to them only if there are two splits."""
    words = {head: _split_word(head) for head in heads}
    for rest in sorted({word[1:] for word in words.values() if word}, key=len):
        split_of = {head: word[0] for head, word in words.items() if word and word[1:] == rest}
        if "train" in split_of.values() and (
                len(set(split_of.values())) > 1 or (len(split_of) == len(words) and not rest)):
            return split_of
    return {}


def _splits(
    rows: list[int], folders: list[Folders]
) -> tuple[dict[int, str], list[int], list[Folders]]:
    """The split of each row, if there are any; the rows in them; and folders without the split's,
    which is above the classes or below each."""
    for level in (0, 1):
        inside = [row for row in rows if len(folders[row]) > level]
        split_of = _splits_among({folders[row][level] for row in inside})
        split_rows = [row for row in inside if folders[row][level] in split_of]
        if not split_of or _are_strays(split_rows, rows) or (level and len(split_rows) < len(rows)):
            continue
        splits = {row: split_of[folders[row][level]] for row in split_rows}
        folders = [own[:level] + own[level + 1:] if row in splits else own
                   for row, own in enumerate(folders)]
        return splits, split_rows, folders
    return {}, rows, folders


def _labels(rows: list[int], folders: list[Folders], depth: int) -> dict[int, str]:
    """The class of each row, "" for rows outside the folders; {} if folders name no classes."""
    labels = {row: printable("/".join(folders[row][:depth])) for row in rows}
    inside = [row for row, label in labels.items() if label]
    several = len({labels[row] for row in inside}) > 1
    return labels if several and not _are_strays(inside, rows) else {}


def _note(
    labels: list[str], splits: list[str], folders: list[Folders], depth: int | None
) -> str:
    """A note on how folders were read."""
    deepest, classes = max(map(len, folders), default=0), sorted(set(labels), key=natural)
    said = [f"splits {', '.join(f'{name} ({n:,})' for name, n in sorted(Counter(splits).items()))}"
            ] if splits else []
    said += [f"{len(classes)} classes ({some_of(classes)})"] if classes else []
    if not said:
        return "folders name no classes" if deepest and depth is None else ""
    below = ""
    if depth is None and classes and deepest > 1:
        count = len({own[:2] for own in folders})
        example = next(own for own in folders if len(own) > 1)
        below = (f"; deeper folders are ignored: --label-depth 2 makes {count:,} classes, such as "
                 f"{'/'.join(example[:2])}")
    return f"folders are read as {' and '.join(said)}{below}"


def masks_among(names: Sequence[str]) -> list[str]:
    """Names that are masks of others: in a folder ground_truth; in a folder such as masks next to
    a folder of images, or next to images themselves; or files such as a_mask.png or a_GT.png next
    to a.png.
    """
    if not any(map(MASK_LIKE.search, names)):
        return []
    paths = {name: PurePosixPath(name) for name in names}
    by_folder = _mask_folders(list(paths.values()))
    stems: dict[Folders, set[str]] = defaultdict(set)
    for path in paths.values():
        stems[path.parts[:-1]].add(path.stem.lower())
    return [name for name, path in paths.items()
            if any(path.parts[:i] in by_folder for i in range(1, len(path.parts)))
            or _is_mask(path.stem, stems[path.parts[:-1]])]


def _is_mask(stem: str, beside: set[str]) -> bool:
    """Whether a file's stem says that it is the mask of another file in its folder."""
    if not MASK_LIKE.search(stem):
        return False
    within = TRUTH_WITHIN.fullmatch(stem)
    if within:
        first, last = (part.lower() for part in within.groups())
        return any(other.startswith(f"{first}_") and other.endswith(last) and other != stem.lower()
                   for other in beside)
    return any(match and match[1].lower() in beside
               for match in (MASK_LAST.fullmatch(stem), MASK_FIRST.fullmatch(stem)))


def _mask_folders(paths: Sequence[PurePosixPath]) -> set[Folders]:
    children: dict[Folders, set[str]] = defaultdict(set)
    stems: dict[Folders, set[str]] = defaultdict(set)   # of all files below each folder
    beside: dict[Folders, set[str]] = defaultdict(set)  # of the files in each folder itself
    for path in paths:
        parts, stem = path.parts, path.stem.lower()
        beside[parts[:-1]].add(stem)
        for i, part in enumerate(parts[:-1]):
            children[parts[:i]].add(part)
            stems[parts[:i + 1]].add(stem)
    masks = set()
    for parent, folders in children.items():
        for folder in folders:
            if MASKS_FOR_CERTAIN.fullmatch(folder):
                masks.add((*parent, folder))
                continue
            match = MASKS.fullmatch(folder)
            partners = [other for other in folders - {folder} if match and (
                other.lower() == match["of"].lower() if match["of"] else IMAGES.fullmatch(other))]
            loose = beside[parent] if match and not match["of"] else set()
            theirs = loose.union(*(stems[(*parent, other)] for other in partners))
            own = {without_mask(stem) for stem in stems[(*parent, folder)]}
            if theirs and len(own & theirs) >= PARTNERS * len(own):
                masks.add((*parent, folder))
    return masks


def is_mask_folder(name: str) -> bool:
    """Whether a folder's name is that of a folder of masks, such as masks or ground_truth."""
    return MASKS.fullmatch(name) is not None


def without_mask(stem: str) -> str:
    """The stem of the file that a file with this stem, such as a_mask or mask_a, is a mask of."""
    match = MASK_LAST.fullmatch(stem) or MASK_FIRST.fullmatch(stem)
    return match[1] if match else stem


def matching(names: Iterable[str], patterns: str) -> set[str]:
    """The names that match one of the patterns, separated by commas: *.png, thumbs/, train/cat*. A
    * matches any characters. A pattern without a slash matches a file's or folder's own name."""
    globs = [pattern.strip().casefold() for pattern in patterns.split(",") if pattern.strip()]
    plain = [pattern.rstrip("/") for pattern in globs if "/" not in pattern.rstrip("/")]
    whole = [pattern + "*" if pattern.endswith("/") else pattern for pattern in globs
             if pattern.rstrip("/") not in plain]
    matches = set()
    for name in names:
        folded = name.casefold()
        if any(fnmatchcase(folded, pattern) for pattern in whole) or any(
                fnmatchcase(part, pattern) for part in folded.split("/") for pattern in plain):
            matches.add(name)
    return matches


def endings(names: Iterable[str]) -> str:
    """Count the files' suffixes: ".jpg (12), .png (3)"."""
    kinds = Counter(PurePosixPath(name).suffix.lower() for name in names)
    return ", ".join(f"{kind} ({count:,})" for kind, count in kinds.most_common())


def left_out(names: Sequence[str], why: str, remedy: str, shown: int = NAMED) -> str:
    """A note on files that are not samples."""
    number = f"{counted(len(names), 'image')} {'is' if len(names) == 1 else 'are'} left out"
    return f"{number} {why}: {some_of(list(names), shown)}; {remedy}"
