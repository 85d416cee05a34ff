"""How far each hole of a search explains its first objective."""

import math
import warnings
from typing import Any

from .records import Records
from .storage import optuna

FEWEST = 4     # finished trials that are needed
DECADES = 30   # a hole whose values span this factor has a log scale


def importance(records: Records) -> dict[str, float]:
    """The importance of each hole, the largest first; {} for too few trials."""
    package = optuna()
    study = package.create_study(directions=[aim.direction for aim in records.aims])
    distributions = _distributions(records)
    done = [t for t in records.finished if set(t.params) <= set(distributions)]
    if len(done) < FEWEST:
        return {}
    study.add_trials([package.trial.create_trial(
        params=dict(t.params), distributions={n: distributions[n] for n in t.params},
        values=list(t.values)) for t in done])
    several = len(records.aims) > 1
    try:
        with warnings.catch_warnings():   # of options that few trials had
            warnings.simplefilter("ignore")
            importances = package.importance.get_param_importances(
                study, target=(lambda t: t.values[0]) if several else None)
    except (ValueError, RuntimeError, ZeroDivisionError):   # all values alike
        return {}
    return {name: value for name, value in importances.items() if math.isfinite(value)}


def _distributions(records: Records) -> dict[str, Any]:
    """The distributions that cover the values of the trials."""
    kinds = optuna().distributions
    values: dict[str, list[Any]] = {}
    for trial in records.finished:
        for name, value in trial.params.items():
            values.setdefault(name, []).append(value)
    distributions = {}
    for name, tried in values.items():
        low, high = (None, None) if isinstance(tried[0], str) else (min(tried), max(tried))
        if low is None or high is None:
            distributions[name] = kinds.CategoricalDistribution(sorted(set(tried)))
        elif all(isinstance(value, int) for value in tried):
            distributions[name] = kinds.IntDistribution(low, high)
        else:
            log = low > 0 and high > DECADES * low
            distributions[name] = kinds.FloatDistribution(low, high, log=log)
    return distributions
