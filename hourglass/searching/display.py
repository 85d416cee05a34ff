"""The display of a search: a line for each finished trial, and in a terminal the running ones."""

import time
from collections.abc import Sequence
from typing import Any

from ..core.console import is_silent, is_terminal, say
from .records import TRAINED, TrialRecord
from .slots import Slot
from .study_setup import SearchPlan

HOUR = 3600.0
WHY = 100   # characters of a reason


class Display:
    """The voice of a search."""

    def __init__(self) -> None:
        self.since = time.monotonic()
        self.ended = 0        # trials that ended in this command
        self.untrained = 0    # configurations that were known or broke a limit, when last said
        self.head = ""
        self.live: Any = None
        self.epochs = 0
        self.unit = ""

    def begin(self, plan: SearchPlan, epochs: int) -> None:
        """Start to show a search. Its trials have at most this many epochs."""
        self.since, self.epochs, self.unit = time.monotonic(), epochs, plan.aims[0].name
        if is_terminal() and not is_silent():
            from rich.console import Console
            from rich.live import Live
            self.live = Live(console=Console(stderr=True), auto_refresh=False, transient=True)
            self.live.start()

    def end(self) -> None:
        """Stop to show."""
        if self.live:
            self.live.stop()
            self.live = None

    def line(self, text: str) -> None:
        """Say a line."""
        if self.live:
            self.live.console.print(text, highlight=False, markup=False)
        else:
            say(text)

    def trial_ended(self, trial: TrialRecord, plan: SearchPlan) -> None:
        """Say how a trial ended, the best so far and how many trials an hour there are."""
        self.ended += 1
        records = plan.records()
        trained = len(records.of_state(*TRAINED)) - len(records.of_state("running"))
        total = f" of {plan.options.trials}" if plan.options.trials else ""
        pace = self.ended * HOUR / max(time.monotonic() - self.since, 1e-3)
        best = records.best
        self.head = f"{trained}{total} trials, {pace:,.0f} an hour"
        if best:
            self.head += f"; best {figures(best, plan)} (trial {best.number})"
        self.line(f"trial {trial.number}: {_how(trial, plan)}; {self.head}")
        untrained = len(records.of_state("refused", "duplicate"))
        if untrained >= max(2 * self.untrained, 1):
            self.untrained = untrained
            refused, known = (len(records.of_state(state)) for state in ("refused", "duplicate"))
            self.line(f"configurations without a training: {refused} beyond a limit or impossible, "
                      f"{known} known already")

    def show(self, slots: Sequence[Slot]) -> None:
        """Show the running trials, in a terminal."""
        if not self.live:
            return
        lines = [self.head or "no trial has ended yet"]
        for slot in slots:
            done = (f"epoch {slot.epoch} of {self.epochs}, {self.unit} {slot.value:.5g}"
                    if slot.epoch else "first epoch")
            lines.append(f"  trial {slot.number}: {done}, {time.monotonic() - slot.since:.0f} s")
        self.live.update("\n".join(lines), refresh=True)


def figures(trial: TrialRecord, plan: SearchPlan) -> str:
    """The values of a finished trial, with their names."""
    return ", ".join(f"{aim.name} {value:.5g}"
                     for aim, value in zip(plan.aims, trial.values, strict=True))


def _how(trial: TrialRecord, plan: SearchPlan) -> str:
    took = f"after {trial.epochs:g} epochs, {trial.seconds:.1f} s"
    if trial.state == "finished":
        return f"{figures(trial, plan)} {took}"
    if trial.state == "pruned":
        last = f" at {plan.aims[0].name} {list(trial.reported.values())[-1]:.5g}" if (
            trial.reported) else ""
        return f"pruned{last} {took}"
    return f"failed: {trial.why[:WHY]}"
