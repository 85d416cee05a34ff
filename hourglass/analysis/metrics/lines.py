"""Metrics of lines of text: per token, and how much the codes say."""

import math

import numpy as np

from ...core.registry import metrics
from ..snapshot import Lacking, Snapshot

MOST = 1000   # posteriors in the aggregated one


@metrics.add("lines")
def lines(s: Snapshot) -> dict[str, np.ndarray | float]:
    """-log p(x|z) per token, the bound -ELBO per line and in bits per token, and the share of lines
    that are reconstructed exactly."""
    if s.kind != "lines":
        raise Lacking("lines of text")
    tokens = s.known.sum() if len(s.known) else s.x.size
    kl = float(s.kl.sum()) if len(s.kl) else 0.0
    bound = float(s.nats.mean()) + kl
    mean_length = float(tokens) / len(s.x)
    return {"nats": s.nats, "nats_per_token": float(s.nats.mean()) / mean_length,
            "bound": bound, "bits_per_token": bound / mean_length / math.log(2),
            "exact": s.exact.astype(np.float64)}


@metrics.add("molecules")
def molecules(s: Snapshot) -> dict[str, float]:
    """How molecules of each prior compare with unseen ones: shares of valid, different and new
    molecules, Fréchet distances, nearest similarity, diversity, scaffolds and distributions of
    properties; and R2 of properties predicted from codes."""
    if not s.molecules:
        raise Lacking("molecules, and a prior")
    return dict(s.molecules)


@metrics.add("mutual_information")
def mutual_information(s: Snapshot) -> dict[str, float]:
    """Mutual information of lines and codes, in nats: the mean of log q(z|x) - log q(z) over one
    code a line, where q(z) is the mean of up to MOST posteriors (Hoffman & Johnson, 2016). At most
    the log of their number."""
    if s.kind != "lines" or not len(s.std):
        raise Lacking("lines of text, and a Gaussian posterior")
    mean, std = (values[:MOST].astype(np.float64) for values in (s.codes, s.std))
    z = mean + std * np.random.default_rng(0).standard_normal(mean.shape)
    own = -0.5 * (((z - mean) / std)**2).sum(1) - np.log(std).sum(1)
    whole = np.empty(len(z))
    for row, code in enumerate(z):
        log_densities = -0.5 * (((code - mean) / std)**2).sum(1) - np.log(std).sum(1)
        whole[row] = np.logaddexp.reduce(log_densities) - math.log(len(mean))
    return {"mutual_information": float((own - whole).mean())}
