"""Combine several detectors on the scale of normal samples."""

import numpy as np

from ...core.contracts import Rule, Seen
from ...core.expressions import read
from ...core.registry import detectors
from .tail_probability import log_survival

USUAL = ("error", "knn")


@detectors.add("combined")
def combined(of: tuple[str, ...] = USUAL) -> Rule:
    """Fisher's method (1932): the sum over these detectors of -log of the share of normal samples
    with a higher score, so that each counts by how rare its score is."""
    if not of:
        raise ValueError("combined needs detectors, as in combined(('error', 'mahalanobis'))")
    rules: list[Rule] = [detectors.make(text) for text in of]

    def fit(codes: np.ndarray, calibration: Seen) -> dict[str, np.ndarray]:
        state: dict[str, np.ndarray] = {}
        for i, rule in enumerate(rules):
            own, normal = rule.calibrate(codes, calibration)
            state |= {f"{i}:{name}": value for name, value in own.items()}
            state[f"{i}:normal"] = np.sort(normal)
        return state

    def score(seen: Seen, state: dict[str, np.ndarray]) -> np.ndarray:
        total = np.zeros(len(seen.error))
        for i, rule in enumerate(rules):
            own = state_of(i, state)
            total -= log_survival(own.pop("normal"), rule.score(seen, own))
        return total

    def apart(codes: np.ndarray, calibration: Seen, state: dict[str, np.ndarray]) -> np.ndarray:
        total = np.zeros(len(calibration.error))
        for i, rule in enumerate(rules):
            own = state_of(i, state)
            normal = own.pop("normal")
            total -= log_survival(normal, rule.score(calibration, own) if rule.apart is None else
                                  rule.apart(codes, calibration, own))
        return total

    def refit(seen: Seen, state: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        updated = dict(state)
        for i, rule in enumerate(rules):
            if rule.refit is not None:
                own = rule.refit(seen, state_of(i, state))
                updated |= {f"{i}:{name}": value for name, value in own.items()}
        return updated

    def extend(seen: Seen, state: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        updated = dict(state)
        for i, rule in enumerate(rules):
            assert rule.extend is not None
            own = rule.extend(seen, state_of(i, state))
            updated |= {f"{i}:{name}": value for name, value in own.items()}
        return updated
    return Rule(fit, score, max(rule.draws for rule in rules), any(rule.codes for rule in rules),
                apart, frozenset().union(*(rule.maps for rule in rules)),
                features=next((rule.features for rule in rules if rule.features), ""),
                refit=refit if any(rule.refit for rule in rules) else None,
                extend=extend if all(rule.extend for rule in rules) else None)


def state_of(number: int, state: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The state of one of several detectors, and the sorted scores of normal samples."""
    return {name.partition(":")[2]: value for name, value in state.items()
            if name.partition(":")[0] == str(number)}


def parts_of(text: str) -> tuple[str, ...]:
    """The detectors that one is combined of; () for a single one. Raises ValueError."""
    call = read(text)
    parts: tuple[str, ...] = detectors.check(call).get("of", USUAL)
    return parts if call.name == "combined" else ()
