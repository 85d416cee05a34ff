"""Steps that a CUDA graph could not repeat are recognised."""

import numpy as np
import pytest
import torch
from torch import nn

from hourglass.training.cuda_graph import CapturedStep, _held_by_python, _noise


class Part:
    """No module, as many parts of a model are."""

    scale = 1.0

    def __init__(self):
        self.scale = 1.0


class Counting(nn.Module):
    """Holds what a step may change: a number, a part's number, a part in a dictionary, a buffer."""

    def __init__(self):
        super().__init__()
        self.number, self.part, self.parts = 0, Part(), {"a": Part()}
        self.register_buffer("total", torch.zeros(2))
        self.weight = nn.Parameter(torch.zeros(2))


def count(model):
    model.number += 1


def change_part(model):
    model.part.scale = 2.0


def change_one_of_several(model):
    model.parts["a"].scale = float("nan")


def replace_buffer(model):
    model.total = model.total + 1


def replace_weight(model):
    model.weight = nn.Parameter(torch.ones(2))


@pytest.mark.parametrize("change", [count, change_part, change_one_of_several, replace_buffer,
                                    replace_weight])
def test_what_a_replay_would_not_repeat_is_seen(change):
    model = nn.Sequential(Counting())
    before = _held_by_python(model)
    assert _held_by_python(model) == before
    kept = dict(model[0].named_buffers()), model[0].weight   # so that no new one has its place
    change(model[0])
    assert _held_by_python(model) != before and kept


def test_tensors_changed_in_place_are_no_obstacle():
    model = Counting()
    before = _held_by_python(model)
    model.total += 1
    model.weight.data.fill_(3.0)
    assert _held_by_python(model) == before


@pytest.mark.parametrize("draw", [lambda: torch.rand(1), lambda: np.random.rand(),
                                  lambda: __import__("random").random()],
                         ids=["torch", "numpy", "random"])
def test_noise_that_is_drawn_on_the_cpu_is_seen(draw):
    with torch.random.fork_rng():
        before = _noise()
        assert _noise() == before
        draw()
        assert _noise() != before


def test_the_first_steps_are_taken_as_usual_and_a_refusal_is_said_once():
    step = CapturedStep(Counting(), lambda *inputs: None, lambda loss: None)
    assert step((torch.zeros(1), None)) is None and step.notes() == ()
    with step.watching():
        pass
    assert step.taken == 1 and step((torch.zeros(1), None)) is None
    step._refuse("it waits for the GPU")
    assert "waits for the GPU" in step.notes()[0] and step.notes() == ()
