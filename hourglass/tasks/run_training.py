"""The one way in which a training is driven to its end: from the shell, from Python, by tasks and
by estimators."""

from collections.abc import Generator, Iterable, Iterator
from itertools import groupby
from typing import Literal

from ..analysis.analyse import compared_at_a_glance, compared_in_words, look, settle
from ..analysis.report import finish
from ..core.console import is_first, say
from ..core.contracts import Progress
from ..core.distributed import part_ways
from ..core.random_numbers import Stream
from ..inference.imputation import filled_in
from ..training.progress import show
from ..training.setup import Training
from ..training.train import save_weights

Event = str | Progress   # a line to print, or the progress of the training
# what happens after training: only the weights are put in place; codes are kept for priors; the
# model is also compared with PCA; or measured; or a report is written
Looks = Literal["weights", "codes", "comparison", "metrics", "report"]


def driven(
    training: Training, steps: Iterable[Progress], looks: Looks, interrupted: Looks = "codes",
    noise: Stream | None = None,
) -> Iterator[Event]:
    """Run the steps of a training, then analyse the model. After Ctrl-C, the analysis goes as far
    as `interrupted` says. `noise` is the analysis' random stream. Yields lines and progress.

    Raises KeyboardInterrupt once an interrupted training is saved, and what training raises.
    """
    yield from training.notes
    yield from steps
    part_ways()
    if is_first():
        if training.ended:
            yield f"ended: {training.ended}"
        events = _looked_at(training, interrupted if training.interrupted else looks)
        yield from events if noise is None else noise.within(events)
        if training.interrupted:
            yield f"To continue: hourglass train {training.folder.path} --resume"
            raise KeyboardInterrupt   # of the others none, or torchrun ends the first one, too


def follow(events: Iterable[Event], epochs: int, how: str = "auto") -> None:
    """Print the lines of a training of `epochs` epochs, and show its progress."""
    for is_line, some in groupby(events, lambda event: isinstance(event, str)):
        if is_line:
            for line in some:
                say(str(line))
        else:
            show(some, epochs, how)  # type: ignore[arg-type]


def _looked_at(training: Training, looks: Looks) -> Generator[str]:
    """Analyse the trained model. Yields lines to print."""
    if looks == "weights":
        save_weights(training)
        return
    try:
        yield from _found(training, looks)
    except KeyboardInterrupt:
        yield (f"interrupted; the model is saved. For the report: hourglass report "
               f"{training.folder.path}")
        raise
    yield from filled_in(training.folder)


def _found(training: Training, looks: Looks) -> Iterator[str]:
    if looks in ("codes", "comparison"):
        settle(training)
        yield from compared_at_a_glance(training) if looks == "comparison" else ()
        return
    yield "writing the report ..." if looks == "report" else "measuring the model ..."
    metrics = (finish if looks == "report" else look)(training)
    yield "; ".join(f"{name} {value:.5g}" for name, value in metrics.items()
                    if "/" not in name and not name.startswith("pca_"))
    yield from compared_in_words(training.folder.read_record())
