"""Rank models by their metrics over all seeds, as a table."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

from ..core.csv_text import as_csv
from ..core.hints import did_you_mean
from ..inference.trained import load
from ..run.folder import RunFolder, read_settings


@dataclass(frozen=True)
class Entry:
    """A compared model: one run per seed, or an error."""

    model: str
    runs: list[RunFolder]
    refused: str = ""


class Measured(NamedTuple):
    """A metric of a model, over its seeds."""

    values: tuple[float, ...]   # one per seed; () without any

    @property
    def mean(self) -> float:
        return statistics.fmean(self.values)

    def __str__(self) -> str:
        """The mean and, with several seeds, their standard deviation."""
        if not self.values:
            return "-"
        text = f"{self.mean:,.0f}" if abs(self.mean) >= 1e3 else f"{self.mean:.4g}"
        alike = len(set(self.values)) == 1
        return text if alike else f"{text} ±{statistics.stdev(self.values):.2g}"


class Column(NamedTuple):
    """A metric that models are compared by."""

    title: str
    about: str
    find: Callable[[dict[str, Any], str, Sequence[dict[str, float]]], float | None]
    less: bool | None = None   # whether less is better; None: neither


def _metric(name: str) -> Callable[..., float | None]:
    """A metric of the run's record. {} stands for the prior of its samples."""
    return lambda record, prior, history: record["metrics"].get(name.format(prior))


def _seconds(record: dict[str, Any], prior: str, history: Sequence[dict[str, float]]) -> float:
    """Median seconds per epoch, with validation."""
    ends = [0.0, *(row["seconds"] for row in history)]
    return statistics.median(b - a for a, b in pairwise(ends))


COLUMNS = {
    "mse": Column("squared error", "of reconstructions, mean per value", _metric("mse"), True),
    "bce": Column("cross-entropy", "of reconstructions, binary, mean per value", _metric("bce"),
                  True),
    "frechet": Column("Frechet", "distance of samples from the model's usual prior to unseen ones, "
                      "by the extractor's features", _metric("{}/frechet"), True),
    "kernel": Column("kernel", "squared kernel distance of the same", _metric("{}/kernel"), True),
    "mixture": Column("Frechet, mixture", "the same of samples from a Gaussian mixture fitted to "
                      "each model's codes", _metric("mixture/frechet"), True),
    "knn": Column("5 neighbours", "share of codes whose class is that of most of their 5 nearest",
                  _metric("knn_accuracy"), False),
    "linear": Column("linear", "share of codes that a linear classifier assigns to their class",
                     _metric("linear_accuracy"), False),
    "active": Column("active", "latent dimensions that vary from sample to sample",
                     _metric("active_units")),
    "epochs": Column("epochs", "trained", lambda record, prior, history: float(len(history))),
    "seconds": Column("s an epoch", "with its validation, median", _seconds, True),
    "parameters": Column("parameters", "that were trained", lambda record, prior, history: float(
        record["parameters"]["whole"]), True),
}


@dataclass(frozen=True)
class Ranking:
    """Models with the best first, those without a value last; then those with an error."""

    entries: list[Entry]
    priors: dict[str, str]                  # the prior of each model's samples
    table: dict[str, dict[str, Measured]]     # by model, then by column with any value
    order: str

    def best(self, column: str) -> set[str]:
        """The models with the best value in a column."""
        less = COLUMNS[column].less
        means = {text: row[column].mean for text, row in self.table.items() if row[column].values}
        if less is None or len(means) < 2:
            return set()
        return {text for text, mean in means.items()
                if mean == (min if less else max)(means.values())}


def rank(entries: Sequence[Entry], order: str = "") -> Ranking:
    """Rank models by a column; by default the Frechet distance of samples, then the error."""
    check_order(order)
    there = [entry for entry in entries if entry.runs]
    priors = {entry.model: usual_prior(entry.runs[0]) for entry in there}
    whole = {entry.model: {name: _figure(column, entry, priors[entry.model])
                           for name, column in COLUMNS.items()} for entry in there}
    used = [name for name in COLUMNS if any(row[name].values for row in whole.values())]
    order = next(name for name in (order, "frechet", "mse", "parameters") if name in used)
    down = COLUMNS[order].less is False

    def place(entry: Entry) -> tuple[bool, float]:
        figure = whole[entry.model][order]
        return not figure.values, (-1 if down else 1) * figure.mean if figure.values else 0.0
    ranked = sorted(there, key=place)
    table = {entry.model: {name: whole[entry.model][name] for name in used} for entry in ranked}
    return Ranking([*ranked, *(e for e in entries if not e.runs)], priors, table, order)


def check_order(order: str) -> None:
    """Raise ValueError for an unknown column."""
    if order and order not in COLUMNS:
        raise ValueError(f"no column is named {order!r}; {did_you_mean(order, COLUMNS)}")


def usual_prior(run: RunFolder) -> str:
    """The prior of a run's samples, if it was evaluated; otherwise the mixture."""
    prior = load(run.path).usual_prior()
    return prior if f"{prior}/frechet" in run.read_record()["metrics"] else "mixture"


def _figure(column: Column, entry: Entry, prior: str) -> Measured:
    values = (column.find(run.read_record(), prior, run.read_history()) for run in entry.runs)
    return Measured(tuple(value for value in values if value is not None))


def as_text(ranking: Ranking) -> list[str]:
    """The table as lines for a terminal, followed by models with an error."""
    used = list(next(iter(ranking.table.values())))
    rows = [["", *(COLUMNS[name].title for name in used)]]
    rows += [[text, *(str(row[name]) for name in used)] for text, row in ranking.table.items()]
    widths = [max(len(row[i]) for row in rows) for i in range(len(used) + 1)]
    lines = ["  ".join(cell.rjust(w) if i else cell.ljust(w)
                       for i, (cell, w) in enumerate(zip(row, widths, strict=True))).rstrip()
             for row in rows]
    return [*lines, *(f"{e.model}: {e.refused}" for e in ranking.entries if e.refused)]


def as_rows(ranking: Ranking) -> str:
    """All runs' values as the text of a .csv file."""
    used = list(next(iter(ranking.table.values())))
    lines = []
    for entry in ranking.entries:
        for run in entry.runs:
            figures = [_figure(COLUMNS[name], Entry(entry.model, [run]),
                               ranking.priors[entry.model]).values for name in used]
            seed = read_settings(run.settings)["seed"]
            lines.append([entry.model, seed, ranking.priors[entry.model],
                          *(values[0] if values else "" for values in figures)])
    return as_csv(["model", "seed", "prior", *used], lines)
