"""Full precision where autocast would lose digits, such as in long sums and small differences; and
whether a device is faster with bf16."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor


def full_precision(t: Tensor) -> AbstractContextManager[None]:
    """Switch autocast off on t's device. The meta device, which only counts shapes, has none."""
    return nullcontext() if t.is_meta else torch.autocast(t.device.type, enabled=False)


def at_least_single(t: Tensor) -> Tensor:
    """Convert to float32; float64 stays."""
    return t if t.dtype == torch.float64 else t.float()


def has_bf16(device: torch.device) -> bool:
    """Whether the device multiplies faster in bf16 than in float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        probe = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
        return bool(probe())
    return False
