"""A search as its page shows it: trials, holes, importance, the front, and what runs now."""

import math
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from ..core.output_names import printable
from .entries import history_of, thinned
from .processes import lock_holders

if TYPE_CHECKING:   # they bring PyTorch, and the studio is to start at once
    from ..searching.records import Records, TrialRecord

KEPT = 4           # studies in memory
MOST = 3000        # trials of an answer, the last ones
POINTS = 60        # of the curve of a trial
LATELY = 600.0     # seconds over which the speed is counted


@dataclass
class Studies:
    """What was read of some studies, until their trials change."""

    kept: OrderedDict[Path, tuple[int, "Records", dict[str, float]]] = field(
        default_factory=OrderedDict)
    guard: Lock = field(default_factory=Lock)

    def of(self, path: Path) -> tuple["Records", dict[str, float]]:
        """The trials of a study so far, and the importance of its holes. Raises ValueError."""
        from ..searching.importances import importance
        from ..searching.open_records import records_so_far
        from ..searching.study_folder import StudyFolder
        with self.guard:
            stamp = _stamp(path)
            known = self.kept.pop(path, None)
            if known is None or known[0] != stamp:
                records = records_so_far(StudyFolder(path))
                many = known is not None and len(known[1].finished) == len(records.finished)
                known = stamp, records, known[2] if known and many else importance(records)
            self.kept[path] = known
            while len(self.kept) > KEPT:
                self.kept.popitem(last=False)
            return known[1], known[2]


def _stamp(path: Path) -> int:
    return sum(file.stat().st_mtime_ns for file in (path / "journal.log", path / "study.toml")
               if file.is_file())


def about_study(path: Path, records: "Records", weights: Mapping[str, float], key_of: Any,
                alive: bool) -> dict[str, Any]:
    """All that the page of a study shows. Raises ValueError for a damaged one."""
    options, settings = records.folder.read()
    running = held_trials(path, lock_holders())
    trials = [_trial(records, trial, running, key_of) for trial in records.trials[-MOST:]]
    best = records.best
    return {"aims": [{"name": aim.name, "greater": aim.greater} for aim in records.aims],
            "holes": _holes(records), "settings": settings, "trials": trials,
            "asked": {name: value for name, value in vars(options).items()
                      if name in ("trials", "minutes", "target", "limit", "prune", "seed")},
            "best": None if best is None else best.number,
            "front": [trial.number for trial in records.front] if len(records.aims) > 1 else [],
            "importance": dict(weights), "splits": _splits(records),
            "alive": alive or bool(running),
            "left_out": max(0, len(records.trials) - MOST), "speed": _speed(records, running)}


def held_trials(path: Path, holders: dict[int, int] | None) -> dict[int, int]:
    """The trials that a process trains now: number and process."""
    running = {}
    for lock in (path / "trials").glob("*.lock") if holders else ():
        try:
            pid = (holders or {}).get(lock.stat().st_ino, 0)
        except OSError:
            continue
        if pid and lock.stem.isdecimal():
            running[int(lock.stem)] = pid
    return running


def _holes(records: "Records") -> list[dict[str, Any]]:
    """Each hole: its name, its range or choices, and whether it takes numbers on a log scale."""
    from ..searching.holes import NumberHole
    from ..searching.space import read_space
    space = read_space(records.folder.read()[1], lambda text: None)
    return [{"name": name, "text": str(hole), "number": isinstance(hole, NumberHole),
             "log": isinstance(hole, NumberHole) and hole.log}
            for name, hole in space.holes.items()]


def _trial(records: "Records", trial: "TrialRecord", running: Mapping[int, int], key_of: Any
           ) -> dict[str, Any]:
    run = records.run(trial).path
    curve = [value for _, value in sorted(trial.reported.items())]
    state: str = trial.state
    if state == "running" and trial.number not in running:
        state = "stopped"
    live = _live(run) if state == "running" else {}
    return {"number": trial.number, "state": state, "values": [finite(v) for v in trial.values],
            "params": dict(trial.params), "texts": dict(trial.texts),
            "parameters": finite(trial.parameters), "why": printable(trial.why[:300]),
            "epochs": trial.epochs or len(curve), "seconds": finite(trial.seconds),
            "curve": [finite(value) for value in thinned(curve, POINTS)],
            "key": key_of(run) if run.is_dir() else "", **live}


def _live(run: Path) -> dict[str, Any]:
    """What a trial that trains now has reached."""
    rows = history_of(run)
    last = rows[-1] if rows else {}
    return {"epochs": last.get("epoch", 0), "speed": last.get("images_per_second"),
            "seconds": last.get("seconds")}


def _splits(records: "Records") -> list[dict[str, Any]]:
    """The best model's metric on all splits, once the search has ended."""
    from ..searching.split_values import of_trial, read_evaluations
    best = records.best
    evaluation = best and of_trial(read_evaluations(records.folder), best.number)
    return [{"split": value.split, "samples": value.samples, "value": finite(value.value),
             "low": finite(value.low), "high": finite(value.high), "role": value.role}
            for value in evaluation.values] if evaluation else []


def _speed(records: "Records", running: Mapping[int, int]) -> float | None:
    """Trials an hour, of those that ended lately; None where none runs."""
    now = time.time()
    ended = [trial.ended for trial in records.trials if now - trial.ended < LATELY]
    if not running or len(ended) < 2:
        return None
    return 3600 * (len(ended) - 1) / max(max(ended) - min(ended), 1e-3)


def finite(value: float) -> float | None:
    """A number as JSON takes it."""
    return float(value) if math.isfinite(value) else None
