"""Where the members of an ensemble disagree."""

from typing import Any

import numpy as np
import torch

from ..core.channels import channels_last
from .batches import batches
from .model_protocol import InUse
from .sample_stats import check_members, variance_among


@torch.inference_mode()
def disagreement(model: InUse, x: Any) -> np.ndarray:
    """The standard deviation among the members' reconstructions of every value, (N, H, W, C) or
    (N, D), in the model's range: how unsure an ensemble is. Raises ValueError for another model."""
    network = model.model.eval()
    check_members(network)
    deviations = []
    for batch in batches(model.samples(x), None, "comparing members"):
        latent, skips = network.encode(batch.seen)
        means = network.member_means(latent.z, skips)
        variance = variance_among(means, means.new_tensor(network.likelihood.weights))
        deviations.append(channels_last(variance.sqrt().float()).cpu())
    return torch.cat(deviations).contiguous().numpy()
