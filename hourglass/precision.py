"""Full precision where autocast would take it away: sums of many, and differences of near ones."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor


def full_precision(t: Tensor) -> AbstractContextManager[None]:
    """No autocast where t is; the meta device, on which models are measured, knows none."""
    return nullcontext() if t.is_meta else torch.autocast(t.device.type, enabled=False)


def at_least_single(t: Tensor) -> Tensor:
    """float32, but of float64, which stays."""
    return t if t.dtype == torch.float64 else t.float()
