"""Choose the next trial of a study: one that was left behind, or a new one from the sampler."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from ..run.settings import make_settings
from .costs import ModelCosts, costs_of, refused_by
from .holes import ChoiceHole, Hole, NumberHole
from .records import ABOUT
from .space import Value
from .storage import optuna, set_sampler
from .study_setup import SearchPlan

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial, Trial

AT_RANDOM = 5     # after this many useless proposals in a row, the next ones are random
MOST_USELESS = 500   # and after this many, the search ends
MOST_FAILED = 10     # failed trials in a row


class Proposed(NamedTuple):
    """A trial that this process is to train, and the lock that keeps others from it."""

    trial: "Trial"
    settings: dict[str, Any]
    costs: ModelCosts
    claim: IO[str]
    resumed: bool


@dataclass
class Proposer:
    """Chooses trials, one at a time over all processes and machines of a study."""

    plan: SearchPlan
    deadline: float | None     # of time.monotonic()
    several: bool              # whether trials run at the same time
    ended: str = ""            # why no more trials begin
    at_random: bool = False    # whether the next draws are

    def next(self) -> Proposed | None:
        """The next trial; None where none is left, with the reason in `ended`."""
        with self.plan.folder.alone():
            return self._left_behind() or self._new()

    def is_over(self) -> bool:
        """Whether the time is over or the target is reached, so that running trials stop too."""
        options, aim = self.plan.options, self.plan.aims[0]
        if self.deadline is not None and time.monotonic() > self.deadline:
            self.ended = f"the time limit of {options.minutes:g} minutes is reached"
            return True
        best = self._best() if options.target is not None else None
        if best is not None and options.target is not None and not aim.better(options.target, best):
            self.ended = f"the target {options.target:g} is reached: {aim.name} {best:.5g}"
            return True
        return False

    def _best(self) -> float | None:
        aim = self.plan.aims[0]
        values = [t.values[0] for t in self._trials() if t.state.name == "COMPLETE"]
        return (max if aim.greater else min)(values) if values else None

    def _trials(self) -> list["FrozenTrial"]:
        return self.plan.study.get_trials(deepcopy=False)

    def _trained(self) -> list["FrozenTrial"]:
        """The trials that are trained, or were."""
        return [t for t in self._trials()
                if not {"refused", "duplicate"} & {*t.user_attrs.get(ABOUT, {})}]

    def _left_behind(self) -> Proposed | None:
        """A trial whose process was killed or stopped."""
        self.at_random = False
        for left in self._trials():
            if left.state.name != "RUNNING":
                continue
            claim = self.plan.folder.claim(left.number)
            if claim is None:
                continue
            if self._trials()[left.number].state.name != "RUNNING":   # told meanwhile
                claim.close()
                continue
            set_sampler(self.plan.study, self.plan.options.seed, left.number, self.several)
            trial = optuna().trial.Trial(self.plan.study, left._trial_id)
            proposed = self._checked(trial, claim, {}, resumed=True)
            if proposed is not None:
                return proposed
        return None

    def _new(self) -> Proposed | None:
        useless = 0
        while not self._is_full():
            number = len(self._trials())
            study = self.plan.study
            self.at_random = useless % (2 * AT_RANDOM) >= AT_RANDOM
            set_sampler(study, self.plan.options.seed, number, self.several, "", self.at_random)
            trial = study.ask()
            claim = self.plan.folder.claim(trial.number)
            if claim is None:   # a new trial cannot have a lock yet
                raise ValueError(f"{self.plan.folder.path} is being written by another study")
            proposed = self._checked(trial, claim, self._seen(), resumed=False)
            if proposed is not None:
                return proposed
            useless += 1
            if useless >= MOST_USELESS:
                self.ended = (f"the last {useless} configurations were known already or broke a "
                              f"limit")
                return None
        return None

    def _is_full(self) -> bool:
        """Whether no new trial may begin."""
        if self.is_over():
            return True
        options, space = self.plan.options, self.plan.space
        if options.trials and len(self._trained()) >= options.trials:
            self.ended = f"all {options.trials} trials have begun"
        elif space.count < float("inf") and len(self._seen()) >= space.count:
            self.ended = f"all {space.count:,.0f} configurations of the space have been tried"
        elif why := self._always_fails():
            self.ended = f"the last {MOST_FAILED} trials failed ({why})"
        return bool(self.ended)

    def _always_fails(self) -> str:
        """Why the latest trials failed, if all of them did; otherwise ""."""
        ended = [t for t in self._trained() if t.state.is_finished()][-MOST_FAILED:]
        if len(ended) < MOST_FAILED or any(t.state.name != "FAIL" for t in ended):
            return ""
        return str((self.plan.folder.read_result(ended[-1].number) or {}).get("why", "killed"))

    def _seen(self) -> dict[str, "FrozenTrial"]:
        """The trial of each configuration so far."""
        seen: dict[str, FrozenTrial] = {}
        for trial in self._trials():
            about = trial.user_attrs.get(ABOUT)
            if about and "duplicate" not in about:
                seen.setdefault(repr(sorted(about["texts"].items())), trial)
        return seen

    def _checked(
        self, trial: "Trial", claim: IO[str], seen: Mapping[str, "FrozenTrial"], resumed: bool
    ) -> Proposed | None:
        """The trial with its settings; None if it need not be trained. The storage then has its
        end."""
        values, _ = self.plan.space.fill(lambda hole: self._drawn(trial, hole))
        texts = {name: values[name] for name in self.plan.space.templates}
        about: dict[str, Any] = {"texts": texts}
        twin = seen.get(repr(sorted(texts.items())))
        before = trial.user_attrs.get(ABOUT, {}).get("duplicate")
        if before is not None:   # its process was killed before the storage had its end
            twin = self._trials()[before]
        costs = None
        if twin is None:
            try:
                costs = costs_of(make_settings(values), self.plan.source)
                about["costs"] = list(costs)
                why = refused_by(self.plan.limits, costs)
            except ValueError as error:
                why = " ".join(str(error).split())
            if why:
                about["refused"] = why
        else:
            about["duplicate"] = twin.number
        if ABOUT not in trial.user_attrs:
            trial.set_user_attr(ABOUT, about)
        if costs is not None and "refused" not in about:
            return Proposed(trial, values, costs, claim, resumed)
        self._tell_untrained(trial, twin)
        self.plan.folder.release(trial.number, claim)
        return None

    def _drawn(self, trial: "Trial", hole: Hole) -> Value:
        set_sampler(self.plan.study, self.plan.options.seed, trial.number, self.several, hole.name,
                    self.at_random)
        return suggest(trial, hole)

    def _tell_untrained(self, trial: "Trial", twin: "FrozenTrial | None") -> None:
        """Close a trial that is not trained: with its twin's value, or as pruned at once."""
        if twin is not None and twin.state.name == "COMPLETE":
            self.plan.study.tell(trial, list(twin.values))
        elif twin is None or twin.state.name == "PRUNED":
            self.plan.study.tell(trial, state=optuna().trial.TrialState.PRUNED)
        else:
            self.plan.study.tell(trial, state=optuna().trial.TrialState.FAIL)


def suggest(trial: "Trial", hole: Hole) -> Value:
    """The sampler's value for a hole in this trial."""
    if isinstance(hole, ChoiceHole):
        picked: Value = trial.suggest_categorical(hole.name, hole.labels)
        return picked
    assert isinstance(hole, NumberHole)
    if hole.whole:
        return trial.suggest_int(hole.name, int(hole.low), int(hole.high), step=hole.step,
                                 log=hole.log)
    return trial.suggest_float(hole.name, hole.low, hole.high, log=hole.log)
