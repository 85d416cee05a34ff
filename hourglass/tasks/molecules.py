"""Molecules from a trained model, as an object: generated, searched for, or varied along a
property; with their pictures, as PNG, SVG or a table."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..core.csv_text import as_csv
from ..core.files import write_out
from ..core.output_names import printable
from ..data.chemistry import molecule_of
from ..data.molecule_properties import (
    fingerprints_of,
    property_name,
    property_of,
)
from ..inference.draw_lines import draw_lines
from ..inference.line_uses import check_molecules, pick_lines
from ..inference.molecule_search import find_molecules, read_conditions
from ..inference.property_directions import property_direction
from ..inference.trained import Trained
from .generate import GenerateOptions, choose_prior
from .write_images import SUFFIXES as PICTURES
from .write_images import check_name, save_picture

SUFFIXES = (*PICTURES, ".svg", ".csv", ".txt", ".smi")
REACH = 3.0     # how far a walk along a property goes, in its standard deviations
STEPS = 8


@dataclass(frozen=True, repr=False)
class Molecules:
    """Molecules as SMILES, with numbers of each."""

    smiles: list[str]
    values: dict[str, list[float]] = field(default_factory=dict)   # NaN: not a molecule
    about: str = ""
    columns: int = 6   # of a picture

    def save(self, path: str | Path) -> Path:
        """Write a picture (.png, .svg, ...), a table (.csv), or the SMILES alone (.txt, .smi).
        Raises ValueError for another name."""
        from ..analysis.figures.molecules import grid_picture, grid_svg
        out = Path(path)
        check_name(out, SUFFIXES)
        suffix = out.suffix.lower()
        if suffix == ".csv":
            rows = [(printable(text), *(f"{values[i]:.6g}" for values in self.values.values()))
                    for i, text in enumerate(self.smiles)]
            write_out(out, as_csv(("smiles", *self.values), rows))
        elif suffix in (".txt", ".smi"):
            write_out(out, "".join(f"{text}\n" for text in self.smiles))
        elif suffix == ".svg":
            write_out(out, grid_svg(self.smiles, self._names(), self.columns))
        else:
            save_picture(out, grid_picture(self.smiles, self._names(), self.columns))
        return out

    @property
    def lines(self) -> list[str]:
        """A line for each molecule: its SMILES, and its numbers."""
        return ["  ".join((text, *(f"{name} {values[i]:.4g}"
                                   for name, values in self.values.items())))
                for i, text in enumerate(self.smiles)]

    def _names(self) -> list[str]:
        """What stands below the pictures: the numbers, or () for the SMILES."""
        return [", ".join(f"{name} {values[i]:.3g}" for name, values in self.values.items())
                for i in range(len(self.smiles))] if self.values else []

    def __len__(self) -> int:
        return len(self.smiles)

    def __iter__(self) -> Iterator[str]:
        return iter(self.smiles)

    def __getitem__(self, row: int) -> str:
        return self.smiles[row]

    def __repr__(self) -> str:
        return "\n".join([f"{len(self)} molecules" + f": {self.about}" * bool(self.about),
                          *self.lines])

    def _repr_html_(self) -> str:
        from ..analysis.figures.molecules import grid_svg
        return f"<p>{self.about}</p>" + grid_svg(self.smiles, self._names(), self.columns)


def vary_molecule(
    model: Trained, molecule: Any, prop: str, steps: int = STEPS, label: str = ""
) -> Molecules:
    """A molecule and what the model writes of codes on the way along which a property grows, or
    falls if the name begins with -. The way goes REACH standard deviations of the property far, in
    `steps` steps. A molecule is a SMILES, or the number of an unseen sample. Raises ValueError."""
    check_molecules(model.description)
    if model.model.condition is not None:
        raise ValueError("a conditional model has no direction of a property; train one without "
                         "condition")
    if label:
        raise ValueError("this model is not conditional, so label has no effect; leave it out")
    if not 1 <= steps <= 1000:
        raise ValueError(f"steps must be a whole number from 1 to 1000, not {steps}")
    sign = -1.0 if prop.startswith("-") else 1.0
    way = property_direction(model, prop.removeprefix("-"))
    collection = pick_lines(model, [molecule])
    z = model.encode(collection)[0]
    shares = np.linspace(0, REACH, steps + 1)[:, None]
    codes = z.reshape(1, -1) + sign * shares * way.direction[None]
    texts = [collection.names[0], *model.decode(codes.astype(np.float32).reshape(-1, *z.shape))]
    values = {f"predicted {way.name}": [float(v) for v in way.predict(
        np.concatenate([codes[:1], codes]))]}
    if property_name(way.name):
        values = {way.name: _computed(property_name(way.name), texts), **values}
    values["similarity"] = _similarities(texts)
    about = (f"{way.name} {'grows' if sign > 0 else 'falls'} along a direction that explains "
             f"{way.r2:.0%} of its variance; first the molecule, then its reconstruction")
    return Molecules(texts, values, about, columns=min(6, len(texts)))


def _computed(name: str, smiles: Sequence[str]) -> list[float]:
    """A property of SMILES, NaN for those that are not valid."""
    molecules = [molecule_of(text) for text in smiles]
    return [float("nan") if molecule is None else property_of(name, molecule)
            for molecule in molecules]


def _similarities(smiles: Sequence[str]) -> list[float]:
    """Tanimoto similarities of molecules to the first one."""
    from ..analysis.molecule_sets import similarities
    molecules = [molecule_of(text) for text in smiles]
    there = [i for i, molecule in enumerate(molecules) if molecule is not None]
    marks = fingerprints_of([molecules[i] for i in there])
    values = [float("nan")] * len(smiles)
    if there and there[0] == 0:
        for i, value in zip(there, similarities(marks, marks[:1])[:, 0], strict=True):
            values[i] = float(value)
    return values


def draw_molecules(model: Trained, wish: GenerateOptions, where: str = "") -> Molecules:
    """Molecules from a prior, or `where` their properties meet conditions, such as "logP=2..3,
    qed>0.7". Raises ValueError."""
    check_molecules(model.description)
    conditions = read_conditions(where) if where else []
    if conditions and wish.kind:
        raise ValueError("a class and conditions of properties cannot be combined; leave one out")
    prior = choose_prior(model, wish.kind) if wish.prior == "auto" else wish.prior
    if not conditions:
        drawn = draw_lines(model, wish.n, wish.kind or None, wish.seed, prior, wish.temperature,
                           wish.top_k)
        about = f"{wish.n:,} molecules of the prior {prior}"
        return Molecules(drawn.texts, {}, "; ".join((about, *drawn.left_out)))
    matches = find_molecules(model, conditions, wish.n, wish.seed, prior, wish.temperature,
                             wish.top_k)
    return Molecules(matches.smiles, matches.values, matches.words)


def as_molecules(texts: Sequence[str], about: str) -> Molecules:
    """Texts in SMILES with their pictures, in one row of up to ten."""
    return Molecules(list(texts), {}, about, columns=min(10, max(1, len(texts))))
