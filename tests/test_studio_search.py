"""Searches and servers in the studio, without a browser: what starts, what is read, what ends."""

import io
import json
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import httpx
import numpy as np
import pytest
from fastapi.testclient import TestClient

import hourglass as hg
from hourglass.searching.importances import importance
from hourglass.serving.listening import LOCAL
from hourglass.studio.app import make_studio
from hourglass.studio.roots import make_roots

TOKEN = "a-token-of-the-tests"
PATIENCE = 90   # seconds for a process to begin or end
SMALL = {"model": "ae({2..4})", "backbone": "mlp({4..16})", "lr": "{1e-3..1e-2}", "epochs": 1}


def client_of(home: Path) -> TestClient:
    app = make_studio(make_roots(home), TOKEN, LOCAL)
    return TestClient(app, base_url="http://127.0.0.1:8008",
                      headers={"Authorization": f"Bearer {TOKEN}"})


def until(holds, what: str):
    """Wait for what another process does."""
    end = time.monotonic() + PATIENCE
    while not (found := holds()):
        assert time.monotonic() < end, what
        time.sleep(0.2)
    return found


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """A folder with data, a run in runs/one, and a study in studies/first."""
    folder = tmp_path_factory.mktemp("home")
    x = np.random.default_rng(0).random((60, 6, 6), np.float32)
    np.savez(folder / "squares.npz", x=x, y=np.arange(60) % 2)
    hg.train(str(folder / "squares.npz"), model="vae(2)", backbone="mlp(8)", epochs=1, test=10,
             quiet=True, report=False, out=folder / "runs/one")
    with client_of(folder) as client:
        wish = {"settings": {"data": "squares.npz", **SMALL}, "name": "first",
                "options": {"trials": 5, "metric": "mse,parameters"}}
        assert client.post("/api/search", json=wish).json()["name"] == "first"
        until(lambda: entry(client, "studies/first").get("state") == "finished"
              and (folder / "studies/first/study.html").is_file(), "the search ends")
    return folder


@pytest.fixture
def client(home):
    with client_of(home) as found:
        yield found


def entry(client: TestClient, path: str) -> dict:
    return next((run for run in client.get("/api/runs").json()["runs"] if run["path"] == path), {})


def test_the_page_of_a_search_waits_for_no_pytorch():
    subprocess.run([sys.executable, "-c", "import sys; from hourglass.searching import importances,"
                    "open_records, split_values; sys.exit('torch' in sys.modules)"], check=True)


def test_a_form_with_holes_says_which_and_how_many(client):
    found = client.post("/api/search/check", json={
        "settings": {"data": "squares.npz", "model": "ae({2..5})", "batch_size": "{16|32}"},
        "options": {"trials": 3}}).json()
    assert found["holes"] == {"model.dim": "2 to 5", "batch_size": "16 or 32"}
    assert found["count"] == 8
    assert found["command"] == ("hourglass search '--model=ae({2..5})' '--batch-size={16|32}' "
                                "--trials=3 squares.npz")


@pytest.mark.parametrize("settings, options, words", [
    ({"model": "vea({2..4})"}, {}, "did you mean 'vae'"),
    ({"model": "ae({2-4})"}, {}, "write {2..4}"),
    ({"val": "{0.1..0.2}"}, {}, "val must be the same for all trials"),
    ({"data": "squars.npz"}, {}, "no file or folder"),
    ({"data": "mnits"}, {}, "did you mean 'mnist'"),
    ({"data": "/etc"}, {}, "outside the folders"),
    ({"begin": "/etc"}, {}, "outside the folders"),
    ({"loss": "recon + {0|1} * perceptual(features='/etc/passwd')"}, {}, "outside the folders"),
    ({}, {"trials": 0}, "“trials” must be above 0"), ({}, {"trials": 1.5}, "a whole number"),
    ({}, {"minutes": "ten"}, "minutes: a number"), ({}, {"prune": "ahsa"}, "did you mean 'asha'"),
    ({}, {"storage": "postgresql://x/y"}, "no option 'storage'"),
    ({}, {"workers": 1000}, "from 1 to 64"),
    ({"minutes": 3}, {}, "a search has no such setting")])
def test_what_a_search_refuses_is_refused_in_the_form(client, home, settings, options, words):
    wish = {"settings": {"data": "squares.npz", "model": "ae({2..4})", **settings},
            "options": options}
    found = client.post("/api/search/check", json=wish).json()
    assert not found["ok"] and words in found["error"]
    assert client.post("/api/search", json=wish).status_code == 422
    assert [path.name for path in (home / "studies").iterdir()] == ["first"]


@pytest.mark.parametrize("options, words", [
    ({"metric": "mes"}, "did you mean 'mse'"), ({"limit": "parameters <= 3"}, "limit"),
    ({"target": 0.1, "metric": "mse,parameters"}, "target")])
def test_what_needs_the_data_is_refused_before_a_search_starts(client, home, options, words):
    wish = {"settings": {"data": "squares.npz", **SMALL}, "options": options}
    assert client.post("/api/search/check", json=wish).json()["ok"]
    found = client.post("/api/search/check", json={**wish, "whole": True}).json()
    assert not found["ok"] and words in found["error"] and "--" not in found["error"]
    assert client.post("/api/search", json=wish).status_code == 422
    assert [path.name for path in (home / "studies").iterdir()] == ["first"]


def test_a_check_with_the_data_tells_the_smallest_and_largest_models(client):
    found = client.post("/api/search/check", json={
        "settings": {"data": "squares.npz", **SMALL}, "whole": True}).json()
    lines = "\n".join(found["lines"])
    assert "smallest model: " in lines and "largest model: " in lines and "1x6x6" in lines


def test_a_study_is_read_as_python_reads_it(client, home):
    listed = entry(client, "studies/first")
    found = client.get(f"/api/studies/{listed['key']}").json()
    study = hg.Study(home / "studies/first")
    assert (listed["trials"], listed["best"]) == (5, pytest.approx(study.best.value))
    assert found["best"] == study.best.number and not found["alive"]
    assert sorted(found["front"]) == sorted(trial.number for trial in study.front)
    values = {trial["number"]: trial["values"] for trial in found["trials"]}
    assert values[study.best.number] == pytest.approx([*study.best.values.values()])
    assert found["importance"] == pytest.approx(importance(study.records))
    assert [hole["name"] for hole in found["holes"]] == ["model.dim", "backbone.widths", "lr"]
    assert [split["split"] for split in found["splits"]] == ["train", "val", "test", "holdout"]
    assert found["command"].startswith("hourglass search '--model=ae({2..4})'")


def test_a_trial_is_opened_as_a_run_and_stays_where_it_is(client, home):
    key = entry(client, "studies/first")["key"]
    trial = client.get(f"/api/studies/{key}").json()["trials"][0]
    with client_of(home) as again:   # which has not read the study
        found = again.get(f"/api/runs/{trial['key']}").json()
    assert found["entry"]["kind"] == "trial" and found["entry"]["study"] == key
    assert found["entry"]["path"] == "studies/first/trials/0000" and found["has_model"]
    for address in ("trash", "resume"):
        answer = client.post(f"/api/runs/{trial['key']}/{address}",
                             json={} if address == "resume" else None)
        assert answer.status_code == 422 and "trial of a search" in answer.json()["error"]
    assert client.get(f"/api/runs/{key}").status_code == 422   # a study is no run
    assert client.get(f"/api/studies/{trial['key']}").status_code == 422


def test_a_study_is_read_before_its_first_trial_and_nothing_is_written(client, home):
    shutil.copytree(home / "studies/first", home / "studies/young")
    try:
        (home / "studies/young/journal.log").unlink()
        before = sorted(path.name for path in (home / "studies/young").iterdir())
        key = entry(client, "studies/young")["key"]
        assert client.get(f"/api/studies/{key}").json()["trials"] == []
        assert sorted(path.name for path in (home / "studies/young").iterdir()) == before
    finally:
        shutil.rmtree(home / "studies/young")


@pytest.mark.parametrize("old, new, words", [
    ('plugins = []', 'plugins = ["evil.py"]', "plug-in"),
    ('storage = ""', 'storage = "postgresql://x/y"', "database")])
def test_a_study_that_loads_code_or_asks_a_network_is_not_continued(client, home, old, new, words):
    shutil.copytree(home / "studies/first", home / "studies/odd")
    try:
        file = home / "studies/odd/study.toml"
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new))
        key = entry(client, "studies/odd")["key"]
        answer = client.post(f"/api/studies/{key}/continue", json={"options": {"trials": 9}})
        assert answer.status_code == 422 and words in answer.json()["error"]
    finally:
        shutil.rmtree(home / "studies/odd")


def test_the_trials_are_combined_into_a_run(client, home):
    key = entry(client, "studies/first")["key"]
    wrong = client.post(f"/api/studies/{key}/ensemble", json={"size": 0})
    assert wrong.status_code == 422 and not (home / "runs/best").exists()
    client.post(f"/api/studies/{key}/ensemble", json={"name": "best", "size": 3})
    begun = until(lambda: entry(client, "runs/best"), "the ensemble is made")
    if begun["state"] != "finished":   # its report takes a while
        client.post(f"/api/runs/{begun['key']}/stop")
    until(lambda: entry(client, "runs/best")["state"] not in ("training", "writing"), "it ends")
    held = json.loads((home / "runs/best/run.json").read_text())
    assert 1 <= len(held["ensemble"]["members"]) <= 3


def test_a_run_is_served_watched_and_stopped(client, home):
    key = entry(client, "runs/one")["key"]
    address = f"/api/runs/{key}/server"
    nobody = client.get(address).json()
    assert nobody["state"] == "none" and "serve --token-file=token -- " in nobody["command"]
    assert client.post(address).status_code == 200
    try:
        assert client.post(address).status_code == 422   # one is enough
        ready = until(lambda: (found := client.get(address).json())["state"] == "ready" and found,
                      "the server is ready")
        (secret,) = (home / "runs/.studio").glob("*.token")
        assert f"--token-file={secret}" in ready["command"]
        asked = {"headers": {"Authorization": f"Bearer {ready['token']}"}, "json": {"n": 2}}
        assert httpx.post(f"{ready['url']}/v1/generate", **asked).status_code == 200
        assert httpx.post(f"{ready['url']}/v1/generate", json={"n": 2}).status_code == 401
        operations = {each["operation"]: each for each in
                      client.get(address).json()["traffic"]["operations"]}
        told = operations["/v1/generate"]
        assert (told["answered"], told["refused"]) == (1, 1) and 0 < told["median"] < 60
        assert secret.read_text() == ready["token"] and secret.stat().st_mode & 0o077 == 0
        assert entry(client, "runs/one")["state"] == "finished"   # it does not train
        answer = client.post(f"/api/runs/{key}/trash")
        assert answer.status_code == 422 and "stop its server first" in answer.json()["error"]
    finally:
        assert client.delete(address).status_code == 200
        until(lambda: client.get(address).json()["state"] == "ended", "the server ends")
    assert client.delete(address).status_code == 422


def test_files_to_take_away_are_those_of_the_commands(client, home):
    import onnxruntime
    key = entry(client, "runs/one")["key"]
    answer = client.get(f"/api/runs/{key}/download/decoder.onnx")
    assert answer.headers["content-disposition"] == 'attachment; filename="decoder.onnx"'
    session = onnxruntime.InferenceSession(answer.content, providers=["CPUExecutionProvider"])
    z = np.array([[0.5, -1]], np.float32)
    decoded = session.run(None, {session.get_inputs()[0].name: z})[0]
    np.testing.assert_allclose(decoded[:, 0, ..., None], hg.load(home / "runs/one").decode(z),
                               atol=1e-5)
    missing = client.get(f"/api/runs/{key}/download/report.html")
    assert missing.status_code == 422 and "no report yet" in missing.json()["error"]
    for name in ("settings.toml", "..%2F..%2Fsquares.npz", "run.zip%00"):
        assert client.get(f"/api/runs/{key}/download/{name}").status_code == 404


def test_an_archive_holds_the_run_without_links(client, home):
    link = home / "runs/one/outside"
    link.symlink_to(home / "squares.npz")
    try:
        answer = client.get(f"/api/runs/{entry(client, 'runs/one')['key']}/download/run.zip")
    finally:
        link.unlink()
    with zipfile.ZipFile(io.BytesIO(answer.content)) as file:
        names = set(file.namelist())
        assert {"one/settings.toml", "one/model.safetensors", "one/run.json"} <= names
        assert not {"one/outside", "one/lock"} & names
        assert json.loads(file.read("one/run.json")) == json.loads(
            (home / "runs/one/run.json").read_text())
