"""Move the trials of a study into another storage."""

from dataclasses import replace
from typing import TYPE_CHECKING

from ..core.console import say
from .storage import find_study, find_trials, make_storage, optuna
from .study_folder import StudyFolder

if TYPE_CHECKING:
    from optuna.storages import BaseStorage


def move_study(folder: StudyFolder, storage: str) -> None:
    """Keep the trials of a study in this database from now on. If it does not have them yet, they
    are copied. Raises ValueError while another command trains, or where a storage cannot be used.
    """
    options, settings = folder.read()
    if storage == options.storage:
        return
    changed = replace(options, storage=storage)
    with folder.alone():
        target = make_storage(folder, changed)
        there = find_trials(target, options.name)
        if not there or there <= folder.last_result():
            _copy(folder, options.name, make_storage(folder, options), target, there)
        folder.write(changed, settings)


def _copy(
    folder: StudyFolder, name: str, source: "BaseStorage", target: "BaseStorage", there: int
) -> None:
    """Copy the trials, in place of an older copy of them."""
    study = find_study(source, name)
    trials = study.get_trials(deepcopy=False) if study else []
    for trial in trials:
        if trial.state.name != "RUNNING":
            continue
        claim = folder.claim(trial.number)
        if claim is None:
            raise ValueError(f"another command trains in {folder.path}. End it with Ctrl-C, then "
                             f"give --storage again")
        claim.close()
    if there:
        optuna().delete_study(study_name=name, storage=target)
    if study:
        optuna().copy_study(from_study_name=name, from_storage=source, to_storage=target)
        say(f"{len(trials)} trials are copied into the new storage")
