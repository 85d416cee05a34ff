"""Classes that are partly known: what is hidden, what is guessed, the bound that learns both."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import stripes, train

from hourglass.data.collect import split
from hourglass.data.label_masking import show_labels
from hourglass.data.sources.arrays import from_array
from hourglass.model.autoencoder import Autoencoder
from hourglass.model.objective import Objective
from hourglass.model.parts import Parts

PARTS = Parts("mlp((16,))", bottleneck="gaussian(2)", likelihood="bernoulli",
              condition="inferred", loss="semi_supervised(alpha=5)")


def images(n: int = 120) -> tuple[np.ndarray, np.ndarray]:
    """Bright on the left, on the right, or nowhere."""
    y = np.arange(n) % 3
    x = np.random.default_rng(0).integers(0, 60, (n, 6, 6)).astype(np.uint8)
    x[y == 0, :, :3] += 180
    x[y == 1, :, 3:] += 180
    return x, y


def test_so_many_labels_are_shown_as_many_of_each_class():
    source = split(from_array(*images()), {"test": 0.25}, seed=0)
    batch = show_labels(source, 8, 0).splits["train"].batch(torch.arange(90))
    shown = batch.y_observed >= 0
    assert shown.sum() == 8 and (batch.y_observed[shown] == batch.y[shown]).all()
    assert sorted(np.bincount(batch.y_observed[shown])) == [2, 3, 3]
    again = show_labels(source, 8, 0).splits["train"].batch(torch.arange(90))
    assert torch.equal(again.y_observed, batch.y_observed)
    assert show_labels(source, None, 0).splits["train"].batch(torch.arange(9)).y_observed is None
    assert show_labels(source, 8, 0).splits["test"].batch(torch.arange(9)).y_observed is None


@pytest.mark.parametrize("count", [2, 91])
def test_a_number_of_labels_that_cannot_be_says_what_can(count):
    source = split(from_array(*images()), {"test": 0.25}, seed=0)
    with pytest.raises(ValueError, match=r"from 3.* to 90"):
        show_labels(source, count, 0)
    with pytest.raises(ValueError, match="with labels"):
        show_labels(split(from_array(stripes(20)), {}, seed=0), 4, 0)


def pieces(model: Autoencoder, x: torch.Tensor, kind: int) -> torch.Tensor:
    """-log p(x|y,z) and KL of the class `kind`, from the formulas, (B,)."""
    y = torch.full((len(x),), kind)
    latent = model.encode(x, y, draw=True)[0]
    logits = model.decode(latent.z, y).logits
    nats = torch.nn.functional.binary_cross_entropy_with_logits(
        logits, x, reduction="none").flatten(1).sum(1)
    mean, std = latent.q.loc, latent.q.scale
    return nats + (mean**2 + std**2 - 1 - 2 * std.log()).sum(1) / 2


def test_the_bound_is_that_of_the_paper_for_known_and_for_unknown_classes():
    model = Autoencoder(PARTS, (1, 6, 6), 3).eval()
    objective = Objective(PARTS.loss, model)
    x = torch.rand(4, 1, 6, 6)
    model.bottleneck.reduce[-1].bias.data[2:] = -30.0   # no noise to speak of
    y = torch.tensor([1, -1, 2, -1])
    _, parts = objective(model(x, y, draw=True), model)
    each = torch.stack([pieces(model, x, kind) for kind in range(3)], 1)
    log_q = model.encode(x)[0].guess.log_softmax(1)
    unknown = (log_q.exp() * (each + log_q)).sum(1) + math.log(3)
    known = each[range(4), y.clamp(min=0)] + math.log(3) - 5 * log_q[range(4), y.clamp(min=0)]
    assert torch.allclose(parts["semi_supervised"], torch.where(y < 0, unknown, known), atol=1e-2)


def test_few_labels_suffice_where_classes_are_plain(tmp_path):
    x, y = images(300)
    model = train(x, y=y, model="ae", bottleneck="gaussian(2)", condition="inferred",
                  loss="semi_supervised", labelled=9, backbone="mlp((32,))", epochs=30,
                  batch_size=20, lr=0.005, quiet=True, out=tmp_path / "run", test=0.3)
    fresh, truth = images(60)
    names = model.classify(fresh)
    assert np.mean([name == str(kind) for name, kind in zip(names, truth, strict=True)]) > 0.95
    assert model.encode(fresh).shape == (60, 2), "missing classes are predicted"
    assert model.reconstruct(fresh).shape == (60, 6, 6, 1)
    drawn = model.sample(6, y=["0"] * 6)[..., 0]
    assert drawn[:, :, :3].mean() > 2 * drawn[:, :, 3:].mean()


def test_the_command_writes_what_each_sample_is_taken_for(tmp_path, monkeypatch, hourglass):
    monkeypatch.chdir(tmp_path)
    x, y = images(60)
    np.savez("few.npz", x=x, y=y)
    np.save("plain.npy", x)
    settings = {"backbone": "mlp((8,))", "epochs": 2, "batch_size": 20}
    model = train("few.npz", model="semi_supervised_vae(2)", labelled=9, quiet=True, out="run",
                  **settings)
    code, out, _ = hourglass("classify run few.npz -o few.csv")
    rows = [line.split(",") for line in Path("few.csv").read_text().splitlines()]
    shares = model.guess(x)
    assert code == 0 and rows[0] == ["name", "class", "guess", "probability"]
    assert [row[1] for row in rows[1:]] == [str(kind) for kind in y]
    assert [row[2] for row in rows[1:]] == [str(kind) for kind in shares.argmax(1)]
    assert [float(row[3]) for row in rows[1:]] == pytest.approx(shares.max(1), rel=1e-4)
    right = np.mean([row[1] == row[2] for row in rows[1:]])
    assert out.splitlines()[0].startswith(f"60 samples; {right:.1%} are predicted")
    assert hourglass("classify run plain.npy")[0] == 0
    assert Path("classes.csv").read_text().startswith("name,guess,probability\n")
    train("few.npz", model="vae(2)", quiet=True, out="vae", **settings)
    for command, words in (("vae few.npz", "infers no classes"), ("run few.npz -o a.png", ".csv"),
                           ("run none/", "none")):
        code, _, err = hourglass(f"classify {command}")
        assert code == 2 and words in err and "Traceback" not in err


def test_what_hides_labels_needs_a_model_that_guesses_them(tmp_path):
    x, y = images(60)
    with pytest.raises(ValueError, match="needs a model that infers"):
        train(x, y=y, model="vae(2)", labelled=9, quiet=True, out=tmp_path / "run")
    with pytest.raises(ValueError, match="condition='inferred'"):
        train(x, y=y, model="vae(2)", loss="semi_supervised", quiet=True, out=tmp_path / "run")
    with pytest.raises(ValueError, match="infers no classes"):
        train(x, y=y, model="vae(2)", epochs=1, quiet=True, out=tmp_path / "run").classify(x)
