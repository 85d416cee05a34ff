"""How like the set the generated samples are, seen by the judge; a number for each prior."""

import numpy as np

from ...core.registry import metrics
from ..snapshot import Drawn, Lacking, Snapshot
from .bootstrap import Estimate, of_pair
from .set_distances import MANIFOLD, NEIGHBOURS, frechet_distance, kernel_distance, overlap

FEWEST = 20


@metrics.add("frechet")
def frechet(s: Snapshot) -> dict[str, Estimate]:
    """Frechet distance between the features of generated and of unseen samples, taken as Gaussians
    (Dowson & Landau, 1982; Heusel et al., 2017, arXiv 1706.08500). It depends on the features and
    on how many samples there are: compare only where both are the same."""
    return {f"{name}/frechet": of_pair(frechet_distance, s.features, drawn.features)
            for name, drawn in _each(s)}


@metrics.add("kernel")
def kernel(s: Snapshot) -> dict[str, float]:
    """Kernel distance: the squared maximum mean discrepancy with the kernel (a'b / F + 1)^3,
    unbiased (Binkowski et al., 2018, arXiv 1801.01401), the mean over subsets of up to 1,000."""
    return {f"{name}/kernel": kernel_distance(s.features, drawn.features)
            for name, drawn in _each(s)}


@metrics.add("manifold")
def manifold(s: Snapshot) -> dict[str, float]:
    """Precision, recall (Kynkaanniemi et al., 2019, arXiv 1904.06991), density and coverage (Naeem
    et al., 2020, arXiv 2002.09797) with 5 nearest neighbours, on up to 2,000 of either side."""
    results: dict[str, float] = {}
    for name, drawn in _each(s):
        real, generated = s.features[:MANIFOLD], drawn.features[:MANIFOLD]
        scores = overlap(real, generated, min(NEIGHBOURS, len(real) - 1, len(generated) - 1))
        results |= {f"{name}/{score}": value for score, value in scores.items()}
    return results


@metrics.add("asked")
def asked(s: Snapshot) -> dict[str, np.ndarray]:
    """Share of the generated samples that the judge puts in the class that was asked for."""
    matches = {f"{name}/asked": drawn.judged == drawn.of for name, drawn in s.drawn.items()
               if len(drawn.judged) and len(drawn.of)}
    if not matches:
        raise Lacking("priors that know classes, and labels")
    return matches


def _each(s: Snapshot) -> list[tuple[str, Drawn]]:
    usable = [(name, drawn) for name, drawn in s.drawn.items()
              if min(len(drawn.features), len(s.features)) >= FEWEST
              and np.isfinite(drawn.features).all()]
    if not usable:
        raise Lacking(f"{FEWEST} generated samples")
    return usable
