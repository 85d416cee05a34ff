"""Recommending: from the shell, from Python and over HTTP, and what such a model is not for."""

import asyncio
import json
import shlex

import httpx
import numpy as np
import pandas as pd
import pytest
from conftest import ratings_text

import hourglass as hg
from hourglass.data.user_histories import read_histories
from hourglass.serving.app import make_app

MINE = ["film 1", "film 3", "Film Five"]
SETTINGS = {"model": "mult_vae(4, 8)", "epochs": 40, "lr": 0.02, "batch_size": 16, "quiet": True,
            "precision": "32-true", "stop": "none"}


@pytest.fixture
def command(hourglass):
    """Runs a command of words: command("recommend", run) -> (code, out, err)."""
    return lambda *words: hourglass(shlex.join(map(str, words)))


def made(place, report=False, **options):
    (place / "ratings.csv").write_text(ratings_text(60, 20))
    titles = [f"film {i},Film {'Five' if i == 5 else i}" for i in range(20)]
    (place / "movies.csv").write_text("movieId,title\n" + "\n".join(titles))
    return hg.train(place / "ratings.csv", kind="ratings", fewest=2, out=place / "run",
                    report=report, **{**SETTINGS, **options})


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("recommend")


@pytest.fixture(scope="module")
def model(place):
    return made(place, report=True)


@pytest.fixture(scope="module")
def explicit(tmp_path_factory):
    return made(tmp_path_factory.mktemp("explicit"), explicit=True, model="rating_ae(4, 8)")


def test_items_of_the_users_taste_come_first_and_none_that_the_user_has(model):
    found = model.recommend(MINE, n=5)
    assert list(found.columns) == ["user", "rank", "item", "title", "score"]
    assert not {"film 1", "film 3", "film 5"} & set(found["item"]), "Film Five is film 5"
    odd = [int(item.removeprefix("film ")) % 2 for item in found["item"]]
    assert sum(odd) >= 4, "users of one taste have odd films"
    assert found["score"].is_monotonic_decreasing and found["rank"].tolist() == [1, 2, 3, 4, 5]
    assert found["title"][0].startswith("Film ")


def test_all_that_is_left_is_recommended_and_nothing_twice(model, capsys):
    found = model.recommend(MINE, n=100)
    assert len(found) == len(set(found["item"])) == 17
    assert "1 user has fewer than 100 items left" in capsys.readouterr().err


@pytest.mark.parametrize("history", [
    MINE, np.array(MINE), tuple(MINE), dict.fromkeys(MINE, 5), pd.DataFrame({"item": MINE}),
    pd.DataFrame({"user": 1, "movieId": MINE, "rating": 5.0}), [MINE], [dict.fromkeys(MINE, 4.0)]],
    ids=lambda h: type(h).__name__)
def test_a_history_may_have_any_form(history, model):
    assert model.recommend(history, 5)["item"].tolist() == model.recommend(MINE, 5)["item"].tolist()


@pytest.mark.parametrize("name, text", [
    ("a.csv", "item\nfilm 1\nfilm 3\nFilm Five\n"), ("b.csv", "film 1\nfilm 3\nFilm Five\n"),
    ("t.csv", 'title\nFilm 1\n"Film 3"\nFilm Five\n'),
    ("c.csv", "movieId,rating\nfilm 1,5\nfilm 3,5\nFilm Five,5\n"),
    ("d.tsv", "user\titem\trating\nme\tfilm 1\t5\nme\tfilm 3\t5\nme\tfilm 5\t4\n"),
    ("e.csv", "film 1,5\nfilm 3,5\nfilm 5,4\n")])
def test_a_file_may_hold_one_user_or_several(name, text, model, place):
    (place / name).write_text(text)
    found = model.recommend(place / name, 5)
    assert found["item"].tolist() == model.recommend(MINE, 5)["item"].tolist()


def test_a_title_with_a_comma_is_one_item(model, place, capsys):
    (place / "commas.csv").write_text("title\nFilm 1\nFilm, The\n")
    model.recommend(place / "commas.csv", 5)
    assert "1 of 2 items is not known" in (said := capsys.readouterr().err) and "The'" in said


def test_items_rated_low_are_not_recommended_again_and_do_not_count(model, capsys):
    rated = {**dict.fromkeys(MINE, 5), "film 7": 1}
    found = model.recommend(rated, 20)
    assert "film 7" not in set(found["item"])
    assert "1 item has a rating below 4" in capsys.readouterr().err
    others = [item for item in model.recommend(MINE, 20)["item"] if item != "film 7"]
    assert found["item"].tolist() == others


def test_users_are_told_apart(model):
    found = model.recommend([MINE, ["film 0", "film 2"]], 3)
    assert found["user"].tolist() == ["you 1"] * 3 + ["you 2"] * 3
    parity = [int(item.removeprefix("film ")) % 2 for item in found["item"]]
    assert sum(parity[:3]) > sum(parity[3:])


def test_unknown_items_are_told_with_what_was_meant(model, capsys):
    found = model.recommend([*MINE, "Film Fiv", "zzz"], 5)
    said = capsys.readouterr().err
    assert "2 of 5 items are not known" in said and "did you mean 'Film Five'?" in said
    assert "'zzz'" in said
    assert found["item"].tolist() == model.recommend(MINE, 5)["item"].tolist()


@pytest.mark.parametrize("history, words", [
    (["nothing", "known"], "none of the 2 items"), ([], "without items"), ({}, "without items"),
    (None, "a history is a file"), (7, "a history is a file"), ("none.csv", "no file none.csv"),
    ({"film 1": "good"}, "ratings must be numbers"), ([["film 1"], 3], "a list of items")])
def test_a_history_that_says_nothing_is_refused_in_a_line(history, words, model):
    with pytest.raises(ValueError, match=words) as refused:
        model.recommend(history)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("n", [0, -1, 2.5, True, 10**6])
def test_a_number_of_items_that_cannot_be_is_refused(n, model):
    with pytest.raises(ValueError, match="n must be a whole number"):
        model.recommend(MINE, n)


def test_the_shell_writes_what_python_gives(model, place, command):
    (place / "history.csv").write_text("item\n" + "\n".join(MINE))
    code, out, _ = command("recommend", place / "run", place / "history.csv", "-n", 4, "-o",
                           place / "top.csv")
    assert code == 0 and "4 items for you (probability):" in out
    written = pd.read_csv(place / "top.csv")
    wanted = hg.recommend(place / "run", MINE, 4)
    pd.testing.assert_frame_equal(written, wanted, rtol=1e-4, check_dtype=False)
    code, out, _ = command("recommend", place / "run", "--item", "film 1", "--item", "film 3",
                           "-o", place / "top.parquet")
    assert code == 0 and len(pd.read_parquet(place / "top.parquet")) == 18


@pytest.mark.parametrize("words, said", [
    (["{run}"], "needs a file of the users' items, or items"),
    (["{run}", "none.csv"], "there is no file none.csv"),
    (["{run}", "--item", "x", "-o", "top.png"], ".csv"),
    (["{run}", "--item", "x"], "none of the 1 items")])
def test_the_shell_refuses_with_code_2(words, said, model, place, command):
    code, _, err = command("recommend", *(word.format(run=place / "run") for word in words))
    assert code == 2 and said in err and err.count("\n") <= 2


def test_a_served_model_recommends_and_refuses_the_rest(model):
    app = make_app(model.trained)

    def post(name, body):
        async def go():
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app),
                                         base_url="http://here") as client:
                return await client.post(f"/v1/{name}", json=body)
        return asyncio.run(go())
    answer = post("recommend", {"items": MINE, "n": 3})
    assert answer.status_code == 200
    found = answer.json()["items"]
    assert [one["item"] for one in found] == model.recommend(MINE, 3)["item"].tolist()
    assert found[0]["title"].startswith("Film ") and found[0]["score"] > 0
    rated = post("recommend", {"items": {"film 1": 5, "film 3": 4, "zz": 1}})
    assert len(rated.json()["items"]) == 18 and "'zz'" in " ".join(rated.json()["notes"])
    for body, words in (({"items": []}, "items"), ({"items": ["zz"]}, "none of the 1 items"),
                        ({"items": MINE, "n": 0}, "n:"), ({}, "items"), ({"item": MINE}, "items")):
        refused = post("recommend", body)
        assert refused.status_code == 422 and words in refused.json()["error"]
    for name in ("encode", "decode", "reconstruct", "generate", "impute", "score", "classify"):
        refused = post(name, {"samples": [[0.0] * 20]})
        assert refused.status_code == 404 and "/v1/recommend" in refused.json()["error"]


REFUSED = {
    "generate": ["{run}"], "morph": ["{run}", "a.png", "b.png"], "score": ["{run}", "{data}"],
    "reconstruct": ["{run}", "{data}"], "restore": ["{run}", "{data}"],
    "impute": ["{run}", "{data}"], "classify": ["{run}", "{data}"],
    "compress": ["{run}", "{data}"], "decompress": ["{run}", "{data}"],
    "finetune": ["{run}", "{data}"], "vary": ["{run}", "0"]}


@pytest.mark.parametrize("name", REFUSED)
def test_commands_for_samples_refuse_in_a_sentence(name, model, place, command):
    words = [word.format(run=place / "run", data=place / "ratings.csv") for word in REFUSED[name]]
    code, _, err = command(name, *words)
    assert code == 2 and "was trained on ratings" in err and "recommend" in err, err


@pytest.mark.parametrize("call", [
    lambda m: m.reconstruct([MINE]), lambda m: m.restore([MINE]), lambda m: m.impute([MINE]),
    lambda m: m.sample(2), lambda m: m.score([MINE]), lambda m: m.compress([MINE]),
    lambda m: m.decode(np.zeros((1, 4))), lambda m: m.classify([MINE]),
    lambda m: m.errors([MINE])])
def test_python_refuses_the_same(call, model):
    with pytest.raises(ValueError, match="was trained on ratings"):
        call(model)


def test_a_model_of_other_data_recommends_nothing(tmp_path):
    x = np.random.default_rng(0).random((20, 4)).astype(np.float32)
    other = hg.train(x, model="ae(2)", backbone="mlp(4)", epochs=1, out=tmp_path / "run",
                     report=False, quiet=True)
    with pytest.raises(ValueError, match=r"recommend is for models of ratings.*vectors"):
        other.recommend(["a"])


def test_codes_of_users_are_written_by_embed(model, place, command):
    code, _, err = command("embed", place / "run", place / "ratings.csv", "-o",
                             place / "codes.csv")
    assert code == 0, err
    codes = pd.read_csv(place / "codes.csv")
    assert len(codes) == 60 and codes.columns.tolist() == ["name", *(f"z_{i}" for i in range(1, 5))]
    z = model.encode([MINE])
    assert z.shape == (1, 4) and np.isfinite(z).all()


def test_evaluate_judges_by_held_out_items(model, place, command):
    code, out, err = command("evaluate", place / "run", "-o", place / "users.csv")
    assert code == 0, err
    assert "ndcg@100" in out and "EASE (Steck, 2019)" in out and "In NDCG@100 the model is" in out
    users = pd.read_csv(place / "users.csv")
    assert len(users) == 6 and users["ndcg@100"].between(0, 1).all()
    metrics = json.loads((place / "run" / "run.json").read_text())["metrics"]
    assert users["ndcg@100"].mean() == pytest.approx(metrics["ndcg@100"], abs=1e-5)
    code, _, err = command("evaluate", place / "run", "--split", "train")
    assert code == 2 and "no held-out items" in err


def test_the_report_has_the_methods_side_by_side_and_the_map_of_items(model, place):
    page = (place / "run" / "report.html").read_text()
    assert "The model and simpler methods" in page and "popularity" in page
    assert {"ranking.png", "items.png", "codes.png"} <= {
        file.name for file in (place / "run" / "figures").iterdir()}
    assert not (place / "run" / "figures" / "lines.png").exists()
    assert "mse" not in json.loads((place / "run" / "run.json").read_text())["metrics"]


def test_the_explorer_lists_the_items_of_a_code(model, place, command):
    pytest.importorskip("onnxscript")
    code, _, err = command("explore", place / "run", "-o", place / "explorer.html")
    assert code == 0, err
    assert '"Film Five"' in (place / "explorer.html").read_text()


def test_explicit_models_predict_stars_beside_soft_impute_and_neighbours(explicit):
    found = explicit.recommend(dict.fromkeys(["film 1", "film 3"], 5) | {"film 2": 2}, 4)
    assert found["score"].between(0, 7).all()
    metrics = explicit.folder.read_record().get("metrics", {})
    lines = explicit.evaluate().lines
    assert any("soft-impute" in line for line in lines) and any("KNN" in line for line in lines)
    assert any(line.startswith("model") and "RMSE" in line for line in lines), metrics
    with pytest.raises(ValueError, match="needs those of the history"):
        explicit.recommend(["film 1"])


def test_a_run_is_loaded_and_resumed_with_its_items(model, place):
    again = hg.load(place / "run")
    assert again.recommend(MINE, 5)["item"].tolist() == model.recommend(MINE, 5)["item"].tolist()
    text = json.dumps(again.trained.description.as_json())
    assert "film 7" in text


def test_a_history_of_many_users_stays_sparse(model):
    found = read_histories([["film 1"]] * 500, model.trained.description.encoding)
    assert found.rows.matrix.nnz == 500 and len(found.users) == 500
