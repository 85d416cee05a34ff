"""Series as people have them: units, labels, switches, split times, arrays and data frames."""

import csv
import json
import zipfile

import numpy as np
import pandas as pd
import pytest
from conftest import train

import hourglass as hg
from hourglass.data.collect import collect, split
from hourglass.data.find import settle
from hourglass.data.read_image import Reading
from hourglass.data.series_units import split_units
from hourglass.data.sources.series import from_frame, whole
from hourglass.data.timeline import SeriesOptions
from hourglass.inference.series_steps import SeriesSteps, over_channels
from hourglass.tasks.plot_series import chosen, draw_series
from hourglass.tasks.score_series import ScoredSeries, StretchOptions, score_series, write_scores
from hourglass.tasks.series_words import in_words

TINY = {"model": "ae(2)", "backbone": "conv1d((4,))", "epochs": 1, "quiet": True, "device": "cpu"}
STEPS = 120


def waves(steps: int = STEPS, phase: float = 0.0) -> pd.DataFrame:
    t = np.arange(steps)
    return pd.DataFrame({"flow": 100 + 5 * np.sin(t / 5 + phase), "heat": np.cos(t / 5 + phase)})


def hours(steps: int = STEPS) -> pd.DatetimeIndex:
    return pd.date_range("2024-01-01", periods=steps, freq="h")


def units(count: int = 12, shuffled: bool = True) -> pd.DataFrame:
    """Engines of different lengths, one below the other, or in any order."""
    each = [waves(60 - u, u).assign(unit=f"engine {u}", cycle=np.arange(60 - u))
            for u in range(count)]
    for u, own in enumerate(each):
        own["flow"] += u / 10   # so that no two units have the same window
    frame = pd.concat(each)
    return frame.sample(frac=1, random_state=0) if shuffled else frame


def notes_of(frame: pd.DataFrame, window: int = 10, **also) -> str:
    return " | ".join(from_frame(frame, window, also=SeriesOptions(**also)).notes)


@pytest.mark.parametrize("count, stride", [(12, 1), (12, 7), (3, 1), (3, 4)])
def test_windows_never_cross_units(count, stride):
    frame, window = units(count), 24 if count == 12 else 5
    series = from_frame(frame, window, stride, time="cycle", also=SeriesOptions(id="unit"))
    source = split(whole(series), {"val": 0.1, "test": 0.1}, 0)
    mean, std = (np.array(source.encoding[n]) for n in ("mean", "std"))
    by_unit = {name: own.sort_values("cycle")[["flow", "heat"]].to_numpy()
               for name, own in frame.groupby("unit")}
    seen = {name: [] for name in source.splits}
    for name, part in source.splits.items():
        for x in next(part.batches(len(part))).x.numpy().transpose(0, 2, 1) * std + mean:
            found = [unit for unit, own in by_unit.items() for i in range(len(own) - window + 1)
                     if np.allclose(own[i:i + window], x, atol=1e-3)]
            assert len(found) == 1, "each is a window of one unit"
            seen[name].append(found[0])
    assert len(seen["train"]) > len(seen["test"]) > 0
    if count == 12:
        assert not set(seen["train"]) & set(seen["test"]), "whole units are kept apart"
    assert any("units in 'unit'" in note for note in source.notes)


def test_units_too_short_for_a_part_are_refused_and_not_left_without():
    series = from_frame(units(3), 24, time="cycle", also=SeriesOptions(id="unit"))
    with pytest.raises(ValueError, match="24 steps for val"):
        split(whole(series), {"val": 0.1, "test": 0.1}, 0)
    assert len(split(whole(series), {"val": 0, "test": 0}, 0).splits) == 1


def test_shares_of_units_and_numbers_of_them():
    assert {k: len(v) for k, v in split_units(20, {"val": 0.1, "test": 3}).items()} == {
        "train": 15, "val": 2, "test": 3}
    assert split_units(5, {"val": 0.1, "test": 0.1}) is None, "too few: each is split by time"
    with pytest.raises(ValueError, match="none is left"):
        split_units(5, {"val": 3, "test": 2})


def test_units_that_are_too_short_are_left_out_and_said():
    frame = pd.concat([units(11, False), waves(5).assign(unit="short", cycle=range(5))])
    found = whole(from_frame(frame, 24, time="cycle", also=SeriesOptions(id="unit")))
    assert any("1 of 12 units are shorter" in note for note in found.notes)
    with pytest.raises(ValueError, match="shorter than a window of 70"):
        whole(from_frame(frame, 70, time="cycle", also=SeriesOptions(id="unit")))
    with pytest.raises(ValueError, match="no unit in 'unit'"):
        from_frame(frame.assign(unit=None), 24, also=SeriesOptions(id="unit"))


def test_every_command_reads_units_as_training_did(tmp_path, hourglass):
    units().to_csv(tmp_path / "x.csv", index=False)
    run, other = tmp_path / "run", tmp_path / "other.csv"
    model = train(tmp_path / "x.csv", kind="series", window=24, id="unit", time="cycle", out=run,
                  **TINY)
    frame = units(3)
    frame.to_csv(other, index=False)
    windows = sum(60 - u - 23 for u in range(3))
    assert model.encode(other).shape == model.encode(frame).shape == (windows, 2)
    again = model.reconstruct(frame)
    assert again.flow.mean() > 40, "in the owner's units"
    assert sorted(again.unit) == sorted(frame.unit)
    code, out, said = hourglass(f"score {run} {other} -o {tmp_path / 's.csv'} "
                                f"--plot {tmp_path / 'p.png'}")
    rows = list(csv.DictReader(open(tmp_path / "s.csv")))
    assert code < 2 and len(rows) == len(frame) and "abnormal, in" in out, said
    assert [row["unit"] for row in rows] == sorted(frame["unit"], key=rows_order(frame).index)
    assert hourglass(f"embed {run} {other} -o {tmp_path / 'e.npy'}")[0] == 0
    assert len(np.load(tmp_path / "e.npy")) == windows
    again = hg.load(run)
    assert len(again.source().splits["train"]) == len(model.source().splits["train"])
    assert hourglass(f"data show \"series('{other}', window=24, id='unit')\"")[0] == 0


def rows_order(frame: pd.DataFrame) -> list[str]:
    return list(dict.fromkeys(frame["unit"]))


@pytest.mark.parametrize("change, said", [
    (lambda f: f.assign(when=hours()).iloc[::-1], "newest rows come first in 'when'"),
    (lambda f: f.assign(when=hours().repeat(2)[:STEPS]), "id='...'"),
    (lambda f: f.assign(pump=f.heat > 0), "pump: false is 0 and true is 1"),
    (lambda f: f.assign(valve=np.where(f.heat > 0, "open", "closed")), "closed is 0"),
    (lambda f: f.assign(anomaly=0), "'anomaly' is taken as the label"),
    (lambda f: f.assign(day=hours().strftime("%d.%m.%Y"), hour=hours().strftime("%H:%M")),
     "times are those of 'hour' on the days of 'day'"),
    (lambda f: f.assign(day=hours().strftime("%m/%d/%Y"), hour=hours().strftime("%I:%M %p")),
     "times are those of 'hour'"),
    (lambda f: f.assign(year=2024, month=1, day=hours().day, hour=hours().hour),
     "times are made of year, month, day, hour"),
    (lambda f: f.assign(mark=[f"{i % 7} or so" for i in range(STEPS)]), "'mark' holds no numbers")])
def test_what_was_understood_is_said(change, said):
    frame = change(waves())
    assert said in notes_of(frame)
    series = from_frame(frame, 10)
    order = series.times.astype("int64") if series.times.dtype.kind == "M" else series.times
    assert (np.diff(order) >= 0).all()
    assert set(series.columns) - {"pump", "valve"} == {"flow", "heat"}
    if series.times.dtype.kind == "M" and "repeat" not in said and "id=" not in said:
        np.testing.assert_array_equal(series.times, hours().to_numpy())
        np.testing.assert_allclose(series.values[:, 0], waves().flow)


def test_rows_of_one_time_keep_their_order_when_the_newest_come_first():
    frame = pd.DataFrame({"when": hours().repeat(2)[:STEPS], "v": np.arange(STEPS) ** 1.5})
    turned = from_frame(frame.iloc[::-1], 10)
    np.testing.assert_array_equal(turned.values[:, 0], frame.v)


def test_dates_of_another_file_are_read_as_those_of_training(tmp_path):
    frame = waves(25).assign(when=pd.date_range("2024-02-01", periods=25).strftime("%d/%m/%Y"))
    frame.to_csv(tmp_path / "a.csv", index=False)
    model = train(tmp_path / "a.csv", kind="series", window=4, out=tmp_path / "run", val=0.2,
                  test=0.2, **TINY)
    later = frame.head(6).assign(when=[f"{d:02}/03/2024" for d in (1, 2, 3, 5, 8, 9)])
    later.to_csv(tmp_path / "b.csv", index=False)
    for data in (later, tmp_path / "b.csv"):
        assert model.read(data).raw.times[-1] == np.datetime64("2024-03-09")
    with pytest.raises(ValueError, match="some of its dates have the day first"):
        from_frame(waves(2).assign(when=["13/01/2024", "01/14/2024"]), 1, time="when")


def test_a_data_frame_with_an_index_of_times_is_a_series(tmp_path):
    frame = waves().set_axis(hours())
    model = train(frame, kind="series", window=12, out=tmp_path / "run", **TINY)
    assert model.about["encoding"]["columns"] == ["flow", "heat"]
    np.testing.assert_array_equal(model.read(frame).raw.times, hours().to_numpy())
    assert model.encode(frame).shape == (STEPS - 11, 2)
    again = hg.resume(tmp_path / "run", data=frame, kind="series", window=12, epochs=2, quiet=True,
                      report=False)
    assert len(again.folder.read_history()) == 2
    as_table = train(frame, model="ae(1)", backbone="mlp(4)", epochs=1, out=tmp_path / "t",
                     quiet=True)
    assert any("the index holds times" in note for note in as_table.source().notes)


@pytest.mark.parametrize("hours, told", [
    (range(40), True), ([*range(39), 50], True), (range(39, -1, -1), False), (range(10), False),
    ([*range(0, 80, 4), *range(80, 100)], False)])
def test_a_table_of_even_times_is_asked_for_as_a_series(tmp_path, hours, told, capsys):
    times = [pd.Timestamp("2026-01-01") + pd.Timedelta(hours=hour) for hour in hours]
    pd.DataFrame({"flow": range(len(times)), "when": times}).to_csv(tmp_path / "x.csv", index=False)
    settle(str(tmp_path / "x.csv"))
    asked = "'when': if it is a time series, write series(" in capsys.readouterr().err
    assert asked == told


@pytest.mark.parametrize("shape", [(40, 16, 3), (40, 16)])
def test_arrays_of_windows_are_series(tmp_path, shape, hourglass):
    x = np.random.default_rng(0).normal(50, 3, shape).astype(np.float32)
    x[::3, 2] = np.nan
    y = np.arange(40) % 2
    model = train(x, y=y, kind="series", out=tmp_path / "run", **TINY)
    channels = shape[2] if len(shape) == 3 else 1
    assert model.shape == (channels, 16) and model.classes == ("0", "1")
    held = model.source().splits["train"]
    seen = next(held.batches(len(held)))
    assert abs(seen.x.sum() / seen.known.sum()) < 1e-3 and (seen.known == 0).any()
    assert model.reconstruct(x).shape == (40, 16, channels)
    assert abs(model.reconstruct(x).mean() - 50) < 5 and abs(model.sample(4).mean() - 50) < 5
    np.save(tmp_path / "x.npy", x)
    np.testing.assert_allclose(model.encode(tmp_path / "x.npy"), model.encode(x), atol=1e-5)
    for command in (f"embed {tmp_path / 'run'} {tmp_path / 'x.npy'} -o {tmp_path / 'e.npy'}",
                    f"generate {tmp_path / 'run'} -n 3 -o {tmp_path / 'n.npy'}"):
        assert hourglass(command)[0] == 0
    assert abs(np.load(tmp_path / "n.npy").mean() - 50) < 5
    with pytest.raises(ValueError, match="channel"):
        model.encode(np.zeros((2, 16, 5)))


def test_files_of_windows_and_of_channels_are_series(tmp_path):
    x = np.random.default_rng(0).normal(50, 3, (40, 16, 2))
    np.savez(tmp_path / "w.npz", x_train=x, x_test=x[:5], y_train=np.arange(40) % 2,
             y_test=np.arange(5) % 2)
    source = split(collect(f"array('{tmp_path / 'w.npz'}', kind='series')", Reading()), {}, 0)
    assert {k: len(v) for k, v in source.splits.items()} == {"train": 40, "test": 5}
    assert source.shape == (2, 16) and source.classes == ("0", "1")
    np.save(tmp_path / "long.npy", x.reshape(-1, 2))
    model = train(tmp_path / "long.npy", kind="series", window=16, out=tmp_path / "run", **TINY)
    assert model.encode(tmp_path / "long.npy").shape == (625, 2)
    assert model.encode(x).shape == (40, 2)
    np.save(tmp_path / "w.npy", x)
    with pytest.raises(ValueError, match="kind='series'"):
        collect(f"series('{tmp_path / 'w.npy'}', window=4)", Reading())


@pytest.mark.parametrize("data, options, said", [
    (np.zeros((4, 5, 6)), {"window": 3}, "holds\\s+windows already"),
    (np.zeros((4, 5, 6, 7)), {}, "no windows of series"),
    (waves(), {"window": 0}, "whole number from 1"), (waves(), {"id": "unti"}, "no column 'unti'"),
    (waves(), {"label": "bad"}, "no column 'bad'"),
    (waves(), {"y": [1] * STEPS}, "label='anomaly'"),
    (waves(), {"drop": "heta"}, "did you mean 'heat'")])
def test_wrong_options_say_what_is_right(data, options, said):
    with pytest.raises(ValueError, match=said):
        train(data, kind="series", **{**TINY, **options})
    with pytest.raises(ValueError, match="no kind of data"):
        train(data, kind="serie")


def scored_of(score: list[float], columns: int = 1, **more) -> ScoredSeries:
    """A series with these scores, all from the last channel; above 1 is abnormal."""
    values = np.zeros((len(score), columns))
    series = from_frame(pd.DataFrame(values, columns=[f"c{i}" for i in range(columns)]), 4)
    error = np.zeros_like(values)
    error[:, -1] = score
    held = {"shift": np.zeros(columns), **more}
    return ScoredSeries(series, values, np.array(score, float), np.zeros(len(score)), 1.0, "val",
                        error, **held)


@pytest.mark.parametrize("merge, shortest, stretches, abnormal", [
    (0, 1, [(1, 2), (4, 6), (9, 10)], 4), (2, 1, [(1, 6), (9, 10)], 4), (3, 1, [(1, 10)], 4),
    (None, 1, [(1, 6), (9, 10)], 4), (0, 2, [(4, 6)], 2), (2, 2, [(1, 6)], 3)])
def test_neighbouring_stretches_merge_and_short_ones_do_not_count(
        merge, shortest, stretches, abnormal):
    found = scored_of([0, 2, 0, 0, 2, 2, 0, 0, 0, 2, 0, 0],
                      stretching=StretchOptions(merge, shortest))
    assert found.stretches == stretches and found.verdict.sum() == abnormal
    words = in_words(found)[0]
    assert f"{len(stretches)} stretch{'es' * (len(stretches) > 1)}:" in words


def test_several_channels_are_scored_by_squares_and_one_by_its_error():
    error = np.random.default_rng(0).random((5, 3))
    squares = error**2
    error[2], squares[2, 0], squares[4] = np.nan, np.nan, np.nan
    score = over_channels(SeriesSteps(error, squares, error).parts)
    for step in range(5):
        each = [s for s in squares[step] if np.isfinite(s)]
        assert score[step] == pytest.approx(np.mean(each)) if each else np.isnan(score[step])
    one = SeriesSteps(error[:, :1], squares[:, :1], error[:, :1])
    np.testing.assert_array_equal(one.parts, error[:, :1])


def test_channels_that_cause_a_score_are_named_drawn_and_written(tmp_path):
    found = scored_of([0, 0, 2, 3, 0, 0, 0, 0], columns=8)
    assert "from c7 100%" in " ".join(in_words(found))
    shown, title = chosen(found)
    assert shown[0] == 7 and len(shown) == 5 and "100% of the score" in title
    draw_series(found, tmp_path / "p.png")
    write_scores(found, tmp_path / "s.csv")
    rows = list(csv.DictReader(open(tmp_path / "s.csv")))
    assert rows[3]["error of c7"] == "3" and rows[3]["error of c0"] == "0"
    assert [row["stretch"] for row in rows] == ["", "", "1", "1", "", "", "", ""]


def test_a_file_unlike_the_training_data_is_told():
    words = " ".join(in_words(scored_of([2.0] * 9 + [0], 2, shift=np.array([0.1, -7.0]))))
    assert "90% of the steps are abnormal: this file is unlike the training data" in words
    assert "c1 is on average 7 deviations below it" in words and "c0 is" not in words
    assert "unlike" not in " ".join(in_words(scored_of([2.0, 0, 0, 0])))


def test_a_column_of_labels_stands_in_for_a_file_of_windows(tmp_path, hourglass):
    frame = waves().assign(when=hours(), fault=(np.arange(STEPS) // 10 == 8).astype(int))
    frame.loc[80:89, "flow"] += 60
    train_part = frame.head(70)
    train_part.to_csv(tmp_path / "a.csv", index=False)
    frame.rename(columns={"fault": "broken"}).to_csv(tmp_path / "b.csv", index=False)
    frame.to_csv(tmp_path / "c.csv", index=False)
    run = tmp_path / "run"
    model = train(tmp_path / "a.csv", kind="series", window=8, val=0.2, test=0, out=run,
                  **{**TINY, "epochs": 20})
    assert model.about["encoding"]["label"] == "fault"
    (tmp_path / "w.json").write_text(json.dumps([[str(hours()[80]), str(hours()[89])]]))
    said = [hourglass(f"score {run} {tmp_path / file} -o {tmp_path / 's.csv'} {more}")[1]
            for file, more in (("c.csv", ""), ("b.csv", "--label broken"),
                               ("b.csv", f"--windows {tmp_path / 'w.json'}"))]
    lines = [next(line for line in out.splitlines() if "labelled windows" in line) for out in said]
    assert lines[0] == lines[1] == lines[2] and "1 of 1" in lines[0] and "AUROC" in lines[0]
    code, _, err = hourglass(f"score {run} {tmp_path / 'b.csv'} --label fault")
    assert code == 2 and "no column 'fault'" in err
    assert score_series(model, frame).series.abnormal.sum() == 10


def test_labels_that_are_texts_are_understood_or_refused():
    frame = waves(4).assign(state=["normal", "attack", "normal", "attack"])
    found = from_frame(frame, 2, also=SeriesOptions(label="state"))
    assert found.abnormal.tolist() == [False, True, False, True]
    with pytest.raises(ValueError, match="no label in 'state' means normal"):
        from_frame(frame.assign(state=["a", "b", "a", "b"]), 2, also=SeriesOptions(label="state"))


def test_skab_and_smap_are_read(real, tmp_path):
    with zipfile.ZipFile(real / "series" / "SKAB.zip") as held:
        (tmp_path / "v.csv").write_bytes(held.read("valve1/1.csv"))
    found = collect(f"series('{tmp_path / 'v.csv'}', window=60, drop='changepoint')", Reading())
    assert found.shape == (8, 60) and found.raw.abnormal.sum() > 100
    with zipfile.ZipFile(real / "series" / "SMAP_MSL.zip") as held:
        (tmp_path / "P-1.npy").write_bytes(held.read("train/P-1.npy"))
    assert collect(f"series('{tmp_path / 'P-1.npy'}', window=60)", Reading()).shape[1] == 60
    with zipfile.ZipFile(real / "series" / "UCR_Anomaly.zip") as held:
        name = next(n for n in held.namelist() if n.endswith(".txt"))
        (tmp_path / "u.txt").write_bytes(held.read(name))
    assert collect(f"series('{tmp_path / 'u.txt'}', window=60)", Reading()).shape == (1, 60)
