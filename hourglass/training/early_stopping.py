"""Early stopping: when training ends, and which epoch's weights are kept."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ..core.hints import Count, NotNegative
from ..core.registry import stops

USUAL, LEAST = 10, 40   # epochs of patience where none is given, and the least steps in them
FALLING = 0.05   # a loss that fell by this share in half a run is worth more time


@dataclass(frozen=True)
class Stopping:
    """Early stopping by one monitored value of all epochs so far. It has no state of its own."""

    monitor: str = "val_loss"
    patience: int | None = None
    min_delta: float = 0.0
    start_from_epoch: int = 0
    baseline: float | None = None
    restore_best: bool = True
    least_steps: int = 0

    def for_epochs_of(self, samples: int, batch_size: int) -> "Stopping":
        """The same for this many training samples: patience spans at least `least_steps` steps."""
        if self.patience is None:
            return self
        epochs = math.ceil(self.least_steps / math.ceil(samples / batch_size))
        return replace(self, patience=max(self.patience, epochs))

    def best(self, values: Sequence[float], start: int = 0) -> int:
        """The best epoch, from 1. Until `start` or `start_from_epoch`, it is the last one."""
        start = min(max(start, self.start_from_epoch), len(values) - 1)
        return min(range(start, len(values)), key=lambda i: values[i]) + 1

    def reason(self, values: Sequence[float], start: int = 0) -> str:
        """Why to stop after the last of these epochs, or "". Epochs up to `start` do not count."""
        if self.patience is None:
            return ""
        least = math.inf if self.baseline is None else self.baseline
        waited = 0
        for value in values[max(start, self.start_from_epoch):]:
            improved = value < least - self.min_delta
            least, waited = (value, 0) if improved else (least, waited + 1)
        if waited < self.patience:
            return ""
        return (f"{self.monitor} has not improved on {least:.5g} "
                f"for {waited} epoch{'s' if waited > 1 else ''}")


def still_falling(rows: Sequence[Mapping[str, float]], monitor: str) -> str:
    """Describe how the loss was still falling when training ended, or return "".

    It compares the squared error in the second half of the run; without a validation split, the
    monitored value. The error falls roughly as a power of time: half the time brought as much as
    twice the time will bring. `rows` are the epochs' values; the last epoch may be cut short.
    """
    split = monitor.partition("_")[0]
    name = f"{split}_mse" if f"{split}_mse" in rows[-1] else monitor
    end, last = rows[-1]["epoch"], rows[-1][name]
    if end < 1:
        return f"the time ended before the first epoch: {end:.0%} of it was done"
    before = [row for row in rows[:-1] if row["epoch"] <= max(end / 2, 1)]
    if not before or last > min(row[name] for row in rows):
        return ""
    middle = before[-1]
    whole = abs(middle[name]) if name != monitor else abs(rows[0][name] - last)
    fall = (middle[name] - last) / max(whole, 1e-12)
    since = f"since epoch {middle['epoch']:g}"
    share = f"{fall:.0%} of its fall came {since}" if name == monitor else f"by {fall:.0%} {since}"
    return "" if fall < FALLING else f"training ended while {name} was still falling: {share}"


@stops.add("early")
def early(
    patience: Count | None = None, min_delta: NotNegative = 0.0, start_from_epoch: int = 0,
    baseline: float | None = None, monitor: str = "val_loss", restore_best: bool = True,
) -> Stopping:
    """Stop if the monitored value (lower is better) has not improved for `patience` epochs.

    It improves by falling more than `min_delta` below its best, or at first below `baseline`.
    Epochs before `start_from_epoch` do not count. At the end, the best weights are restored.
    Without `patience`, it is 10 epochs, or more if 10 have fewer than 40 steps (few samples).
    """
    return Stopping(monitor, patience or USUAL, min_delta, start_from_epoch, baseline, restore_best,
                    LEAST if patience is None else 0)


@stops.add("none")
def none(monitor: str = "val_loss", restore_best: bool = True) -> Stopping:
    """Train for all epochs. Keep the best epoch's weights, or the last with restore_best=False."""
    return Stopping(monitor, restore_best=restore_best)
