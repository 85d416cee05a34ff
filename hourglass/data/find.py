"""Find the data that a text names: an existing path, or a source."""

from functools import lru_cache
from pathlib import Path
from typing import Any

from ..core.console import say
from ..core.expressions import Call, read
from ..core.hints import did_you_mean
from ..core.output_names import printable
from ..core.registry import sources
from . import data_frames, find_images
from .idx_names import holds_idx
from .is_of_lines import is_of_lines
from .is_of_molecules import is_of_molecules
from .is_of_series import is_of_series
from .other_kinds import refusal_of
from .rating_places import is_of_ratings
from .shard_names import absolute, are_shards

PATHS = ("path", "paths", "given", "clean", "items")   # arguments of sources that are paths


def find_call(data: str, settled: bool = False) -> Call:
    """Find the source that a text names: a folder with that name, a source's text, or a file. A
    folder in the working directory comes before a source of the same name; `mnist()` is the source.

    A `settled` text comes from `settle`, perhaps in another folder: there, a source's bare name
    always is the source. Raises ValueError if nothing is found.
    """
    path, call = Path(data).expanduser(), _as_call(data)
    named = call is not None and call.name in sources.parts
    if call is not None and named and (settled or not path.is_dir()):
        return call
    if named:
        _say_once(f"{data} is a folder here, so it is read; for the data set of that name write "
                  f"{data}()")
    if are_shards(data) and not path.exists():
        return Call("shards", (data,))
    if path.exists() and holds_idx(path):
        return Call("idx", (data,))
    if path.exists() and _holds_ratings(path, data):
        return Call("ratings", (data,))
    if path.exists() and _holds_molecules(path, data):
        return Call("molecules", (data,))
    if path.exists() and is_of_lines(path):
        _say_once(f"{data} holds lines of text, so it is read as {Call('lines', (data,))}; its "
                  f"tokens are characters, or words with {_in_words(data)}" + (
                      f"; for a table write {Call('table', (data,))}"
                      if data_frames.is_table(path) else ""))
        return Call("lines", (data,))
    if path.is_dir():
        return Call("folder", (data,))
    if not path.exists():
        if call:
            raise ValueError(f"no data source is named {call.name!r}, nor is there such a file or "
                             f"folder; {did_you_mean(call.name, sources.parts)}")
        raise ValueError(f"there is no file or folder {data}")
    if data_frames.is_table(path):
        return Call("table", (data,))
    if path.suffix.lower() in (".npy", ".npz", ".mat"):
        return Call("array", (data,))
    if find_images.is_archive(path):
        return Call("archive", (data,))
    if path.suffix.lower() in find_images.SUFFIXES:
        return Call("images", (data,))
    if words := refusal_of(path):
        raise ValueError(words)
    raise ValueError(f"{data} is neither a folder of images, a zip or tar archive of them, "
                     f"an image, a .csv or .parquet table, a .txt, .fasta or .smi file, nor a "
                     f".npy, .npz or .mat array")


def _in_words(data: str) -> Call:
    return Call("lines", (data,), {"level": "word"})


def _holds_ratings(path: Path, data: str) -> bool:
    """Whether a path is of ratings. A note says so for a guess, and also for a mere likelihood."""
    known = data_frames.is_table(path) or path.is_dir() or path.suffix.lower() == ".zip"
    others = (*find_images.SUFFIXES, ".npy", ".npz", ".mat")
    if not known and (path.suffix.lower() in others or find_images.is_archive(path)
                      or refusal_of(path)):
        return False
    sure = is_of_ratings(path)
    if sure == "yes":
        _say_once(f"{data} holds ratings (users, items and their ratings), so it is read as "
                  f"{Call('ratings', (data,))}" + (
                      f"; for a plain table write {Call('table', (data,))}"
                      if data_frames.is_table(path) else ""))
    elif sure and data_frames.is_table(path):
        _say_once(f"{data} is read as a table. If it holds who chose what, write "
                  f"{Call('ratings', (data,))}")
    return sure == "yes"


def _holds_molecules(path: Path, data: str) -> bool:
    """Whether a path is of molecules. A note says so, and also for a mere likelihood."""
    sure, call = is_of_molecules(path), Call("molecules", (data,))
    other = Call("table" if data_frames.suffix_of(path) in (".csv", ".tsv") else "lines", (data,))
    if sure == "yes":
        _say_once(f"{data} holds SMILES of molecules, so it is read as {call}; otherwise write "
                  f"{other}")
    elif sure:
        _say_once(f"{data} is read as a table. A column looks like SMILES: if it holds molecules, "
                  f"write {call}")
    return sure == "yes"


@lru_cache(100)
def _say_once(line: str) -> None:
    say(line)


def is_of_images(data: str | Path) -> bool:
    """Whether this names files of images: a folder, an archive or an image."""
    path = Path(data).expanduser()
    return path.exists() and find_call(str(data)).name in ("folder", "archive", "images")


def settle(data: str) -> str:
    """Make a text that is valid in every folder: with absolute paths, and a bare name for a source.
    A text that names nothing stays, so that `find_call` refuses it. Raises ValueError."""
    try:
        call = find_call(data)
    except ValueError:
        return data
    if call.name == "shards":
        arguments = dict(zip(sources.options("shards"), call.args, strict=False)) | call.kwargs
        return str(Call("shards", (), {name: absolute(str(value)) if name != "label" else value
                                       for name, value in arguments.items()}))
    if call == Call("table", (data,)) and (name := is_of_series(Path(data).expanduser())):
        _say_once(f"{data} is read as a table. Its rows follow one another in {name!r}: if it is "
                  f"a time series, write {Call('series', (data,))}")
    if call.args == (data,) and call.kwargs == {} and call.name not in (
            "ratings", "lines", "molecules"):   # a path
        return _whole(data)
    arguments = dict(zip(sources.options(call.name), call.args, strict=False))
    named = [_whole(value) if name in PATHS else value for name, value in arguments.items()]
    more = {name: _whole(value) if name in PATHS else value for name, value in call.kwargs.items()}
    return str(Call(call.name, (*named, *call.args[len(named):]), more))


def settle_for_several(data: str) -> str:
    """Settle a text for trainings that begin one after another: a source's bare name becomes a
    call, as an output folder of that name would hide it from the second. Raises ValueError."""
    text = settle(data)
    return f"{text}()" if text in sources.parts else text


def _whole(path: Any) -> Any:
    """Make a path, or several, absolute if something exists there."""
    if isinstance(path, tuple | list):
        return tuple(_whole(one) for one in path)
    if not isinstance(path, str) or not path or not Path(path).expanduser().exists():
        return path
    whole = str(Path(path).expanduser().resolve())
    if whole != printable(whole):
        raise ValueError(f"{printable(whole)}: this path holds bytes (%XX) that are not UTF-8 "
                         f"text, so settings cannot store it; rename it, or link to it by another "
                         f"name")
    return whole


def _as_call(data: str) -> Call | None:
    try:
        return read(data)
    except ValueError:
        return None
