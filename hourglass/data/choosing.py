"""Select the image files that are samples: by patterns, by names, and page by page."""

from dataclasses import replace
from os.path import splitext
from pathlib import PurePosixPath

from PIL import Image

from ..core.wording import counted
from .find_images import Files, some_of
from .folders import FolderLayout, endings, lay_out, left_out, masks_among, matching
from .read_image import Reading

PAGED = {".tif": "TIFF", ".tiff": "TIFF", ".gif": "GIF", ".webp": "WEBP", ".png": "PNG"}
OFTEN_PAGED = (".tif", ".tiff", ".gif", ".webp")   # formats that often have several pages
LOOKED_AT = 200      # files that are opened to count their pages
REDUCED = 1          # of TIFF's tag NewSubfileType: a smaller version of another page
SUBFILE_TYPE = 254
CHANNELS = 32        # most pixels in a row that are perhaps channels


def chosen(files: Files, reading: Reading) -> Files:
    """Select the files that match the patterns, with one name per page if pages are samples.

    Raises ValueError if no file is left.
    """
    names = list(files.sizes)
    selected = matching(names, reading.include) if reading.include else set(names)
    selected -= matching(names, reading.exclude) if reading.exclude else set()
    out = [name for name in names if name not in selected]
    if names and not selected:
        raise ValueError(f"of {counted(len(names), 'image')} in {files.place}, such as {names[0]}, "
                         f"{_patterns(reading)} {'leave' if reading.exclude else 'finds'} none")
    note = f"{counted(len(out), 'image')} left out by {_patterns(reading)}: {endings(out)}"
    files = _only(files, [name for name in names if name in selected], [note] if out else [])
    return _each_page(files) if reading.pages else _first_pages(files)


def _patterns(reading: Reading) -> str:
    patterns = {"include": reading.include, "exclude": reading.exclude}
    return " and ".join(f"{name} {text!r}" for name, text in patterns.items() if text)


def _only(files: Files, names: list[str], notes: list[str]) -> Files:
    return replace(files, sizes={name: files.sizes[name] for name in names},
                   notes=(*files.notes, *notes))


def without_masks(files: Files, reading: Reading) -> Files:
    """Leave out files that are masks of others by their names, unless patterns include them."""
    masks = [] if reading.include else masks_among(list(files.sizes))
    if not masks or len(masks) == len(files.sizes):
        return files
    gone = set(masks)
    return _only(files, [name for name in files.sizes if name not in gone],
                 [left_out(masks, "as masks of others, by their names",
                           "--include '*' keeps them", shown=1)])


def without_strays(files: Files, reading: Reading) -> Files:
    """Leave out images outside the folders that name classes or splits."""
    layout = lay_out(list(files.sizes), reading.label_depth)
    if layout.stray and reading.strays:
        return _with_strays(files, layout)
    stray, notes = set(layout.stray), []
    if stray:
        what = "splits" if layout.splits and not layout.labels else "classes"
        notes.append(left_out(layout.stray, f"because they lie outside the folders of {what}",
                              "move them, or take all images without classes by --label-depth 0"
                              if not layout.splits else "move them into one of these"))
    if layout.note:
        notes.append(layout.note)
    kept = _only(files, [name for name in files.sizes if name not in stray], notes)
    return replace(kept, labels=layout.labels, splits=layout.splits)


def _with_strays(files: Files, layout: FolderLayout) -> Files:
    """All files, with those outside the folders as samples of no class and no split."""
    none = dict.fromkeys(layout.stray, "")
    note = (f"{counted(len(layout.stray), 'image')} outside the folders of "
            f"{'classes' if layout.labels else 'splits'}, so of none: {some_of(layout.stray)}")
    return replace(files, labels={**layout.labels, **none} if layout.labels else {},
                   splits={**layout.splits, **none} if layout.splits else {},
                   notes=(*files.notes, note, layout.note))


def _first_pages(files: Files) -> Files:
    """Use only first pages, with a note if files have several pages or frames."""
    paged = [name for name in files.sizes if splitext(name)[1].lower() in OFTEN_PAGED]
    looked = paged[::-(-len(paged) // LOOKED_AT) or 1]
    several = [name for name in looked if len(_pages(files, name)) > 1]
    of = f" of {len(looked)} checked" if len(looked) < len(paged) else ""
    return _only(files, list(files.sizes), [
        f"only the first page or frame of a file is read; {len(several):,}{of} have more, such as "
        f"{some_of(several)}: --pages reads them all{_may_be_channels(files, several[0])}"
    ] if several else [])


def _may_be_channels(files: Files, name: str) -> str:
    """A hint to write an image of many channels (H, W, C) whose rows were written as pages, which
    tifffile does by default."""
    with files.open(name) as file, Image.open(file) as image:
        narrow = 2 * image.width < min(image.height, getattr(image, "n_frames", 1))
        return (f". If {name} is one image of {image.width} channels, write it with "
                f"tifffile.imwrite(name, image, planarconfig='contig')") * (
                    narrow and image.width <= CHANNELS)


def _each_page(files: Files) -> Files:
    """Give each page its own name: stack_p1.tif, stack_p2.tif, ..."""
    sizes: dict[str, int] = {}
    pages: dict[str, int] = {}
    origin: dict[str, str] = {}
    for name, size in files.sizes.items():
        path = PurePosixPath(name)
        page_indices = _pages(files, name) if path.suffix.lower() in PAGED else [0]
        for number, page in enumerate(page_indices, 1):
            own = name if len(page_indices) == 1 else str(path.with_name(
                f"{path.stem}_p{number:0{len(str(len(page_indices)))}}{path.suffix}"))
            if own in sizes or (own != name and own in files.sizes):
                raise ValueError(f"page {number} of {name} would get the name {own} of another "
                                 f"file; rename one of them")
            sizes[own], pages[own], origin[own] = size, page, name
    more = len(sizes) - len(files.sizes)
    note = f"{counted(len(files.sizes), 'file')} have {len(sizes):,} pages, each a sample"
    return replace(files, sizes=sizes, pages=pages, open=lambda name: files.open(origin[name]),
                   notes=(*files.notes, *([note] if more else [])))


def _pages(files: Files, name: str) -> list[int]:
    """The numbers of a file's pages or frames, except smaller versions of other pages."""
    try:
        with files.open(name) as file, Image.open(file) as image:
            if image.format not in PAGED.values():
                return [0]
            count, sizes = getattr(image, "n_frames", 1), []
            for page in range(count):
                image.seek(page)
                tags = getattr(image, "tag_v2", {})
                if page == 0 or tags.get(SUBFILE_TYPE, 0) != REDUCED:
                    sizes.append(page)
            return sizes
    except Exception:   # Pillow raises many kinds; decoding will report what is wrong
        return [0]
