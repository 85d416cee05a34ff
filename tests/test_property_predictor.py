"""Properties of samples in the loss: how they are scaled, predicted from codes, and refused."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

import hourglass as hg
from hourglass.core.contracts import Latent, Output
from hourglass.core.registry import terms
from hourglass.data.collect import collect, split
from hourglass.data.image_options import Reading
from hourglass.data.properties import with_properties
from hourglass.data.split_data import Source

SMILES = [f"{'C' * n}{end}" for n in range(1, 9) for end in ("O", "N", "F", "Cl")]


def write(path, **columns) -> str:
    pd.DataFrame({"smiles": SMILES, **columns}).to_csv(path, index=False)
    return str(path)


def source_of(path, **columns) -> Source:
    found = collect(f"molecules({write(path, **columns)!r})", Reading())
    return split(found, {"val": 0.2, "test": 0.2}, 0)


def made(z: torch.Tensor, properties: torch.Tensor | None, names: tuple[str, ...]):
    """The term for codes z (B, D), and a batch with these properties (B, P)."""
    model = SimpleNamespace(sample_prior=lambda n: torch.zeros(n, z.shape[1]))
    term = terms.parts["properties"](model, names)
    return term, Output(z, Latent(z), None, properties=properties)


def test_the_term_is_half_the_squared_error_of_a_linear_layer_without_missing_values():
    generator = np.random.default_rng(0)
    z, y = generator.normal(size=(6, 3)), generator.normal(size=(6, 2))
    y[1, 0] = y[2, 0] = y[2, 1] = np.nan
    term, out = made(torch.tensor(z).float(), torch.tensor(y).float(), ("a", "b"))
    weight, bias = (p.detach().double().numpy() for p in term.predict.parameters())
    expected = np.nansum((z @ weight.T + bias - y) ** 2, 1) / 2
    np.testing.assert_allclose(term(out, None).detach(), expected, rtol=1e-4)
    assert not term(made(torch.tensor(z).float(), None, ("a",))[1], None).any()


def test_its_minimum_over_the_layer_is_that_of_least_squares():
    generator = np.random.default_rng(1)
    z = generator.normal(size=(50, 3))
    y = z @ generator.normal(size=(3, 2)) + generator.normal(size=(50, 2))
    y = (y - y.mean(0)) / y.std(0)
    term, out = made(torch.tensor(z).float(), torch.tensor(y).float(), ("a", "b"))
    optimiser = torch.optim.LBFGS(term.parameters(), max_iter=100, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        loss = term(out, None).mean()
        loss.backward()
        return loss
    optimiser.step(closure)
    design = np.column_stack([z, np.ones(50)])
    rest = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
    assert closure().item() == pytest.approx((rest ** 2).sum(1).mean() / 2, rel=1e-4)


def test_properties_are_in_standard_deviations_of_training(tmp_path):
    values = np.arange(len(SMILES), dtype=float)**2
    values[3] = np.nan
    source = source_of(tmp_path / "m.csv", mass=values, other=values[::-1])
    given = with_properties(source, ("mass",))
    train = given.splits["train"]
    batch = train.batch(torch.arange(len(train))).properties
    assert batch.shape == (len(train), 1)
    known = values[train.index.numpy()]
    expected = (known - np.nanmean(known)) / np.nanstd(known)
    np.testing.assert_allclose(batch[:, 0], expected, rtol=1e-5)
    test = given.splits["test"]
    np.testing.assert_allclose(
        test.batch(torch.arange(2)).properties[:, 0],
        (values[test.index[:2].numpy()] - np.nanmean(known)) / np.nanstd(known), rtol=1e-5)
    assert with_properties(source, ()) is source
    assert source.splits["train"].batch(torch.arange(2)).properties is None


@pytest.mark.parametrize("names, words", [
    (("mas",), "the data has no property 'mas'; did you mean 'mass'"),
    (("same",), "the property 'same' has no two different values")])
def test_wrong_properties_are_refused(tmp_path, names, words):
    source = source_of(tmp_path / "m.csv", mass=np.arange(len(SMILES)) % 7, same=3.5)
    with pytest.raises(ValueError, match=words):
        with_properties(source, names)


def test_a_model_learns_properties_and_orders_its_codes_by_them(tmp_path):
    mass = [float(len(text)) for text in SMILES]
    path = write(tmp_path / "m.csv", mass=mass)
    run = {"kind": "molecules", "model": "moses_vae(4, width=16, layers=1, kl=0.1)", "lr": 0.01,
           "epochs": 30, "batch_size": 8, "quiet": True, "report": False, "stop": "none"}
    model = hg.train(path, loss="recon + 0.1 * kl + 10 * properties('mass')", **run,
                     out=tmp_path / "run")
    history = pd.read_csv(tmp_path / "run" / "history.csv")
    assert history["train_properties"].iloc[-1] < 0.3 * history["train_properties"].iloc[0]
    again = hg.resume(tmp_path / "run", epochs=31, quiet=True)
    assert np.isfinite(again.encode(SMILES[:2])).all()
    assert model.vary("CCO", property="mass", steps=2).about.startswith("mass grows")


def test_images_have_no_properties_to_learn(tmp_path):
    x = np.random.default_rng(0).integers(0, 255, (20, 8, 8), np.uint8)
    with pytest.raises(ValueError, match="needs data with columns of numbers"):
        hg.train(x, model="vae(2)", loss="recon + kl + properties('mass')", epochs=1, quiet=True,
                 report=False, out=tmp_path / "run")
