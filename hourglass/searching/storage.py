"""Where a study's trials are written, by Optuna: a journal in its folder, or a database."""

import contextlib
import json
import logging
import os
import warnings
import zlib
from pathlib import Path
from types import ModuleType
from typing import IO, TYPE_CHECKING

from ..core.files import lock, open_lock
from .database import database_errors, open_database, reason
from .study_folder import AGAIN, SearchOptions, StudyFolder

if TYPE_CHECKING:
    from optuna import Study
    from optuna.pruners import BasePruner
    from optuna.storages import BaseStorage

FACTOR = 3        # one in this many trials passes a rung
RUNGS = 9         # the first rung is at this fraction of the epochs
STARTUP = 10      # trials at random before the sampler learns from them


def optuna() -> ModuleType:
    """Optuna, whose own messages are silenced. Raises ValueError where it is not installed."""
    try:
        import optuna as package
    except ImportError:
        raise ValueError("a search needs Optuna: pip install 'hourglass[search]'") from None
    package.logging.set_verbosity(logging.ERROR)
    warnings.filterwarnings("ignore", category=package.exceptions.ExperimentalWarning)
    warnings.filterwarnings("ignore", message="The reported value is ignored")
    return package


def make_storage(folder: StudyFolder, options: SearchOptions) -> "BaseStorage":
    """Open the storage of a study: its journal, or a database. Raises ValueError for a database
    that cannot be used."""
    package = optuna()
    if not options.storage:
        journal = package.storages.journal
        backend = journal.JournalFileBackend(str(folder.journal), FileLock(folder.journal))
        storage: BaseStorage = package.storages.JournalStorage(backend)
        return storage
    try:
        return open_database(options.storage)
    except Exception as error:   # whatever the database's driver raises
        raise ValueError(f"--storage {options.storage} cannot be used: {reason(error)}") from None


def find_study(storage: "BaseStorage", name: str) -> "Study | None":
    """The study of that name in a storage; None where it is not."""
    try:
        study: Study = optuna().load_study(study_name=name, storage=storage)
    except KeyError:
        return None
    return study


def find_trials(storage: "BaseStorage", name: str) -> int:
    """How many trials a storage has of the study of that name."""
    study = find_study(storage, name)
    return len(study.get_trials(deepcopy=False)) if study else 0


def open_storage(folder: StudyFolder, options: SearchOptions, directions: list[str]) -> "Study":
    """Open a study in its storage, or make it there. Raises ValueError for a database that cannot
    be used, and for a storage that has lost trials."""
    with database_errors(options.storage):
        try:
            if not options.storage and folder.journal.is_file():
                check_last_line(folder.journal)
            storage = make_storage(folder, options)
            study = find_study(storage, options.name)
        except (UnicodeDecodeError, json.JSONDecodeError) as error:
            raise ValueError(f"{folder.journal} is damaged ({error}). Restore it from a copy, or "
                             f"start a new study. The runs in {folder.path / 'trials'} are as they "
                             f"were") from None
        last = folder.last_result()
        if last >= 0 and (study is None or len(study.get_trials(deepcopy=False)) <= last):
            there = options.storage or folder.journal
            raise ValueError(f"{folder.path} has the result of trial {last}, but {there} does not "
                             f"know it. Restore it from a copy, or name the right --storage")
        if study is None:
            created: Study = optuna().create_study(storage=storage, study_name=options.name,
                                                   directions=directions, load_if_exists=True)
            return created
        if len(study.directions) != len(directions):
            raise ValueError(f"{folder.path} was begun with {len(study.directions)} objectives, "
                             f"and its study.toml names {options.metric}. Restore it from a copy")
        return study


class FileLock:
    """A lock on the journal that the system frees when its holder is killed. It also removes the
    line that such a holder has left unfinished."""

    def __init__(self, path: Path):
        self.path = path
        self.held: IO[str] | None = None

    def acquire(self) -> bool:
        """Wait for the lock."""
        import time
        self.held = open_lock(self.path.with_name(f"{self.path.name}.lock"))
        while True:
            try:
                lock(self.held, "busy")
                break
            except ValueError:
                time.sleep(AGAIN / 10)
        remove_unfinished_line(self.path)
        return True

    def release(self) -> None:
        """Give the lock back."""
        if self.held:
            self.held.close()


def remove_unfinished_line(path: Path) -> None:
    """Cut a file after its last whole line."""
    with contextlib.suppress(FileNotFoundError), open(path, "r+b") as file:
        end = file.seek(0, os.SEEK_END)
        if not end:
            return
        file.seek(end - 1)
        if file.read(1) == b"\n":
            return
        file.seek(0)
        file.truncate(file.read().rfind(b"\n") + 1)


def check_last_line(journal: Path) -> None:
    """Raise JSONDecodeError or UnicodeDecodeError for a last line that is whole and damaged: Optuna
    would fail at it only while trials run."""
    *_, last, _ = (b"", b"", *journal.read_bytes().rsplit(b"\n", 2))
    if last.strip():
        json.loads(last.decode())


def set_sampler(
    study: "Study", seed: int, number: int, several: bool, hole: str = "",
    at_random: bool = False,
) -> None:
    """Give the study the sampler of its next trial, or of one hole. Its draws depend on the seed,
    that trial's number, the hole and earlier trials alone, also when the trial is resumed."""
    package = optuna()
    mixed = (seed * 1_000_003 + number * 7_919 + zlib.crc32(hole.encode())) % 2**32
    study.sampler = package.samplers.RandomSampler(
        seed=mixed) if at_random else package.samplers.TPESampler(
        seed=mixed, multivariate=True, group=True, n_startup_trials=STARTUP, constant_liar=several)


def pruner_of(name: str, epochs: int) -> "BasePruner":
    """The pruner of that name, for trainings of at most this many epochs."""
    pruners = optuna().pruners
    first = max(1, epochs // RUNGS)
    pruner: BasePruner = {
        "asha": lambda: pruners.SuccessiveHalvingPruner(min_resource=first,
                                                        reduction_factor=FACTOR),
        "hyperband": lambda: pruners.HyperbandPruner(min_resource=first, max_resource=max(
            epochs, first), reduction_factor=FACTOR),
        "median": lambda: pruners.MedianPruner(n_warmup_steps=first),
        "none": pruners.NopPruner}[name]()
    return pruner
