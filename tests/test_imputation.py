"""Missing cells filled in: by the model, by similar rows and by means, as hidden cells tell."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import train
from sklearn.impute import KNNImputer, SimpleImputer

import hourglass as hg
from hourglass.core.contracts import Collection
from hourglass.data.columns import parts_of
from hourglass.inference.filling_weights import choose_weights
from hourglass.inference.hidden_cells import Hidden, measured, rows_of
from hourglass.inference.imputation import Filler, by_model, by_neighbours, filler_of
from hourglass.model.corruptions import corrupter
from hourglass.run.settings import make_settings
from hourglass.training.setup import prepare


def ratings(holes: float = 0.6) -> tuple[pd.DataFrame, np.ndarray]:
    """400 people's ratings of 40 things, of rank 3, and which cells are missing."""
    random = np.random.default_rng(0)
    values = random.normal(size=(400, 3)) @ random.normal(size=(3, 40)) * 0.68
    values = 3 + values + 0.3 * random.normal(size=values.shape)
    return pd.DataFrame(values, columns=[f"film {i}" for i in range(40)]), (
        random.random(values.shape) < holes)


def kinds(rows: int = 120) -> pd.DataFrame:
    random = np.random.default_rng(1)
    a = random.normal(size=rows)
    return pd.DataFrame({"a": a, "b": 2 * a + 0.1 * random.normal(size=rows), "noise":
                         random.normal(size=rows), "kind": np.where(a > 0, "plus", "minus")})


def test_ratings_are_filled_in_better_than_by_neighbours(tmp_path):
    """Issue Data, E 1: 1.51 after the ten rounds that shipped, 0.63 by neighbours."""
    full, holes = ratings()
    holed = full.mask(holes)
    model = train(holed, epochs=60, out=tmp_path / "run", quiet=True)
    truth = full.to_numpy()[holes]

    def error(filled: np.ndarray) -> float:
        return float(np.sqrt(np.square(np.asarray(filled)[holes] - truth).mean()))
    ours, own = error(model.impute(holed)), holed.to_numpy()
    assert ours <= error(KNNImputer(n_neighbors=15).fit_transform(own))
    assert ours < 0.6 * error(SimpleImputer().fit_transform(own))


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> hg.Trained:
    folder = tmp_path_factory.mktemp("kinds")
    frame = kinds().mask(np.random.default_rng(2).random((120, 4)) < 0.05)
    frame.to_csv(folder / "kinds.csv", index=False)
    return train(folder / "kinds.csv", backbone="mlp(32)", epochs=30, lr=0.01, batch_size=16,
                 out=folder / "run", quiet=True)


def test_a_table_is_trained_with_holes_and_a_code_of_half_its_columns(tmp_path):
    training = prepare(make_settings({}), kinds(), out=tmp_path / "run")
    assert training.parts.bottleneck == "plain(2)"
    assert training.parts.corruption == "holes(share=(0.0, 0.5), widths=(1, 1, 1, 2))"
    notes = " ".join(training.notes)
    assert "2 numbers" in notes and "hides up to half" in notes


@pytest.mark.parametrize("given, bottleneck, corruption", [
    ({"model": "ae(3)"}, "plain(3)", "holes"), ({"bottleneck": "plain(9)"}, "plain(9)", "holes"),
    ({"corruption": "none"}, "plain(2)", "none"), ({"model": "dae"}, "plain(2)", "noise(0.3)"),
    ({"model": "vae"}, "gaussian(2)", "holes"), ({"model": "k_sparse_ae"}, "topk", "holes"),
    ({"corruption": "holes(0.2)"}, "plain(2)", "holes(share=0.2, widths=(1, 1, 1, 2))")])
def test_what_a_person_says_of_code_and_corruption_holds(given, bottleneck, corruption, tmp_path):
    settings = make_settings({"backbone": "mlp(4)", **given})
    parts = prepare(settings, kinds(), out=tmp_path / "run").parts
    assert parts.bottleneck.startswith(bottleneck) and parts.corruption.startswith(corruption)


def test_arrays_that_are_no_tables_are_trained_as_before(tmp_path):
    x = np.random.default_rng(0).normal(size=(30, 6)).astype(np.float32)
    parts = prepare(make_settings({}), x, out=tmp_path / "run").parts
    assert parts.bottleneck == "plain(32)" and parts.corruption == "none"


def test_holes_hide_whole_cells_in_their_share():
    torch.manual_seed(0)
    x = torch.ones(4000, 6)
    seen = corrupter("holes(0.3, widths=(1, 3, 2))")(x)
    assert torch.equal(seen[:, 1], seen[:, 2]) and torch.equal(seen[:, 4], seen[:, 5])
    assert not torch.equal(seen[:, 0], seen[:, 1])
    assert (seen == 0).float().mean(0).tolist() == pytest.approx([0.3] * 6, abs=0.03)
    each = (corrupter("holes((0.0, 0.5))")(torch.ones(2000, 40)) == 0).float().mean(1)
    assert each.mean().item() == pytest.approx(0.25, abs=0.02) and each.max() > 0.4
    with pytest.raises(ValueError, match="rows of 6 numbers"):
        corrupter("holes(0.3, widths=(1, 3, 2))")(torch.ones(2, 5))


def test_neighbours_are_those_of_scikit_learn(run):
    x = run.read(kinds().mask(np.random.default_rng(3).random((120, 4)) < 0.2)).x
    donors = filler_of(run).donors
    wanted = KNNImputer(n_neighbors=15).fit(donors).transform(x)
    np.testing.assert_allclose(by_neighbours(x, donors), wanted, atol=1e-5)


def test_similar_rows_come_from_all_splits_once_the_weights_are_measured(run):
    """More rows are better neighbours, and nothing needs to be held out by then."""
    source, donors = run.source(), filler_of(run).donors
    assert len(donors) == sum(len(split) for split in source.splits.values()) == 120
    for name in source.splits:
        rows = rows_of(source, name, 120).x
        assert all((np.nan_to_num(donors) == row).all(1).any() for row in np.nan_to_num(rows))
    np.testing.assert_allclose(filler_of(run).mean, np.nanmean(donors, axis=0), rtol=1e-5)


def of_ratings(columns: int, cells: int, useful: int, seed: int = 0) -> np.ndarray:
    """The weights for columns with this number of hidden cells. A model predicts half of the
    variance in the first `useful` columns; neighbours and mean predict nothing."""
    random = np.random.default_rng(seed)
    truth = random.normal(size=(100, columns)).astype(np.float32)
    gone = np.argsort(random.random(truth.shape), axis=0) < cells
    predicts = np.arange(columns) < useful
    noise = random.normal(size=truth.shape)
    model = np.where(predicts, 0.5 * truth + 0.5 * noise, noise)
    held = Hidden(Collection(np.where(gone, np.nan, truth)), truth, gone, np.arange(100),
                  [{"name": str(i), "kind": "number"} for i in range(columns)])
    return choose_weights(held, [model, random.normal(size=truth.shape), np.zeros_like(truth)])


def test_columns_with_few_cells_take_what_is_best_for_all_if_they_are_alike():
    """MovieLens: 475 films with some ten hidden ratings each were left to their means."""
    alike = of_ratings(60, 4, 60)
    assert (alike[:, 0] > 0).mean() > 0.95
    few = of_ratings(5, 4, 5)   # of so few columns, nothing is known of all
    assert (few[:, 2] == 1).sum() > 0


def test_columns_that_cannot_be_predicted_keep_their_mean_beside_many_that_can():
    weights = of_ratings(60, 60, 30)
    assert (weights[:30, 0] > 0).all() and (weights[30:, 2] == 1).mean() > 0.7
    nothing = of_ratings(60, 6, 0)
    assert (nothing[:, 2] == 1).mean() > 0.6


def test_of_many_columns_that_a_simpler_method_fills_in_a_sentence_names_ten():
    random = np.random.default_rng(0)
    truth = random.normal(size=(20, 30)).astype(np.float32)
    columns = [{"name": f"film {i}", "kind": "number", "mean": 0.0, "std": 1.0, "whole": False,
                "low": -9.0, "high": 9.0} for i in range(30)]
    held = Hidden(Collection(truth), truth, truth > 0, np.arange(20), columns)
    weights = np.tile(np.array([0, 0, 1], np.float32), (30, 1))
    words = measured(held, [truth] * 3, weights, "test", 1)["words"][1]
    assert words.endswith("is used: " + ", ".join(f"film {i}" for i in range(10)) + " and 20 more.")


def test_each_column_is_filled_in_by_its_weights():
    columns = [{"name": "a", "kind": "number"}, {"name": "k", "kind": "category",
                                                 "values": ["x", "y"]}]
    donors = np.array([[1, 0, 1]] * 20, np.float32)
    x = np.array([[np.nan, 0, 1], [2, np.nan, np.nan]], np.float32)
    filler = Filler(np.array([[0.5, 0.25, 0.25], [0, 0, 1]], np.float32), 1, donors,
                    np.array([-1, 0.3, 0.7], np.float32))
    filled = filler.fill(x, np.full((2, 3), 4, np.float32), columns)
    np.testing.assert_allclose(filled, [[0.5 * 4 + 0.25 * 1 - 0.25, 0, 1], [2, 0.3, 0.7]],
                               rtol=1e-6)


def test_what_cannot_be_learnt_is_filled_in_by_the_mean_or_near_it(run):
    told = filler_of(run).measurements
    rows = {row[0]: row for row in told["rows"]}
    assert list(rows) == ["a", "b", "noise", "kind"]
    assert rows["kind"][1] == "accuracy" and rows["a"][1] == "RMSE"
    assert float(rows["b"][5]) < 0.5 * float(rows["b"][4]), "filled in far better than by the mean"
    assert float(rows["noise"][5]) < 1.15 * float(rows["noise"][4]), "nowhere much worse"


def test_the_error_in_the_report_is_that_of_hidden_cells_in_their_units(run):
    """Measured again by hand, with other hidden cells of the same rows."""
    source, frame = run.source(), kinds()
    index = source.splits["test"].index.numpy()
    random, errors = np.random.default_rng(5), []
    for _ in range(100):
        gone = random.random(len(index)) < 0.3
        own = frame.iloc[index].reset_index(drop=True)
        filled = run.impute(own.assign(b=own.b.mask(gone)))
        errors += list((filled.b - own.b)[gone])
    told = {row[0]: float(row[5]) for row in filler_of(run).measurements["rows"]}
    assert told["b"] == pytest.approx(np.sqrt(np.square(errors).mean()), rel=0.5)


def test_it_is_kept_with_the_run_and_shown_in_its_report(run):
    again = filler_of(hg.load(run.folder.path))
    np.testing.assert_array_equal(again.weights, filler_of(run).weights)
    page = hg.report(run.folder.path).read_text()
    assert "15 neighbours" in page and "observed cells of test rows were hidden" in page
    (run.folder.path / "imputation.safetensors").write_bytes(b"damaged")
    found = filler_of(hg.load(run.folder.path))
    np.testing.assert_array_equal(found.weights, again.weights)


def test_where_data_and_filler_are_gone_the_model_is_on_its_own(tmp_path):
    run = train(kinds(40), backbone="mlp(4)", epochs=1, out=tmp_path / "run", quiet=True)
    (tmp_path / "run" / "imputation.safetensors").unlink()
    assert (filler_of(hg.load(tmp_path / "run")).weights == [1, 0, 0]).all()
    assert filler_of(run).measurements["rows"], "this one has its data"


def test_more_rounds_put_what_is_filled_in_in_again(run):
    x = run.read(kinds().mask(np.random.default_rng(3).random((120, 4)) < 0.3)).x
    once = by_model(run, Collection(x), 1)
    again = run.reconstruct(Collection(np.where(np.isnan(x), once, x)))
    np.testing.assert_allclose(by_model(run, Collection(x), 2), again, atol=1e-5)


@pytest.mark.parametrize("model", ["cvae(1)", "semi_supervised_vae(1)", "vae(1)", "fsq_vae"])
def test_models_of_other_kinds_fill_in_too(model, tmp_path):
    frame = kinds(60)
    trained = train(frame.drop(columns="kind"), y=frame.kind, model=model, backbone="mlp(8)",
                    epochs=1, out=tmp_path / "run", quiet=True)
    holed = frame.drop(columns="kind").mask(np.random.default_rng(0).random((60, 3)) < 0.2)
    filled = trained.impute(holed, frame.kind)
    assert filled.notna().all().all()


def test_without_validation_rows_the_model_is_on_its_own_and_it_is_said(tmp_path, capfd):
    kinds(60).to_csv(tmp_path / "t.csv", index=False)
    train(tmp_path / "t.csv", model="ae(1)", backbone="mlp(4)", epochs=1, val=0, test=0,
          out=tmp_path / "run")
    assert "There are no validation rows" in capfd.readouterr().err


def test_the_commands_say_what_fills_in_and_how_right_it_is(tmp_path, hourglass):
    holed = kinds().mask(np.random.default_rng(2).random((120, 4)) < 0.1)
    holed.to_csv(tmp_path / "t.csv", index=False)
    code, _, err = hourglass(f"train {tmp_path / 't.csv'} --epochs 3 --backbone mlp(8) "
                             f"-o {tmp_path / 'run'} --no-report")
    assert code == 0 and "15 neighbours" in err and "as filled in" in err
    code, out, _ = hourglass(f"impute {tmp_path / 'run'} {tmp_path / 't.csv'} "
                             f"-o {tmp_path / 'full.csv'}")
    assert code == 0 and "noise: " in out and "on hidden cells" in out
    assert pd.read_csv(tmp_path / "full.csv").notna().all().all()
    assert not Path(tmp_path / "run" / "report.html").exists()


def test_parts_of_a_row_are_one_after_another():
    columns = [{"kind": "number"}, {"kind": "category", "values": ["a", "b", "c"]}]
    assert parts_of(columns) == [slice(0, 1), slice(1, 4)]
