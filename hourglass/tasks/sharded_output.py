"""A command's results as shards: files of some samples each, with a manifest, made once each."""

import hashlib
import io
import json
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..core.checksums import stamped, unstamped
from ..core.console import say, track
from ..core.contracts import Collection
from ..core.distributed import at_the_first, first_goes_first, own_number, sharers
from ..core.files import read_file, remove_stale_parts, write_whole
from ..data.collect import digest_of
from ..data.find_images import Files
from ..inference.batches import BATCH
from ..inference.trained import Trained
from .shares import parts_of

MANIFEST = "manifest.json"
FORMAT = 1
ROWS = 100_000        # samples of a shard, if their number is not asked for
MOST = 99_999         # shards
Facts = dict[str, Any]   # facts about a shard besides its content, as JSON


@dataclass(frozen=True)
class ShardsRequest:
    """The command, model and samples of the shards in a folder."""

    command: str                  # such as embed
    weights: str                  # digest of the model's
    samples: int
    data: str                     # digest of the samples, or the prior that they come from
    options: dict[str, Any] = field(default_factory=dict)


def request_of(
    model: Trained, command: str, samples: Collection | Files, **options: Any
) -> ShardsRequest:
    """The request of a command for these samples or files, with the options that change its
    results."""
    total, data = (len(samples.sizes), samples.digest) if isinstance(samples, Files) else (
        len(samples.x), digest_of(samples))
    return ShardsRequest(command, model.cache.weights, total, data, options)


@dataclass(frozen=True)
class ShardedOutput:
    """A folder of shards. `count` is the number of shards, 0 for a default; shards that hold a
    whole number of `unit` samples have the results of one process to the last bit."""

    folder: Path
    suffix: str              # of the shards, such as .parquet
    request: ShardsRequest
    count: int = 0
    unit: int = BATCH

    def write(self, make: Callable[[range], tuple[bytes, Facts]]) -> list[Facts]:
        """Make the shards that are missing, each process its own, and write the manifest. Returns
        the facts of all shards at the first process; the others end here.

        Shards that are there are compared with their checksums. Raises ValueError for a folder
        with the shards of another request, or with other files.
        """
        with first_goes_first():
            known = self._begun()
        parts = parts_of(self.request.samples, len(known), self.unit)
        own = range(own_number(), len(parts), sharers())
        done: dict[int, Facts] = {}
        there = 0
        for number in track(own, len(own), "writing shards"):
            place = self.folder / self._name(number, len(parts))
            kept = self._kept(place, known[number])
            there += kept is not None
            done[number] = kept or self._made(place, parts[number], make)
        total = 0
        for others, existing in at_the_first((done, there)):
            done, total = {**done, **others}, total + existing
        shards = [done[number] for number in range(len(parts))]
        if total:
            say(f"{total} of {len(parts)} shards were there already, with the right checksums")
        self._write_manifest(shards, True)
        for shard in shards:
            _beside(self.folder / shard["file"]).unlink(missing_ok=True)
        return [shard["facts"] for shard in shards]

    @property
    def files(self) -> list[str]:
        """The paths of the shards that are there, in order."""
        return sorted(map(str, self.folder.glob(f"part-*{self.suffix}")))

    def _begun(self) -> list[Facts]:
        """The shards that the manifest lists. If there is no manifest, write it first."""
        path = self.folder / MANIFEST
        if not path.exists():
            if self.folder.exists() and (not self.folder.is_dir() or any(self.folder.iterdir())):
                raise ValueError(f"{self.folder} exists, is not empty and has no {MANIFEST}; "
                                 f"choose another -o")
            self.folder.mkdir(parents=True, exist_ok=True)
            batches = -(-self.request.samples // self.unit)
            target = self.count or max(sharers(), -(-self.request.samples // ROWS))
            count = max(1, min(target, batches, MOST))
            if self.count > count:
                say(f"{self.request.samples:,} samples are {batches} batches, so they make "
                    f"{count} shards, not {self.count}")
            parts = parts_of(self.request.samples, count, self.unit)
            self._write_manifest([{"file": self._name(number, count), "rows": len(part)}
                                  for number, part in enumerate(parts)], False)
        remove_stale_parts(self.folder)
        return self._checked(path)

    def _checked(self, path: Path) -> list[Facts]:
        """The shards of a manifest. Raises ValueError if it is damaged or of another request."""
        try:
            manifest, changed = unstamped(json.loads(read_file(path)))
            shards, request = list(manifest["shards"]), dict(manifest["request"])
            parts = parts_of(self.request.samples, max(len(shards), 1), self.unit)
            fit = manifest["format"] == FORMAT and [
                (shard["file"], shard["rows"]) for shard in shards] == [
                (self._name(number, len(parts)), len(part)) for number, part in enumerate(parts)]
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise ValueError(f"{path} is damaged, so its shards cannot be trusted; delete "
                             f"{self.folder}, or choose another -o") from None
        own = _as_json(self.request)
        different = [name for name in own if request.get(name) != own[name]]
        if different:
            name = different[0]
            raise ValueError(f"{self.folder} holds the shards of another request: its {name} is "
                             f"{_short(request.get(name))}, and yours {_short(own[name])}. Choose "
                             f"another -o, or delete {self.folder}")
        if changed or not fit:
            raise ValueError(f"{path} was changed by hand, or is of another version; delete "
                             f"{self.folder}, or choose another -o")
        if self.count and self.count != len(shards):
            say(f"{self.folder} has {len(shards)} shards, and their number stays")
        return shards

    def _name(self, number: int, count: int) -> str:
        return f"part-{number:05}-of-{count:05}{self.suffix}"

    def _kept(self, place: Path, known: Facts) -> Facts | None:
        """The record of a complete shard; None if it must be made."""
        if not place.is_file() or place.is_symlink():
            return None
        if _beside(place).is_file():   # the manifest does not have it yet
            try:
                content, changed = unstamped(json.loads(read_file(_beside(place))))
                known = {} if changed else dict(content["shard"])
            except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
                known = {}
        if "sha256" not in known:
            return None
        if hashlib.sha256(read_file(place)).hexdigest() == known["sha256"]:
            return known
        say(f"{place} does not have its checksum; it is made again")
        return None

    def _made(
        self, place: Path, rows: range, make: Callable[[range], tuple[bytes, Facts]]
    ) -> Facts:
        content, facts = make(rows)
        _beside(place).unlink(missing_ok=True)
        write_whole(place, content, wait=False)   # a checksum finds what a crash loses
        record = {"file": place.name, "rows": len(rows), "bytes": len(content),
                  "sha256": hashlib.sha256(content).hexdigest(), "facts": facts}
        write_whole(_beside(place), json.dumps(stamped({"shard": record})), wait=False)
        return record

    def _write_manifest(self, shards: list[Facts], finished: bool) -> None:
        write_whole(self.folder / MANIFEST, json.dumps(stamped({
            "format": FORMAT, "request": _as_json(self.request), "finished": finished,
            "shards": shards}), indent=1) + "\n")


def is_folder(out: Path, shards: int) -> bool:
    """Whether a command writes shards into `out`: a name without a suffix. Raises ValueError for
    --shards with the name of a file."""
    if shards and out.suffix:
        raise ValueError(f"--shards writes several files into a folder, and {out} is the name of "
                         f"one file; pass a folder, such as -o {out.stem}")
    return not out.suffix


def as_parquet(columns: dict[str, Any]) -> bytes:
    """A table of these columns as the content of a .parquet file."""
    arrow, buffer = parquet_library(), io.BytesIO()
    arrow.parquet.write_table(arrow.table(columns), buffer)
    return buffer.getvalue()


def parquet_library() -> Any:
    """pyarrow; raises ValueError if it is not installed."""
    try:
        import pyarrow.parquet
    except ImportError:
        raise ValueError("a .parquet file needs an extra: pip install 'hourglass[tabular]'; .csv "
                         "and .npy do not") from None
    return pyarrow


def as_tar(write: Callable[[Path], Facts]) -> tuple[bytes, Facts]:
    """The files that `write` puts into a folder, as the content of a tar archive, and the facts
    that it returns. The same files give the same archive."""
    buffer = io.BytesIO()
    with tempfile.TemporaryDirectory(prefix="hourglass-") as place:
        facts = write(Path(place))
        with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for path in sorted(path for path in Path(place).rglob("*") if path.is_file()):
                member = tarfile.TarInfo(path.relative_to(place).as_posix())
                member.size = path.stat().st_size
                with open(path, "rb") as file:
                    tar.addfile(member, file)
    return buffer.getvalue(), facts


def _beside(place: Path) -> Path:
    """The record of a shard until the manifest is finished."""
    return place.with_name(f"{place.name}.json")


def _as_json(request: ShardsRequest) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(json.dumps(vars(request)))
    return content


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:40]}..."
