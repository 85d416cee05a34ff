"""The costs of a model: layers, parameters, activations, memory and multiply-adds."""

import math
import re
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized
from torch.utils.flop_counter import FlopCounterMode

from ..core.registry import optimisers
from .autoencoder import Autoencoder
from .depth_limit import limited_depth
from .loss_step import Step
from .objective import Objective
from .parts import Parts


@dataclass(frozen=True)
class Layer:
    """A row of the summary: a layer, its output shape for one sample, and its costs."""

    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int
    multiply_adds: int       # per sample

    @property
    def part(self) -> str:
        """Encoder or decoder. The bottleneck's layers count with their side."""
        decodes = self.name.startswith(("decoder", "bottleneck.expand", "likelihood"))
        return "decoder" if decodes else "encoder"


@dataclass(frozen=True)
class Summary:
    """The costs of a model; memory in bytes, at four bytes per number."""

    layers: tuple[Layer, ...]
    parameters: dict[str, int]       # of encoder, decoder and whole
    multiply_adds: dict[str, int]    # the same, per sample
    activations: int                 # numbers kept for the backward pass, per sample
    largest: int                     # numbers into and out of the largest layer, per sample
    copies: int                      # of every weight in training: itself, gradient, optimiser
    fixed: int = 0                   # bytes that training keeps and no gradient changes: codebooks

    def training_memory(self, batch: int) -> int:
        """Bytes for weights, gradients, optimiser and a batch's activations."""
        return self.fixed + 4 * (self.copies * self.parameters["whole"] + batch * self.activations)

    def inference_memory(self, batch: int) -> int:
        """Bytes for weights and the two largest neighbouring activations."""
        return self.fixed + 4 * (self.parameters["whole"] + batch * self.largest)


REMEMBERED: dict[tuple[Parts, tuple[int, ...], str, int], Summary] = {}


def summarise(
    parts: Parts, shape: tuple[int, ...], optimiser: str = "adam", classes: int = 0
) -> Summary:
    """Measure a model without allocating its weights. `shape` is that of one sample. Raises
    ValueError for a model that is too large or too deep."""
    if (parts, shape, optimiser, classes) in REMEMBERED:
        return REMEMBERED[parts, shape, optimiser, classes]
    try:
        return _measured(parts, shape, optimiser, classes)
    except (RuntimeError, OverflowError, TypeError) as error:   # torch's errors for huge sizes
        if not any(sign in str(error) for sign in ("overflow", "too large", "must be tuple of int",
                                                   "invalid argument")):
            raise
        raise ValueError(f"this model is too large to be made ({_figure(str(error))})") from None


def _figure(error: str) -> str:
    """What torch could not count in an integer, in bytes, if it names the sizes."""
    sizes = re.search(r"sizes?=\[([\d, ]+)\]", error)
    if not sizes:
        return error.splitlines()[0]
    numbers = math.prod(int(size) for size in sizes[1].split(","))
    return (f"the weights of one layer are {sizes[1].replace(', ', ' x ')} numbers, which take "
            f"{in_bytes(4 * numbers)}")


def remember(parts: Parts, shape: tuple[int, ...], optimiser: str, classes: int) -> Summary:
    """Summarise and remember. Until the next call, `summarise` returns this summary at once, also
    in processes that are forked from this one to train the model."""
    REMEMBERED.clear()
    summary = REMEMBERED[parts, shape, optimiser, classes] = summarise(parts, shape, optimiser,
                                                                       classes)
    return summary


def _measured(parts: Parts, shape: tuple[int, ...], optimiser: str, classes: int) -> Summary:
    with torch.device("meta"), limited_depth():
        model = Autoencoder(parts, shape, classes)
        step = Step(model, Objective(parts.loss, model)).train()
        x = torch.empty(2, *shape)   # two samples, as batch normalisation refuses one
        y = torch.zeros(2, dtype=torch.long)
    layers, largest = _layers(model, x, y)
    totals = {
        side: (sum(la.parameters for la in layers if la.part == side),
               sum(la.multiply_adds for la in layers if la.part == side))
        for side in ("encoder", "decoder")}
    whole = sum(p.numel() for p in step.parameters() if p.requires_grad)
    return Summary(
        tuple(layers), {**{k: p for k, (p, _) in totals.items()}, "whole": whole},
        {**{k: m for k, (_, m) in totals.items()}, "whole": sum(m for _, m in totals.values())},
        _kept(step, x, y), largest, _copies(optimiser),
        sum(buffer.numel() * buffer.element_size() for buffer in step.buffers()))


def _layers(model: nn.Module, x: Tensor, y: Tensor) -> tuple[list[Layer], int]:
    seen: list[tuple[str, nn.Module, tuple[int, ...], int]] = []
    hooks = [module.register_forward_hook(_hook(name, seen)) for name, module in _rows(model)]
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(x, y).px.log_prob(x)   # a decoder of tokens runs only then
    for hook in hooks:
        hook.remove()
    counts = counter.get_flop_counts()
    rows = [Layer(name, type(module).__name__, shape, sum(
        p.numel() for p in module.parameters() if p.requires_grad),
        sum(counts.get(f"{type(model).__name__}.{name}", {}).values()) // (2 * len(x)))
        for name, module, shape, _ in seen]
    return rows, max(size for *_, size in seen) // len(x)


def _rows(model: nn.Module, prefix: str = "") -> list[tuple[str, nn.Module]]:
    """Modules that get a row: those with their own weights, and those without children."""
    rows = []
    for name, child in model.named_children():
        path = f"{prefix}{name}"
        bare = next(child.children(), None) is None
        own = next(child.parameters(recurse=False), None) is not None
        if bare or own or is_parametrized(child):
            rows.append((path, child))
        else:
            rows += _rows(child, f"{path}.")
    return rows


def _hook(name: str, seen: list[tuple[str, nn.Module, tuple[int, ...], int]]):  # type: ignore[no-untyped-def]
    def note(module: nn.Module, inputs: tuple[Tensor, ...], out: object) -> None:
        out = out[0] if isinstance(out, tuple) and out else out   # of a recurrent layer
        if isinstance(out, Tensor):
            tensors = [g for g in inputs if isinstance(g, Tensor) and g is not out]   # not in place
            size = out.numel() + sum(g.numel() for g in tensors)
            seen.append((name, module, tuple(out.shape[1:]), size))
    return note


def _kept(step: nn.Module, x: Tensor, y: Tensor) -> int:
    """Numbers per sample that autograd keeps for the backward pass."""
    weights = {p.untyped_storage()._cdata for p in step.parameters()}
    storages: dict[int, tuple[Tensor, int]] = {}

    def keep(t: Tensor) -> Tensor:
        key = t.untyped_storage()._cdata
        if key not in weights:
            storages[key] = (t, t.untyped_storage().nbytes() // 4)
        return t

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda t: t):
        step(x, y)
    return sum(size for _, size in storages.values()) // len(x)


def _copies(optimiser: str) -> int:
    weight = nn.Parameter(torch.zeros(2, 2))
    optim = optimisers.make(optimiser, [weight], None)
    weight.grad = torch.zeros(2, 2)
    optim.step()
    copies = [v for s in optim.state.values() for v in s.values()
              if isinstance(v, Tensor) and v.shape == weight.shape]
    return 2 + len(copies)


def as_text(s: Summary, batch: int) -> str:
    """The summary as a table for a terminal."""
    rows = [("layer", "kind", "output", "parameters", "multiply-adds")]
    rows += [(la.name, la.kind, "x".join(map(str, la.shape)), f"{la.parameters:,}",
              f"{la.multiply_adds:,}") for la in s.layers]
    rows += [(f"{side} in total", "", "", f"{s.parameters[side]:,}", f"{s.multiply_adds[side]:,}")
             for side in ("encoder", "decoder", "whole")]
    widths = [max(len(row[i]) for row in rows) for i in range(5)]
    lines = ["  ".join(cell.ljust(w) if i < 3 else cell.rjust(w)
                       for i, (cell, w) in enumerate(zip(row, widths, strict=True))).rstrip()
             for row in rows]
    for place in (1, len(lines) - 2):
        lines.insert(place, "-" * max(map(len, lines)))
    lines += ["", f"activations kept per sample: {s.activations:,} numbers",
              f"memory at batch {batch}: about {in_bytes(s.training_memory(batch))} in training, "
              f"{in_bytes(s.inference_memory(batch))} in use"]
    return "\n".join(lines)


def in_bytes(n: int) -> str:
    """A number of bytes as text: "1.5 GiB"."""
    power = min(int(math.log(max(n, 1), 1024)), 4)
    return f"{n / 1024**power:.1f} {('B', 'KiB', 'MiB', 'GiB', 'TiB')[power]}"
