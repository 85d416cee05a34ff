"""Posterior of the codes of samples, and their loss term by term.
"""

from typing import Any

import numpy as np
import torch
from torch.distributions import Distribution

from ..core.console import say
from ..core.contracts import Output
from ..core.random_numbers import seeded
from ..inference.trained import Trained
from ..model.objective import Objective

BATCH = 250
TOTAL = "loss"   # the name of the weighted sum


@torch.no_grad()
def posterior(model: Trained, x: Any, y: Any = None) -> Distribution:
    """q(z|x) of samples of any kind, of classes y, on the model's device; its batch shape begins
    with N. Raises ValueError for a model that has none."""
    split = model.samples(x, y)
    batch = split.batch(torch.arange(len(split)))
    q = model.model.encode(batch.x, batch.y)[0].q
    if q is None:
        bottleneck = model.about["parts"]["bottleneck"]
        raise ValueError(f"the bottleneck {bottleneck} gives codes without a posterior; a model "
                         f"such as vae(16) has one")
    return q


def loss_terms(model: Trained, x: Any, y: Any = None, draws: int = 1, seed: int = 0
               ) -> dict[str, np.ndarray]:
    """Every term of the model's loss for each sample, {term: (N,)}, unweighted and in nats, and
    "loss", their weighted sum: the mean over codes drawn from the posterior. For a VAE the sum is
    the negative ELBO.

    Terms that a discriminator or a learnt weight defines are left out, and with them "loss": what
    they learnt is not kept.
    Terms over a batch, such as mmd, are of batches of 250. Raises ValueError.
    """
    if isinstance(draws, bool) or not isinstance(draws, int) or draws < 1:
        raise ValueError(f"draws must be a whole number from 1, not {draws!r}")
    net, split = model.model, model.samples(x, y)
    objective = Objective(model.about["parts"]["loss"], net).to(split.device).eval()
    kept = {name: term for name, term in objective.terms.items()
            if name not in objective.fixed
            and not any(True for _ in getattr(term, "parameters", tuple)())}
    left_out = [name for name in objective.terms if name not in kept]
    if left_out:
        say(f"without {', '.join(left_out)}: the weights that it learnt in training are not kept")
    values: dict[str, list[np.ndarray]] = {}
    with seeded(seed, split.device):
        for batch in split.batches(BATCH):
            sums: dict[str, torch.Tensor] = {}
            for _ in range(draws):
                latent, skips = net.encode(batch.x, batch.y, draw=True)
                px = net.decode(latent.z, latent.y, skips)
                out = Output(batch.x, latent, px, batch.known, batch.y, skips)
                parts = {name: term(out, net).detach() for name, term in kept.items()}
                parts |= {name: part.detach() for name, part in latent.penalties.items()}
                if not left_out:
                    parts[TOTAL] = _weighed(parts, objective.weights)
                sums = {name: part + sums.get(name, 0) for name, part in parts.items()}
            for name, total in sums.items():
                values.setdefault(name, []).append((total / draws).float().cpu().numpy())
    return {name: np.concatenate(chunks) for name, chunks in values.items()}


def _weighed(parts: dict[str, torch.Tensor], weights: dict[str, float]) -> torch.Tensor:
    weighted = [weights.get(name, 1.0) * part for name, part in parts.items()]
    return sum(weighted[1:], weighted[0])
