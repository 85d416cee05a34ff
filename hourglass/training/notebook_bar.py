"""Progress in a notebook: one bar that is drawn over, with the time that is left."""

import sys
import time
from collections.abc import Callable, Iterator
from html import escape

from ..core.console import say
from ..core.contracts import Progress

REFRESH = 0.5   # seconds between two looks


def in_notebook() -> bool:
    """Whether this runs in the kernel of a notebook, which shows HTML."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return type(shell).__name__ in ("ZMQInteractiveShell", "Shell")   # Jupyter's, and Colab's


def notebook_display() -> Callable[[str], None]:
    """A function that shows HTML below the cell, in place of the HTML that it showed before."""
    from IPython.display import HTML, display
    handle = display(HTML(""), display_id=True)

    def update(html: str) -> None:
        handle.update(HTML(html))
    return update


def show_in_notebook(
    progress: Iterator[Progress], epochs: int, update: Callable[[str], None]
) -> None:
    """Go through a training's progress; `update` shows HTML in place of the last one."""
    started, drawn, line, first = time.monotonic(), 0.0, "", 0.0
    for seen in progress:
        for note in seen.notes:
            say(note)
        done = seen.epoch - 1 + seen.batch / seen.batches
        first = first or done - 1 / seen.batches   # where a resumed run goes on
        now = time.monotonic()
        if seen.row:
            line = figures_of(seen.row)
        if seen.row or now - drawn > REFRESH:
            left = (now - started) * (epochs - done) / max(done - first, 1e-9)
            update(bar(done, epochs, line, seen.stopped or left_in_words(left)))
            drawn = now


def figures_of(row: dict[str, float]) -> str:
    """An epoch's losses in a line."""
    return ", ".join(f"{name} {row[name]:.5g}" for name in ("train_loss", "val_loss", "val_mse")
                     if name in row)


def left_in_words(seconds: float) -> str:
    """The remaining time in words, such as "1:05 left"."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return (f"{hours}:{minutes:02}:{seconds:02} left" if hours else
            f"{minutes}:{seconds:02} left")


def bar(done: float, epochs: int, figures: str, left: str) -> str:
    """The bar as HTML."""
    return (f'<div><progress value="{done:.3f}" max="{epochs}" style="width:16em"></progress> '
            f"epoch {min(int(done) + (done % 1 > 0), epochs)} of {epochs} &middot; "
            f"{escape(' · '.join(filter(None, [figures, left])))}</div>")
