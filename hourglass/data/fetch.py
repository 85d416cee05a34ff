"""Find the files of a named data set: in HOURGLASS_DATA, in the cache, or on its mirrors."""

import gzip
import hashlib
import os
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import shorten

from ..core.console import is_terminal, say
from ..core.distributed import in_turn


@dataclass(frozen=True)
class Remote:
    """A file of a data set. One of its digests must match the file, or its uncompressed content."""

    name: str
    digests: tuple[str, ...]                   # "md5:..." or "sha256:..."
    mirrors: tuple[str, ...] = field(default=())   # URLs of folders, tried one after another


def cache_folder() -> Path:
    """The folder of downloads."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hourglass"


def places(data_set: str) -> list[Path]:
    """Folders to search for a data set's files."""
    data_folder = os.environ.get("HOURGLASS_DATA")
    roots = [Path(data_folder)] if data_folder else []
    return [folder for root in [*roots, cache_folder()] for folder in (root / data_set, root)]


def find_all(data_set: str, remotes: Sequence[Remote]) -> list[bytes]:
    """The files' contents, with gzip files uncompressed. Downloads files that are not found.

    Raises ValueError that names the files and where to put them.
    """
    paths = [_local(data_set, remote) or _download(data_set, remote, remotes) for remote in remotes]
    return [_verified(path, remote) for path, remote in zip(paths, remotes, strict=True)]


def _local(data_set: str, remote: Remote) -> Path | None:
    tried = (folder / name for folder in places(data_set)
             for name in (remote.name, remote.name.removesuffix(".gz")))
    return next((path for path in tried if path.is_file()), None)


def _verified(path: Path, remote: Remote) -> bytes:
    try:
        raw = path.read_bytes()
        content = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{path} cannot be read ({error}); delete it to have it downloaded "
                         f"again") from None
    if not remote.digests:   # the caller checks the content
        return content
    for digest in remote.digests:
        kind, _, value = digest.partition(":")
        if value in (hashlib.new(kind, content).hexdigest(), hashlib.new(kind, raw).hexdigest()):
            return content
    raise ValueError(f"{path} is not the published file: its digest differs; delete it to download "
                     f"it again")


def _download(data_set: str, remote: Remote, all_of_them: Sequence[Remote]) -> Path:
    import pooch
    pooch.get_logger().setLevel("WARNING")
    folder = cache_folder() / data_set
    with in_turn(str(cache_folder() / "downloads.lock")):
        return _local(data_set, remote) or _downloaded(folder, data_set, remote, all_of_them)


def _downloaded(
    folder: Path, data_set: str, remote: Remote, all_of_them: Sequence[Remote]
) -> Path:
    import pooch
    say(f"downloading {remote.name} ...")
    reasons = []
    for mirror in remote.mirrors:
        try:
            kept = pooch.retrieve(mirror + remote.name, known_hash=None, path=folder,
                                  fname=remote.name + ".part", progressbar=is_terminal())
            return Path(kept).rename(folder / remote.name)
        except Exception as error:   # whatever happens, the next mirror is tried
            reasons.append(shorten(str(error) or repr(error), 90))
    why = reasons[-1] if reasons else "no mirror is known"
    names = ", ".join(r.name for r in all_of_them)
    raise ValueError(f"{data_set} could not be downloaded ({why}); put {names} into "
                     f"{places(data_set)[0]}, or set HOURGLASS_DATA to the folder that holds them")
