"""The run folder: where what a run used and found is kept."""

import csv
import hashlib
import io
import json
import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any

from ..core.files import lock, write_whole

PACKAGES = ("torch", "lightning-fabric", "numpy", "pillow", "safetensors")


@dataclass(frozen=True)
class RunFolder:
    """Paths of a run's files, and the small ones' content."""

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
        """Keep other processes from training here for as long as the file returned stays open,
        or this process lives; raises ValueError where one does already."""
        held = open(self.path / "lock", "w")
        try:
            lock(held, f"{self.path} is being trained by another process")
        except ValueError:
            held.close()
            raise
        return held

    def read_record(self) -> dict[str, Any]:
        """run.json; raises ValueError."""
        try:
            record: dict[str, Any] = json.loads((self.path / "run.json").read_text())
            return record
        except (OSError, json.JSONDecodeError) as error:
            raise ValueError(f"{self.path} holds no whole run.json ({error})") from None

    def write_record(self, record: dict[str, Any]) -> None:
        """run.json: versions, device, data and results."""
        write_whole(self.path / "run.json", json.dumps(record, indent=2) + "\n")

    def read_history(self) -> tuple[dict[str, float], ...]:
        """history.csv, or nothing."""
        return _read_table(self.path / "history.csv")

    def write_history(self, history: Sequence[dict[str, float]]) -> None:
        """history.csv: a row an epoch."""
        _write_table(self.path / "history.csv", history)

    def read_factors(self) -> tuple[dict[str, float], ...]:
        """kl_factors.csv, or nothing."""
        return _read_table(self.path / "kl_factors.csv")

    def write_factors(self, factors: Sequence[Sequence[float]]) -> None:
        """kl_factors.csv: a row an epoch, the mean KL of each factor, in nats."""
        if factors:
            _write_table(self.path / "kl_factors.csv", [
                {"epoch": epoch, **{f"factor_{i}": value for i, value in enumerate(row, 1)}}
                for epoch, row in enumerate(factors, 1)])


def _read_table(path: Path) -> tuple[dict[str, float], ...]:
    try:
        with open(path, newline="") as file:
            return tuple({k: float(v) for k, v in row.items() if v} for row in csv.DictReader(file))
    except (OSError, ValueError):
        return ()


def _write_table(path: Path, rows: Sequence[dict[str, float]]) -> None:
    text = io.StringIO()
    names = dict.fromkeys(name for row in rows for name in row)   # later versions write more
    writer = csv.DictWriter(text, list(names) or ["epoch"])
    writer.writeheader()
    writer.writerows(rows)
    write_whole(path, text.getvalue())


def is_run(path: Path) -> bool:
    """Whether a folder holds a run."""
    return (path / "settings.toml").is_file() and (path / "run.json").is_file()


def open_run(path: str | Path) -> RunFolder:
    """An existing run's folder; raises ValueError."""
    if not is_run(Path(path)):
        known = [str(p) for p in sorted(Path("runs").glob("*"), key=_age) if is_run(p)]
        hint = f"; the newest here is {known[-1]}" if known else ""
        why = "" if Path(path).exists() else ", for there is nothing of that name"
        raise ValueError(f"{path} is no run folder{why}{hint}")
    return RunFolder(Path(path))


def _age(path: Path) -> float:
    return path.stat().st_mtime


def new_folder(out: str | Path | None) -> RunFolder:
    """A new run's folder: the one asked for, else the next number under runs/."""
    if out is not None:
        return RunFolder(_empty_folder(Path(out)))
    runs = Path("runs")
    runs.mkdir(exist_ok=True)
    number = max((int(p.name) for p in runs.iterdir() if p.name.isdigit()), default=0)
    while True:   # another process may take the number first
        number += 1
        try:
            (runs / str(number)).mkdir()
            return RunFolder(runs / str(number))
        except FileExistsError:
            continue


def _empty_folder(path: Path) -> Path:
    if is_run(path):
        raise ValueError(f"{path} is a run already; to go on with it: hourglass train {path} "
                         f"--resume")
    try:
        path.mkdir(parents=True, exist_ok=True)
        if any(path.iterdir()):
            raise ValueError(f"{path} is there already and not empty; choose another --out")
    except OSError as error:
        raise ValueError(f"{path} cannot be a folder for results ({error.strerror}); choose "
                         f"another --out") from None
    return path


def environment(device: str) -> dict[str, Any]:
    """What a run ran on: versions, machine, threads, time."""
    import torch
    name = torch.cuda.get_device_name(device) if device.startswith("cuda") else platform.processor()
    return {"hourglass": version("hourglass"), "python": platform.python_version(),
            "versions": {package: version(package) for package in PACKAGES},
            "machine": platform.platform(), "device": device,
            "processor": name or platform.machine(),
            "threads": torch.get_num_threads(), "started": time.strftime("%Y-%m-%d %H:%M:%S")}


def digest(folder: RunFolder) -> str:
    """What tells a run's model from another."""
    return hashlib.sha256(folder.model.read_bytes()).hexdigest()[:16]
