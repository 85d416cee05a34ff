"""Series over HTTP: rows and windows in own units, with gaps, scores of steps and notes."""

import asyncio
import io
import json

import httpx
import numpy as np
import pandas as pd
import pytest
from conftest import train
from PIL import Image

import hourglass as hg
from hourglass.serving.app import make_app
from hourglass.serving.limits import Limits
from hourglass.tasks.forecast import forecast_of
from hourglass.tasks.score_series import score_series

TINY = {"model": "ae(3)", "backbone": "mlp(16)", "quiet": True, "device": "cpu"}
WINDOW = 12


def waves(steps: int = 240, unit: str = "") -> pd.DataFrame:
    at = np.arange(steps)
    noise = np.random.default_rng(0).normal(0, 0.02, (2, steps))
    frame = pd.DataFrame({"when": pd.date_range("2024-05-01", periods=steps, freq="h"),
                          "flow": 500 + 100 * (np.sin(at / 2) + noise[0]),
                          "heat": 20 - np.sin(at / 2) + noise[1]})
    return frame.assign(unit=unit) if unit else frame


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("waves")
    waves().to_csv(folder / "waves.csv", index=False)
    return train(f"series('{folder / 'waves.csv'}', window={WINDOW})", epochs=20,
                 out=folder / "run", **TINY)


@pytest.fixture(scope="module")
def app(run):
    return make_app(run)


def post(app, path: str, **given) -> httpx.Response:
    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app),
                                     base_url="http://here") as client:
            return await client.post(f"/v1/{path}", **given)
    return asyncio.run(ask())


def rows_of(frame: pd.DataFrame) -> list[dict]:
    return json.loads(frame.to_json(orient="records", date_format="iso"))


def holed(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(flow=frame.flow.mask(frame.index.isin(range(20, 25))))


def test_gaps_of_a_series_in_rows_are_filled_as_the_command_fills_them(run, app):
    given = holed(waves(60))
    answer = post(app, "impute", json={"samples": rows_of(given)}).json()
    full, wanted = pd.DataFrame(answer["samples"]), run.impute(given)
    np.testing.assert_allclose(full[["flow", "heat"]], wanted[["flow", "heat"]], rtol=1e-5)
    assert full.when[20].startswith("2024-05-01T20:00:00")
    assert any("flow: 5 of 60 values are missing" in note for note in answer["notes"])


def test_a_value_may_be_left_out_and_newer_rows_may_come_first(run, app):
    given = holed(waves(60))
    rows = [{k: v for k, v in row.items() if v is not None} for row in rows_of(given)[::-1]]
    answer = post(app, "impute", json={"samples": rows}).json()
    np.testing.assert_allclose(pd.DataFrame(answer["samples"]).flow, run.impute(given).flow,
                               rtol=1e-5)
    assert any("newest rows come first" in note for note in answer["notes"])


def test_windows_are_sent_and_answered_in_their_own_units(run, app):
    x = np.stack([waves(60)[["flow", "heat"]].to_numpy(np.float32)[i:i + WINDOW]
                  for i in range(0, 40, 8)])
    again = post(app, "reconstruct", json={"samples": x.tolist()}).json()["samples"]
    np.testing.assert_allclose(again, run.reconstruct(x), rtol=1e-4)
    assert abs(np.mean(again, (0, 1))[0] - 500) < 100
    codes = post(app, "encode", json={"samples": x.tolist()}).json()["codes"]
    np.testing.assert_allclose(codes, run.encode(x), atol=1e-5)
    decoded = post(app, "decode", json={"codes": codes}).json()["samples"]
    np.testing.assert_allclose(decoded, again, rtol=1e-4)
    assert np.mean(post(app, "generate", json={"n": 3}).json()["samples"], (0, 1))[0] > 100
    gaps = x.copy()
    gaps[:, 3:5, 0] = np.nan
    sent = [[[None if np.isnan(v) else float(v) for v in step] for step in one] for one in gaps]
    full = post(app, "impute", json={"samples": sent}).json()
    np.testing.assert_allclose(full["samples"], run.impute(gaps), rtol=1e-4)
    assert "10 of 120 values are missing" in full["notes"][0]


def test_rows_of_a_series_are_encoded_reconstructed_and_scored_as_in_python(run, app):
    frame = waves(50)
    frame.loc[30:33, "flow"] += 900
    body = {"samples": rows_of(frame)}
    np.testing.assert_allclose(post(app, "encode", json=body).json()["codes"], run.encode(frame),
                               atol=1e-4)
    again = pd.DataFrame(post(app, "reconstruct", json=body).json()["samples"])
    np.testing.assert_allclose(again.flow, run.reconstruct(frame).flow, rtol=1e-4)
    found, wanted = post(app, "score", json=body).json(), score_series(run, frame)
    np.testing.assert_allclose(found["scores"], wanted.score, rtol=1e-4)
    assert found["abnormal"] == wanted.verdict.tolist() and any(found["abnormal"][30:34])
    assert found["names"][1] == "2024-05-01 01:00:00"
    frame.loc[5, ["flow", "heat"]] = np.nan
    assert post(app, "score", json={"samples": rows_of(frame)}).json()["scores"][5] is None


@pytest.mark.parametrize("rows, said", [
    (rows_of(waves(5)), "shorter than a window of 12"),
    ([{"when": "2024-05-01", "flwo": 1.0}] * 20, "did you mean 'flow'"),
    ([{"when": "soon", "flow": 1.0, "heat": 1.0}] * 20, "neither times"),
    ([{"when": "2024-05-01", "flow": "much", "heat": 1.0}] * 20, "holds no numbers"),
    ([[[1.0, 2.0]] * 11], "samples"), ([], "samples"), ([3], "samples"),
    ([[["1", 2.0]] * 12], "samples")])
def test_what_is_no_series_is_refused_in_a_sentence(app, rows, said):
    for path in ("impute", "encode", "score", "reconstruct"):
        answer = post(app, path, json={"samples": rows})
        assert answer.status_code == 422 and said in answer.json()["error"], answer.text


def test_the_number_of_rows_has_a_limit(run):
    app = make_app(run, Limits(samples=1))
    longest = 16 + WINDOW - 1
    assert post(app, "impute", json={"samples": rows_of(waves(longest))}).status_code == 200
    assert post(app, "impute", json={"samples": rows_of(waves(longest + 1))}).status_code == 422


def test_the_columns_of_a_series_are_told(app):
    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app),
                                     base_url="http://here") as client:
            return await client.get("/v1/model")
    told = asyncio.run(ask()).json()
    assert told["kind"] == "series" and told["columns"] == [
        {"name": "when", "kind": "time"}, {"name": "flow", "kind": "number"},
        {"name": "heat", "kind": "number"}]


def test_units_of_a_series_in_rows_stay_apart(tmp_path):
    frame = pd.concat([waves(160, unit) for unit in "ab"], ignore_index=True)
    frame.to_csv(tmp_path / "u.csv", index=False)
    model = train(tmp_path / "u.csv", kind="series", window=WINDOW, id="unit", epochs=1,
                  out=tmp_path / "run", **TINY)
    given = holed(frame)
    answer = post(make_app(model), "impute", json={"samples": rows_of(given)}).json()
    full = pd.DataFrame(answer["samples"])
    assert full.unit.tolist() == frame.unit.tolist()
    np.testing.assert_allclose(full.flow, model.impute(given).flow, rtol=1e-5)


def test_models_of_arrays_of_windows_fill_gaps_too_and_conditional_ones_refuse(tmp_path):
    x = np.random.default_rng(0).normal(50, 3, (60, WINDOW, 2)).astype(np.float32)
    y = np.array(["up", "down"])[np.arange(60) % 2]
    given = [[[None, 50.0]] * 3 + [[50.0, 50.0]] * 9]
    plain = train(x, kind="series", epochs=1, out=tmp_path / "a", **TINY)
    full = post(make_app(plain), "impute", json={"samples": given}).json()["samples"]
    assert np.shape(full) == (1, WINDOW, 2) and np.isfinite(full).all()
    told = train(x, y=y, kind="series", epochs=1, out=tmp_path / "b",
                    **{**TINY, "model": "cvae(2)"})
    answer = post(make_app(told), "impute", json={"samples": given, "classes": ["up"]})
    assert answer.status_code == 422 and "fills no gaps" in answer.json()["error"]


def test_operations_of_other_models_say_why_they_are_not_served(app, tmp_path):
    answer = post(app, "restore", files=[("images", ("a.png", b"x", "image/png"))])
    assert answer.status_code == 404 and answer.json()["error"] == (
        "/v1/restore is not served: it is for images, and this model was trained on a series")
    x = np.random.default_rng(0).normal(size=(40, 5)).astype(np.float32)
    vectors = train(x, epochs=1, out=tmp_path / "run", **TINY)
    answer = post(make_app(vectors), "impute", json={"samples": x[:2].tolist()})
    assert answer.status_code == 404 and "trained on vectors" in answer.json()["error"]


def test_images_that_are_resized_or_become_grey_are_said_in_the_answer(tmp_path):
    x = np.random.default_rng(0).integers(0, 256, (40, 8, 8), np.uint8)
    app = make_app(train(x, epochs=1, out=tmp_path / "run", **TINY))
    buffer = io.BytesIO()
    Image.new("RGB", (30, 20), "red").save(buffer, "PNG")
    sent = [("images", ("a.png", buffer.getvalue(), "image/png"))]
    words = "images of 20x30 pixels, in colour, are brought to 8x8 in grey"
    assert words in post(app, "encode", files=sent).json()["notes"][0]
    assert words in post(app, "reconstruct", files=sent).headers["Hourglass-Notes"]


def test_values_outside_the_range_of_training_are_said_in_the_answer(tmp_path):
    x = np.random.default_rng(0).integers(0, 4096, (40, 8, 8)).astype(np.uint16)
    model = train(x, epochs=1, out=tmp_path / "run", **TINY)
    app, buffer = make_app(model), io.BytesIO()
    Image.fromarray(np.full((8, 8), 5000, np.uint16)).save(buffer, "PNG")
    sent = [("images", ("a.png", buffer.getvalue(), "image/png"))]
    for _ in range(2):   # said to each client, and not to the first alone
        notes = post(app, "encode", files=sent).json()["notes"]
        assert "64 of 64 values lie outside 0 to 4,095" in notes[0]
    for path in ("reconstruct", "restore"):
        assert "lie outside" in post(app, path, files=sent).headers["Hourglass-Notes"]
        told = post(app, f"{path}?format=json", files=sent).json()["notes"]
        assert "lie outside" in told[0]
    buffer = io.BytesIO()
    Image.fromarray(np.full((8, 8), 4000, np.uint16)).save(buffer, "PNG")
    fine = [("images", ("a.png", buffer.getvalue(), "image/png"))]
    assert post(app, "encode", files=fine).json()["notes"] == []
    assert "Hourglass-Notes" not in post(app, "reconstruct", files=fine).headers


def squares(count: int) -> tuple[np.ndarray, list[str]]:
    """Pictures that are bright on the left or on the right."""
    x = np.random.default_rng(0).integers(0, 60, (count, 8, 8), np.uint8)
    x[::2, :, :4] += 180
    x[1::2, :, 4:] += 180
    return x, ["left", "right"] * (count // 2)


def as_files(x: np.ndarray) -> list:
    found = []
    for i, image in enumerate(x):
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "PNG")
        found.append(("images", (f"{i}.png", buffer.getvalue(), "image/png")))
    return found


def test_a_served_classifier_predicts_classes_and_says_what_it_has_not(tmp_path):
    x, y = squares(60)
    model = train(x, y=y, epochs=5, out=tmp_path / "run", **TINY)
    classifier = hg.finetune(model, data=x, y=y, steps=60, out=tmp_path / "few")
    app, sent = make_app(classifier.trained), as_files(x[:4])
    found = post(app, "classify", files=sent).json()
    assert found["classes"] == classifier.classify(x[:4]) == y[:4]
    assert all(abs(sum(row.values()) - 1) < 1e-5 for row in found["probabilities"])
    assert post(app, "encode", files=sent).status_code == 200
    for path in ("reconstruct", "decode", "generate", "restore", "score"):
        answer = post(app, path, files=sent)
        assert answer.status_code == 404 and "without a decoder" in answer.json()["error"]
    answer = post(make_app(model), "classify", files=sent)
    assert answer.status_code == 404 and "infers no classes" in answer.json()["error"]


def test_a_served_model_that_infers_classes_needs_none(tmp_path):
    x, y = squares(60)
    model = train(x, y=y, epochs=5, out=tmp_path / "run", **{
        **TINY, "model": "semi_supervised_vae(2)"})
    app, sent = make_app(model), as_files(x[:4])
    assert post(app, "classify", files=sent).json()["classes"] == model.classify(x[:4])
    codes = post(app, "encode", files=sent).json()["codes"]
    np.testing.assert_allclose(codes, model.encode(x[:4]), atol=1e-5)
    named = post(app, "encode", files=sent, data={"classes": "left"}).json()["codes"]
    np.testing.assert_allclose(named, model.encode(x[:4], "left"), atol=1e-5)


@pytest.fixture(scope="module")
def ahead(run):
    return make_app(run, ahead=8)


def test_the_next_steps_of_rows_and_of_windows_are_those_of_the_command(run, ahead):
    rows = holed(waves(60))
    answer = post(ahead, "forecast", json={"samples": rows_of(rows), "ahead": 5}).json()
    found, wanted = pd.DataFrame(answer["samples"]), forecast_of(run, rows, 8).head(5)
    np.testing.assert_allclose(found[["flow", "heat"]], wanted[["flow", "heat"]], rtol=1e-4)
    assert [str(pd.Timestamp(at)) for at in found.when] == [str(at) for at in wanted.when]
    windows = np.stack([waves()[["flow", "heat"]].to_numpy(np.float32)[i:i + WINDOW]
                        for i in (0, 30)])
    answer = post(ahead, "forecast", json={"samples": windows.tolist()}).json()
    np.testing.assert_allclose(answer["samples"], np.stack([
        forecast_of(run, pd.DataFrame(x, columns=["flow", "heat"]).assign(when=waves(WINDOW).when),
                    8)[["flow", "heat"]] for x in windows]), rtol=1e-4)
    schema = asyncio.run(_schema(ahead))
    body = schema["paths"]["/v1/forecast"]["post"]["requestBody"]["content"]["application/json"]
    asked = body["schema"]["properties"]["ahead"]
    assert (asked["minimum"], asked["maximum"], asked["default"]) == (1, 8, 8)


async def _schema(app) -> dict:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app),
                                 base_url="http://here") as client:
        return (await client.get("/openapi.json")).json()


def test_a_forecast_is_refused_in_a_sentence(app, ahead, tmp_path):
    rows = rows_of(waves(30))
    for given, said in (({"ahead": 9}, "ahead"), ({"ahead": 0}, "ahead"), ({"steps": 3}, "steps")):
        answer = post(ahead, "forecast", json={"samples": rows, **given})
        assert answer.status_code == 422 and said in answer.json()["error"], answer.text
    answer = post(app, "forecast", json={"samples": rows})
    assert answer.status_code == 404 and "--ahead 24" in answer.json()["error"]
    vectors = train(np.random.default_rng(0).random((60, 5)).astype(np.float32), epochs=1,
                    out=tmp_path / "run", **TINY)
    with pytest.raises(ValueError, match="for models of series"):
        make_app(vectors, ahead=3)
