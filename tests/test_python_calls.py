"""Everything that a command does is one call in Python, and does the same."""

import json
import signal
import time
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from conftest import FORKS, TINY, stripes

import hourglass as hg
from hourglass.cli.data import data_commands
from hourglass.cli.main import COMMANDS

CALLS = {   # of each command; a method is one of a model
    "train": ["hg.train", "hg.resume"], "summary": ["hg.summary"], "report": ["hg.report"],
    "reconstruct": ["reconstruct"], "list": ["hg.list"], "generate": ["generate", "grid"],
    "morph": ["morph"], "vary": ["vary"], "explore": ["explore"], "compare": ["hg.compare"],
    "studio": ["hg.open_studio"], "search": ["hg.search"], "ensemble": ["hg.ensemble"],
    "detect": ["hg.detect"],
    "restore": ["restore"], "score": ["score", "heatmaps", "score_steps"], "impute": ["impute"],
    "recommend": ["hg.recommend", "recommend"],
    "embed": ["hg.embed", "encode", "nearest", "duplicates"], "classify": ["classify"],
    "compress": ["compress"], "decompress": ["decompress"], "finetune": ["hg.finetune"],
    "evaluate": ["evaluate", "disentangle"], "serve": ["hg.serve"], "export": ["export"],
    "data prepare": ["hg.prepare"], "data augment": ["hg.augment"], "data show": ["hg.show"],
}


def names_of_commands() -> set[str]:
    data = {f"data {info.callback.__name__}" for info in data_commands.registered_commands}
    return {*COMMANDS, *data}


def test_every_command_names_its_call_in_python():
    assert names_of_commands() == set(CALLS), "a new command needs a call in Python, and a line"
    for calls in CALLS.values():
        for call in calls:
            owner = hg if call.startswith("hg.") else hg.Model
            assert getattr(owner, call.removeprefix("hg.")).__doc__, call


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    x = stripes()
    x[7] = x[3]
    x[11] = x[3]
    return hg.train(x, out=tmp_path_factory.mktemp("calls") / "run", report=False,
                    **TINY)


def test_neighbours_of_a_sample_begin_with_itself(model):
    x = stripes()
    found = model.nearest(x, [x[0], x[5]], n=3)
    assert found.index.shape == found.distances.shape == found.names.shape == (2, 3)
    z = model.encode(x)
    for query, near, distances in zip((0, 5), found.index, found.distances, strict=True):
        right = np.sort(np.linalg.norm(z - z[query], axis=1))[:3]
        np.testing.assert_allclose(distances, right, atol=1e-5)
        np.testing.assert_allclose(z[near[0]], z[query], atol=1e-5)


def test_duplicates_are_found_in_memory(model):
    x = np.random.default_rng(1).integers(0, 255, (30, 10, 10), np.uint8)
    x[7] = x[11] = x[3]
    found = model.duplicates(x)
    assert [3, 7, 11] in [group.tolist() for group in found.groups]
    with pytest.raises(ValueError, match="one sample"):
        model.duplicates(x[:1])


def test_an_exported_half_is_written_where_it_is_said(model, tmp_path):
    path = model.export(tmp_path / "d.onnx", half="decoder")
    assert path == tmp_path / "d.onnx" and path.stat().st_size > 500
    with pytest.raises(ValueError, match=r"\.onnx"):
        model.export(tmp_path / "d.txt")


def test_steps_of_a_series_are_scored_in_stretches(tmp_path):
    values = np.sin(np.arange(400) / 3)
    values[300:305] = 9
    np.savetxt(tmp_path / "s.csv", np.c_[np.arange(400), values], "%.6g", ",", header="t,v",
               comments="")
    series = hg.train(tmp_path / "s.csv", kind="series", window=12, out=tmp_path / "run",
                      report=False, **{**TINY, "model": "ae(2)"})
    scored = series.score_steps(threshold="quantile(0.98)")
    assert scored.score.shape == scored.verdict.shape == (400,)
    assert any(first <= 302 < end for first, end in scored.stretches)
    assert scored.save(tmp_path / "scores.csv").read_text().count("\n") == 401
    assert len(series.score_steps(threshold="quantile(0.98)", merge=400).stretches) == 1


def test_steps_and_factors_are_refused_where_there_are_none(model):
    with pytest.raises(ValueError, match="not trained on a series"):
        model.score_steps()
    with pytest.raises(ValueError, match="no known generative factors"):
        model.disentangle()


def test_the_costs_of_a_run_are_those_of_its_settings(tmp_path):
    settings = {"model": "ae(2)", "backbone": "mlp((8,))"}
    model = hg.train("digits", out=tmp_path / "run", epochs=1, report=False, quiet=True,
                     **settings)
    costs = [hg.summary("digits", **settings), hg.summary(tmp_path / "run"), hg.summary(model)]
    weights = sum(p.numel() for p in model.net.parameters())
    assert {one.summary.parameters["whole"] for one in costs} == {weights}
    assert f"{weights:,}" in repr(costs[0]) and "<pre>" in costs[0]._repr_html_()
    assert hg.summary(stripes(), model="ae(3)").summary.layers


def test_a_data_set_is_looked_at_and_its_sheet_saved(here):
    found = hg.show("photos/", size=12)
    assert "40 samples of 3x12x12" in repr(found) and "--" not in repr(found)
    assert found.save("sheet.png").stat().st_size > 500
    with pytest.raises(ValueError, match=r"\.png"):
        found.save("sheet.txt")
    with pytest.raises(ValueError, match="samples in memory"):
        hg.show(stripes())


def _serve(run: str, errors: str) -> None:
    import sys
    sys.stderr = open(errors, "w", buffering=1)
    hg.serve(run, port=0, samples=7)


def test_a_model_is_served_from_python(model, tmp_path):
    said = tmp_path / "said.txt"
    process = FORKS.Process(target=_serve, args=(str(model.folder.path), str(said)))
    process.start()
    for _ in range(600):
        words = said.read_text().split() if said.exists() else []
        address = next((word for word in words if word.startswith("http://")), "")
        if address or not process.is_alive():
            break
        time.sleep(0.1)
    with urllib.request.urlopen(f"{address.rstrip('/.,')}/v1/model", timeout=60) as answer:
        assert json.load(answer)["limits"]["samples"] == 7
    import os
    os.kill(process.pid, signal.SIGTERM)
    process.join(60)
    assert process.exitcode == 0, Path(said).read_text()


@pytest.mark.parametrize("given, match", [
    ({"port": 99999}, "port must be"), ({"smaples": 3}, "has no limit 'smaples'"),
    ({"token": "short"}, "characters or more"), ({"samples": 0}, "must be above 0"),
    ({"host": "0.0.0.0", "port": 0}, "token")])
def test_a_wrong_wish_of_serving_is_refused(given, match, model):
    with pytest.raises(ValueError, match=match):
        hg.serve(model, **given)
