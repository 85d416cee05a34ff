"""Display of a training's progress: a bar in a terminal, otherwise one line per epoch."""

import time
from collections.abc import Iterator

from ..core.console import EVERY, is_silent, is_terminal, say
from ..core.contracts import Progress
from .notebook_bar import in_notebook, notebook_display, show_in_notebook

REFRESH = 0.4   # seconds; reading the losses waits for the device
SPACED = 1.0    # seconds between two lines, if epochs are shorter


def show(progress: Iterator[Progress], epochs: int, how: str = "auto") -> None:
    """Run through a training's progress and display it as a bar, as lines or not ("none"). "auto"
    is a bar in a terminal or a notebook, otherwise lines."""
    if how == "none" or is_silent():
        for _ in progress:
            pass
    elif how in ("auto", "bar") and in_notebook():
        show_in_notebook(progress, epochs, notebook_display())
    elif how == "bar" or (how == "auto" and is_terminal()):
        _show_bar(progress, epochs)
    else:
        _show_lines(progress, epochs)


def line(p: Progress, epochs: int) -> str:
    """An epoch's values in one line."""
    row = p.row or {}
    shown = {name.replace("_", " "): value for name, value in row.items()
             if name.startswith(("train_", "val_")) and not name.endswith("_recon")}
    losses = "  ".join(f"{name} {value:.5g}" for name, value in shown.items())
    mark = "  (best)" if p.best else ""
    cut = "" if p.whole else f" ({p.batch / p.batches:.0%} of it)"
    return (f"epoch {p.epoch}/{epochs}{cut}  {losses}{_posterior(row)}  "
            f"{row['images_per_second']:,.0f} samples/s  {row['seconds']:.0f} s{mark}")


def _posterior(row: dict[str, float]) -> str:
    """The KL and the active units of an epoch, for models with a posterior."""
    if "active_units" not in row:
        return ""
    share = f", {row['kl_share']:.1%} of the loss" if "kl_share" in row else ""
    return (f"  KL {row['kl_least']:.3g} to {row['kl_most']:.3g} nats a latent dimension"
            f"{share}, {row['active_units']:.0f} active")


def _show_lines(progress: Iterator[Progress], epochs: int) -> None:
    said = time.monotonic() - SPACED
    for p in progress:
        waited = time.monotonic() - said
        for note in p.notes:
            say(note)
        if p.row and _is_told(p, epochs, waited):
            say(line(p, epochs))
        elif waited > EVERY:
            say(f"epoch {p.epoch}/{epochs}  batch {p.batch}/{p.batches}")
        else:
            continue
        said = time.monotonic()


def _is_told(p: Progress, epochs: int, waited: float) -> bool:
    """Whether an epoch gets a line. The last one does; very short epochs share one."""
    return waited > SPACED or bool(p.stopped) or p.epoch == epochs


def _show_bar(progress: Iterator[Progress], epochs: int) -> None:
    from rich import progress as bars
    from rich.console import Console
    columns = (bars.TextColumn("{task.description}"), bars.BarColumn(), bars.MofNCompleteColumn(),
               bars.TimeRemainingColumn(), bars.TextColumn("{task.fields[losses]}"))
    with bars.Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        whole = bar.add_task("epochs", total=epochs, losses="")
        one = bar.add_task("", total=None, losses="")
        read, said, started = 0.0, 0.0, time.monotonic()
        for p in progress:
            for note in p.notes:
                bar.console.print(note, highlight=False)
            if p.row:
                started = time.monotonic()
                bar.update(whole, completed=p.epoch if p.whole else p.epoch - 1)
                if _is_told(p, epochs, started - said):
                    bar.console.print(line(p, epochs), highlight=False)
                    said = started
            elif time.monotonic() - read > REFRESH:
                shown = {k: float(v) / p.images for k, v in p.sums.items() if k != "recon"}
                losses = "  ".join(f"{name} {value:.5g}" for name, value in shown.items())
                speed = p.images / max(time.monotonic() - started, 1e-6)
                bar.update(one, description=f"epoch {p.epoch}", completed=p.batch, total=p.batches,
                           losses=f"{losses}  {speed:,.0f} samples/s")
                read = time.monotonic()
