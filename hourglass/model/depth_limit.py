"""How many layers a model may have: one that is far too deep is refused while it is made."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from torch.nn.modules.module import register_module_parameter_registration_hook

MOST = 4_000   # tensors of weights: some 2,000 layers with two each

_counts: ContextVar[list[int] | None] = ContextVar("counts", default=None)


@contextmanager
def limited_depth() -> Iterator[None]:
    """Within it, raise ValueError as soon as the modules that are made have too many weights'
    tensors. Their number is what counts, not their size."""
    before = _counts.set([0])
    try:
        yield
    finally:
        _counts.reset(before)


def _count(*_: Any) -> None:
    counts = _counts.get()
    if counts is None:
        return
    counts[0] += 1
    if counts[0] > MOST:
        raise ValueError(f"this model would have more than {MOST // 2:,} layers, whose weights are "
                         f"over {MOST:,} tensors. Give it fewer layers")


register_module_parameter_registration_hook(_count)   # once: it may not change while others build
