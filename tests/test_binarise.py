"""Grey samples become 0 and 1: once, or anew in training, and every look sees the same."""

import numpy as np
import pytest
import torch
from conftest import train

import hourglass
from hourglass.data.binarise import anew
from hourglass.run.load_data import load_source
from hourglass.run.settings import make_settings

SMALL = {"model": "vae(2)", "backbone": "mlp(widths=(8,))", "batch_size": 16}


def greys(n: int = 60, side: int = 6) -> np.ndarray:
    """(N, H, W) images of all greys, black and white among them."""
    x = np.random.default_rng(0).integers(0, 256, (n, side, side), np.uint8)
    x[:, 0], x[:, 1] = 0, 255
    return x


def source_of(x, how, **settings):
    return load_source(make_settings({"binarise": how, **settings}), x)


def whole(source):
    return torch.cat([part.batch(torch.arange(len(part))).x for part in source.splits.values()])


@pytest.mark.parametrize("how", ["fixed", "dynamic"])
def test_looks_see_one_draw_of_0_and_1_whatever_the_seed(how):
    first, again = (source_of(greys(), how) for _ in range(2))
    assert torch.equal(whole(first), whole(again)) and set(whole(first).unique().tolist()) == {0, 1}
    other = source_of(greys(), how, seed=5)
    assert torch.equal(other.splits["train"].x, first.splits["train"].x)
    assert first.splits["train"].x.dtype == torch.uint8
    assert torch.equal(first.splits["train"].x, source_of(greys(), "fixed").splits["train"].x)


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_a_value_is_the_chance_of_a_1(kind):
    levels = np.array([0, 1, 51, 128, 204, 254, 255], np.uint8)
    x = np.broadcast_to(levels[:, None, None], (7, 200, 200)).copy()
    x = x if kind == np.uint8 else (x / np.float32(255)).astype(np.float32)
    drawn = source_of(x, "fixed", val=0, test=0).splits["train"].x.numpy()
    share, chance = drawn.mean((1, 2, 3)), levels / 255
    assert (np.abs(share - chance) <= 4 * np.sqrt(chance * (1 - chance) / 40_000)).all()
    assert share[0] == 0 and share[-1] == 1
    cut = source_of(x, "threshold", val=0, test=0).splits["train"].x.numpy()
    assert cut.mean((1, 2, 3)).tolist() == [0, 0, 0, 1, 1, 1, 1]


def test_training_draws_anew_and_its_mean_is_the_grey_value():
    split = source_of(greys(), "dynamic").splits["train"]
    rows = torch.arange(len(split))
    grey = split.batch(rows, grey=True).x
    assert torch.allclose(grey[:, 0], torch.from_numpy(greys())[split.index] / 255)
    draws = torch.stack([anew(grey) for _ in range(2000)])
    assert not torch.equal(draws[0], draws[1]) and set(draws.unique().tolist()) == {0, 1}
    error = (draws.mean(0) - grey).abs()
    assert (error <= 5 * (grey * (1 - grey) / 2000).sqrt()).all()
    assert torch.equal(split.batch(rows).x, split.batch(rows).x)   # while looks stay


@pytest.mark.parametrize("how", ["fixed", "dynamic"])
def test_the_loop_is_given_what_was_said(how, tmp_path, monkeypatch):
    seen = []
    from hourglass.model.loss_step import Step
    forward = Step.forward

    def watched(self, x, *rest, **more):
        seen.append((self.training, x.clone()))
        return forward(self, x, *rest, **more)
    monkeypatch.setattr(Step, "forward", watched)
    train(greys(16), binarise=how, val=0.5, test=0, epochs=2, out=tmp_path / "run", quiet=True,
          **SMALL)
    seen = [(training, x) for training, x in seen if not x.is_meta]   # on which costs are found
    in_training = [sorted(x.flatten(1).tolist()) for training, x in seen if training]
    looks = [x for training, x in seen if not training]
    assert all(set(x.unique().tolist()) == {0, 1} for _, x in seen)
    assert len(looks) == 2 and torch.equal(*looks)
    assert len(in_training) == 2 and (in_training[0] == in_training[1]) == (how == "fixed")


def test_a_dynamic_run_goes_on_to_the_last_bit(tmp_path):
    x, settings = greys(), {**SMALL, "binarise": "dynamic", "stop": "none", "schedule": "constant"}
    whole = train(x, epochs=4, out=tmp_path / "whole", quiet=True, **settings)
    train(x, epochs=2, out=tmp_path / "cut", quiet=True, **settings)
    cut = hourglass.resume(tmp_path / "cut", data=x, epochs=4, quiet=True, report=False)
    ours, theirs = whole.model.state_dict(), cut.model.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_what_is_binarised_is_recorded_and_another_set():
    x = greys()
    plain, *others = (source_of(x, how).identity for how in ("", "fixed", "dynamic", "threshold"))
    assert "binarised" not in plain
    assert [each["binarised"] for each in others] == ["fixed", "dynamic", "threshold"]
    assert len({each["digest"] for each in (plain, *others)}) == 3   # of the same looks
    for static in (x // 128, (x // 128).astype(np.float32)):
        for how in ("", "fixed", "dynamic"):
            source = source_of(static, how)
            assert source.identity["binarised"] == "static" and source.splits["train"].grey is None
            assert source.identity["digest"] == source_of(static, "").identity["digest"]


def test_augmented_samples_are_drawn_last(tmp_path):
    run = train(greys(), binarise="dynamic", augment="rotate(20)", epochs=1, out=tmp_path / "run",
                quiet=True, **SMALL)
    assert "binarise = \"dynamic\"" in run.folder.settings.read_text()
    with pytest.raises(ValueError, match="use binarise='dynamic'"):
        train(greys(), binarise="fixed", augment="rotate(20)", quiet=True, **SMALL)


def test_what_is_no_chance_is_refused():
    from hourglass.core.contracts import Collection
    with pytest.raises(ValueError, match="from 0 to 1"):
        source_of(np.random.default_rng(0).normal(size=(40, 5)), "fixed")
    with pytest.raises(ValueError, match="has gaps"):
        holes = np.where(np.eye(40, 5) > 0, np.nan, 0.5).astype(np.float32)
        source_of(Collection(holes), "dynamic")
    with pytest.raises(ValueError, match="consists of pairs"):
        source_of(Collection(greys()[..., None], encoder_input=greys()[..., None]), "fixed")
    with pytest.raises(ValueError, match="binarise must be"):
        make_settings({"binarise": "static"})
