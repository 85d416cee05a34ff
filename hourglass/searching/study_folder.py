"""A study's folder: its options, the journal of its trials, and their run folders."""

import json
import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any, get_type_hints

from ..core.files import check_empty, open_lock, read_file, write_whole
from ..core.files import lock as lock_file
from ..core.hints import did_you_mean
from ..run.folder import RunFolder, read_toml
from .database import without_password
from .toml_values import check_type

MARK = "study.toml"
DATA = "data.npz"   # samples that were in memory
PRUNERS = ("asha", "hyperband", "median", "none")
CHANGEABLE = ("trials", "minutes", "target")   # options that a continued study may change
TRIALS = 50      # default number
AGAIN = 0.02     # seconds between two attempts to get a lock


@dataclass(frozen=True)
class SearchOptions:
    """The options of a study. The settings of its trials are stored separately."""

    name: str = ""              # in the storage
    metric: str = ""            # one objective or two, separated by a comma
    trials: int | None = None
    minutes: float | None = None   # of each command
    target: float | None = None
    limit: str = ""             # such as parameters <= 4723
    prune: str = "asha"
    seed: int = 0               # of the sampler
    storage: str = ""           # "": the journal in the study's folder
    plugins: tuple[str, ...] = ()   # files of parts of the user's own
    data_digest: str = ""       # identifies the data

    def __post_init__(self) -> None:
        if self.prune not in PRUNERS:
            raise ValueError(f"--prune is one of {', '.join(PRUNERS)}, not {self.prune!r}; "
                             f"{did_you_mean(self.prune, PRUNERS)}")
        for flag, value in (("trials", self.trials), ("minutes", self.minutes)):
            if value is not None and not value > 0:
                raise ValueError(f"--{flag} must be above 0, not {value:g}")
        for flag, value in (("minutes", self.minutes), ("target", self.target)):
            if value is not None and not math.isfinite(value):
                raise ValueError(f"--{flag} must be a finite number, not {value:g}; leave it out "
                                 f"for no limit")

    @property
    def is_limited(self) -> bool:
        """Whether anything ends the search."""
        return bool(self.trials or self.minutes or self.target is not None)


@dataclass(frozen=True)
class StudyFolder:
    """The paths of a study's files, and the content of small ones."""

    path: Path
    kept: dict[int, Any] = field(default_factory=dict, compare=False)   # results, by trial

    @property
    def journal(self) -> Path:
        return self.path / "journal.log"

    @property
    def page(self) -> Path:
        return self.path / "study.html"

    @property
    def table(self) -> Path:
        return self.path / "trials.csv"

    @property
    def splits(self) -> Path:
        return self.path / "splits.json"

    def trial(self, number: int) -> RunFolder:
        """The run folder of a trial."""
        return RunFolder(self.path / "trials" / f"{number:04}")

    def beside(self, number: int, ending: str) -> Path:
        """A file next to a trial's run folder: its lock, result or log."""
        return self.path / "trials" / f"{number:04}.{ending}"

    def read_result(self, number: int) -> dict[str, Any] | None:
        """The result of a trial's training; None before it has ended."""
        try:
            result = json.loads(read_file(self.beside(number, "json")))
        except (OSError, ValueError, RecursionError):
            return None
        return result if isinstance(result, dict) else None

    def last_result(self) -> int:
        """The greatest number of a trial that has ended; -1 before any."""
        return max((int(path.stem) for path in (self.path / "trials").glob("*.json")
                    if path.stem.isdecimal()), default=-1)

    def claim(self, number: int) -> IO[str] | None:
        """Take a trial for this process and those that it starts; None if another has it. It is
        free again when all of them have ended, also when they are killed."""
        lock = open_lock(self.beside(number, "lock"))
        try:
            lock_file(lock, "")
        except ValueError:
            lock.close()
            return None
        return lock

    def release(self, number: int, lock: IO[str]) -> None:
        """Free a trial whose end is in the storage."""
        self.beside(number, "lock").unlink(missing_ok=True)
        lock.close()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other processes from starting a trial while the context is open."""
        lock = open_lock(self.path / "study.lock")
        with lock:
            while True:
                try:
                    lock_file(lock, "busy")
                    break
                except ValueError:
                    time.sleep(AGAIN)
            yield

    def read(self) -> tuple[SearchOptions, dict[str, Any]]:
        """The options of the search, and the settings with their holes. Raises ValueError."""
        path = self.path / MARK
        values = read_toml(path)
        options, settings = values.get("search"), values.get("settings")
        if not isinstance(options, dict) or not isinstance(settings, dict):
            raise ValueError(f"{path} is damaged. Restore it from a copy, or start a new study")
        hints = get_type_hints(SearchOptions)
        for name, value in options.items():
            if name not in hints:
                raise ValueError(f"{path} has the option {name!r}, which this version of Hourglass "
                                 f"does not know. If a newer version began the study, update "
                                 f"Hourglass; otherwise remove that line")
            check_type(path, name, value, hints[name])
        storage = options.get("storage", "")
        storage = without_password(storage) if storage else ""
        plugins = tuple(options.get("plugins", ()))
        try:
            return SearchOptions(**{**options, "plugins": plugins, "storage": storage}), settings
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None

    def write(self, options: SearchOptions, settings: Mapping[str, Any]) -> None:
        """Write study.toml."""
        lines = ["# The options of this study. To continue it: hourglass search FOLDER\n"]
        for title, values in (("search", vars(options)), ("settings", settings)):
            lines += [f"\n[{title}]\n", *(f"{name} = {json.dumps(value, ensure_ascii=False)}\n"
                                         for name, value in values.items() if value is not None)]
        write_whole(self.path / MARK, "".join(lines))


def is_study(path: str | Path) -> bool:
    """Whether a folder holds a study."""
    return (Path(path) / MARK).is_file()


def check_whole(path: str | Path) -> None:
    """Raise ValueError for the folder of a study that has lost its options."""
    folder = StudyFolder(Path(path))
    if folder.journal.is_file() and (folder.path / "trials").is_dir() and not is_study(path):
        raise ValueError(f"{path} is a study without its {MARK}. Restore that file from a copy, or "
                         f"start a new study. Its runs are in {folder.path / 'trials'}")


def check_new(out: str | Path) -> None:
    """Raise ValueError for a folder that holds a study."""
    if is_study(out):
        raise ValueError(f"{out} is a study already. To continue it: hourglass search {out}")


def new_study(out: Path, options: SearchOptions, settings: Mapping[str, Any]) -> StudyFolder:
    """Make the folder of a new study. Raises ValueError if it is not empty."""
    check_new(out)
    if not out.is_dir() or {path.name for path in out.iterdir()} != {DATA}:
        check_empty(out, "--out")
    (out / "trials").mkdir(parents=True, exist_ok=True)
    folder = StudyFolder(out)
    name = options.name or f"{out.resolve().name}-{time.time_ns():x}"
    folder.write(replace(options, name=name), settings)
    return folder


def next_free(data: str) -> Path:
    """A folder under studies/ that does not exist yet, named after the data."""
    plain = "".join(sign if sign.isalnum() else "-" for sign in Path(data).stem or "study")
    number, place = 1, Path("studies") / (plain.strip("-") or "study")
    while (free := place if number == 1 else place.with_name(f"{place.name}-{number}")).exists():
        number += 1
    return free


def open_study(path: str | Path, changes: Mapping[str, Any]) -> StudyFolder:
    """Open a study to continue it, with these limits in place of the old ones. Raises ValueError
    if the folder is not a study, or an option cannot change."""
    if not is_study(path):
        raise ValueError(f"{path} is not a study: it has no {MARK}")
    folder = StudyFolder(Path(path))
    if not (folder.path / "trials").is_dir():
        raise ValueError(f"{path} has lost its folder trials, which holds its runs. Restore it "
                         f"from a copy, or start a new study")
    options, settings = folder.read()
    for name, value in changes.items():
        same = value == getattr(options, name) or (
            name == "metric" and _long(str(value)) == _long(options.metric))
        if name not in CHANGEABLE and not same:
            raise ValueError(f"--{name} cannot change when a study is continued; only "
                             f"{', '.join(CHANGEABLE)} and storage can. Start a new study with "
                             f"another --out")
    changed = replace(options, **{n: v for n, v in changes.items() if n in CHANGEABLE})
    if changed != options:
        folder.write(changed, settings)
    return folder


def _long(metric: str) -> list[str]:
    """Objectives without the split's name, which may be left out: val_mse is mse."""
    return [name.strip().removeprefix("val_") for name in metric.split(",")]
