"""What a table's model takes and gives: frames, dicts, records and arrays, in the table's units."""

import json

import httpx
import numpy as np
import pandas as pd
import pytest
from conftest import train

import hourglass as hg
from hourglass.serving.app import make_app

ROWS = 90


def people() -> pd.DataFrame:
    random = np.random.default_rng(0)
    size = random.normal(170, 10, ROWS)
    return pd.DataFrame({
        "id": range(ROWS), "size": size, "weight": np.rint(size / 2 + random.normal(0, 3, ROWS)),
        "sex": np.select([size > 176, size < 164], ["m", "f"], "x"), "tall": size > 180,
        "label": np.arange(ROWS) % 2,
        "born": pd.Timestamp("1980-03-01") + pd.to_timedelta(np.rint(size * 20), unit="D")})


USED = ["size", "weight", "sex", "tall", "born"]


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> hg.Trained:
    folder = tmp_path_factory.mktemp("people")
    people().to_csv(folder / "people.csv", index=False)
    return train(f"table({str(folder / 'people.csv')!r}, label='label')", model="ae(2)",
                 backbone="mlp(32)", epochs=40, lr=0.01, batch_size=16, out=folder / "run",
                 quiet=True)


def forms(frame: pd.DataFrame) -> dict:
    """The same rows as people hold them."""
    arrow = frame.assign(born=frame.born.dt.strftime("%Y-%m-%d"))
    return {"dict of columns": {name: frame[name].tolist() for name in frame.columns},
            "list of dicts": frame.to_dict("records"),
            "all columns as an array": frame.to_numpy(),
            "without the label": frame.drop(columns="label").to_numpy(),
            "the used columns as an array": frame[USED].to_numpy(),
            "lists": frame[USED].to_numpy().tolist(),
            "records": arrow[USED].to_records(index=False),
            "dates as texts": arrow.to_numpy(),
            "another order": frame[frame.columns[::-1]]}


@pytest.mark.parametrize("form", list(forms(people())))
def test_rows_in_any_form_are_encoded_as_the_frame_is(run, form):
    """Issue Data, A: df.to_numpy() in place of df found 100 % abnormal."""
    given, frame = forms(people())[form], people()
    np.testing.assert_allclose(run.encode(given), run.encode(frame), atol=1e-5)
    np.testing.assert_allclose(run.score(given), run.score(frame), atol=1e-5)
    assert run.detector().verdict(run.score(given)).mean() < 0.3


def test_one_row_may_be_a_dict_or_a_row_of_a_frame(run):
    frame = people()
    wanted = run.encode(frame.head(1))
    np.testing.assert_allclose(run.encode(frame.iloc[0].to_dict()), wanted, atol=1e-5)
    np.testing.assert_allclose(run.encode(frame.iloc[0]), wanted, atol=1e-5)


def test_numbers_alone_in_an_array_are_in_the_tables_units(tmp_path):
    frame = people()[["size", "weight"]]
    model = train(frame, model="ae(1)", backbone="mlp(8)", epochs=2, out=tmp_path / "run",
                  quiet=True)
    np.testing.assert_allclose(model.encode(frame.to_numpy()), model.encode(frame), atol=1e-6)
    assert model.encode(frame.to_numpy().astype(np.float32)).shape == (ROWS, 1)


def test_truth_values_in_an_array_of_numbers_are_read(tmp_path):
    frame = people()[["size", "weight", "tall"]]
    model = train(frame, model="ae(1)", backbone="mlp(8)", epochs=1, out=tmp_path / "run",
                  quiet=True)
    np.testing.assert_allclose(model.encode(frame.to_numpy(float)), model.encode(frame), atol=1e-6)


def test_rows_as_the_model_sees_them_still_go_in(run):
    encoded = run.read(people()).x
    np.testing.assert_allclose(run.encode(encoded), run.encode(people()), atol=1e-6)


@pytest.mark.parametrize("given, said", [
    (people()[["size", "sex", "tall"]].to_numpy(), "needs 5 or 6 or 7 columns"),
    (people()["size"].to_numpy(), "not an array of shape"),
    (np.zeros((2, 2, 2)), "not an array of shape"),
    ({"size": [1, 2], "sex": ["m"]}, "columns of one length"),
    ([{"size": 1}, 3], "one dict per row"),
    (people().drop(columns="weight"), "lacks the column 'weight'")])
def test_what_is_no_such_table_says_why(run, given, said):
    with pytest.raises(ValueError, match=said):
        run.encode(given)


def test_other_columns_and_another_order_are_said(run, capfd):
    notes = run.read(people()[["born", *USED[:-1]]].assign(extra=1)).notes
    assert any("extra" in note for note in notes) and any("another order" in n for n in notes)
    run.encode(people()[USED].to_numpy())
    run.encode(people().assign(shoes=43))
    err = capfd.readouterr().err
    assert "shoes" in err, "from Python too"
    odd = run.read(people().assign(size=[*["many"] * 3, *people()["size"][3:]])).notes
    assert any("3 cells that are not numbers, such as 'many'" in note for note in odd)


def test_tables_come_back_in_their_own_units(run):
    frame = people()
    again = run.reconstruct(frame)
    assert list(again.columns) == USED and len(again) == ROWS
    assert np.corrcoef(again["size"], frame["size"])[0, 1] > 0.9
    assert again["size"].between(130, 210).all() and set(again.sex) == {"m", "f", "x"}
    assert (again.sex == frame.sex).mean() > 0.7 and again.tall.dtype == bool
    assert again.weight.dtype == np.int64 and again.born.dtype.kind == "M"
    assert abs((again.born - frame.born).dt.days).mean() < 200
    for drawn in (run.sample(7), run.decode(run.encode(frame)[:7]), run.restore(frame).head(7),
                  run.reconstruct(frame[USED].to_numpy())[:7]):
        assert list(drawn.columns) == USED and len(drawn) == 7
        assert set(drawn.sex) <= {"m", "f", "x"} and drawn.born.dtype.kind == "M"
    assert run.reconstruct(run.read(frame)).shape == (ROWS, 8), "as the model sees rows"


def test_a_dict_and_a_list_of_dicts_are_trained_on(tmp_path):
    frame = people()[USED]
    few = {"model": "ae(1)", "backbone": "mlp(4)", "epochs": 1, "quiet": True}
    models = [train(data, out=tmp_path / str(i), **few) for i, data in enumerate((
        frame, {name: list(frame[name]) for name in USED}, frame.to_dict("records")))]
    for model in models[1:]:
        np.testing.assert_array_equal(model.encode(frame), models[0].encode(frame))


def test_the_commands_write_tables(run, tmp_path, hourglass):
    people().to_csv(tmp_path / "people.csv", index=False)
    folder, data = run.folder.path, tmp_path / "people.csv"
    code, out, _ = hourglass(f"reconstruct {folder} {data} -o {tmp_path / 'again.csv'}")
    again = pd.read_csv(tmp_path / "again.csv")
    assert code == 0 and "size: RMSE" in out and "sex: accuracy" in out
    assert list(again.columns) == USED and set(again.sex) <= {"m", "f", "x"}
    assert again.born.str.fullmatch(r"\d{4}-\d\d-\d\d").all()
    assert hourglass(f"reconstruct {folder} {data} -o {tmp_path / 'out'}")[0] == 0
    assert (tmp_path / "out" / "reconstruction.csv").is_file()
    assert hourglass(f"generate {folder} -n 6 -o {tmp_path / 'new.parquet'}")[0] == 0
    drawn = pd.read_parquet(tmp_path / "new.parquet")
    assert len(drawn) == 6 and set(drawn.columns) == {*USED, "label"}, "the prior knows classes"
    labelled = f"generate {folder} -n 6 --prior per_class --class 1 -o {tmp_path / 'ones.csv'}"
    assert hourglass(labelled)[0] == 0
    assert (pd.read_csv(tmp_path / "ones.csv").label == 1).all()
    for wrong in (f"generate {folder} -o {tmp_path / 'new.png'}",
                  f"generate {folder} --sharpen 2 -o {tmp_path / 'new.csv'}"):
        code, _, err = hourglass(wrong)
        assert code == 2 and ("samples.csv" in err or "for images" in err)


def test_a_served_table_takes_and_gives_rows(run):
    import asyncio
    app, frame = make_app(run), people()
    rows = json.loads(frame.head(3).to_json(orient="records", date_format="iso"))

    def post(path: str, body: dict) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(app=app)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                return await client.post(f"/v1/{path}", json=body)
        return asyncio.run(ask())

    codes = post("encode", {"samples": rows}).json()["codes"]
    np.testing.assert_allclose(codes, run.encode(frame.head(3)), atol=1e-5)
    again = post("reconstruct", {"samples": rows}).json()["samples"]
    assert list(again[0]) == USED and again[0]["sex"] in "mfx"
    assert post("generate", {"n": 2}).json()["samples"][0]["sex"] in "mfx"
    scores = post("score", {"samples": rows}).json()["scores"]
    np.testing.assert_allclose(scores, run.score(frame.head(3)), rtol=1e-4)
    holed = [{**rows[0], "sex": None}, {k: v for k, v in rows[1].items() if k != "weight"}]
    full = post("impute", {"samples": holed}).json()["samples"]
    assert full[0]["sex"] in "mfx" and full[1]["weight"] > 40 and full[0]["size"] == pytest.approx(
        rows[0]["size"])
    notes = post("encode", {"samples": [{**rows[0], "sex": "?"}]}).json()["notes"]
    assert "such as '?'" in notes[0]
    for wrong in ([{**rows[0], "wieght": 3}], [], [3], [{"size": "big"}]):
        assert post("encode", {"samples": wrong}).status_code == 422
