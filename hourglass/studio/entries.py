"""What the list of runs says of one run or study, from its small files alone."""

import csv
import io
import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..core.files import read_file
from ..core.output_names import printable
from ..run.folder import INTERRUPTED, STOPPED, RunFolder, read_toml
from ..run.settings import Settings
from ..run.titles import data_of, model_of
from ..searching.aims import GREATER
from ..searching.study_folder import MARK
from .notes import read_notes

POINTS = 40        # of the small curve on a card
LARGEST = 4 * 2**20   # bytes of a small file that is read
FINISHED, PART = "finished", "stopped"
DAMAGED = "damaged"
USUAL = {name: field.default for name, field in Settings.model_fields.items()}
DIGITS = 5         # of a loss in a small curve


def run_entry(path: Path) -> dict[str, Any]:
    """What the list says of a run. A damaged run says what is wrong, under `error`."""
    try:
        settings = _settings(path / "settings.toml")
        record = _record(path / "run.json")
        return {**_of_settings(settings, record), **_of_record(record),
                **_of_history(path, record), **_of_frames(path), **read_notes(path)}
    except (ValueError, OSError, TypeError, KeyError, RecursionError) as error:
        return {"title": path.name, "model": "", "data": "", "state": DAMAGED, "metrics": {},
                "error": printable(" ".join(str(error).split())[:300]), **read_notes(path)}


def study_entry(path: Path) -> dict[str, Any]:
    """What the list says of a study."""
    try:
        values = read_toml(path / MARK)
        settings = dict(values.get("settings", {}))
        settings["data"] = str(settings.get("data", "")).removesuffix("()")   # of a set by name
        rows = _rows(path / "trials.csv")
        trials = sum(1 for trial in (path / "trials").glob("*") if trial.is_dir())
        return {"title": f"search on {data_of(settings)}", "model": str(settings.get("model", "")),
                "data": data_of(settings), "state": FINISHED, "trials": len(rows) or trials,
                **_best_of(rows, str(values.get("search", {}).get("metric", ""))), "metrics": {},
                **read_notes(path)}
    except (ValueError, OSError, TypeError, KeyError, RecursionError) as error:
        return {"title": path.name, "model": "", "data": "", "state": DAMAGED, "metrics": {},
                "error": printable(str(error)[:300]), **read_notes(path)}


def _best_of(rows: list[dict[str, str]], metric: str) -> dict[str, Any]:
    """The best value of the first objective so far; `GREATER` names those that are maximised."""
    first = metric.partition(",")[0]
    values = [value for row in rows if row.get("state") == "finished"
              and (value := _number(row.get(first))) is not None]
    best = {"best": (max if first in GREATER else min)(values)} if values else {}
    return {"metric": metric, **best}


def _settings(path: Path) -> dict[str, Any]:
    """The settings of a run. Lines such as Hourglass writes are read without TOML's reader, which
    takes ten times as long."""
    values: dict[str, Any] = {}
    try:
        for line in read_small(path).decode().splitlines():
            if line and not line.startswith("#"):
                name, _, value = line.partition(" = ")
                values[name] = _value(value)
    except ValueError:
        values = read_toml(path)
    wrong = [name for name in ("data", "model") if not isinstance(values.get(name), str)]
    if wrong:
        raise ValueError(f"settings.toml is empty or damaged: it has no {wrong[0]!r}")
    return values


@lru_cache(4096)   # for runs have most lines in common
def _value(text: str) -> Any:
    return json.loads(text)


def _record(path: Path) -> dict[str, Any]:
    try:
        record: Any = json.loads(read_small(path))
    except FileNotFoundError:
        return {}
    if not isinstance(record, dict):
        raise ValueError("run.json is damaged: it is not a JSON object")
    return record   # its checksum, which takes long, is left to those that use the run


def read_small(path: Path) -> bytes:
    """A small file's content. Raises OSError, and ValueError for a large one."""
    if path.stat().st_size > LARGEST:
        raise ValueError(f"{path.name} is too large to be what Hourglass writes")
    return read_file(path)


def _of_settings(settings: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Any]:
    own = {name: value for name, value in settings.items()
           if name in USUAL and value != USUAL[name] and name not in ("data", "model")}
    return {"title": f"{model_of(settings, record)} on {data_of(settings)}",
            "model": model_of(settings, record), "data": data_of(settings), "settings": own,
            "wanted": settings.get("epochs")}


def _of_record(record: Mapping[str, Any]) -> dict[str, Any]:
    metrics = {name: value for name, value in dict(record.get("metrics", {})).items()
               if "/" not in name and isinstance(value, int | float)}
    ended = record.get("ended", STOPPED)
    return {"state": PART if ended in (INTERRUPTED, STOPPED) and "frozen" not in record else
            FINISHED, "ended": "" if ended == STOPPED else str(ended), "metrics": metrics,
            "best_epoch": record.get("best_epoch"), "seconds": record.get("seconds"),
            "parameters": dict(record.get("parameters", {})).get("whole"),
            "samples": dict(record.get("data", {})).get("samples"),
            "started": str(dict(record.get("environment", {})).get("started", ""))}


def _of_history(path: Path, record: Mapping[str, Any]) -> dict[str, Any]:
    rows = _rows(path / "history.csv")
    losses = [value for row in rows if (value := _loss(row)) is not None]
    epochs = _number(rows[-1].get("epoch")) if rows else 0.0
    more = epochs is not None and epochs > float(record.get("epochs", epochs) or 0)
    summary: dict[str, Any] = {"epochs": epochs, "curve": [float(f"{loss:.{DIGITS}g}")
                                                for loss in thinned(losses, POINTS)]}
    if rows:
        summary["loss"] = losses[-1] if losses else None
        best = [row for row in rows if _number(row.get("epoch")) == record.get("best_epoch")]
        summary["best_loss"] = _loss(best[0]) if best and "best_epoch" in record else None
    return summary | ({"state": PART, "ended": ""} if more and "epochs" in record else {})


def _loss(row: Mapping[str, str]) -> float | None:
    return _number(row.get("val_loss") or row.get("train_loss"))


def _of_frames(path: Path) -> dict[str, Any]:
    names = sorted(frame.name for frame in (path / "frames").glob("*.png"))
    return {"frame": names[-1]} if names else {}


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        return list(csv.DictReader(io.StringIO(read_small(path).decode(), newline="")))
    except (OSError, ValueError, csv.Error):
        return []


def _number(text: Any) -> float | None:
    try:
        value = float(text)
    except (TypeError, ValueError):
        return None
    return value if abs(value) < float("inf") else None


def thinned(values: list[float], most: int) -> list[float]:
    """At most `most` of the values, evenly spaced, including the last one."""
    if len(values) <= most:
        return values
    step = (len(values) - 1) / (most - 1)
    return [values[round(i * step)] for i in range(most)]


def history_of(path: Path) -> list[dict[str, float]]:
    """The rows of a run's history, as numbers."""
    return [{name: value for name, text in row.items()
             if name and (value := _number(text)) is not None} for row in _rows(path /
                                                                                "history.csv")]


def settings_in(folder: RunFolder) -> dict[str, Any]:
    """A run's settings. Raises ValueError for damaged ones."""
    return _settings(folder.settings)
