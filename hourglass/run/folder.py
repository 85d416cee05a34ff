"""The run folder: settings, weights, history and results of a run."""

import csv
import hashlib
import io
import json
import platform
import time
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any

from .. import __version__
from ..core.checksums import is_changed, stamped, stamped_text, unstamped
from ..core.console import say
from ..core.files import lock, open_lock, read_file, remove_stale_parts, write_whole

PACKAGES = ("torch", "lightning-fabric", "numpy", "pillow", "safetensors")


MARKS = ("settings.toml", "run.json", "model.safetensors", "checkpoint.safetensors")   # of a run
STOPPED = "stopped from outside"   # the end of a killed run
INTERRUPTED = "interrupted"        # the end of a run that Ctrl-C stopped


@dataclass(frozen=True)
class RunFolder:
    """The paths of a run's files, and the content of small ones."""

    path: Path

    @property
    def settings(self) -> Path:
        return self.path / "settings.toml"

    @property
    def model(self) -> Path:
        return self.path / "model.safetensors"

    @property
    def checkpoint(self) -> Path:
        return self.path / "checkpoint.safetensors"

    @property
    def snapshot(self) -> Path:
        return self.path / "snapshot.npz"

    @property
    def report(self) -> Path:
        return self.path / "report.html"

    @property
    def figures(self) -> Path:
        return self.path / "figures"

    @property
    def frames(self) -> Path:
        return self.path / "frames"

    def lock(self) -> IO[str]:
        """Lock the folder against other trainings, until the returned file is closed. Raises
        ValueError if another process trains here."""
        try:
            file = open_lock(self.path / "lock")
        except OSError as error:
            raise ValueError(f"{self.path / 'lock'} cannot be used ({error.strerror}). It must be "
                             f"a file of its own, not a link: remove it") from None
        try:
            lock(file, f"{self.path} is being trained by another process")
        except ValueError:
            file.close()
            raise
        remove_stale_parts(self.path)
        return file

    def subfolder(self, name: str) -> Path:
        """A subfolder of the run, made if needed. Raises OSError if it cannot be made, ValueError
        for a link, which may lead to other files."""
        path = self.path / name
        if path.is_symlink():
            raise ValueError(f"{path} is a link, and a run's files must lie in its own folders: "
                             f"remove the link, then give the command again")
        path.mkdir(exist_ok=True)
        return path

    def read_record(self) -> dict[str, Any]:
        """Read run.json. Raises ValueError if it is damaged."""
        path = self.path / "run.json"
        try:
            content: Any = json.loads(read_file(path))
            record, changed = unstamped(content) if isinstance(content, dict) else (content, False)
        except (OSError, ValueError, RecursionError) as error:
            raise ValueError(f"{path} is damaged ({getattr(error, 'strerror', error)}). Restore it "
                             f"from a copy, or train anew") from None
        wrong = _wrong_entry(record)
        if wrong:
            raise ValueError(f"{path} is damaged: {wrong}. Restore it from a copy, or train anew")
        if changed:
            _say_changed(path)
        return dict(record)

    def write_record(self, record: dict[str, Any]) -> None:
        """Write run.json: versions, device, data and results, with a checksum."""
        write_whole(self.path / "run.json", json.dumps(stamped(record), indent=2) + "\n")

    def write_settings(self, text: str) -> None:
        """Write settings.toml, with a checksum."""
        write_whole(self.settings, stamped_text(text))

    def read_history(self) -> tuple[dict[str, float], ...]:
        """Read history.csv; () without one. A difference from the checkpoint gets a note."""
        return self._compared("history.csv", lambda state: [
            *state["history"], *([state["cut"]] if state.get("cut") else [])])

    def write_history(self, history: Sequence[dict[str, float]]) -> None:
        """Write history.csv, with one row per epoch."""
        _write_table(self.path / "history.csv", history)

    def read_factors(self) -> tuple[dict[str, float], ...]:
        """Read kl_factors.csv; () without one. A difference from the checkpoint gets a note."""
        return self._compared("kl_factors.csv", lambda state: _factor_rows(state["factors"]))

    def write_factors(self, factors: Sequence[Sequence[float]]) -> None:
        """Write kl_factors.csv: one row per epoch with each latent dimension's mean KL, in nats."""
        if factors:
            _write_table(self.path / "kl_factors.csv", _factor_rows(factors))

    def _compared(
        self, name: str, of_checkpoint: Callable[[dict[str, Any]], list[dict[str, float]]]
    ) -> tuple[dict[str, float], ...]:
        """The rows of a table. They are compared with the checkpoint's, if that can be read."""
        rows, state = _read_table(self.path / name), state_of(self)
        try:
            same = state is None or plain_rows(rows) == plain_rows(of_checkpoint(state))
        except (KeyError, TypeError, ValueError, AttributeError):   # of an older version
            same = True
        if not same:
            path = self.path / name
            _say_once(path.absolute(), _changed(path),
                      f"{path} {'differs from' if path.exists() else 'is gone, unlike'} the "
                      f"checkpoint in this folder: a training was killed between the two, or one "
                      f"of them was changed or is another run's")
        return rows


def _factor_rows(factors: Sequence[Sequence[float]]) -> list[dict[str, float]]:
    return [{"epoch": epoch, **{f"factor_{i}": value for i, value in enumerate(row, 1)}}
            for epoch, row in enumerate(factors, 1)]


RECORD: dict[str, type | tuple[type, ...]] = {   # entries of run.json and their types
    "environment": dict, "data": dict, "parameters": dict, "multiply_adds": dict, "metrics": dict,
    "intervals": dict, "epochs": (int, float), "best_epoch": (int, float), "steps": int,
    "seconds": (int, float),
    "ended": str, "notes": list, "split": str}


def _wrong_entry(record: Any) -> str:
    """Describe what is wrong with the content of run.json, or return ""."""
    if not isinstance(record, dict):
        return "it is not a JSON object"
    wrong = [name for name, kind in RECORD.items()
             if name in record and not isinstance(record[name], kind)]
    wrong += [name for name in ("environment", "data", "parameters") if name not in record]
    numbers = record.get("metrics", {}) if "metrics" not in wrong else {}
    wrong += [f"metrics.{name}" for name, value in numbers.items()
              if not isinstance(value, int | float)]
    return f"{wrong[0]!r} is missing or of the wrong kind" if wrong else ""


def _read_table(path: Path) -> tuple[dict[str, float], ...]:
    try:
        rows = csv.DictReader(io.StringIO(read_file(path).decode(), newline=""))
        return tuple({k: float(v) for k, v in row.items() if v} for row in rows)
    except FileNotFoundError:   # there is none yet
        return ()
    except (OSError, ValueError, TypeError, csv.Error):
        _say_once(path.absolute(), _changed(path),
                  f"{path} is damaged, and is left out. Restore it from a copy")
        return ()


def plain_rows(rows: Sequence[dict[str, Any]]) -> list[dict[str, str]]:
    """Rows that can be compared: a value that a table leaves empty is left out."""
    return [{name: repr(float(value)) for name, value in row.items() if value is not None}
            for row in rows]


def _say_changed(path: Path) -> None:
    _say_once(path.absolute(), _changed(path),
              f"{path} has changed since it was written (its checksum differs). Its present "
              f"content is used")


def _changed(path: Path) -> int:
    """When a file was last changed, in ns; 0 for one that is gone."""
    return path.stat().st_mtime_ns if path.exists() else 0


@lru_cache(maxsize=64)   # said once
def _say_once(path: Path, changed: int, words: str) -> None:
    """Print a message about a file once for each time that it was changed (`changed`, in ns)."""
    say(words)


def _write_table(path: Path, rows: Sequence[dict[str, float]]) -> None:
    text = io.StringIO()
    names = dict.fromkeys(name for row in rows for name in row)   # newer versions write more
    writer = csv.DictWriter(text, list(names) or ["epoch"])
    writer.writeheader()
    writer.writerows(rows)
    write_whole(path, text.getvalue())


def is_run(path: Path) -> bool:
    """Whether a folder is a run folder, possibly a damaged one."""
    return sum((path / name).exists() for name in MARKS) > 1


def open_run(path: str | Path) -> RunFolder:
    """Open an existing run's folder. Raises ValueError."""
    if not is_run(Path(path)):
        known = [str(p) for p in sorted(Path("runs").glob("*"), key=_age) if is_run(p)]
        hint = f"; the newest run here is {known[-1]}" if known else ""
        why = "" if Path(path).exists() else ": it does not exist"
        raise ValueError(f"{path} is not a run folder{why}{hint}")
    folder = RunFolder(Path(path))
    read_settings(folder.settings)   # every command refuses damaged settings
    return folder


def _age(path: Path) -> float:
    return path.stat().st_mtime


@lru_cache(maxsize=1)
def _versions() -> dict[str, str]:
    """The versions of packages that results depend on."""
    return {package: version(package) for package in PACKAGES}


def environment(device: str) -> dict[str, Any]:
    """The environment of a run: versions, machine, threads, time."""
    import torch
    name = torch.cuda.get_device_name(device) if device.startswith("cuda") else platform.processor()
    return {"hourglass": __version__, "python": platform.python_version(),
            "versions": dict(_versions()),
            "machine": platform.platform(), "device": device,
            "processor": name or platform.machine(),
            "threads": torch.get_num_threads(), "started": time.strftime("%Y-%m-%d %H:%M:%S")}


def digest(folder: RunFolder) -> str:
    """Digest of a run's weights, which identifies results computed from them. Raises ValueError if
    there are none."""
    try:
        there = folder.model.stat()
        return _digest(folder.model, there.st_ino, there.st_size, there.st_mtime_ns)
    except OSError as error:
        raise ValueError(f"{folder.model} cannot be read ({error.strerror})") from None


@lru_cache(maxsize=64)
def _digest(path: Path, *state: int) -> str:
    """Digest of a file, cached by its inode number, size and time."""
    return hashlib.sha256(read_file(path)).hexdigest()[:16]


def steps_trained(folder: RunFolder) -> int | None:
    """Number of training steps of the run's checkpoint; None without a complete checkpoint."""
    state = state_of(folder)
    return None if state is None else int(state["step"])


def state_of(folder: RunFolder) -> dict[str, Any] | None:
    """The numbers of the run's checkpoint, such as its epochs; None without a complete one."""
    from ..core.tensor_files import load_texts  # which brings torch
    try:
        state: dict[str, Any] = json.loads(load_texts(folder.checkpoint)["state"])
        plain_rows(state["history"])
        return {**state, "step": int(state["step"])}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def unfinished(folder: RunFolder, record: dict[str, Any]) -> str:
    """Why a run's training is not finished, as the end of a sentence; "" if it is finished.

    A killed run leaves no note of its end, or an old one from before it was resumed.
    """
    if "frozen" in record:   # a classifier, which is whole once its record is written
        return ""
    steps = steps_trained(folder)
    done = len(folder.read_history())
    if record.get("ended", STOPPED) in (INTERRUPTED, STOPPED):
        return f"was stopped after {done} epochs"
    if steps is not None and record.get("steps", steps) != steps:
        return f"was resumed and stopped after {done} epochs"
    return ""


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file's values. Raises ValueError."""
    try:
        text = read_file(path).decode("utf-8-sig")   # Windows' editor begins with a mark
        values = tomllib.loads(text)
    except (ValueError, OSError, RecursionError) as error:
        why = getattr(error, "strerror", None) or error
        raise ValueError(f"{path} cannot be read as TOML: {why}") from None
    if is_changed(text):
        _say_changed(path)
    return values


def read_settings(path: Path) -> dict[str, Any]:
    """Read a run's settings. Raises ValueError for an empty or damaged file, because defaults would
    describe another run."""
    values = read_toml(path)
    wrong = [name for name in ("data", "model") if not isinstance(values.get(name), str)]
    if wrong:
        raise ValueError(f"{path} is empty or damaged: it has no {wrong[0]!r}. Restore it from a "
                         f"copy: this run cannot be used without its settings")
    return values
