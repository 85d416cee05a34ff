"""Full precision where autocast would take it away: sums of many, and differences of near ones; and
where less pays."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor


def full_precision(t: Tensor) -> AbstractContextManager[None]:
    """No autocast where t is; the meta device, on which models are measured, knows none."""
    return nullcontext() if t.is_meta else torch.autocast(t.device.type, enabled=False)


def at_least_single(t: Tensor) -> Tensor:
    """float32, but of float64, which stays."""
    return t if t.dtype == torch.float64 else t.float()


def has_bf16(device: torch.device) -> bool:
    """Whether the device multiplies in bf16 faster than in float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        probe = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
        return bool(probe())
    return False
