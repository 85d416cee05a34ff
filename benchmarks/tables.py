"""Cells of real tables hidden and filled in by Hourglass, k-NN and column means: a table.

    python benchmarks/tables.py /path/to/data [--seeds 3] [--only titanic,ratings] [--columns]

The folder holds tables/titanic.csv, penguins.csv and adult.csv.gz; ratings of rank 3 are drawn. Of
every table, known cells are hidden at random. All methods see the same other cells and fill in the
hidden ones. Every setting is the default: hourglass.train(table). For scikit-learn's imputers, a
category column becomes one number per category, and the largest is the prediction. Whole numbers
are rounded for all methods. It takes some minutes on one core.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.impute import KNNImputer, SimpleImputer

import hourglass as hg
from hourglass.data.columns import parts_of, unit_errors
from hourglass.data.sources.table import from_frame

NEIGHBOURS, SMALLER = 15, 5000
Filled = dict[str, np.ndarray]   # by method: encoded rows


def ratings(seed: int) -> pd.DataFrame:
    """400 people's ratings of 40 films, of rank 3, with noise of deviation 0.3."""
    random = np.random.default_rng(seed)
    true = random.normal(size=(400, 3)) @ random.normal(size=(3, 40)) * 0.68
    return pd.DataFrame(3 + true + 0.3 * random.normal(size=true.shape)).add_prefix("film ")


def tables(folder: Path) -> dict[str, tuple[Callable[[int], pd.DataFrame], float]]:
    """By name, what makes a table of a seed, and the share of its known cells that is hidden."""
    def adult(seed: int) -> pd.DataFrame:
        whole = pd.read_csv(folder / "adult.csv.gz", na_values="?", skipinitialspace=True)
        return whole.sample(SMALLER, random_state=seed).reset_index(drop=True)
    return {"titanic": (lambda _: pd.read_csv(folder / "titanic.csv"), 0.1),
            "penguins": (lambda _: pd.read_csv(folder / "penguins.csv"), 0.1),
            "adult": (adult, 0.1), "ratings": (ratings, 0.6)}


def filled_in(holed: pd.DataFrame, quiet: bool = True) -> tuple[dict, Filled, float]:
    """How the columns were encoded, every method's rows, and the seconds that training took."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        model = hg.train(holed, out=Path(folder) / "run", quiet=quiet, report=False)
        seconds = time.monotonic() - began
        encoding = model.description.encoding
        x = model.read(holed).x
        alone = model.reconstruct(model.read(holed))
        ours = from_frame(model.impute(holed)).encode(encoding).x
    mean = SimpleImputer(keep_empty_features=True).fit_transform(x)
    near = KNNImputer(n_neighbors=NEIGHBOURS, keep_empty_features=True).fit_transform(x)
    return encoding, {"hourglass": ours, "its model alone": alone, f"KNN({NEIGHBOURS})": near,
                      "mean": mean}, seconds


def errors_of(frame: pd.DataFrame, share: float, seed: int, quiet: bool = True
              ) -> tuple[dict[str, dict], float]:
    """By column, what is measured and every method's error on hidden cells; and the seconds."""
    random = np.random.default_rng(seed)
    gone = (random.random(frame.shape) < share) & frame.notna().to_numpy()
    encoding, ways, seconds = filled_in(frame.astype(object).mask(gone).infer_objects(), quiet)
    truth, errors_by_column = from_frame(frame).encode(encoding).x, {}
    for column, part in zip(encoding["columns"], parts_of(encoding["columns"]), strict=True):
        rows = gone[:, frame.columns.get_loc(column["name"])] & ~np.isnan(truth[:, part]).any(1)
        what, errors = unit_errors(column, [(truth[rows, part], way[rows, part])
                                            for way in ways.values()])
        errors_by_column[column["name"]] = {"measure": what, **dict(zip(ways, errors, strict=True))}
    return errors_by_column, seconds


def wins(found: pd.DataFrame, other: str) -> int:
    """Columns in which Hourglass is at least as good as the other, in the mean of all seeds, but
    for one percent."""
    kinds, ours, others = found["measure"] == "accuracy", found["hourglass"], found[other]
    return int(np.where(kinds, ours >= others - 0.01, ours <= 1.01 * others).sum())


def main() -> None:
    """Print a line a table, and with --columns a line a column."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("data", type=Path)
    options.add_argument("--seeds", type=int, default=3)
    options.add_argument("--only", default="")
    options.add_argument("--columns", action="store_true", help="show every column")
    arguments = options.parse_args()
    names = [name for name in arguments.only.split(",") if name]
    print(f"| table | hidden | columns | as good as KNN({NEIGHBOURS}) | as good as mean or most "
          f"frequent | RMSE, in deviations: hourglass, KNN, mean | accuracy: hourglass, KNN, most "
          f"frequent | training |\n" + "| --- " * 8 + "|")
    for name, (make, share) in tables(arguments.data / "tables").items():
        if names and name not in names:
            continue
        runs = [errors_of(make(seed), share, seed) for seed in range(arguments.seeds)]
        each = [pd.DataFrame(errors).T for errors, _ in runs]
        methods = [column for column in each[0] if column != "measure"]
        mean = sum(one[methods].astype(float) for one in each) / len(each)
        mean.insert(0, "measure", each[0]["measure"])
        numbers, kinds = mean["measure"] != "accuracy", mean["measure"] == "accuracy"
        shown = ["hourglass", f"KNN({NEIGHBOURS})", "mean"]
        deviations = make(0).std(numeric_only=True).reindex(mean.index)
        scaled = mean[numbers][shown].div(deviations[numbers], axis=0).mean()
        right = mean[kinds][shown].mean()
        print(f"| {name} | {share:.0%} | {len(mean)} | {wins(mean, shown[1])} | "
              f"{wins(mean, 'mean')} | {_listed(scaled)} | "
              f"{_listed(right) if kinds.any() else '-'} | "
              f"{np.mean([seconds for _, seconds in runs]):.0f} s |", flush=True)
        if arguments.columns:
            print(mean.to_string(float_format=lambda value: f"{value:.4g}"), flush=True)


def _listed(values: pd.Series) -> str:
    return ", ".join(f"{value:.3f}" for value in values)


if __name__ == "__main__":
    main()
