"""Conduct a search, and show its results: the splits, the table and the page."""

from collections.abc import Sequence

from ..core.console import say
from ..core.device import choose_device
from ..run.load_data import forget
from .apart import apart
from .database import database_errors
from .page import write_page
from .records import write_table
from .run_trials import Conductor
from .split_results import evaluate_best
from .study import Study
from .study_folder import StudyFolder
from .study_setup import SearchPlan


def conducted(plan: SearchPlan, workers: int) -> tuple[str, Study]:
    """Search until a limit is reached; why it ended, "" where Ctrl-C stopped it, and the study.

    The holdout is used once the search has ended, for the best model alone.
    """
    folder, storage = plan.folder, plan.options.storage
    try:
        with database_errors(storage, f"Nothing that was trained is lost. To continue: hourglass "
                                      f"search {folder.path}"):
            ended = Conductor(plan, workers, devices_of(plan)).run()
            return ended, _finished(plan, ended)
    finally:
        forget()


def _finished(plan: SearchPlan, ended: str) -> Study:
    """Show the results of a search."""
    folder = plan.folder
    if ended:
        say(f"the search has ended: {ended}")
        with folder.alone():
            _evaluated(plan)
    else:
        say(f"interrupted; nothing is lost. To continue: hourglass search {folder.path}")
    records = plan.records()
    write_table(records)
    write_page(records)
    return Study(folder.path)


def _evaluated(plan: SearchPlan) -> None:
    """Evaluate the best model on all splits. If another command still trains, leave it to that
    one."""
    records = plan.records()
    best = records.best
    if best is None:
        return
    left = records.of_state("running")
    if any(is_held(plan.folder, trial.number) for trial in left):
        say("the splits are not evaluated yet, as another command still trains")
        return
    if left:
        say(f"{len(left)} trials have not ended. To resume them: hourglass search "
            f"{plan.folder.path}")
    evaluate_best(plan.folder, records.run(best), best.number, plan.aims[0], plan.source)


def is_held(folder: StudyFolder, number: int) -> bool:
    """Whether a process trains that trial now."""
    claim = folder.claim(number)
    if claim is None:
        return True
    claim.close()
    return False


def devices_of(plan: SearchPlan) -> Sequence[str]:
    """The devices for trials that run at the same time: the one in the settings, or each GPU in
    turn. Raises ValueError for a device that this machine does not have."""
    device = str(plan.space.shared.get("device", "auto") or "auto")
    if device != "auto":
        apart(choose_device, device)
        return [device]
    return [f"cuda:{number}" for number in range(apart(_count) or 0)] or ["auto"]


def _count() -> int:
    import torch
    return torch.cuda.device_count() if torch.cuda.is_available() else 0
