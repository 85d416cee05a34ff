"""A model of ratings compared with simpler methods: a table, and a verdict in one line."""

from collections.abc import Mapping
from typing import Any

from .metrics.ranking import prefix
from .snapshot import Snapshot

CHOICES = {"ndcg@100": "NDCG@100", "recall@20": "recall@20", "recall@50": "recall@50",
           "coverage@20": "coverage@20", "novelty@20": "novelty@20, bits"}
RATINGS = {"rmse": "RMSE"}
STRONG = ("EASE", "soft-impute", "KNN")   # popularity and means are for orientation


def compared(record: Mapping[str, Any], s: Snapshot) -> dict[str, Any]:
    """What run.json keeps of the comparison; {} for other data."""
    if s.kind != "ratings":
        return {}
    return {"methods": list(s.methods), "about": list(s.methods_about),
            "verdict": _verdict(record, s)}


def rows(record: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """The compared metrics of each method by name; {} if there are none."""
    metrics = record["metrics"]
    names = RATINGS if "rmse" in metrics else CHOICES
    return {method: {title: metrics[prefix(method) + name] for name, title in names.items()
                     if prefix(method) + name in metrics}
            for method in record.get("simpler", {}).get("methods", ())}


def _verdict(record: Mapping[str, Any], s: Snapshot) -> str:
    """Whether the model is better than the strong methods, surely or not."""
    metrics, between = record["metrics"], record["intervals"]
    better = 1 if "ndcg@100" in metrics else -1   # lower errors are better
    name = "ndcg@100" if better > 0 else "rmse"
    words = []
    for method in s.methods:
        gap = f"{name}_over_{prefix(method)[:-1]}"
        if method not in STRONG or gap not in metrics:
            continue
        low, high = sorted(better * end for end in between[gap])
        how = ("better than" if low > 0 else "worse than" if high < 0 else
               "not surely better or worse than")
        words.append(f"{how} {method} by {metrics[gap]:+.4f} ({between[gap][0]:+.4f} to "
                     f"{between[gap][1]:+.4f})")
    title = (CHOICES | RATINGS)[name]
    return f"In {title} the model is {', and '.join(words)}." if words else ""


def in_words(record: Mapping[str, Any]) -> list[str]:
    """The rows of a run's record as lines, a description of the other methods, and the verdict."""
    table, about = rows(record), record.get("simpler", {})
    wide = max(map(len, table), default=0)
    lines = [f"{who:<{wide}}  " + ", ".join(f"{name} {value:.4g}" for name, value in row.items())
             for who, row in table.items()]
    return [*lines, *about.get("about", ()), *filter(None, [about.get("verdict", "")])]
