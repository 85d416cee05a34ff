"""Measure disentanglement: how well codes separate the known generative factors of the data."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from ..analysis import disentanglement as scores
from ..analysis.metrics.bootstrap import Estimate
from ..core.console import track
from ..core.contracts import Factors
from ..core.hints import did_you_mean
from ..data.split_data import Split
from ..inference.batches import batches
from ..inference.trained import Trained

SAMPLES, SEEDS = 10_000, 5
WORDS = {
    "mig": "mutual information gap", "sap": "separated attribute predictability",
    "dci_disentanglement": "DCI: whether a latent predicts one factor only",
    "dci_completeness": "DCI: whether one latent suffices for a factor",
    "dci_informativeness": "DCI: how well the factors are predicted",
    "modularity": "whether a latent has information on one factor only",
    "factor_vae_score": "FactorVAE score: factors identified by the latent that varies least",
    "beta_vae_score": "beta-VAE score: factors identified by a linear classifier of distances",
}


class Disentangled(NamedTuple):
    """Scores of disentanglement, with their settings."""

    numbers: dict[str, Estimate]
    settings: str                  # without which the scores have no meaning
    information: np.ndarray        # (D, F) mutual information in nats, of the first draw
    names: tuple[str, ...]         # of the factors

    def lines(self) -> list[str]:
        """One line per score, and the settings."""
        return [*(f"{name:20} {value.value:.3f} ({value.low:.3f} to {value.high:.3f})  "
                  f"{WORDS[name]}" for name, value in self.numbers.items()), self.settings]


def disentangle(
    model: Trained, samples: int = SAMPLES, seeds: int = SEEDS, bins: int = scores.BINS,
    leave_out: Sequence[str] = (),
) -> Disentangled:
    """Score the mean codes of samples by their generative factors, except those in `leave_out`. All
    of the run's data is used, in `seeds` random draws.

    Papers differ in the factors (Chen et al. leave out dSprites' shape), in bins and in codes, so
    the settings are reported with the scores. Raises ValueError if the data has no known factors.
    """
    if samples < 100 or seeds < 1:
        raise ValueError(f"samples must be an integer from 100 and seeds one from 1, not "
                         f"{samples} and {seeds}")
    source = model.source()
    if source.factors is None:
        raise ValueError("the data of this run has no known generative factors; use dsprites, or a "
                         ".npz file with integer factors (N, F)")
    wrong = next((name for name in leave_out if name not in source.factors.names), None)
    if wrong is not None:
        raise ValueError(f"there is no factor {wrong!r} to leave out; "
                         f"{did_you_mean(wrong, source.factors.names)}")
    whole = source.whole()
    kept = _kept(source.factors.of(whole.index.cpu().numpy()), leave_out)
    draws = [np.sort(np.random.default_rng(seed).permutation(len(whole))[:samples])
             for seed in range(seeds)]
    rows = np.flatnonzero(np.bincount(np.concatenate(draws), minlength=len(whole)))
    z = mean_codes(model, whole, rows)
    per_seed = []
    for seed, draw in track(enumerate(draws), seeds, "scoring"):
        codes = z[np.searchsorted(rows, draw)]
        per_seed.append(score(codes, kept.of(draw), bins, seed))
    numbers = {name: over_seeds([seed_scores[name] for seed_scores in per_seed])
               for name in per_seed[0]}
    first = z[np.searchsorted(rows, draws[0])], kept.values[draws[0]]
    return Disentangled(numbers, _settings(z, kept, whole, draws, bins, source.factors.names),
                        scores.mutual_information(*first, bins), kept.names)


def score(codes: np.ndarray, factors: Factors, bins: int, seed: int) -> dict[str, float]:
    """All scores of codes (N, D) against the factors of the same samples."""
    v = factors.values
    kinds = tuple(i for i, name in enumerate(factors.names) if name in factors.unordered)
    used = codes[:, scores.in_use(codes)] if scores.in_use(codes).any() else codes
    values = {"mig": scores.mig(codes, v, bins), "sap": scores.sap(codes, v, kinds, seed)}
    if v.shape[1] > 1:
        values |= {"modularity": scores.modularity(used, v, bins),
                   "factor_vae_score": scores.factor_vae_score(codes, v, seed),
                   "beta_vae_score": scores.beta_vae_score(codes, v, seed)}
        if codes.shape[1] > 1:
            forests = scores.dci(codes, v, kinds, seed)
            values |= {f"dci_{name}": float(getattr(forests, name)) for name in (
                "disentanglement", "completeness", "informativeness")}
    return {name: values[name] for name in WORDS if name in values}


def over_seeds(values: Sequence[float]) -> Estimate:
    """The mean of the values, with its 95 % confidence interval by Student's t."""
    from scipy.stats import t
    mean, count = float(np.mean(values)), len(values)
    if count < 2 or np.ptp(values) == 0:   # such as draws of all samples
        return Estimate(mean, float("nan"), float("nan"))
    off = float(t.ppf(0.975, count - 1) * np.std(values, ddof=1) / np.sqrt(count))
    return Estimate(mean, mean - off, mean + off)


@torch.inference_mode()
def mean_codes(model: Trained, split: Split, rows: np.ndarray) -> np.ndarray:
    """Codes (n, D) of these rows of a split, without noise."""
    codes = []
    for batch in batches(split, torch.from_numpy(rows), "encoding"):
        labels = None if batch.y is None else batch.y.to(model.device)
        z = model.model.encode(batch.seen.to(model.device), labels)[0].z
        codes.append(z.flatten(1).float().cpu())
    return torch.cat(codes).numpy()


def _kept(factors: Factors, leave_out: Sequence[str]) -> Factors:
    """The factors that are not left out, and that vary."""
    columns = [i for i, name in enumerate(factors.names)
               if name not in leave_out and np.ptp(factors.values[:, i]) > 0]
    if not columns:
        raise ValueError("no factor that varies is left, so there is nothing to score")
    return Factors(factors.values[:, columns], tuple(factors.names[i] for i in columns),
                   factors.unordered)


def _settings(
    z: np.ndarray, kept: Factors, whole: Split, draws: Sequence[np.ndarray], bins: int,
    names: Sequence[str],
) -> str:
    listed = ", ".join(
        f"{name} ({len(np.unique(column))}{', unordered' if name in kept.unordered else ''})"
        for name, column in zip(kept.names, kept.values.T, strict=True))
    without = ", ".join(name for name in names if name not in kept.names) or "none"
    best = scores.mig(kept.values, kept.values, bins)
    return (f"of {z.shape[1]} mean codes ({int(scores.in_use(z).sum())} vary); factors: "
            f"{listed}; left out: {without}; {len(draws)} draws of {len(draws[0]):,} of all "
            f"{len(whole):,} samples, from every split; 95 % intervals of the mean over draws, for "
            f"this one model, not over trainings; mutual information in {bins} bins of equal "
            f"width, in which the factors themselves have a MIG of {best:.3f}; chance level of the "
            f"FactorVAE and beta-VAE scores: {1 / len(kept.names):.2f}")
