"""Models in order: their figures over all seeds, as a table."""

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
    """A model that was compared: a run a seed, or why there is none."""

    model: str
    runs: list[RunFolder]
    refused: str = ""


class Measured(NamedTuple):
    """One of a model's figures, over its seeds."""

    values: tuple[float, ...]   # a seed each; () where there is none

    @property
    def mean(self) -> float:
        return statistics.fmean(self.values)

    def __str__(self) -> str:
        """The mean, and with several seeds the standard deviation over them."""
        if not self.values:
            return "-"
        told = f"{self.mean:,.0f}" if abs(self.mean) >= 1e3 else f"{self.mean:.4g}"
        alike = len(set(self.values)) == 1
        return told if alike else f"{told} ±{statistics.stdev(self.values):.2g}"


class Column(NamedTuple):
    """A figure that models are compared by."""

    title: str
    about: str
    find: Callable[[dict[str, Any], str, Sequence[dict[str, float]]], float | None]
    less: bool | None = None   # whether less is better; None where neither is


def _metric(name: str) -> Callable[..., float | None]:
    """A metric of the run's record; {} stands for the prior that it is sampled from."""
    return lambda record, prior, history: record["metrics"].get(name.format(prior))


def _seconds(record: dict[str, Any], prior: str, history: Sequence[dict[str, float]]) -> float:
    """Of an epoch, with its validation, the median."""
    ends = [0.0, *(row["seconds"] for row in history)]
    return statistics.median(b - a for a, b in pairwise(ends))


COLUMNS = {
    "mse": Column("squared error", "of reconstructions, mean per value", _metric("mse"), True),
    "bce": Column("cross-entropy", "of reconstructions, binary, mean per value", _metric("bce"),
                  True),
    "frechet": Column("Frechet", "distance of samples from the model's usual prior to unseen ones, "
                      "by the judge's features", _metric("{}/frechet"), True),
    "kernel": Column("kernel", "distance of the same, squared", _metric("{}/kernel"), True),
    "mixture": Column("Frechet, mixture", "the same of samples from a Gaussian mixture fitted to "
                      "each model's codes", _metric("mixture/frechet"), True),
    "knn": Column("5 neighbours", "share of the codes whose 5 nearest tell their class",
                  _metric("knn_accuracy"), False),
    "linear": Column("linear", "share of the codes whose class a linear classifier finds",
                     _metric("linear_accuracy"), False),
    "active": Column("active", "factors of the codes that vary from sample to sample",
                     _metric("active_units")),
    "epochs": Column("epochs", "trained", lambda record, prior, history: float(len(history))),
    "seconds": Column("s an epoch", "with its validation, median", _seconds, True),
    "parameters": Column("parameters", "that were trained", lambda record, prior, history: float(
        record["parameters"]["whole"]), True),
}


@dataclass(frozen=True)
class Ranking:
    """Models, the best by one figure first, those without it last; then the ones that refused."""

    entries: list[Entry]
    priors: dict[str, str]                  # that a model is sampled from, by its text
    table: dict[str, dict[str, Measured]]     # a row a model, a figure a column that has any
    order: str

    def best(self, column: str) -> set[str]:
        """The models whose figure is the best there."""
        less = COLUMNS[column].less
        means = {text: row[column].mean for text, row in self.table.items() if row[column].values}
        if less is None or len(means) < 2:
            return set()
        return {text for text, mean in means.items()
                if mean == (min if less else max)(means.values())}


def rank(entries: Sequence[Entry], order: str = "") -> Ranking:
    """Order models by a column, else by the Frechet distance of samples, else by their error."""
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
    """Raises ValueError for no column's name."""
    if order and order not in COLUMNS:
        raise ValueError(f"no column is named {order!r}; {did_you_mean(order, COLUMNS)}")


def usual_prior(run: RunFolder) -> str:
    """What a run's model is sampled from, if it was looked at; else the mixture."""
    prior = load(run.path).usual_prior()
    return prior if f"{prior}/frechet" in run.read_record()["metrics"] else "mixture"


def _figure(column: Column, entry: Entry, prior: str) -> Measured:
    found = (column.find(run.read_record(), prior, run.read_history()) for run in entry.runs)
    return Measured(tuple(value for value in found if value is not None))


def as_text(ranking: Ranking) -> list[str]:
    """The table for a terminal, a line each; below it, those that refused."""
    used = list(next(iter(ranking.table.values())))
    rows = [["", *(COLUMNS[name].title for name in used)]]
    rows += [[text, *(str(row[name]) for name in used)] for text, row in ranking.table.items()]
    widths = [max(len(row[i]) for row in rows) for i in range(len(used) + 1)]
    lines = ["  ".join(cell.rjust(w) if i else cell.ljust(w)
                       for i, (cell, w) in enumerate(zip(row, widths, strict=True))).rstrip()
             for row in rows]
    return [*lines, *(f"{e.model}: {e.refused}" for e in ranking.entries if e.refused)]


def as_rows(ranking: Ranking) -> str:
    """Every run's figures as the text of a .csv file."""
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
