"""Molecules: measures of MOSES for what models draw, and steering of a property.

    python benchmarks/molecules.py zinc /path/to/zinc250k_50k.csv [--minutes 30] [--epochs 9]
        [--notations selfies smiles] [--kl 0.2 1]
    python benchmarks/molecules.py qm9 /path/to/qm9_smiles.csv.gz [--folder results] [--minutes 10]
    python benchmarks/molecules.py predictor /path/to/zinc250k_50k.csv [--folder results]

It trains `moses_vae`, smaller than the published one, by each weight --kl in each of --notations,
and as baselines `language_model` of the same width and random SELFIES symbols at their frequency in
training; they share the minutes. An unfinished run in the folder is resumed, and a finished one is
used again. All are measured on DRAWN molecules against REAL unseen ones. Steering moves codes of
unseen molecules along the direction of logP and along random ones of the same length. With --fcd,
and the package fcd_torch, the table has the published Fréchet ChemNet distance, too. --quick has
fewer molecules of each, to try it.

predictor: what a linear predictor of properties adds to training (the loss term `properties`), on
--few molecules for ten epochs, as means over --seeds: R2 of properties of unseen molecules, beside
regressions on fingerprints; reconstructions; steering of logP; and the share of drawn molecules
that meet conditions, from the prior alone and of the moved codes of `generate --where`."""

import argparse
import json
from itertools import islice, product
from pathlib import Path
from typing import Any

import numpy as np
from lines import as_table, trained

from hourglass.analysis.molecule_sets import MoleculeSet, compare_sets, predicted_properties
from hourglass.core.ridge import explained
from hourglass.data.chemistry import canonical, molecule_of, smiles_of, split_selfies
from hourglass.data.molecule_properties import fingerprints_of
from hourglass.data.sources.molecules import read_molecules
from hourglass.inference.molecule_search import find_molecules, read_conditions
from hourglass.inference.property_directions import property_direction
from hourglass.inference.trained import Trained

DRAWN = 3000         # and as many real ones
STEERED = 300        # unseen molecules whose codes are moved
FAR = (1.0, 2.0, 3.0)   # by so many standard deviations of the property
QUICK = 300          # of all three, with --quick
FEW = 8000           # molecules of the first rows, for the predictor
SMALL = "moses_vae(32, width=128, layers=1, embedding=64, kl=0.2)"
LOSSES = {"without": "recon + linear(0, 0.2) * kl",
          "with": "recon + linear(0, 0.2) * kl + 10 * properties(('logP', 'qed', 'SAS'))"}
WHERE = ("logP=4..5", "logP=0..1", "SAS<2.2", "qed>0.7", "qed>0.8", "logP=2..3, qed>0.7")
VAE, LANGUAGE_MODEL = "moses_vae(64, width=320, layers=1, embedding=64, kl={})", \
    "language_model(320, dropout=0)"
SHARE = 0.25         # of a notation's minutes, for its language model
PRIORS = ("own", "mixture")   # that a VAE draws from


def random_molecules(texts: list[str], n: int) -> list[str]:
    """Molecules of random SELFIES symbols, as frequent and as many as in training."""
    draw = np.random.default_rng(0)
    split = [split_selfies(text) for text in texts]
    symbols = np.array([symbol for symbols in split for symbol in symbols])
    return [smiles_of("".join(draw.choice(symbols, len(split[i]))))
            for i in draw.integers(len(split), size=n)]


def drawn(model: Trained, prior: str, n: int) -> list[str]:
    """n molecules from a prior of a model."""
    return list(model.sample(n, seed=1, prior=prior))


def steering(model: Trained, smiles: list[str], name: str = "logP") -> dict[str, Any]:
    """Mean change of a property along its direction, and along random ones of the same length, for
    molecules that the model writes of the moved codes; with the share of valid ones."""
    from hourglass.data.molecule_properties import properties_of
    way = property_direction(model, name)
    z = model.encode(smiles)
    draw = np.random.default_rng(0)
    random = draw.normal(size=z.shape)
    cov = np.cov(model.codes().z.numpy(), rowvar=False)
    random = random @ np.linalg.cholesky(cov + 1e-9 * np.eye(len(cov))).T
    random *= np.linalg.norm(way.direction) / np.linalg.norm(random, axis=1, keepdims=True)
    start = properties_of(name, list(model.decode(z)))
    figures: dict[str, Any] = {"r2": way.r2, "deviation": way.spread}
    for what, direction in ((name, way.direction[None]), ("random", random)):
        for far in FAR:
            texts = list(model.decode((z + far * direction).astype(np.float32)))
            change = properties_of(name, texts) - start
            known = change[np.isfinite(change)]
            figures[f"{what} {far:g}"] = {
                "change": float(known.mean()), "error": float(known.std() / len(known)**0.5),
                "valid": float(np.isfinite(properties_of(name, texts)).mean())}
    return figures


def fcd(made: list[str], real: list[str]) -> float:
    """Fréchet ChemNet distance by fcd_torch, which MOSES used."""
    from fcd_torch import FCD
    valid = [text for text in map(canonical, made) if text]
    return float(FCD(device="cpu", n_jobs=1)(real, valid))


def with_predictor(path: Path, folder: Path, few: int, epochs: int, seeds: int
                   ) -> list[dict[str, dict[str, Any]]]:
    """What training with and without a predictor gives, as means over seeds: R2 beside regressions
    on fingerprints, reconstructions, steering, and conditions that are met."""
    with path.open() as file:
        (folder / "few.csv").write_text("".join(islice(file, 1 + few)))
    fitted: dict[str, dict[str, list[float]]] = {"mean of training": {}}
    used: dict[str, dict[str, list[float]]] = {}
    for seed, (what, loss) in product(range(seeds), LOSSES.items()):
        model = trained(folder / f"predictor_{what}_{few}_{seed}", model=SMALL, loss=loss,
                        data=f"molecules({str(folder / 'few.csv')!r})", epochs=epochs,
                        batch_size=128, lr=0.003, seed=seed)
        source = model.source()
        rows = source.splits["test"]
        index = rows.index[rows.evenly(2000)].numpy()
        smiles = [source.names[i] for i in index]
        known = {name: values[index] for name, values in source.properties.items()}
        for name, value in regressed(f"codes, {what} the predictor", model.encode(smiles), smiles,
                                     known).items():
            add(fitted, *name, value)
        for name in known:
            add(fitted, "mean of training", name, 0.0)
        for name, value in uses(model, smiles[:STEERED]).items():
            add(used, f"{what} the predictor", name, value)
    by_use: dict[str, dict[str, list[float]]] = {}
    for what, cells in used.items():
        for name, values in cells.items():
            by_use.setdefault(name, {})[what] = values
    return [{row: {name: f"{np.mean(values):.3f}" for name, values in cells.items()}
             for row, cells in table.items()} for table in (fitted, by_use)]


def add(table: dict[str, dict[str, list[float]]], row: str, column: str, value: float) -> None:
    """Add a figure of one seed to a table."""
    table.setdefault(row, {}).setdefault(column, []).append(value)


def regressed(row: str, codes: np.ndarray, smiles: list[str], properties: dict[str, np.ndarray]
              ) -> dict[tuple[str, str], float]:
    """R2 of properties of molecules, by row and property: by ridge on codes (the `row`) and on
    Morgan fingerprints, and by a random forest on fingerprints. Every second molecule fits them,
    and the others judge them."""
    from sklearn.ensemble import RandomForestRegressor
    found = {}
    for name, value in predicted_properties(codes, smiles, properties).items():
        marked = name.endswith("_fingerprints")
        found["ridge on fingerprints" if marked else row, name.split("_r2")[0]] = value
    marks = fingerprints_of([molecule_of(text) for text in smiles])
    for name, y in properties.items():
        forest = RandomForestRegressor(100, max_features=0.3, random_state=0)
        found["random forest on fingerprints", name] = explained(
            y[1::2], forest.fit(marks[::2], y[::2]).predict(marks[1::2]))
    return found


def uses(model: Trained, smiles: list[str]) -> dict[str, float]:
    """Figures of one model: what its prior draws, reconstructions, steps along logP, and the shares
    of molecules that meet conditions in both ways of the search."""
    from hourglass.analysis.molecule_sets import similarities, valid
    again = list(model.decode(model.encode(smiles)))
    pairs = [(molecule_of(a), molecule_of(b)) for a, b in zip(smiles, again, strict=True)]
    marks = [fingerprints_of(side) for side in zip(*[p for p in pairs if all(p)], strict=True)]
    found = {"valid": valid(MoleculeSet(tuple(drawn(model, "mixture", STEERED)))),
             "reconstructed exactly": float(np.mean([
                 canonical(a) == canonical(b) for a, b in zip(smiles, again, strict=True)])),
             "similarity of reconstructions": float(np.mean([
                 similarities(a[None], b[None])[0, 0] for a, b in zip(*marks, strict=True)])),
             "-log p(x)": model.evaluate(10, "test", STEERED).record["nll"]}
    for name, row in steering(model, smiles).items():
        if isinstance(row, dict):
            found[f"{name} s"] = row["change"]
    for where in WHERE:
        search = find_molecules(model, read_conditions(where), 10**6, prior="mixture", most=1200)
        found |= {f"{where}, {way}": search.share(way) for way in search.met}
    return found


def _names(source: Any, split: str, most: int | None) -> list[str]:
    """At most `most` names of a split, evenly spread."""
    rows = source.splits[split]
    return [source.names[int(i)] for i in rows.index[rows.evenly(most or len(rows))]]


def trained_models(given: argparse.Namespace) -> dict[str, Trained]:
    """A VAE of each weight and a language model in each notation, by what the table calls them."""
    models = {}
    for notation in given.notations:
        texts = {f"vae, {notation}, kl {kl:g}": (VAE.format(kl), (1 - SHARE) / len(given.kl))
                 for kl in given.kl}
        texts |= {f"language model, {notation}": (LANGUAGE_MODEL, SHARE)}
        for name, (text, share) in texts.items():
            folder = given.folder / f"{given.what}_{name.replace(', ', '_').replace(' ', '_')}"
            models[name] = trained(
                folder, f"molecules({given.place!r}, notation={notation!r})", model=text,
                epochs=given.epochs, batch_size=128,
                minutes=share * given.minutes / len(given.notations))
    return models


def measured(
    models: dict[str, Trained], path: str, with_fcd: bool, count: int
) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """The table of measures, and some of the molecules."""
    sources = [model.source() for model in models.values()]
    shared = {split: set.intersection(*(set(_names(source, split, None)) for source in sources))
              for split in ("train", "test")}   # a notation may leave out a molecule

    def names(split: str, most: int | None) -> list[str]:
        return [name for name in _names(sources[0], split, most) if name in shared[split]]
    training = {canonical(text) for text in names("train", None)}
    real = names("test", count)
    sets = {f"{what}, prior {prior}": drawn(model, prior, count) for what, model in models.items()
            for prior in (PRIORS if what.startswith("vae") else PRIORS[:1])}
    sets["random symbols"] = random_molecules(read_molecules(path).texts, count)
    sets["training molecules"] = names("train", count)
    kept, table = MoleculeSet(tuple(real)), {}
    for name, texts in sets.items():
        table[name] = compare_sets(MoleculeSet(tuple(texts)), kept, training)
        if with_fcd:
            table[name]["fcd"] = fcd(texts, real)
    return table, {name: texts[:24] for name, texts in sets.items()}


def steered(steering: dict[str, Any]) -> dict[str, dict[str, str]]:
    """The changes of a property along its direction, a row for each, by standard deviations."""
    rows: dict[str, dict[str, str]] = {}
    for name, found in steering.items():
        if isinstance(found, dict):
            what, _, far = name.rpartition(" ")
            rows.setdefault(f"change of logP along {what}", {})[f"{far} s"] = (
                f"{found['change']:.2f} ± {found['error']:.2f}, {found['valid']:.0%} valid")
    return rows


def main() -> None:
    """Train, measure, and print and keep what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("zinc", "qm9", "predictor"))
    parser.add_argument("place")
    parser.add_argument("--folder", type=Path, default=Path("results"))
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--epochs", type=int, default=9, help="at most, of zinc and qm9")
    parser.add_argument("--notations", nargs="+", default=["selfies", "smiles"])
    parser.add_argument("--kl", nargs="+", type=float, default=[0.2, 1.0])
    parser.add_argument("--few", type=int, default=FEW, help="molecules, for the predictor")
    parser.add_argument("--seeds", type=int, default=1, help="likewise")
    parser.add_argument("--fcd", action="store_true")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} molecules of each")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    if given.what == "predictor":
        for part in with_predictor(Path(given.place), given.folder, *(
                (QUICK, 1, 1) if given.quick else (given.few, 10, given.seeds))):
            print(*as_table(part), "", sep="\n")
        return
    models = trained_models(given)
    table, some = measured(models, given.place, given.fcd, QUICK if given.quick else DRAWN)
    vaes = {name: model for name, model in models.items() if name.startswith("vae")}
    results: dict[str, Any] = {
        "table": table, "some": some,
        "steering": {name: steering(model, _names(model.source(), "test", STEERED))
                     for name, model in vaes.items()},
        "predicted": {name: predicted_of(model) for name, model in vaes.items()},
        "training": {name: model.folder.read_record() for name, model in models.items()}}
    (given.folder / f"{given.what}.json").write_text(json.dumps(results, indent=2) + "\n")
    for part in (table, {f"{name}: {row}": cells for name, found in results["steering"].items()
                         for row, cells in steered(found).items()}, results["predicted"]):
        print(*as_table(part), "", sep="\n")


def predicted_of(model: Trained) -> dict[str, float]:
    """R2 of the properties of unseen molecules, by their codes and by fingerprints."""
    source = model.source()
    rows = source.splits["test"]
    index = rows.index[rows.evenly(2000)].numpy()
    smiles = [source.names[i] for i in index]
    return predicted_properties(model.encode(smiles), smiles, {
        name: values[index] for name, values in source.properties.items()})


if __name__ == "__main__":
    main()
