"""Molecules: measures of MOSES for what models draw, and steering of a property.

    python benchmarks/molecules.py zinc /path/to/zinc250k_50k.csv [--folder results] [--minutes 30]
    python benchmarks/molecules.py qm9 /path/to/qm9_smiles.csv.gz [--folder results] [--minutes 10]

It trains `moses_vae`, smaller than the published one, and as baselines `language_model` of the same
width and random SELFIES symbols at their frequency in training. A run that is there is resumed, or
used as it is. All are measured on DRAWN molecules against REAL unseen ones. Steering moves codes of
unseen molecules along the direction of logP and along random ones of the same length. With --fcd,
and the package fcd_torch, the table has the published Fréchet ChemNet distance, too."""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from lines import trained

from hourglass.analysis.molecule_sets import MoleculeSet, compare_sets, predicted_properties
from hourglass.data.chemistry import canonical, smiles_of, split_selfies
from hourglass.data.sources.molecules import read_molecules
from hourglass.inference.property_directions import property_direction
from hourglass.inference.trained import Trained

DRAWN, REAL = 3000, 3000
STEERED = 300        # unseen molecules whose codes are moved
FAR = (1.0, 2.0, 3.0)   # by so many standard deviations of the property
MODELS = {   # the share of the minutes, the model's text, and the prior that it draws from
    "vae": (0.75, "moses_vae(64, width=320, layers=1, embedding=64, kl=0.2)", ("own", "mixture")),
    "language model": (0.25, "language_model(320, dropout=0)", ("own",))}


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


def measured(
    models: dict[str, Trained], path: str, with_fcd: bool
) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """The table of measures, and some of the molecules."""
    source = next(iter(models.values())).source()

    def names(split: str, most: int) -> list[str]:
        rows = source.splits[split]
        return [source.names[int(i)] for i in rows.index[rows.evenly(most)]]
    training = {canonical(text) for text in names("train", len(source.splits["train"]))}
    real = names("test", REAL)
    sets = {f"{what}, prior {prior}": drawn(models[what], prior, DRAWN)
            for what, (_, _, priors) in MODELS.items() for prior in priors}
    sets["random symbols"] = random_molecules(read_molecules(path).texts, DRAWN)
    sets["training molecules"] = names("train", DRAWN)
    kept, table = MoleculeSet(tuple(real)), {}
    for name, texts in sets.items():
        table[name] = compare_sets(MoleculeSet(tuple(texts)), kept, training)
        if with_fcd:
            table[name]["fcd"] = fcd(texts, real)
    return table, {name: texts[:24] for name, texts in sets.items()}


def as_table(measures: dict[str, dict[str, float]]) -> list[str]:
    """The measures in Markdown, a row for each set of molecules."""
    names = list(dict.fromkeys(name for row in measures.values() for name in row))
    rows = [["", *names], ["---"] * (1 + len(names))]
    rows += [[what, *(f"{row[name]:.3g}" if name in row else "" for name in names)]
             for what, row in measures.items()]
    return [f"| {' | '.join(row)} |" for row in rows]


def main() -> None:
    """Train, measure, and print and keep what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("zinc", "qm9"))
    parser.add_argument("place")
    parser.add_argument("--folder", type=Path, default=Path("results"))
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--fcd", action="store_true")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    models = {name: trained(given.folder / f"{given.what}_{name.replace(' ', '_')}",
                            f"molecules({given.place!r})", model=text, epochs=9, batch_size=128,
                            minutes=share * given.minutes)
              for name, (share, text, _) in MODELS.items()}
    table, some = measured(models, given.place, given.fcd)
    model = models["vae"]
    source = model.source()
    rows = source.splits["test"]
    smiles = [source.names[int(i)] for i in rows.index[rows.evenly(2000)]]
    index = rows.index[rows.evenly(2000)].numpy()
    results = {"table": table, "steering": steering(model, smiles[:STEERED]), "some": some,
               "predicted": predicted_properties(model.encode(smiles), smiles, {
                 name: values[index] for name, values in source.properties.items()}),
               "training": {name: model.folder.read_record() for name, model in models.items()}}
    (given.folder / f"{given.what}.json").write_text(json.dumps(results, indent=2) + "\n")
    print(*as_table(table), sep="\n")
    print(json.dumps({name: results[name] for name in ("steering", "predicted")}, indent=2))


if __name__ == "__main__":
    main()
