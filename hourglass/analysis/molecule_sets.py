"""How generated molecules compare with real ones: the measures of MOSES (Polykovskiy et al., 2020,
arXiv 1811.12823), and how much codes say of properties."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..core.ridge import explained
from ..data.chemistry import molecule_of, rdkit
from ..data.molecule_properties import (
    OF_MOSES,
    descriptors_of,
    fingerprints_of,
    properties_of,
    property_of,
    scaffolds_of,
)
from .metrics.set_distances import frechet_distance

FOLDED = 64      # numbers of a fingerprint whose Fréchet distance is measured
PENALTIES = (0.1, 1.0, 10.0, 100.0, 1000.0)   # of a predictor of properties
BLOCK = 2000     # fingerprints that are compared at once


@dataclass(frozen=True)
class MoleculeSet:
    """Molecules, as SMILES in the order in which they were written; some may be invalid."""

    smiles: tuple[str, ...]

    @cached_property
    def read(self) -> list[Any]:
        """The RDKit molecule of each, or None."""
        return [molecule_of(text) for text in self.smiles]

    @cached_property
    def molecules(self) -> list[Any]:
        """The valid ones, as RDKit molecules."""
        return [molecule for molecule in self.read if molecule is not None]

    @cached_property
    def canonical(self) -> list[str]:
        """The canonical SMILES of the valid ones."""
        return [rdkit().MolToSmiles(molecule) for molecule in self.molecules]

    @cached_property
    def fingerprints(self) -> np.ndarray:
        """Morgan fingerprints of the valid ones (V, BITS)."""
        return fingerprints_of(self.molecules)

    @cached_property
    def descriptors(self) -> np.ndarray:
        """The descriptors of the valid ones (V, F)."""
        return descriptors_of(self.molecules)

    @cached_property
    def scaffolds(self) -> Counter[str]:
        """How often each scaffold occurs."""
        return scaffolds_of(self.molecules)

    def property(self, name: str) -> np.ndarray:
        """A property of the valid ones (V,)."""
        return np.array([property_of(name, molecule) for molecule in self.molecules])


def valid(generated: MoleculeSet) -> float:
    """The share of texts that are molecules."""
    return len(generated.molecules) / len(generated.smiles) if generated.smiles else 0.0


def unique_at(generated: MoleculeSet, k: int) -> float:
    """The share of different molecules among the first k valid ones."""
    first = generated.canonical[:k]
    return len(set(first)) / len(first) if first else 0.0


def novel(generated: MoleculeSet, training: Iterable[str]) -> float:
    """The share of the different valid molecules that are not among canonical SMILES of training.
    """
    different = set(generated.canonical)
    return len(different - set(training)) / len(different) if different else 0.0


def similarities(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Tanimoto similarities (A, B) of fingerprints (A, F) and (B, F) of 0 and 1: what both have, as
    a share of what one has or both."""
    both = a @ b.T
    either = a.sum(1)[:, None] + b.sum(1)[None] - both
    return both / np.maximum(either, 1)


def nearest_similarity(generated: np.ndarray, real: np.ndarray) -> float:
    """SNN: the mean over made fingerprints of the similarity to the nearest real one."""
    best = [similarities(some, real).max(1) for some in _blocks(generated)]
    return float(np.concatenate(best).mean())


def internal_diversity(generated: np.ndarray) -> float:
    """IntDiv: 1 minus the mean similarity of all pairs of fingerprints, each with itself too."""
    total = sum(float(similarities(some, generated).sum()) for some in _blocks(generated))
    return 1 - total / len(generated)**2


def _blocks(values: np.ndarray) -> list[np.ndarray]:
    return [values[i:i + BLOCK] for i in range(0, len(values), BLOCK)]


def overlap_of_counts(a: Mapping[str, int], b: Mapping[str, int]) -> float:
    """The cosine of two counts, such as of scaffolds; 0 if one is empty."""
    both = sum(count * b[name] for name, count in a.items() if name in b)
    sizes = [float(np.sqrt(sum(count**2 for count in counts.values()))) for counts in (a, b)]
    return both / (sizes[0] * sizes[1]) if all(sizes) else 0.0


def descriptor_frechet(generated: MoleculeSet, real: MoleculeSet) -> float:
    """Fréchet distance of the descriptors, in standard deviations of the real ones. It is not FCD,
    whose numbers come from a network (ChemNet)."""
    mean, std = real.descriptors.mean(0), real.descriptors.std(0)
    scale = np.where(std > 0, std, 1)
    return frechet_distance((generated.descriptors - mean) / scale,
                            (real.descriptors - mean) / scale)


def fingerprint_frechet(generated: MoleculeSet, real: MoleculeSet) -> float:
    """Fréchet distance of the first FOLDED principal components of the real fingerprints."""
    centred = real.fingerprints - real.fingerprints.mean(0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    axes = axes[:FOLDED].T
    return frechet_distance(generated.fingerprints @ axes, real.fingerprints @ axes)


def compare_sets(
    generated: MoleculeSet, real: MoleculeSet, training: Iterable[str] = ()
) -> dict[str, float]:
    """All measures of made molecules, against real ones that training did not see. `training` are
    canonical SMILES. Without two valid molecules, only their share."""
    scores = {"valid": valid(generated)}
    if len(generated.molecules) < 2 or len(real.molecules) < 2:
        return scores
    from scipy.stats import wasserstein_distance
    k = len(generated.smiles)
    scores |= {f"unique@{k}": unique_at(generated, k), "novel": novel(generated, training),
               "descriptor_frechet": descriptor_frechet(generated, real),
               "fingerprint_frechet": fingerprint_frechet(generated, real),
               "nearest_similarity": nearest_similarity(generated.fingerprints, real.fingerprints),
               "internal_diversity": internal_diversity(generated.fingerprints),
               "scaffold_overlap": overlap_of_counts(generated.scaffolds, real.scaffolds)}
    return scores | {f"wasserstein_{name}": float(wasserstein_distance(
        generated.property(name), real.property(name))) for name in OF_MOSES}


def predicted_properties(
    codes: np.ndarray, smiles: Sequence[str], properties: Mapping[str, np.ndarray]
) -> dict[str, float]:
    """R2 of a ridge regression of each property on codes (N, D), and on Morgan fingerprints. Every
    second molecule fits it, with the penalty that leaves each out best, and the others judge it.
    Properties of RDKit if the data has none."""
    from sklearn.linear_model import RidgeCV
    known = dict(properties) or {name: properties_of(name, smiles) for name in OF_MOSES}
    marks = fingerprints_of([molecule_of(text) for text in smiles]).astype(np.float64)
    scaled = (codes - codes.mean(0)) / np.maximum(codes.std(0), 1e-9)
    scores = {}
    for name, values in known.items():
        for what, x in (("", scaled.astype(np.float64)), ("_fingerprints", marks)):
            there = np.isfinite(values)
            a, b = x[there], values[there]
            if len(b) < 8 or np.ptp(b) == 0:
                continue
            fitted = RidgeCV(PENALTIES).fit(a[::2], b[::2])
            scores[f"{name}_r2{what}"] = explained(b[1::2], fitted.predict(a[1::2]))
    return scores
