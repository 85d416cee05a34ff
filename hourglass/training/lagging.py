"""Training of the encoder ahead of the decoder, so that the decoder learns to use the codes (He et
al., 2019, arXiv 1901.05534)."""

from collections.abc import Sequence
from itertools import pairwise

from torch import nn

INFORMATION = "information"   # the column of the history, in nats


def holds_decoder(lag: int, step: int, history: Sequence[dict[str, float]]) -> bool:
    """Whether step number `step` trains the encoder alone: all but each `lag`-th, until an epoch
    has no more information about the samples in the codes than an earlier one."""
    return lag > 1 and (step + 1) % lag != 0 and still_growing(history)


def still_growing(history: Sequence[dict[str, float]]) -> bool:
    """Whether the information has grown in every epoch so far."""
    information = [row[INFORMATION] for row in history if INFORMATION in row]
    return all(later > before for before, later in pairwise(information))


def hold_decoder(model: nn.Module) -> None:
    """Freeze the decoder in this step: the layers from x to the code keep their gradients,
    everything else loses them."""
    reading = {id(p) for p in model.encoder.parameters()}   # type: ignore[union-attr]
    expand = getattr(model.bottleneck, "expand", None)
    writing = set(map(id, expand.parameters())) if isinstance(expand, nn.Module) else set()
    reading |= {id(p) for p in model.bottleneck.parameters()} - writing   # type: ignore[union-attr]
    for parameter in model.parameters():
        if id(parameter) not in reading:
            parameter.grad = None
