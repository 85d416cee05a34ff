"""Tables: columns learnt from the training rows, holes masked out of the loss and filled in."""

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import train

import hourglass as hg
from hourglass.analysis.figures.reconstructions import lines
from hourglass.analysis.snapshot import load_snapshot
from hourglass.analysis.take_snapshot import take
from hourglass.data.collect import collect, split
from hourglass.data.read_image import Reading
from hourglass.data.sources.table import from_frame, whole
from hourglass.model.autoencoder import Autoencoder
from hourglass.model.loss_step import Step
from hourglass.model.objective import Objective
from hourglass.model.parts import Parts
from hourglass.run.settings import make_settings
from hourglass.training.setup import prepare
from hourglass.training.validation import EVALUATION_SEED

ROWS = 240


def rows(holes: float = 0.0) -> pd.DataFrame:
    """One number that decides all others, as kinds of columns that people have."""
    random = np.random.default_rng(0)
    a = random.normal(size=ROWS)
    frame = pd.DataFrame({
        "id": range(ROWS), "size": 50 + 3 * a, "count": np.rint(30 + 10 * a),
        "kind": np.where(a > 0, "round", "flat"), "good": a > 0.5,
        "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(np.rint(100 * a), unit="D"),
        "same": 7, "name": [f"n{i}" for i in range(ROWS)], "none": np.nan})
    for column in ("size", "count", "kind", "good", "day") if holes else ():
        gone = random.random(ROWS) < holes
        kept = frame[column].astype(object if frame[column].dtype == bool else frame[column].dtype)
        frame[column] = kept.mask(gone)
    return frame


def source_of(frame: pd.DataFrame, shares: dict | None = None, **options):
    return split(whole(from_frame(frame, **options)), shares or {"val": 0.1, "test": 0.1}, 0)


def every(part) -> torch.Tensor:
    return next(part.batches(len(part)))


def test_columns_become_numbers_as_by_hand_from_the_training_rows():
    frame = rows()
    source = source_of(frame)
    part = source.splits["train"]
    own = frame.iloc[part.index.numpy()]
    days = (own.day - pd.Timestamp("1970-01-01")) / pd.Timedelta(days=1)
    scaled = [((v - v.mean()) / v.std(ddof=0)).to_numpy() for v in (own["size"], own["count"])]
    wanted = np.stack([*scaled, own.kind == "flat", own.kind == "round", ~own.good, own.good,
                       ((days - days.mean()) / days.std(ddof=0)).to_numpy()], 1)
    np.testing.assert_allclose(every(part).x.numpy(), wanted.astype(float), atol=1e-4)
    said = " ".join(source.notes)
    assert all(f"{name!r}" in said for name in ("id", "same", "name", "none"))


def test_test_rows_change_nothing_in_training():
    """Pitfall 21: columns are scaled by training rows alone."""
    frame = rows()
    before = source_of(frame)
    index = before.splits["test"].index.numpy()
    frame.loc[index, "size"], frame.loc[index, "kind"] = 1e9, "unheard of"
    after = source_of(frame)
    assert torch.equal(every(after.splits["train"]).x, every(before.splits["train"]).x)
    assert (every(after.splits["test"]).known[:, 2:4] == 0).all(), "an unseen kind is unknown"
    assert any("unheard of" in note for note in after.notes)


@pytest.mark.parametrize("likelihood", ["normal", "laplace", "normal('learned')"])
def test_the_loss_counts_what_is_known_and_no_gradient_sees_the_rest(likelihood):
    batch = every(source_of(rows(0.3)).splits["train"])
    assert 0.5 < batch.known.mean() < 0.9
    model = Autoencoder(Parts("mlp(8)", bottleneck="plain(2)", likelihood=likelihood),
                        (batch.x.shape[1],))
    step = Step(model, Objective("recon", model))
    loss, _ = step(batch.x, known=batch.known)
    px = model(batch.x).px
    each = [-px.log_prob(batch.x)[i][batch.known[i] == 1].sum() for i in range(len(batch.x))]
    torch.testing.assert_close(loss, torch.stack(each).mean())

    loss.backward()
    first = [p.grad.clone() for p in model.parameters() if p.grad is not None]
    model.zero_grad()
    other = torch.where(batch.known == 1, batch.x, 0)   # the target where nothing is known: any
    out = model(other, known=batch.known)
    out.x = torch.where(batch.known == 1, batch.x, 1e3)
    Objective("recon", model)(out, model)[0].backward()
    for a, b in zip(first, [p.grad for p in model.parameters() if p.grad is not None], strict=True):
        torch.testing.assert_close(a, b)


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> hg.Trained:
    folder = tmp_path_factory.mktemp("table")
    rows(0.1).to_csv(folder / "rows.csv", index=False)
    return train(folder / "rows.csv", out=folder / "run", backbone="mlp(32)", epochs=120, lr=0.01,
                 bottleneck="plain(1)", batch_size=32, quiet=True)


def test_holes_are_filled_better_than_by_means_and_all_else_stays(run):
    holed, full = rows(0.1), rows()
    filled = run.impute(holed)
    assert list(filled.columns) == list(full.columns)
    for name in ("size", "count"):
        gone = holed[name].isna()
        error = np.sqrt(((filled[name] - full[name])[gone] ** 2).mean())
        assert error < 0.3 * full[name].std(), name
        pd.testing.assert_series_equal(filled[name][~gone], full[name][~gone], check_dtype=False)
    for name in ("kind", "good"):
        gone = holed[name].isna()
        assert (filled[name] == full[name])[gone].mean() > 0.75, name
    days = (filled.day - full.day)[holed.day.isna()].dt.days.abs()
    assert days.mean() < 30 and filled["count"].dtype == np.int64 and filled.good.dtype == bool
    assert filled["none"].isna().all(), "what the model knows nothing of stays"


def test_numbers_that_name_kinds_are_filled_in_as_numbers():
    frame = pd.DataFrame({"code": [94103, 10001, np.nan] * 20, "x": np.arange(60.0) ** 2})
    found = whole(from_frame(frame, categories="code"))
    filled = found.raw.filled(found.encoding, np.tile([1.0, 0, 0], (60, 1))).code
    assert filled.dtype == float and set(filled[frame.code.isna()]) == {10001.0}


def test_the_command_fills_in_cells_and_leaves_the_others_as_written(run, tmp_path, hourglass):
    holed = rows(0.1).assign(name="007")
    holed.to_csv(tmp_path / "holed.csv", index=False)
    code, out, _ = hourglass(
        f"impute {run.folder.path} {tmp_path / 'holed.csv'} -o {tmp_path / 'full.csv'}")
    before, after = (pd.read_csv(tmp_path / f"{n}.csv", dtype=str, keep_default_na=False)
                     for n in ("holed", "full"))
    assert code == 0 and "cells filled in" in out
    there = before != ""
    assert (after.where(there) == before.where(there))[there].all().all()
    assert (after[["size", "count", "kind", "good", "day"]] != "").all().all()
    same = f"impute {run.folder.path} {tmp_path / 'holed.csv'} -o {tmp_path / 'holed.csv'}"
    assert hourglass(same)[0] == 2
    assert hourglass(f"impute {run.folder.path} digits -o {tmp_path / 'f.csv'}")[0] == 2


def test_new_tables_are_encoded_as_those_of_training(run, tmp_path):
    frame = rows()
    codes = run.encode(frame)
    shuffled = frame.sample(frac=1, random_state=0)[frame.columns[::-1]].drop(columns="id")
    np.testing.assert_allclose(run.encode(shuffled), codes[shuffled.index], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(run.encode(frame.head(1)), codes[:1], rtol=1e-4, atol=1e-5)
    frame.to_parquet(tmp_path / "rows.parquet")
    np.testing.assert_allclose(run.encode(tmp_path / "rows.parquet"), codes, rtol=1e-5)
    assert np.isfinite(run.encode(frame.assign(size=np.nan, kind=None))).all()
    with pytest.raises(ValueError, match=r"lacks the column 'size'.*'syze'"):
        run.encode(frame.rename(columns={"size": "syze"}))
    with pytest.raises(ValueError, match="'size' holds no numbers"):
        run.encode(frame.assign(size="big"))
    notes = run.read(frame.assign(kind="square", extra=1)).notes
    assert any("square" in note for note in notes) and any("extra" in note for note in notes)


@pytest.mark.parametrize("options", ["", ", drop='count'", ", label='kind', drop=('day',)"])
def test_a_run_on_a_table_goes_on(tmp_path, options):
    rows().to_csv(tmp_path / "rows.csv", index=False)
    data = f"table({str(tmp_path / 'rows.csv')!r}{options})"
    train(data, model="ae(2)", backbone="mlp(8)", epochs=1, out=tmp_path / "run", quiet=True)
    again = hg.resume(tmp_path / "run", epochs=2, quiet=True, report=False)
    assert len(again.folder.read_history()) == 2


def test_missing_cells_count_in_no_metric(run):
    snapshot = take(run.model, run.source())
    error = (snapshot.x - snapshot.recon) ** 2
    wanted = [row[known].mean() for row, known in zip(error, snapshot.known, strict=True)]
    np.testing.assert_allclose(snapshot.squared, wanted, rtol=1e-5)
    assert not snapshot.known.all() and snapshot.known.dtype == bool
    assert lines(snapshot).axes, "with holes where nothing is known"
    snapshot.save(run.folder.path / "snap.npz")
    kept = load_snapshot(run.folder.path / "snap.npz")
    np.testing.assert_array_equal(kept.known, snapshot.known)


@pytest.mark.parametrize("model, told", [("ae(32)", True), ("ae(2)", False), ("vae(32)", False)])
def test_a_code_that_holds_a_row_whole_is_told(model, told, tmp_path):
    rows().to_csv(tmp_path / "rows.csv", index=False)
    settings = make_settings({"data": str(tmp_path / "rows.csv"), "model": model})
    notes = prepare(settings, out=tmp_path / "run").notes
    assert any("just copy" in note for note in notes) == told


def test_the_mean_error_per_value_is_over_known_values(run):
    last = run.folder.read_history()[-1]
    part = run.source().splits["val"]
    batch = every(part)
    assert part.known == pytest.approx(float(batch.known.mean()))
    best = min(run.folder.read_history(), key=lambda row: row["val_loss"])
    with torch.random.fork_rng():
        torch.manual_seed(EVALUATION_SEED)   # of the holes, which are drawn in validation too
        again = run.model(batch.x, draw=True).px.mean
    error = ((again - batch.x) ** 2 * batch.known).sum() / batch.known.sum()
    assert best["val_mse"] == pytest.approx(error.item(), rel=1e-3)
    assert "train_mse" not in last   # an epoch cut short would have other holes


def test_labels_are_a_column_or_beside_the_frame(tmp_path):
    frame = rows()
    labelled = source_of(frame, label="kind")
    assert labelled.classes == ("flat", "round") and labelled.shape == (5,)
    beside = split(collect(frame.drop(columns="kind"), Reading(), frame.kind), {}, 0)
    assert beside.classes == labelled.classes
    with pytest.raises(ValueError, match="samples have no label"):
        train(rows(0.1).drop(columns="kind"), y=rows(0.1).kind, out=tmp_path / "run")
    numbers = source_of(frame.assign(code=np.arange(ROWS) % 3 + 10), categories="code")
    assert numbers.shape == (10,)


def test_a_data_frame_is_trained_on(tmp_path):
    model = train(rows(0.1), y=rows().kind, model="ae(2)", backbone="mlp(8)", epochs=1,
                  out=tmp_path / "run", quiet=True)
    assert model.classes == ("flat", "round")
    assert model.impute(rows(0.1))["size"].notna().all()
    again = hg.load(tmp_path / "run")
    np.testing.assert_array_equal(again.encode(rows()), model.encode(rows()))
    with pytest.raises(ValueError, match="array in memory"):
        again.source()


@pytest.mark.parametrize("content, said", [
    ("", "is empty"), ("a,b\n", "holds no rows"), ("a,b,a\n1,2,3\n", "two columns named 'a'"),
    ("a,b\n1,2\n3,4,5\n", "cannot be read as a table"), ("a\nx\nx\n", "no column can be used"),
    ("name\nann\nbob\ncy\n", "3 texts that differ"), (b"\x00\xff\x01a", "UTF-8"),
    ("a,b\n1,1\n1,1\n", "same in all training rows")])
def test_a_file_that_is_no_table_says_why(tmp_path, content, said):
    path = tmp_path / "t.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError, match=said):
        collect(str(path), Reading())


@pytest.mark.parametrize("content, shape", [
    ("a;b\n1,5;2\n2,25;9\n3,5;4\n", 2), ("a\tb\n1\t2\n2\t9\n7\t4\n", 2), ("a\n1\n5\n3\n", 1),
    (",a\n0,5\n1,3\n2,9\n", 1), ("\ufeffa,b\n1,2\n5,5\n9,4\n", 2), ("a,b\n1,inf\n5,5\n9,4\n", 2)])
def test_tables_as_people_save_them(tmp_path, content, shape):
    (tmp_path / "t.csv").write_text(content, encoding="utf-8")
    found = collect(str(tmp_path / "t.csv"), Reading())
    assert found.shape == (shape,) and abs(np.nanmean(found.x, axis=0)).max() < 1e-6
    assert found.encoding["columns"][0]["name"] == "a"


@pytest.mark.parametrize("data, options", [
    (rows(), {"label": "kidn"}), (rows(), {"drop": "nme"}), (rows(), {"categories": "cuont"})])
def test_a_wrong_column_says_what_is_right(data, options):
    with pytest.raises(ValueError, match="did you mean"):
        from_frame(data, **options)
