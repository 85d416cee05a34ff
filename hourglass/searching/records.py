"""The trials of a study as plain records, whatever storage they are in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from ..core.csv_text import as_csv
from ..core.files import write_whole
from ..run.folder import RunFolder
from .aims import Aim
from .space import SearchSpace
from .study_folder import StudyFolder

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

State = Literal["finished", "pruned", "failed", "running", "refused", "duplicate"]
TRAINED: tuple[State, ...] = ("finished", "pruned", "failed", "running")   # which count as trials
ABOUT = "about"   # the only attribute of a trial in the storage, with all its facts


@dataclass(frozen=True)
class TrialRecord:
    """One trial of a study."""

    number: int
    state: State
    values: tuple[float, ...] = ()               # one an objective, of a finished trial
    params: Mapping[str, Any] = field(default_factory=dict)   # the values of the holes, by name
    texts: Mapping[str, str] = field(default_factory=dict)    # settings without holes, by name
    costs: tuple[float, ...] = ()                # parameters, multiply-adds, bytes
    epochs: float = 0
    seconds: float = 0.0                         # of training
    why: str = ""                                # it failed, was pruned, or was not trained
    reported: Mapping[int, float] = field(default_factory=dict)   # the objective by epoch
    ended: float = 0.0                           # when, in seconds since 1970; 0: not yet
    duplicate: int | None = None                 # the trial whose value it took over

    @property
    def parameters(self) -> float:
        """The number of trained parameters; NaN if it is not known."""
        return self.costs[0] if self.costs else float("nan")


@dataclass(frozen=True)
class Records:
    """All trials of a study, with the objectives that they are compared by."""

    folder: StudyFolder
    aims: tuple[Aim, ...]
    trials: tuple[TrialRecord, ...]
    holes: Mapping[str, str]        # each hole's range or choices, by its name

    def of_state(self, *states: State) -> list[TrialRecord]:
        """The trials in these states, in order."""
        return [trial for trial in self.trials if trial.state in states]

    @cached_property
    def finished(self) -> list[TrialRecord]:
        """The finished trials, the best by the first objective first."""
        sign = -1 if self.aims[0].greater else 1
        return sorted(self.of_state("finished"), key=lambda t: (sign * t.values[0], t.number))

    @property
    def best(self) -> TrialRecord | None:
        """The best trial by the first objective; None before one has finished."""
        return next(iter(self.finished), None)

    @cached_property
    def front(self) -> list[TrialRecord]:
        """The trials that no other one beats in one objective without losing in the other."""
        signs = [-1 if aim.greater else 1 for aim in self.aims]
        points = [(tuple(s * v for s, v in zip(signs, t.values, strict=True)), t)
                  for t in self.finished]
        return [t for own, t in points if not any(
            other != own and all(o <= v for o, v in zip(other, own, strict=True))
            for other, _ in points)]

    def run(self, trial: TrialRecord) -> RunFolder:
        """The run folder of a trial."""
        return self.folder.trial(trial.number if trial.duplicate is None else trial.duplicate)


def read_records(
    study: "Study", folder: StudyFolder, aims: Sequence[Aim], space: SearchSpace
) -> Records:
    """Read all trials of a space from the storage."""
    return Records(folder, tuple(aims), tuple(
        record_of(trial, folder) for trial in study.get_trials(deepcopy=False)),
        {name: str(hole) for name, hole in space.holes.items()})


def record_of(trial: "FrozenTrial", folder: StudyFolder) -> TrialRecord:
    """A trial of the storage as a record."""
    about = trial.user_attrs.get(ABOUT, {})
    state: State = {"COMPLETE": "finished", "PRUNED": "pruned", "FAIL": "failed"}.get(
        trial.state.name, "running")  # type: ignore[assignment]
    if "refused" in about:
        state = "refused"
    elif "duplicate" in about:
        state = "duplicate"
    result = (folder.kept.get(trial.number) or {}) if state in TRAINED else {}
    if not result and state in TRAINED and state != "running":
        result = folder.kept[trial.number] = folder.read_result(trial.number) or {}
    why = about.get("refused") or result.get("why") or (
        result.get("ended", "") if state == "pruned" else "")
    return TrialRecord(
        trial.number, state, tuple(trial.values or ()) if state == "finished" else (),
        trial.params, about.get("texts", {}), tuple(about.get("costs", ())),
        result.get("epochs", 0), result.get("seconds", 0.0), why, trial.intermediate_values,
        trial.datetime_complete.timestamp() if trial.datetime_complete else 0.0,
        about.get("duplicate"))


def write_table(records: Records) -> None:
    """Write trials.csv: a row for each trial."""
    columns = ["trial", "state", *(aim.name for aim in records.aims), *records.holes,
               "parameters", "multiply_adds", "memory", "epochs", "seconds", "why"]
    rows = ([t.number, t.state, *(t.values or [""] * len(records.aims)),
             *(t.params.get(name, "") for name in records.holes),
             *(t.costs or ("", "", "")), t.epochs, round(t.seconds, 3), t.why]
            for t in records.trials)
    write_whole(records.folder.table, as_csv(columns, rows), wait=False)
