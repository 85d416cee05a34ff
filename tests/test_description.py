"""What a weights file says of its model: written as ever, read with suspicion."""

import json

import numpy as np
import pytest

from hourglass.core.contracts import Scale
from hourglass.data.collect import split
from hourglass.data.read_image import Reading
from hourglass.data.sources.arrays import from_array
from hourglass.model.older_texts import FORMAT
from hourglass.model.parts import Parts
from hourglass.run.description import Description, describe, description_in

GREY = """{"format": 2, "parts": {"backbone": "conv", "decoder": "", "bottleneck": "plain(32)",
"likelihood": "bernoulli", "corruption": "none", "condition": "none", "loss": "recon", "prior":
"auto"}, "shape": [1, 8, 8], "scale": 0.00392156862745098, "values": {"offset": 0, "factor":
0.00392156862745098, "low": 0, "high": 255, "bits": 8, "clip": false, "what": "8-bit images"},
"bounded": true, "reading": {"crop": "", "grey": true, "invert": false, "size": "8x8", "fit":
"crop", "pad": "", "strict": false, "lenient": false, "strays": false, "store": "", "patches": "",
"patches_each": null, "include": "", "exclude": "", "label_depth": null, "pages": false, "range":
"", "depth": "", "channels": 0, "as_stored": false}, "classes": ["0", "1"], "encoding": {}}"""
OF_IMAGES = GREY.replace("\n", " ")   # as 0.2.0 wrote it


def test_a_description_is_written_as_it_always_was():
    x = (np.arange(20 * 8 * 8).reshape(20, 8, 8) % 256).astype(np.uint8)
    source = split(from_array(x, np.arange(20) % 2, Reading()), {}, 0)
    parts = Parts().fitted(source.shape, source.low, source.high)
    assert json.dumps(describe(parts, source, Reading()).as_json()) == OF_IMAGES


@pytest.mark.parametrize("change", [
    {}, {"decoder": False, "from": "/runs/1"}, {"values": {"low": float("-inf"), "what": "rows"}},
    {"encoding": {"kind": "table", "columns": []}}, {"classes": []}])
def test_what_is_read_is_written_again(change):
    kept = {**json.loads(OF_IMAGES), **change}
    again = description_in(json.dumps(kept)).as_json()
    if "values" in change:
        again["values"] = {name: again["values"][name] for name in change["values"]}
    assert json.dumps(again) == json.dumps(kept)


def test_descriptions_of_older_runs_are_understood():
    kept = json.loads(OF_IMAGES)
    for name in ("format", "values", "encoding"):
        del kept[name]
    for name in ("range", "depth", "channels", "as_stored", "patches"):
        del kept["reading"][name]
    kept["parts"] = {"backbone": "conv((4, 8), kernel=(3, 5))"}
    found = description_in(json.dumps(kept))
    assert found.scale == Scale(0, 1 / 255, 0, 255, 8, what="8-bit images")
    assert found.parts.backbone == "conv(filters=(4, 8), kernel=((3, 3), (5, 5)))"
    assert found.parts.prior == "auto" and found.format == 1
    assert "values" not in found.as_json() and found.as_json()["parts"] == kept["parts"]


@pytest.mark.parametrize("change, says", [
    ({"shape": [0, 8, 8]}, "samples of shape"), ({"shape": [float("inf")]}, "infinity"),
    ({"reading": {"size": 8}}, "Reading size"), ({"reading": {"grey": "yes"}}, "Reading grey"),
    ({"reading": {"fit": "squeeze"}}, "Reading fit"), ({"values": {"factor": "x"}}, "Scale factor"),
    ({"values": {"more": 1}}, "more"), ({"values": [1]}, "Scale"), ({"scale": None}, "NoneType"),
    ({"encoding": 4}, "iterable"), ({"parts": None}, "items"), ({"format": "new"}, "new")])
def test_an_entry_of_the_wrong_kind_is_named(change, says):
    with pytest.raises(ValueError, match=says):
        description_in(json.dumps({**json.loads(OF_IMAGES), **change}))


@pytest.mark.parametrize("name", ["parts", "shape", "scale", "bounded", "reading", "classes"])
def test_an_entry_that_is_not_there_is_named(name):
    kept = json.loads(OF_IMAGES)
    del kept[name]
    with pytest.raises(ValueError, match=f"it has no '{name}'"):
        description_in(json.dumps(kept))


@pytest.mark.parametrize("text", ["", "3", "[]", "{", '"text"', "[" * 100_000])
def test_what_is_no_description_is_refused(text):
    with pytest.raises(ValueError):
        description_in(text)


def test_a_description_knows_nothing_of_where_to_write_or_how_strict_to_be():
    kept = json.loads(OF_IMAGES)
    kept["reading"] |= {"store": "/home/me/there.npy", "strict": True, "lenient": True}
    found = description_in(json.dumps(kept)).reading
    assert (found.store, found.strict, found.lenient) == ("", False, False)


def test_a_description_needs_little_to_be_made():
    found = Description({}, (3,))
    assert found.scale == Scale() and found.parts == Parts() and found.format == FORMAT
    assert found.kind == ""
