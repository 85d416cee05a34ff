"""The best model of a study on all splits, as its folder tells it."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

from ..core.files import read_file
from .aims import Aim
from .study_folder import StudyFolder

ROLES = {"train": "trained the weights", "val": "chose epochs, pruned trials and chose the best",
         "test": "for the weights of an ensemble", "holdout": "for the generalisation error alone"}


@dataclass(frozen=True)
class SplitValue:
    """A metric on one split, with its 95 % interval."""

    split: str
    samples: int
    value: float
    low: float
    high: float

    @property
    def interval(self) -> str:
        """The interval in brackets; "" for a metric without one."""
        return f" ({self.low:.5g} to {self.high:.5g})" if math.isfinite(self.low) else ""

    @property
    def role(self) -> str:
        """How the search used the split."""
        return ROLES[self.split]


@dataclass(frozen=True)
class SplitEvaluation:
    """One model of a study on all splits."""

    trial: int
    metric: str
    values: tuple[SplitValue, ...]

    def optimism(self, value: SplitValue) -> float | None:
        """How much better a split's value is than the holdout's, below 0 if it is worse; None
        without a holdout."""
        last = next((v for v in self.values if v.split == "holdout"), None)
        if last is None or value.split == "holdout":
            return None
        return (value.value - last.value) * (1 if Aim(self.metric).greater else -1)


def read_evaluations(folder: StudyFolder) -> list[SplitEvaluation]:
    """The evaluations so far. Each of them has used the holdout."""
    try:
        kept = json.loads(read_file(folder.splits))
        return [SplitEvaluation(one["trial"], one["metric"], tuple(
            SplitValue(**value) for value in one["values"])) for one in kept]
    except FileNotFoundError:
        return []
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise ValueError(f"{folder.splits} is damaged ({error}). Restore it from a copy, or remove "
                         f"it: the splits are then evaluated again") from None


def in_words(evaluation: SplitEvaluation) -> list[str]:
    """The evaluation as lines for a terminal."""
    wide = max(len(value.split) for value in evaluation.values)
    intervals = ", with 95 % intervals" * any(value.interval for value in evaluation.values)
    lines = [f"{evaluation.metric} of trial {evaluation.trial} on each split{intervals}:"]
    for value in evaluation.values:
        apart = evaluation.optimism(value)
        beside = "" if apart is None else f"  {beside_holdout(apart)}"
        lines.append(f"  {value.split:{wide}}  {value.value:.5g}{value.interval}{beside}")
    return lines


def beside_holdout(apart: float) -> str:
    """How much better a split looks than the holdout, in words."""
    return f"{abs(apart):.2g} {'better' if apart > 0 else 'worse'} than the holdout"


def of_trial(evaluations: Sequence[SplitEvaluation], trial: int) -> SplitEvaluation | None:
    """The evaluation of that trial's model, if there is one."""
    return next((one for one in evaluations if one.trial == trial), None)
