"""How far a sample's code is from those of training: detectors in the latent space."""

import numpy as np
import torch

from ..contracts import Rule, Seen
from ..covariance import root_of_covariance
from ..spec import Count, detectors

MOST = 20_000   # codes that neighbours are looked for among, evenly spread over all
CHUNK = 2000    # samples whose distances are held at once


@detectors.add("knn")
def knn(k: Count = 5) -> Rule:
    """Mean distance of the code to its k nearest neighbours among those of training, of which at
    most 20,000 are kept (Angiulli & Pizzuti, 2002)."""
    def fit(codes: np.ndarray, held: Seen) -> dict[str, np.ndarray]:
        some = np.linspace(0, len(codes) - 1, min(len(codes), MOST)).astype(int)
        return {"codes": codes[some]}

    def score(seen: Seen, state: dict[str, np.ndarray]) -> np.ndarray:
        from sklearn.neighbors import NearestNeighbors
        codes = state["codes"]   # brute: for few samples, or many factors, a tree takes longer
        near = NearestNeighbors(n_neighbors=min(k, len(codes)), algorithm="brute").fit(codes)
        return np.concatenate([near.kneighbors(seen.z[start:start + CHUNK])[0].mean(1)
                               for start in range(0, len(seen.z), CHUNK)])
    return Rule(fit, score)


@detectors.add("mahalanobis")
def mahalanobis() -> Rule:
    """Distance of the code to the mean of those of training, in widths of their cloud in that
    direction (Mahalanobis, 1936); their covariance is shrunk as far as there are few (Ledoit &
    Wolf, 2004)."""
    def fit(codes: np.ndarray, held: Seen) -> dict[str, np.ndarray]:
        z = torch.from_numpy(codes).double()
        return {"mean": z.mean(0).numpy(), "root": root_of_covariance(z).double().numpy()}

    def score(seen: Seen, state: dict[str, np.ndarray]) -> np.ndarray:
        from scipy.linalg import solve_triangular
        apart = solve_triangular(state["root"], (seen.z - state["mean"]).T, lower=True)
        found: np.ndarray = np.linalg.norm(apart, axis=0)
        return found
    return Rule(fit, score)
