"""Time series: windows cut after the split, scaled by the training part; scores step by step."""

import csv
import importlib.util
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import train

import hourglass as hg
from hourglass.core.contracts import Collection
from hourglass.data.collect import collect, split
from hourglass.data.column_values import as_numbers, as_times
from hourglass.data.read_image import Reading
from hourglass.data.sources.nab import read_nab
from hourglass.data.sources.series import from_frame, read_series, whole
from hourglass.inference.window_means import StepMeans
from hourglass.model.autoencoder import Autoencoder
from hourglass.model.parts import Parts
from hourglass.run.settings import make_settings, read_recipe
from hourglass.tasks.plot_series import draw_series
from hourglass.tasks.score_series import (
    by_step,
    labelled_steps,
    read_spans,
    runs,
    score_series,
)
from hourglass.tasks.series_words import in_words

STEPS = 300
SHARES = {"val": 0.2, "test": 0.2}


def waves(steps: int = STEPS) -> pd.DataFrame:
    """Two channels of a wave, five minutes a step, and a column of texts."""
    t = np.arange(steps)
    return pd.DataFrame({"when": pd.date_range("2024-01-01", periods=steps, freq="5min"),
                         "flow": 100 + 5 * np.sin(t / 5), "heat": np.cos(t / 5), "who": "me"})


@pytest.fixture
def readings(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    waves().to_csv("readings.csv", index=False)
    return tmp_path / "readings.csv"


def source_of(text: str, shares: dict | None = None):
    return split(collect(text, Reading()), SHARES if shares is None else shares, 0)


def every(part) -> np.ndarray:
    return next(part.batches(len(part))).x.numpy()


def test_windows_are_those_cut_by_hand(readings):
    source = source_of("series('readings.csv', window=10, stride=3)")
    values = waves()[["flow", "heat"]].to_numpy()
    train_part = values[:180]   # 60 % of 300 steps
    ends = 180 - 10 - (180 - 10) % 3 + 10   # where the last training window ends
    mean, std = values[:ends].mean(0), values[:ends].std(0)
    cut = [((train_part[i:i + 10] - mean) / std).T for i in range(0, 171, 3)]
    np.testing.assert_allclose(every(source.splits["train"]), np.stack(cut), atol=1e-5)
    assert source.shape == (2, 10)


@pytest.mark.parametrize("stride", [1, 4, 7])
def test_no_window_lies_in_two_parts_and_parts_follow_one_another(readings, stride):
    source = source_of(f"series('readings.csv', window=20, stride={stride})")
    limits = {"train": (0, 180), "val": (180, 240), "test": (240, 300)}
    for name, part in source.splits.items():
        starts = part.index.numpy() * stride
        assert len(starts) and starts.min() >= limits[name][0]
        assert starts.max() + 20 <= limits[name][1]


def test_what_comes_later_changes_nothing_in_training(readings):
    """Pitfall 21: a series is split by time before it is cut into windows."""
    text = "series('readings.csv', window=10)"
    before = every(source_of(text).splits["train"])
    later = waves()
    later.loc[180:, "flow"] = 1e6
    later.loc[200:, "heat"] = np.nan
    later.to_csv("readings.csv", index=False)
    after = source_of(text)
    np.testing.assert_array_equal(every(after.splits["train"]), before)
    assert every(after.splits["test"]).max() > 1000


def test_overlapping_windows_are_not_copied():
    frame = pd.DataFrame({"v": np.random.default_rng(0).normal(size=5000)})
    source = split(whole(from_frame(frame, 500)), {}, 0)
    held = source.splits["train"].x
    assert held.untyped_storage().nbytes() == 5000 * 4


def test_missing_values_are_known_to_be_and_0(readings):
    frame = waves()
    frame.loc[30, "heat"] = np.nan
    frame.to_csv("readings.csv", index=False)
    batch = next(source_of("series('readings.csv', window=10)").splits["train"].batches(500))
    assert batch.known.shape == batch.x.shape and (batch.known == 0).sum() == 10
    assert (batch.x[batch.known == 0] == 0).all()


@pytest.mark.parametrize("change, said", [
    (lambda f: f.iloc[::-1], "sorted"), (lambda f: f.drop(index=[50, 51, 52]), "20 minutes"),
    (lambda f: pd.concat([f, f.tail(2)]), "2 times in 'when' occur more than once"),
    (lambda f: f.assign(flow=3.0), "flow is constant"),
    (lambda f: f.assign(heat=f.heat.where(f.index != 9)), "heat: 1 of 300 values are missing"),
    (lambda f: f.drop(columns="when"), "no column of times"),
    (lambda f: f.assign(heat=["?"] * 3 + f.heat.astype(str).tolist()[3:]), "3 cells"),
    (lambda f: f.assign(when=["soon", *f.when.astype(str).tolist()[1:]]), "1 rows have no time"),
    (lambda f: f.assign(empty=np.nan), "'empty' is empty"),
    (lambda f: f.assign(number=range(len(f))), "'number' numbers the rows")])
def test_what_is_odd_is_said(readings, change, said):
    change(waves()).to_csv("readings.csv", index=False)
    source = source_of("series('readings.csv', window=10)")
    assert any(said in note for note in source.notes), source.notes
    assert np.isfinite(every(source.splits["train"])).all() and source.shape == (2, 10)


@pytest.mark.parametrize("text, said", [
    ("series('readings.csv')", "up to 30"), ("series('readings.csv', window=400)", "shorter"),
    ("series('readings.csv', window=5, columns='who')", "no numbers"),
    ("series('readings.csv', window=5, columns=('flow', 'haet'))", "'heat'"),
    ("series('readings.csv', window=5, time='whn')", "'when'"),
    ("series('readings.csv', window=5, time='who')", "neither times"),
    ("series('none.csv')", "no file"), ("nab('nothing')", "nab.zip|no series")])
def test_what_cannot_be_says_what_is_right(readings, text, said, monkeypatch):
    with pytest.raises(ValueError, match=said):
        source_of(text, {"val": 0.1, "test": 0.1} if "csv')" in text else None)


def test_times_and_numbers_are_told_apart():
    as_text = pd.Series(["2024-01-01 00:00", "2024-01-02T03:00:00Z", None])
    assert np.isnat(as_times(as_text)).tolist() == [False, False, True]
    assert as_times(pd.Series([1.0, 2.0])) is None and as_numbers(as_text) is None
    assert as_numbers(pd.Series([True, False])) is None
    values, lost = as_numbers(pd.Series(["1", "2.5", "-", "4", None]))
    assert lost == 1 and np.nansum(values) == 7.5


@pytest.mark.parametrize("length", [1, 2, 7, 9, 31, 288])
@pytest.mark.parametrize("up", ["transpose", "nearest", "linear"])
@pytest.mark.parametrize("options", ["", "filters=(8, 4), norm='batch', dropout=0.1, ",
                                     "filters=5, kernel=3, stride=3, norm='layer', "])
def test_conv1d_gives_back_every_length(length, up, options):
    parts = Parts(f"conv1d({options}up='{up}')", bottleneck="plain(2)", likelihood="normal")
    x = torch.randn(2, 3, length)
    out = Autoencoder(parts, (3, length)).eval()(x)
    assert out.px.mean.shape == x.shape and out.latent.z.shape == (2, 2)


def test_keras_example_has_its_parameters():
    parts = make_settings(read_recipe("keras_series")).parts()
    model = Autoencoder(parts, (1, 288))
    assert sum(p.numel() for p in model.parameters() if p.requires_grad) == 9505
    layers = [layer for layer in model.modules() if isinstance(layer, torch.nn.Conv1d)]
    assert all((layer.bias == 0).all() for layer in layers), "begun as Keras does"


@pytest.mark.parametrize("backbone, shape, said", [
    ("conv1d", (1, 8, 8), "use --backbone conv"), ("conv1d", (8,), "use --backbone mlp"),
    ("conv", (1, 8), "use --backbone conv1d"),
    ("conv1d(kernel=4, filters=(2, 2, 2, 2))", (1, 5), "too short")])
def test_a_backbone_of_another_shape_says_which_is_right(backbone, shape, said):
    with pytest.raises(ValueError, match=said):
        Autoencoder(Parts(backbone, likelihood="normal"), shape)


@pytest.mark.parametrize("stride", [1, 3])
def test_means_over_windows_are_those_of_a_loop(stride):
    random = np.random.default_rng(0)
    values, counts = random.normal(size=(9, 5, 2)), random.integers(0, 2, (9, 5, 2))
    means = StepMeans(9, 5, stride, 2)
    means.add(0, values[:4], counts[:4])
    means.add(4, values[4:], counts[4:])
    steps = 8 * stride + 5
    held = [[[] for _ in range(2)] for _ in range(steps)]
    for i in range(9):
        for j in range(5):
            for c in range(2):
                if counts[i, j, c]:
                    held[i * stride + j][c].append(values[i, j, c])
    wanted = [[np.mean(h) if h else np.nan for h in step] for step in held]
    np.testing.assert_allclose(means.mean, wanted)


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> hg.Trained:
    folder = tmp_path_factory.mktemp("series")
    waves().to_csv(folder / "readings.csv", index=False)
    return train(f"series({str(folder / 'readings.csv')!r}, window=16)", out=folder / "run",
                 backbone="conv1d((8, 4), kernel=3)", bottleneck="plain(4)", epochs=30, lr=0.01,
                 batch_size=32, val=0.2, test=0.2, quiet=True)


def broken(folder: Path) -> Path:
    """The waves again, with a jump at steps 200 to 219."""
    frame = waves()
    frame.loc[200:219, "flow"] += 40
    frame.to_csv(folder / "broken.csv", index=False)
    return folder / "broken.csv"


def test_steps_of_a_jump_are_abnormal_and_others_are_not(run, tmp_path):
    scored = score_series(run, broken(tmp_path), "largest")
    assert scored.verdict[203:217].all() and not scored.verdict[:150].any()
    assert scored.normal == "val" and scored.score.shape == scored.probability.shape == (STEPS,)
    assert scored.probability[210] > 0.999
    assert abs(scored.recon[:100, 0].mean() - 100) < 5, "in the owner's units"


def test_scores_are_those_of_a_loop_over_windows(run, tmp_path):
    x = np.array(run.read(broken(tmp_path)).x)
    errors = np.abs(run.reconstruct(Collection(x)) - x).mean(2)
    wanted = [np.mean([errors[i, t - i] for i in range(max(0, t - 15), min(len(x), t + 1))])
              for t in range(STEPS)]
    np.testing.assert_allclose(by_step(run, x, 1).score, wanted, rtol=1e-4)
    last = np.concatenate([errors[0], errors[1:, -1]])
    np.testing.assert_allclose(by_step(run, x, 1, causal=True).score, last, rtol=1e-4)


def test_a_causal_score_knows_nothing_of_what_comes(run, tmp_path):
    before = score_series(run, broken(tmp_path), causal=True).score[:260]
    frame = pd.read_csv(tmp_path / "broken.csv")
    frame.loc[260:, "flow"] = -1e3
    frame.to_csv(tmp_path / "broken.csv", index=False)
    after = score_series(run, tmp_path / "broken.csv", causal=True).score[:260]
    np.testing.assert_allclose(after, before, rtol=1e-5)


def test_missing_steps_have_no_score_and_hide_no_others(run, tmp_path):
    frame = waves()
    frame.loc[100:102, ["flow", "heat"]] = np.nan
    frame.to_csv(tmp_path / "holes.csv", index=False)
    scored = score_series(run, tmp_path / "holes.csv", "largest")
    assert np.isnan(scored.score).sum() == 3 and not scored.verdict[100:103].any()


def test_other_columns_windows_and_kinds_are_refused(run, tmp_path):
    waves().drop(columns="heat").to_csv(tmp_path / "less.csv", index=False)
    with pytest.raises(ValueError, match="no column 'heat'"):
        run.encode(tmp_path / "less.csv")
    waves(10).to_csv(tmp_path / "short.csv", index=False)
    with pytest.raises(ValueError, match="shorter than a window of 16"):
        run.encode(tmp_path / "short.csv")
    with pytest.raises(ValueError, match="trained on a series"):
        run.encode("digits")
    assert run.encode(waves(20)).shape == (5, 4), "a data frame is encoded too"


def test_labelled_windows_are_read_and_counted(run, tmp_path):
    (tmp_path / "w.json").write_text('[["2024-01-01 16:40:00", "2024-01-01 18:15:00"]]')
    scored = score_series(run, broken(tmp_path), "largest")
    spans = read_spans(str(tmp_path / "w.json"))
    assert runs(labelled_steps(scored.series, spans)) == [(200, 220)]
    assert any("1 of 1 labelled windows are found" in line for line in in_words(scored, spans))
    draw_series(scored, tmp_path / "plot.png", spans)
    assert (tmp_path / "plot.png").stat().st_size > 10_000
    (tmp_path / "w.json").write_text('{"x/other.csv": []}')
    with pytest.raises(ValueError, match="has no entry for"):
        read_spans(str(tmp_path / "w.json"), "broken.csv")
    (tmp_path / "w.json").write_text("[1, 2]")
    with pytest.raises(ValueError, match="is not a list"):
        read_spans(str(tmp_path / "w.json"))


def test_the_command_writes_a_row_a_step_and_says_if_one_is_abnormal(run, tmp_path, hourglass):
    folder, table = run.folder.path, tmp_path / "scores.csv"
    code, out, _ = hourglass(f"score {folder} {broken(tmp_path)} -o {table} --threshold largest")
    rows = list(csv.DictReader(open(table)))
    assert code == 1 and len(rows) == STEPS and "in 1 stretch:" in out and "1 stretches" not in out
    assert rows[210]["when"] == "2024-01-01 17:30:00" and rows[210]["verdict"] == "abnormal"
    assert hourglass(f"score {folder} {broken(tmp_path)} --detector error -o {table}")[0] == 2
    assert hourglass(f"score {folder} {broken(tmp_path)} -o {tmp_path / 's.json'}")[0] == 2


@pytest.mark.parametrize("command, said", [
    ("generate {run} -o drawn.png", "no picture"), ("morph {run} 1 2 -o m.gif", "no picture"),
    ("reconstruct {run} {data} --sharpen 1", "trained on a series"),
    ("vary {run} 1 -o v.png", "no picture")])
def test_what_makes_pictures_refuses_series(run, readings, hourglass, command, said):
    code, _, err = hourglass(command.format(run=run.folder.path, data=readings))
    assert code == 2 and said in err


def test_windows_are_drawn_into_an_array(run, tmp_path, hourglass):
    assert hourglass(f"generate {run.folder.path} -n 5 -o {tmp_path / 'new.npy'}")[0] == 0
    assert np.load(tmp_path / "new.npy").shape == (5, 16, 2)


def test_a_run_on_a_series_has_a_whole_report(readings):
    model = hg.train(f"series({str(readings)!r}, window=16)", model="vae(2)", epochs=1, val=0.2,
                     test=0.2, backbone="conv1d((4, 4))", out="run", quiet=True)
    assert (model.folder.figures / "lines.png").is_file()
    assert "<h3>Reconstructions</h3>" in model.folder.report.read_text()
    again = hg.load("run")
    np.testing.assert_array_equal(again.encode(readings), model.encode(readings))


def test_a_run_on_a_relative_path_is_found_from_elsewhere(readings, tmp_path, monkeypatch):
    model = train("series('readings.csv', window=16)", model="ae(2)", epochs=1, val=0.2, test=0.2,
                  backbone="conv1d((4, 4))", out=tmp_path / "run", quiet=True)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert len(model.source().splits["test"]) == 45


def nab_score():
    path = Path(__file__).parent.parent / "benchmarks" / "nab_score.py"
    spec = importlib.util.spec_from_file_location("nab_score", path)
    module = sys.modules["nab_score"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("profile", ["standard", "few false alarms", "few misses"])
def test_the_benchmarks_score_is_100_for_the_perfect_and_0_for_the_silent(profile):
    scores, windows = nab_score(), [(50, 69), (100, 119)]
    weights, flags = scores.PROFILES[profile], np.zeros(200, bool)

    def score(flags: np.ndarray) -> float:
        raw = scores.raw_score(flags, windows, 30, weights)
        return scores.normalised(np.array([raw]), np.array([2]), weights)
    assert score(flags) == 0
    flags[[50, 100]] = True
    assert score(flags) == pytest.approx(100)
    flags[10] = True
    assert score(flags) == pytest.approx(100), "the first part is for learning"
    flags[60] = True
    assert score(flags) == pytest.approx(100), "only the first detection in a window counts"
    flags[190] = True
    assert score(flags) == pytest.approx(100 - 100 * weights[1] / (2 * weights[0] + 2 * weights[2]),
                                         abs=0.05), "far behind a window"
    late = np.zeros(200, bool)
    late[[69, 119]] = True
    found = 2 / (1 + np.exp(5 * -1 / 20)) - 1   # at the end, one step of twenty away
    wanted = 100 * (weights[0] * found / (2 / (1 + np.exp(-5)) - 1) + weights[2]) / (
        weights[0] + weights[2])
    assert score(late) == pytest.approx(wanted)


def test_the_benchmarks_series_come_with_their_labels(real):
    series = read_nab("art_daily_jumpsup")
    assert series.values.shape == (4032, 1) and len(series.labelled) == 1
    assert runs(labelled_steps(series, series.labelled)) == [(2787, 3190)]


def test_the_file_of_a_series_is_a_series(readings):
    assert read_series("readings.csv", 10).columns == ("flow", "heat")


def test_a_reconstructed_series_keeps_times_and_units_and_has_a_picture(
    run, readings, tmp_path, hourglass
):
    again = run.reconstruct(readings)
    wanted = score_series(run, readings)
    assert list(again.columns) == ["when", "flow", "heat"] and len(again) == STEPS
    np.testing.assert_array_equal(again.when, wanted.series.times)
    np.testing.assert_allclose(again[["flow", "heat"]], wanted.recon, rtol=1e-6)
    indexed = waves().set_index("when")
    indexed.index = pd.to_datetime(indexed.index)
    np.testing.assert_allclose(run.reconstruct(indexed).flow, again.flow, rtol=1e-6)
    code, out, _ = hourglass(f"reconstruct {run.folder.path} {readings} -o {tmp_path / 'out'}")
    written = pd.read_csv(tmp_path / "out" / "reconstruction.csv")
    error = np.sqrt(np.mean((waves().flow - again.flow) ** 2))
    assert code == 0 and f"{STEPS} steps" in out and f"flow: RMSE {error:.4g}" in out
    assert written.when[5] == "2024-01-01 00:25:00" and written.flow.mean() > 90
    assert (tmp_path / "out" / "reconstruction.png").stat().st_size > 10_000


def test_reconstructed_steps_are_the_means_of_windows_around_missing_values(run):
    frame = waves()
    frame.loc[100:102, "flow"] = np.nan
    again, x = run.reconstruct(frame), np.array(run.read(frame).x)
    windows = run.reconstruct(Collection(x))
    scale = run.description.encoding
    at = 101
    wanted = np.mean([windows[i, at - i] for i in range(at - 15, at + 1)], 0)
    np.testing.assert_allclose(again[["flow", "heat"]].iloc[at],
                               wanted * scale["std"] + scale["mean"], rtol=1e-4)


@pytest.mark.parametrize("kind, shape", [("series", (30, 12, 2)), ("", (30, 6))])
def test_windows_and_vectors_are_reconstructed_into_an_array(kind, shape, tmp_path, hourglass):
    x = np.random.default_rng(0).normal(50, 3, shape).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    data = f"array('{tmp_path / 'x.npy'}', kind='{kind}')"
    model = hg.train(data, model="ae(2)", backbone="mlp(8)", epochs=1, quiet=True, report=False,
                     out=tmp_path / "run")
    code, out, said = hourglass(f"reconstruct {tmp_path / 'run'} {tmp_path / 'x.npy'} "
                                f"-o {tmp_path / 'out'}")
    again = np.load(tmp_path / "out" / "reconstruction.npy")
    assert code == 0 and again.shape == shape, said
    np.testing.assert_allclose(again, model.reconstruct(x), rtol=1e-5)
    assert float(out.split()[-1]) == pytest.approx(np.mean((again - x) ** 2), rel=1e-3)
    assert hourglass(f"reconstruct {tmp_path / 'run'} {tmp_path / 'x.npy'} -o a.csv")[0] == 2
