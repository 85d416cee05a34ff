"""Fill in missing cells of a table: by the model, by similar rows and by column means.

The weights of the three are chosen for each column by hiding known cells of validation rows. Their
errors are measured by hiding known cells of test rows. The weights are kept with the run. Gaps of a
series are filled in by `hourglass.inference.series_gaps`, whose weights are kept in the same way.
"""

import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import Tensor

from ..core.contracts import Collection
from ..data.columns import Column, parts_of
from ..data.sources.table import Table
from ..data.split_data import Source
from ..data.windows import over_time
from ..run.folder import RunFolder
from .filling_weights import choose_weights
from .hidden_cells import (
    NEIGHBOURS,
    Hidden,
    blended,
    hide,
    in_lines,
    measured,
    rows_of,
)
from .model_protocol import InUse
from .run_cache import RunCache, kept_evaluations
from .series_gaps import filled, find_weights

DONORS = 5000             # most training rows as neighbours,
DONOR_VALUES = 5_000_000  # with at most this many values
ROUNDS = (1, 2, 4)        # numbers of passes that are tried
FILE = "imputation.safetensors"
NAME = "filling in missing cells"   # title of its section in the report


@dataclass(frozen=True)
class Filler:
    """A run's method to fill in missing cells."""

    weights: np.ndarray   # (C, 3) of the model, the neighbours and the mean, for every column
    rounds: int           # of the model
    donors: np.ndarray    # (M, D) rows of all splits, NaN where a cell is missing
    mean: np.ndarray      # (D,) of the donors: a category's shares
    measurements: dict[str, Any] = field(default_factory=dict)   # measurements

    def fill(self, x: np.ndarray, model: np.ndarray, columns: list[Column]) -> np.ndarray:
        """Fill in missing values (NaN) of rows x (N, D), given the model's values `model`."""
        ways = [model, self.mean, self.mean]
        used = self.weights[[bool(np.isnan(x[:, part]).any()) for part in parts_of(columns)]]
        if used[:, 1].any():
            ways[1] = by_neighbours(x, self.donors)
        return blended(x, ways, self.weights, columns)


def impute(model: InUse, x: Any, y: Any = None) -> Any:
    """A table or series with its missing values filled in, see `Trained.impute`. Raises ValueError
    for other data, and for a model that was not trained on a table or series."""
    if over_time(model.description.encoding):
        if model.model.condition is not None:
            raise ValueError("a conditional model cannot fill in gaps of a series; train without "
                             "--condition")
        filler = filler_of(model)
        return filled(model, model.read(x), filler.weights, filler.rounds)
    samples = model.read(x)
    if not isinstance(samples.raw, Table):
        raise ValueError("only tables and series are filled in, by a model that was trained on "
                         "one: hourglass train rows.csv, or hourglass train \"series('rows.csv')"
                         "\"")
    return samples.raw.filled(samples.encoding, complete(model, samples, filler_of(model), y))


def complete(model: InUse, collection: Collection, filler: Filler, y: Any = None) -> np.ndarray:
    """Encoded rows (N, D) of a table with missing values (NaN) filled in."""
    if not np.isnan(collection.x).any():
        return collection.x
    filled = by_model(model, collection, filler.rounds, y)
    return filler.fill(collection.x, filled, collection.encoding["columns"])


def by_model(model: InUse, collection: Collection, rounds: int, y: Any = None) -> np.ndarray:
    """The model's reconstruction of rows (N, D) with holes. With more than one of `rounds`, the
    filled-in values become input again (Rezende et al., 2014, arXiv 1401.4082)."""
    x = collection.x
    reconstruction = full = np.nan_to_num(x)
    for _ in range(rounds):
        reconstruction = model.reconstruct(Collection(full, collection.y, collection.classes), y)
        full = np.where(np.isnan(x), reconstruction, x)
    return reconstruction


def by_neighbours(x: np.ndarray, donors: np.ndarray) -> np.ndarray:
    """Rows x (N, D) with holes, filled in by the means of the most similar rows that have the
    cell; similar in the cells that both have (Troyanskaya et al., 2001), by scikit-learn."""
    from sklearn.impute import KNNImputer
    rows: np.ndarray = KNNImputer(n_neighbors=NEIGHBOURS, keep_empty_features=True).fit(
        donors).transform(x)
    return rows.astype(np.float32)


def filler_of(model: InUse) -> Filler:
    """The run's filler: the one that was kept or, without one, one fitted to the run's data. If the
    data is gone, the model alone fills in a table's cells, and straight lines fill in the gaps of a
    series."""
    encoding = model.description.encoding
    columns = encoding["mean"] if over_time(encoding) else encoding["columns"]
    filler = _kept(model.cache, len(columns))
    if filler is None:
        try:
            filler = keep_filler(model, model.source())
        except ValueError:
            filler = _of_series(np.tile(np.eye(3, dtype=np.float32)[1], (len(columns), 1)), 1, {
                "words": ["The data of the run is gone, so straight lines fill the gaps."]}
                ) if over_time(encoding) else _alone(columns, np.empty((0, model.shape[0])))
    return filler


def _of_series(weights: np.ndarray, rounds: int, measures: dict[str, Any]) -> Filler:
    channels = len(weights)
    return Filler(weights, rounds, np.empty((0, channels), np.float32),
                  np.zeros(channels, np.float32), measures)


def keep_filler(model: InUse, source: Source) -> Filler:
    """Find the run's best method to fill in missing cells, measure it, and save both."""
    filler = find_filler(model, source)
    model.cache.keep_tensors(
        FILE, {"weights": filler.weights, "donors": filler.donors, "mean": filler.mean},
        {"rounds": str(filler.rounds), "told": json.dumps(filler.measurements)})
    model.cache.keep_evaluation(NAME, filler.measurements)
    return filler


def _kept(cache: RunCache, columns: int) -> Filler | None:
    def filler(tensors: dict[str, Tensor], texts: dict[str, str]) -> Filler:
        own = {name: np.array(t.numpy()) for name, t in tensors.items()}   # copies
        return Filler(own["weights"], int(texts["rounds"]), own["donors"], own["mean"],
                      json.loads(texts["told"]))
    saved = cache.kept_tensors(FILE, filler)
    return None if saved is None or len(saved.weights) != columns else saved


def _alone(columns: list[Column], donors: np.ndarray) -> Filler:
    mean = np.nan_to_num(donors).sum(0) / np.maximum(np.isfinite(donors).sum(0), 1)
    weights = np.tile(np.array([1, 0, 0], np.float32), (len(columns), 1))
    return Filler(weights, 1, donors.astype(np.float32), mean.astype(np.float32))


def find_filler(model: InUse, source: Source) -> Filler:
    """Choose the weights of model, neighbours and mean for each column by hidden cells of
    validation rows. Measure each of the three, and their mix, by hidden cells of test rows. For a
    series, do the same with its channels."""
    if over_time(source.encoding):
        return _of_series(*find_weights(model, source))
    columns = source.encoding["columns"]
    width = sum(part.stop - part.start for part in parts_of(columns))
    donors = rows_of(source, "train", min(DONORS, max(NEIGHBOURS, DONOR_VALUES // width)))
    alone = _alone(columns, donors.x)
    if "val" not in source.splits:
        return Filler(alone.weights, 1, alone.donors, alone.mean, {"words": [
            "There are no validation rows (--val 0), so the error of filled-in cells is unknown; "
            "the model alone fills them in."]})
    cells = hide(source, "val", columns)
    rounds = min(ROUNDS, key=lambda n: cells.error(by_model(model, cells.holed, n)))
    ways = _ways(model, cells, alone, rounds)
    weights = choose_weights(cells, ways)
    unseen = "test" if "test" in source.splits else "val"
    if unseen == "test":
        cells = hide(source, "test", columns)
        ways = _ways(model, cells, alone, rounds)
    full = _alone(columns, _all_rows(source, len(donors.x)))
    return Filler(weights, rounds, full.donors, full.mean,
                  measured(cells, ways, weights, unseen, rounds))


def _all_rows(source: Source, train: int) -> np.ndarray:
    """Rows of all splits (M, D). Once the weights are chosen and measured, nothing needs to be held
    out, and more rows are better neighbours. `train` of them are training rows, which is all or as
    many as there may be; the other splits have the same share."""
    share = train / len(source.splits["train"])
    return np.concatenate([rows_of(source, name, max(1, round(share * len(split)))).x
                           for name, split in source.splits.items()])


def _ways(model: InUse, cells: Hidden, filler: Filler, rounds: int) -> list[np.ndarray]:
    """The rows with hidden cells as each of the three fills them in, (N, D) each."""
    x = cells.holed.x
    return [by_model(model, cells.holed, rounds), by_neighbours(x, filler.donors),
            np.broadcast_to(filler.mean, x.shape)]


def filled_in(folder: RunFolder) -> list[str]:
    """Lines on the measured error of a run's filler; empty for runs that are not of tables."""
    return in_lines(kept_evaluations(folder).get(NAME, {}))
