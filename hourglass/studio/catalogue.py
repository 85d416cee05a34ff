"""All runs and studies below the studio's folder, read again only where a file has changed."""

import hashlib
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..run.folder import MARKS
from ..searching.study_folder import MARK
from .entries import run_entry, study_entry
from .jobs import Jobs
from .processes import holder_of, lock_holders
from .studies import held_trials

DEEPEST = 4            # folders below the studio's
MOST_FOLDERS = 20_000  # that are looked into
WATCHED = (   # a change of these is a change of the entry
    "", "settings.toml", "run.json", "history.csv", "frames", "studio.json", "report.html",
    "study.toml", "trials", "trials.csv", "journal.log")
Stamp = tuple[int, ...]


@dataclass(frozen=True)
class RunPlace:
    """A folder that holds a run or a study."""

    path: Path
    kind: str   # run, study, or trial: a run within a study


@dataclass
class Catalogue:
    """The runs and studies of a folder. `refresh` brings it up to date; it may be called by
    several threads."""

    home: Path
    jobs: Jobs
    places: dict[str, RunPlace] = field(default_factory=dict)
    entries: dict[str, dict[str, Any]] = field(default_factory=dict)
    stamps: dict[str, Stamp] = field(default_factory=dict)
    folders: dict[str, tuple[int, str, list[str]]] = field(default_factory=dict)
    trials: dict[str, RunPlace] = field(default_factory=dict)   # of studies, by key
    guard: threading.Lock = field(default_factory=threading.Lock)
    whole: bool = True   # whether all folders were looked into
    untold: dict[str, None] = field(default_factory=dict)   # keys that have changed, in order

    def news(self) -> list[str]:
        """Read what has changed. Returns the keys of runs and studies that have, or are gone, since
        the last call, whoever found that."""
        self.refresh()
        with self.guard:
            keys = list(self.untold)
            self.untold.clear()
            return keys

    def refresh(self) -> None:
        """Read what has changed."""
        with self.guard:
            places = {self.key_of(place.path): place for place in self._find()}
            gone = [key for key in self.places if key not in places]
            self.places = places
            for key in gone:
                self.entries.pop(key, None)
                self.stamps.pop(key, None)
            holders = lock_holders()
            changed = [key for key, place in places.items()
                       if self._refreshed(key, place, holders)]
            self.untold.update(dict.fromkeys(gone + changed))

    def _refreshed(self, key: str, place: RunPlace, holders: dict[int, int] | None) -> bool:
        pid = self.trainer(place, holders)
        job = self.jobs.of(place.path)
        stamp = (*_watched(place.path), pid, job.state_number)
        if self.stamps.get(key) == stamp:
            return False
        self.stamps[key] = stamp
        entry = (run_entry if place.kind == "run" else study_entry)(place.path)
        if pid:
            entry["state"] = "training"
        elif job.alive:
            entry["state"] = "writing" if job.kind in ("train", "resume", "report") else "training"
        entry |= {"key": key, "kind": place.kind, "path": self.shown(place.path),
                  "changed": max(stamp[1:len(WATCHED)]) / 1e9}
        self.entries[key] = entry
        return True

    @staticmethod
    def trainer(place: RunPlace, holders: dict[int, int] | None) -> int:
        """The process that trains a run, or a trial of a study: 0 if none does, -1 if its number is
        not known."""
        if place.kind == "study":
            return next(iter(held_trials(place.path, holders).values()), 0)
        return holder_of(place.path / "lock", holders)

    def entry(self, key: str) -> dict[str, Any]:
        """What the list says of a run or study, or would say of a trial; {} for others."""
        if key in self.entries:
            return self.entries[key]
        try:
            place = self.place(key)
        except ValueError:
            return {}
        entry = run_entry(place.path)
        if self.trainer(place, lock_holders()):
            entry["state"] = "training"
        study = place.path.parent.parent
        return entry | {"key": key, "kind": place.kind, "path": self.shown(place.path),
                        "study": self.key_of(study),
                        "changed": max(_watched(place.path)) / 1e9}

    def shown(self, path: Path) -> str:
        """A path as the page shows it: below the studio's folder."""
        text = path.relative_to(self.home).as_posix()
        text = path.name if text == "." else text
        return text.encode(errors="replace").decode()

    def key_of(self, path: Path) -> str:
        """The name of a run in addresses, which reveals and takes no path."""
        inner = os.fsencode(path.relative_to(self.home))
        return hashlib.blake2s(inner, digest_size=8).hexdigest()

    def place(self, key: str) -> RunPlace:
        """The folder of a run or study. Raises ValueError if there is none of that key now."""
        place = self.places.get(key) or self.trials.get(key)
        if place is None or not place.path.is_dir():
            self.refresh()
            place = self.places.get(key) or self._trial(key)
        if place is None:
            raise ValueError("there is no such run; it was moved or removed")
        return place

    def run(self, key: str) -> Path:
        """The folder of a run. Raises ValueError if there is none of that key now."""
        place = self.place(key)
        if place.kind == "study":
            raise ValueError("this is a search, not a run; open one of its trials")
        return place.path

    def _trial(self, key: str) -> RunPlace | None:
        """The trial of that key in one of the studies, which the list does not show."""
        if key in self.trials and self.trials[key].path.is_dir():
            return self.trials[key]
        for place in list(self.places.values()):
            if place.kind == "study":
                self.trials |= {self.key_of(path): RunPlace(path, "trial") for path in
                                (place.path / "trials").glob("[0-9]*") if path.is_dir()
                                and not path.is_symlink()}
        return self.trials.get(key)

    def _find(self) -> Iterator[RunPlace]:
        left = MOST_FOLDERS
        waiting = [(self.home, 0)]
        while waiting and left:
            path, depth = waiting.pop()
            left -= 1
            kind, inner = self._look(path)
            if kind:
                yield RunPlace(path, kind)
            elif depth < DEEPEST:
                waiting += [(path / name, depth + 1) for name in inner]
        self.whole = not waiting

    def _look(self, path: Path) -> tuple[str, list[str]]:
        """Whether a folder is a run or study, and its folders. Links are not followed."""
        try:
            changed = path.stat().st_mtime_ns
            known = self.folders.get(str(path))
            if known and known[0] == changed:
                return known[1], known[2]
            with os.scandir(path) as entries:
                there = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
        except OSError:
            return "", []
        names = {name for name, _ in there}
        kind = "run" if len(names.intersection(MARKS)) > 1 else "study" if MARK in names else ""
        inner = [] if kind else sorted(
            (name for name, is_folder in there if is_folder and name[0] != "."
             and name not in ("__pycache__", "node_modules")), reverse=True)
        self.folders[str(path)] = changed, kind, inner
        return kind, inner


def _watched(path: Path) -> list[int]:
    """When each of the watched files changed."""
    within = f"{path}{os.sep}"   # a text, for paths are built in three times the time
    return [_changed(within + name) for name in WATCHED]


def _changed(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0
