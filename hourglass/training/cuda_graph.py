"""A training step as one CUDA graph: a small network then waits for the GPU, not for Python."""

import random
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

WARM = 10   # steps before the capture, so that parts have made what they make at first use
PLAIN = bool | int | float | str
Inputs = tuple[Tensor | None, ...]   # x (B, *shape), y (B,), given and known like x, ...


class CapturedStep:
    """Losses and gradients of a step, launched as one graph once WARM steps were taken as usual.

    Noise comes from the same stream. A batch of another size is taken as usual. So is every step
    that needs Python: one that waits for the GPU, draws on the CPU, or changes what Python holds of
    the model. `note` says so then.
    """

    def __init__(self, step: nn.Module, forward: Callable[..., Any],
                 backward: Callable[[Tensor], None]):
        self.step, self.forward, self.backward = step, forward, backward
        self.taken, self.note, self.reported = 0, "", False
        self.graph: torch.cuda.CUDAGraph | None = None
        self.held: Inputs = ()
        self.names: tuple[str, ...] = ()
        self.values = torch.empty(0)
        self.gradients: list[tuple[nn.Parameter, Tensor]] = []

    def __call__(self, inputs: Inputs) -> tuple[Tensor, dict[str, Tensor]] | None:
        """Set the gradients and return the loss and {name: mean loss}; or do nothing and return
        None for a step that must be taken as usual."""
        if self.note or self.taken < WARM:
            return None
        if self.graph is None and not self._capture(inputs):
            return None
        if [_form(tensor) for tensor in inputs] != [_form(buffer) for buffer in self.held]:
            return None
        for buffer, tensor in zip(self.held, inputs, strict=True):
            if buffer is not None and tensor is not None:
                buffer.copy_(tensor)
        for weight, gradient in self.gradients:   # a step taken as usual has others
            weight.grad = gradient
        assert self.graph is not None
        self.graph.replay()
        loss, *losses = self.values.clone().unbind()   # the next replay overwrites them
        return loss, dict(zip(self.names, losses, strict=True))

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Take a step as usual. The last one before the capture shows whether it needs Python."""
        self.taken += 1
        if self.note or self.taken != WARM:
            yield
            return
        before, noise = _held_by_python(self.step), _noise()
        mode = torch.cuda.get_sync_debug_mode()
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            torch.cuda.set_sync_debug_mode("warn")
            try:
                yield
            finally:
                torch.cuda.set_sync_debug_mode(mode)
        changed = [name for name, value in _held_by_python(self.step).items()
                   if before.get(name) != value]
        if any("called a synchronizing" in str(warning.message) for warning in said):
            self._refuse("it waits for the GPU")
        elif changed:
            self._refuse(f"it changes {changed[0]}")
        elif _noise() != noise:
            self._refuse("it draws noise on the CPU")

    def notes(self) -> tuple[str, ...]:
        """Why steps are not captured, once."""
        new = self.note and not self.reported
        self.reported = bool(self.note)
        return (self.note,) if new else ()

    def _refuse(self, why: str) -> None:
        self.note = f"a step cannot be one CUDA graph ({why}), which may be slower"

    def _capture(self, inputs: Inputs) -> bool:
        """Record a step, which runs nothing; returns whether that was possible."""
        device = next(self.step.parameters()).device
        generator = torch.cuda.default_generators[device.index or 0]
        noise, stream = generator.clone_state(), torch.cuda.current_stream()
        weights = [weight for weight in self.step.parameters() if weight.requires_grad]
        self.held = tuple(None if tensor is None else tensor.clone() for tensor in inputs)
        for weight in weights:
            weight.grad = None
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph, capture_error_mode="thread_local"):
                loss, losses = self.forward(*self.held)
                self.backward(loss)
                self.values = torch.stack([
                    value.detach().float() for value in (loss, *losses.values())])
        except RuntimeError as error:
            torch.cuda.set_stream(stream)
            generator.graphsafe_set_state(noise)   # a broken capture leaves it unusable
            for weight in weights:
                weight.grad = None
            self.held, self.values = (), torch.empty(0)
            self._refuse(str(error).partition("\n")[0][:80])
            return False
        self.names = tuple(losses)
        self.gradients = [(weight, weight.grad) for weight in weights if weight.grad is not None]
        self.graph = graph
        return True


def _form(tensor: Tensor | None) -> tuple[Any, ...]:
    return () if tensor is None else (tensor.shape, tensor.dtype)


def _held_by_python(step: nn.Module) -> dict[str, str]:
    """State that a replay cannot change: numbers and texts of the modules and of their parts, and
    the identity of each weight and buffer."""
    state = {name: str(id(tensor)) for name, tensor in (*step.named_parameters(),
                                                        *step.named_buffers())}
    for place, module in step.named_modules():
        for name, value in vars(module).items():
            inner = value.values() if isinstance(value, dict) else (value,)
            for number, part in enumerate(inner):
                state |= {f"{place}.{name}.{number}.{key}": repr(plain)
                          for key, plain in _plain(part)}
    return state


def _plain(part: Any) -> Iterator[tuple[str, PLAIN]]:
    """The part itself if it is a number or a text, or those that it holds."""
    if isinstance(part, PLAIN):
        yield "", part
    elif not isinstance(part, nn.Module | Tensor | type) and hasattr(part, "__dict__"):
        yield from ((key, value) for key, value in vars(part).items() if isinstance(value, PLAIN))


def _noise() -> tuple[Any, ...]:
    """The state of the generators that are not part of a graph."""
    return (torch.get_rng_state().numpy().tobytes(), random.getstate(),
            repr(np.random.get_state(legacy=False)))
