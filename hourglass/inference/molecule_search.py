"""Molecules whose properties lie in ranges that a user gives, found by a search in latent space."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ..core.hints import did_you_mean
from ..data.chemistry import canonical, molecule_of
from ..data.molecule_properties import PROPERTIES, property_name, property_of
from .line_uses import texts_of
from .property_directions import PropertyDirection, moved, property_direction
from .trained import Trained

NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
CONDITION = re.compile(rf"\s*(\w+)\s*(>=|<=|=|>|<)\s*({NUMBER})(?:\s*\.\.\s*({NUMBER}))?\s*")
EXAMPLE = "as in \"logP=2..3, qed>0.7\""
TOGETHER = 200        # molecules that are drawn at once
LEAST_DRAWN = 2000    # before the search ends, and
EACH_DRAWN = 50       # for each molecule that is asked for
WAYS = {"prior": "from the prior alone", "moved": "of moved codes"}
BEYOND = 0.5          # how far behind an open end to aim, in standard deviations of the property


@dataclass(frozen=True)
class PropertyRange:
    """A property and the range that it should lie in."""

    name: str
    low: float = -math.inf
    high: float = math.inf
    ends: bool = True    # whether the ends belong to the range

    def holds(self, value: float) -> bool:
        """Whether a value lies in the range."""
        return (self.low <= value <= self.high) if self.ends else self.low < value < self.high

    def aim(self, value: np.ndarray, spread: float) -> np.ndarray:
        """The nearest values (N,) well inside the range: values (N,) that are there stay."""
        margin = BEYOND * spread
        if self.low > -math.inf and self.high < math.inf:
            margin = min(margin, (self.high - self.low) / 4)
        return np.clip(value, self.low + margin, self.high - margin)


@dataclass
class FoundMolecules:
    """Molecules that meet all conditions, all different, with their properties."""

    smiles: list[str] = field(default_factory=list)
    values: dict[str, list[float]] = field(default_factory=dict)
    met: dict[str, tuple[int, int]] = field(default_factory=dict)   # how many of how many, by way

    @property
    def drawn(self) -> int:
        """How many molecules the model wrote."""
        return sum(of for _, of in self.met.values())

    def share(self, way: str) -> float:
        """The share of the molecules written in one of WAYS that met the conditions; 1 before it
        was tried, so that each is."""
        met, of = self.met.get(way, (1, 1))
        return met / of

    @property
    def words(self) -> str:
        """How many were drawn."""
        ways = ", ".join(f"{met:,} of {of:,} {WAYS[way]}" for way, (met, of) in self.met.items())
        return (f"{len(self.smiles):,} different molecules that meet all conditions, of "
                f"{self.drawn:,} drawn. They are met by {ways}")


def read_conditions(text: str) -> list[PropertyRange]:
    """The conditions in a text such as "logP=2..3, qed>0.7". Raises ValueError."""
    conditions = []
    for part in text.split(","):
        match = CONDITION.fullmatch(part)
        if not match:
            raise ValueError(f"{part.strip()!r} is not a condition; write a property and its "
                             f"range, {EXAMPLE}")
        property_text, sign, first, last = match.groups()
        name = property_name(property_text)
        if not name:
            raise ValueError(f"no property is named {property_text!r}; "
                             f"{did_you_mean(property_text, PROPERTIES)}")
        if last is not None and (sign != "=" or float(first) > float(last)):
            raise ValueError(f"{part.strip()!r} is not a range; write the smaller number first "
                             f"after =, {EXAMPLE}")
        number = float(first)
        if sign == "=":
            conditions.append(PropertyRange(name, number, number if last is None else float(last)))
        elif sign in (">", ">="):
            conditions.append(PropertyRange(name, low=number, ends=sign == ">="))
        else:
            conditions.append(PropertyRange(name, high=number, ends=sign == "<="))
    return conditions


def find_molecules(
    model: Trained, conditions: Sequence[PropertyRange], n: int, seed: int = 0, prior: str = "auto",
    temperature: float = 1.0, top_k: int = 0, most: int = 0,
) -> FoundMolecules:
    """Up to n molecules that meet the conditions, as RDKit computes the properties. The first codes
    are from the prior. Then codes are tried that are moved to where the predicted properties meet
    the conditions, and the search goes on in the way that does better so far. It ends after `most`
    drawn molecules. Raises ValueError."""
    most = most or max(LEAST_DRAWN, EACH_DRAWN * n)
    molecules = FoundMolecules(values={condition.name: [] for condition in conditions})
    known: set[str] = set()
    directions: list[PropertyDirection] = []
    cov = np.empty(0)
    while len(molecules.smiles) < n and molecules.drawn < most:
        z, names, _ = model.sampler.codes(TOGETHER, None, seed + molecules.drawn, prior, 1.0)
        way = max(WAYS, key=molecules.share)
        if way == "moved":
            if not directions:
                directions = [property_direction(model, condition.name)
                              for condition in conditions]
                cov = np.cov(model.codes().z.flatten(1).numpy().astype(np.float64), rowvar=False)
            z = _aimed(z, conditions, directions, np.atleast_2d(cov))
        kinds = None if names is None else model.number(names, len(z))
        x = model.network.write(z, kinds, temperature, top_k, seed + molecules.drawn)
        met, of = molecules.met.get(way, (0, 0))
        met += _sift(texts_of(model.description, x), conditions, molecules, known)
        molecules.met[way] = met, of + len(z)
    molecules.smiles = molecules.smiles[:n]
    molecules.values = {name: values[:n] for name, values in molecules.values.items()}
    return molecules


def _aimed(
    z: np.ndarray, conditions: Sequence[PropertyRange], directions: Sequence[PropertyDirection],
    cov: np.ndarray,
) -> np.ndarray:
    """Codes (N, ...) moved to where the predicted properties meet the conditions."""
    flat = z.reshape(len(z), -1).astype(np.float64)
    targets = np.stack([condition.aim(direction.predict(flat), direction.spread)
                        for condition, direction in zip(conditions, directions, strict=True)], 1)
    return moved(flat, directions, targets, cov).astype(np.float32).reshape(z.shape)


def _sift(
    texts: Sequence[str], conditions: Sequence[PropertyRange], molecules: FoundMolecules,
    known: set[str],
) -> int:
    """Add the new molecules that meet the conditions. Returns how many of the texts meet them."""
    met = 0
    for text in texts:
        molecule = molecule_of(text)
        values: dict[str, float] = {}
        for condition in conditions if molecule is not None else ():
            values[condition.name] = property_of(condition.name, molecule)
            if not condition.holds(values[condition.name]):
                break
        else:
            if molecule is None:
                continue
            met += 1
            if (name := canonical(text)) not in known:
                known.add(name)
                molecules.smiles.append(name)
                for key, value in values.items():
                    molecules.values[key].append(value)
    return met
