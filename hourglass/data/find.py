"""What a text names as data: a path that is there, or a source; the one place that decides."""

from pathlib import Path
from typing import Any

from ..core.console import say
from ..core.expressions import Call, read
from ..core.hints import did_you_mean
from ..core.registry import sources
from . import data_frames, image_files

PATHS = ("path", "paths", "given", "clean")   # what sources call their arguments that are paths


def find_call(data: str, settled: bool = False) -> Call:
    """The source that a text names: a folder of that name, else a source's text, else a file. So
    a folder here that bears a source's name is the folder; `mnist()` is the source.

    A `settled` text is one that `settle` gave, perhaps in another folder: there a source's bare
    name is that source, whatever is here. Raises ValueError for what is neither.
    """
    path, call = Path(data).expanduser(), _as_call(data)
    named = call is not None and call.name in sources.parts
    if call is not None and named and (settled or not path.is_dir()):
        return call
    if named:
        say(f"{data} is a folder here, so it is read; for the data set of that name write {data}()")
    if path.is_dir():
        return Call("folder", (data,))
    if not path.exists():
        if call:
            raise ValueError(f"no data source is named {call.name!r}, nor is there such a file or "
                             f"folder; {did_you_mean(call.name, sources.parts)}")
        raise ValueError(f"there is no file or folder {data}")
    if data_frames.is_table(path):
        return Call("table", (data,))
    if path.suffix.lower() in (".npy", ".npz"):
        return Call("array", (data,))
    if image_files.is_archive(path):
        return Call("archive", (data,))
    if path.suffix.lower() in image_files.SUFFIXES:
        return Call("images", (data,))
    raise ValueError(f"{data} is neither a folder of images, a zip or tar archive of them, "
                     f"an image, a .csv or .parquet table, nor a .npy or .npz array")


def settle(data: str) -> str:
    """The text as one that holds from every folder: paths in it are whole, and a source's bare
    name is that source. What names nothing stays, for `find_call` to refuse. Raises ValueError."""
    try:
        call = find_call(data)
    except ValueError:
        return data
    if call.args == (data,) and call.kwargs == {}:   # a path
        return _whole(data)
    given = dict(zip(sources.options(call.name), call.args, strict=False))
    named = [_whole(value) if name in PATHS else value for name, value in given.items()]
    more = {name: _whole(value) if name in PATHS else value for name, value in call.kwargs.items()}
    return str(Call(call.name, (*named, *call.args[len(named):]), more))


def _whole(path: Any) -> Any:
    """A path, or several, from the root of the disk, where something is there."""
    if isinstance(path, tuple | list):
        return tuple(_whole(one) for one in path)
    if not isinstance(path, str) or not path or not Path(path).expanduser().exists():
        return path
    whole = str(Path(path).expanduser().resolve())
    if whole != image_files.printable(whole):
        raise ValueError(f"{image_files.printable(whole)}: this path holds bytes (%XX) that are no "
                         f"text in UTF-8, so it cannot be kept; rename it, or link to it by "
                         f"another name")
    return whole


def _as_call(data: str) -> Call | None:
    try:
        return read(data)
    except ValueError:
        return None
