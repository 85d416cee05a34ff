"""Where the members of an ensemble disagree."""

from typing import Any

import numpy as np
import torch

from ..core.channels import channels_last
from ..core.part_contracts import HasMembers, offers
from .batches import batches
from .model_protocol import InUse
from .sample_stats import variance_among


@torch.inference_mode()
def disagreement(model: InUse, x: Any) -> np.ndarray:
    """The standard deviation among the members' reconstructions of every value, (N, H, W, C) or
    (N, D), in the model's range: how unsure an ensemble is. Raises ValueError for another model."""
    network = model.model.eval()
    if not offers(network.likelihood, HasMembers):
        raise ValueError(f"only members of an ensemble can disagree, and {model.folder.path} is "
                         f"one model. To make one: hourglass ensemble runs/1 runs/2 -o runs/both")
    found = []
    for batch in batches(model.samples(x), None, "comparing members"):
        latent, skips = network.encode(batch.seen)
        means = network.member_means(latent.z, skips)
        variance = variance_among(means, means.new_tensor(network.likelihood.weights))
        found.append(channels_last(variance.sqrt().float()).cpu())
    return torch.cat(found).contiguous().numpy()
