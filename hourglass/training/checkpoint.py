"""Checkpoints: the whole state of a training in one file of plain tensors."""

import json
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from ..core.console import is_first
from ..core.tensor_files import load_tensors, save_tensors
from ..run.folder import RunFolder, plain_rows, state_of
from .loop import State
from .optimisers import load_state, state_tensors
from .sharding import single_states, whole

NUMBERS = ("epoch", "batch", "step", "leg", "lr", "seconds", "epoch_seconds", "seen", "history",
           "factors", "best_epoch", "ramping", "pieces", "trouble", "cut", "cut_is_best")


def save_state(path: Path, state: State, step: nn.Module, optimiser: Optimizer) -> None:
    """Write a checkpoint, from which `load_state_into` continues exactly, in the first process.
    Where the weights are shared, all processes must call this together."""
    of_optimiser, numbers = state_tensors(optimiser)
    single: set[str] = getattr(step, "single", set())
    groups = {"model": whole(step.state_dict(), single), "best": whole(state.best, single),
              "sums": state.sums, "random": _random_states(),
              "optimiser": whole(of_optimiser, single_states(step, optimiser))}
    if not is_first():
        return
    tensors = {f"{group}:{name}": t for group, of_group in groups.items()
               for name, t in of_group.items()}
    about = {"state": json.dumps({name: getattr(state, name) for name in NUMBERS}),
             "optimiser": json.dumps(numbers), "kind": type(optimiser).__name__,
             "sums": json.dumps(list(state.sums))}
    save_tensors(path, tensors, about)


def load_state_into(path: Path, step: nn.Module, optimiser: Optimizer) -> State:
    """Load a checkpoint's weights, optimiser and random state. Returns the training's state. Raises
    ValueError for a damaged file, and for the checkpoint of a run with other parts."""
    tensors, about = load_tensors(path)
    kind = type(optimiser).__name__
    try:
        if about.get("kind", kind) != kind:
            raise ValueError(f"its optimiser is {about['kind']}, not {kind}")
        return _loaded(tensors, about, step, optimiser)
    except (KeyError, IndexError, TypeError, AttributeError, ValueError, RuntimeError,
            RecursionError) as error:
        why = " ".join(str(error).split())[:200]
        raise ValueError(f"{path} does not fit this run: it is another run's, or damaged ({why}). "
                         f"Restore it from a copy") from None


def _loaded(
    tensors: dict[str, Tensor], about: dict[str, str], step: nn.Module, optimiser: Optimizer
) -> State:
    groups: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        group, _, rest = name.partition(":")
        groups.setdefault(group, {})[rest] = tensor
    device = next(step.parameters()).device
    step.load_state_dict(groups["model"])
    load_state(optimiser, groups.get("optimiser", {}), json.loads(about["optimiser"]))
    _set_random_states(groups["random"])
    best, sums = ({name: t.to(device) for name, t in groups.get(kind, {}).items()}
                  for kind in ("best", "sums"))
    order = json.loads(about.get("sums", "[]"))   # which the file does not keep
    sums = {name: sums[name] for name in [*order, *(name for name in sums if name not in order)]}
    return State(**json.loads(about["state"]), best=best, sums=sums)


def check_own(folder: RunFolder) -> None:
    """Raise ValueError if a run's history is not the beginning of its checkpoint's, which is then
    another run's."""
    state = state_of(folder)
    whole = [row for row in folder.read_history() if row.get("epoch", 0.5) % 1 == 0]
    if state is not None and plain_rows(whole) != plain_rows(state["history"][:len(whole)]):
        raise ValueError(f"{folder.checkpoint} and history.csv are not of the same run. Restore "
                         f"the one that was changed from a copy; if the checkpoint is right, "
                         f"remove history.csv, which is then written again")


def _random_states() -> dict[str, Tensor]:
    states = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.get_rng_state()
    return states


def _set_random_states(states: dict[str, Tensor]) -> None:
    torch.set_rng_state(states["cpu"])
    if "cuda" in states and torch.cuda.is_available():
        torch.cuda.set_rng_state(states["cuda"])
