"""A kept detector over HTTP: the scores of `hourglass detect`, heat maps, and refusals."""

import asyncio
import io
import os
import re
import signal
import sys
import time
import zipfile

import httpx
import numpy as np
import pytest
from conftest import FORKS
from PIL import Image

import hourglass as hg
from hourglass.core.features import features
from hourglass.serving.detector_app import OF_RUNS, make_detector_app
from hourglass.serving.limits import Limits

GOOD = np.random.default_rng(0).integers(90, 130, (20, 64, 64), np.uint8)
GOOD[:, 10:20] += 90
BAD = GOOD[:3].copy()
BAD[:, 36:48, 40:52] = 0
SEVERAL = [BAD[0], BAD[1][:, :48], GOOD[2]]   # of two sizes


@pytest.fixture(scope="module")
def own():
    text = "patch_knn('random', size=64, patches=200, strides=(4,), unit=False)"
    return hg.detect(GOOD, BAD, detector=text).detector


@pytest.fixture(scope="module")
def app(own):
    return make_detector_app(own, Limits(files=3))


def asked(app, path, images=None, **options):
    sent = None if images is None else [
        ("images", (f"{i}.png", image if isinstance(image, bytes) else as_png(image)))
        for i, image in enumerate(images)]

    async def go():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app),
                                     base_url="http://here") as client:
            return await client.request("GET" if sent is None else "POST", path, files=sent,
                                        params=options)
    return asyncio.run(go())


def as_png(image):
    held = io.BytesIO()
    Image.fromarray(image).save(held, "PNG")
    return held.getvalue()


def test_scores_are_those_of_the_detector_for_images_of_any_sizes(app, own):
    answer = asked(app, "/v1/score", SEVERAL).json()
    found = hg.detect(own, SEVERAL)
    np.testing.assert_allclose(answer["scores"], found.scores, rtol=1e-5)
    assert answer["abnormal"] == found.abnormal.tolist() == [True, True, False]
    assert answer["threshold"] == own.threshold and answer["names"] == ["0.png", "1.png", "2.png"]
    assert 0 <= min(answer["probabilities"]) <= max(answer["probabilities"]) <= 1


def test_heat_maps_keep_the_sizes_of_images_and_show_the_place(app):
    packed = zipfile.ZipFile(io.BytesIO(asked(app, "/v1/heatmap", SEVERAL).content))
    drawn = [np.asarray(Image.open(packed.open(name))).astype(int) for name in packed.namelist()]
    assert [image.shape for image in drawn] == [(64, 64, 3), (64, 48, 3), (64, 64, 3)]
    rows, columns = np.nonzero(np.ptp(drawn[0], axis=-1) > 40)   # where it is coloured
    assert abs(rows.mean() - 42) < 10 and abs(columns.mean() - 46) < 10
    one = asked(app, "/v1/heatmap", SEVERAL[:1])
    assert one.headers["content-type"] == "image/png"


def test_it_says_what_is_served(app, own):
    served = asked(app, "/v1/model").json()
    assert served["detector"] == own.text and served["operations"] == ["heatmap", "score"]
    assert features("random").digest in served["features"] and served["normal"] == 4
    assert asked(app, "/health").json()["status"] == "ready"
    paths = asked(app, "/openapi.json").json()["paths"]
    assert {"/v1/score", "/v1/heatmap", "/v1/model", "/v1/traffic", "/health"} == set(paths)


@pytest.mark.parametrize("path, images, status, words", [
    ("/v1/score", [b"not an image"], 415, "known format"), ("/v1/score", [b""], 422, "empty"),
    ("/v1/score", [as_png(BAD[0])] * 4, 422, "at most 3 images"),
    ("/v1/score", [as_png(BAD[0])[:60]], 422, "cut short"),
    *((f"/v1/{name}", SEVERAL, 404, "a detector alone is served") for name in OF_RUNS)])
def test_what_cannot_be_answered_says_why(app, path, images, status, words):
    answer = asked(app, path, images)
    assert answer.status_code == status and words in answer.json()["error"]


def test_whole_images_have_no_heat_maps():
    own = hg.detect(GOOD, BAD, detector="feature_knn('random', size=64)").detector
    whole = make_detector_app(own)
    assert "no maps" in asked(whole, "/v1/heatmap", SEVERAL).json()["error"]
    np.testing.assert_allclose(asked(whole, "/v1/score", SEVERAL[:1]).json()["scores"],
                               own.score(BAD[:1]), rtol=1e-5)


@pytest.fixture
def kept(own, tmp_path):
    own.save(tmp_path / "own.safetensors")
    return tmp_path / "own.safetensors"


@pytest.mark.parametrize("words", ["--ahead 3", "--priors own", "--show-training"])
def test_options_of_runs_are_refused(kept, hourglass, words):
    code, _, err = hourglass(f"serve {kept} {words}")
    assert code == 2 and "are for runs" in err
    with pytest.raises(ValueError, match="are for models"):
        hg.serve(kept, show_training=True)


def _serve(kept, errors):
    sys.stderr = open(errors, "w", buffering=1)
    hg.serve(kept, port=0)


def test_the_file_is_served_until_the_server_is_told_to_end(kept, own, tmp_path):
    said = tmp_path / "said.txt"
    process = FORKS.Process(target=_serve, args=(str(kept), str(said)))
    process.start()
    until, url = time.monotonic() + 60, None
    while url is None and process.is_alive() and time.monotonic() < until:
        url = re.search(r"http://[\d.:]+", said.read_text() if said.exists() else "")
        time.sleep(0.05)
    assert url and "/v1/score" in said.read_text(), said.read_text()
    answer = httpx.post(f"{url[0]}/v1/score", files={"images": ("a.png", as_png(BAD[0]))},
                        timeout=60)
    np.testing.assert_allclose(answer.json()["scores"], own.score(BAD[:1]), rtol=1e-4)
    os.kill(process.pid, signal.SIGTERM)
    process.join(60)
    assert process.exitcode == 0, said.read_text()
