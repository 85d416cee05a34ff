"""A served model: what it answers, what it refuses, how it batches and how it ends."""

import asyncio
import base64
import io
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import zipfile
import zlib

import httpx
import hypothesis.strategies as st
import numpy as np
import pytest
import schemathesis
import torch
from conftest import stripes, train
from PIL import Image
from schemathesis import engine
from schemathesis.engine import events

import hourglass as hg
from hourglass.analysis.figures.heatmaps import beside_threshold
from hourglass.serving.app import make_app
from hourglass.serving.batching import Batcher
from hourglass.serving.limits import Limits
from hourglass.serving.middleware import AccessControl
from hourglass.serving.server import Address, door_of, listen, read_token
from hourglass.serving.uploads import safe_name

TOKEN = "0123456789abcdef"


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Models of images (plain and conditional) and of vectors."""
    folder = tmp_path_factory.mktemp("served")
    x = stripes(80)
    np.savez(folder / "stripes.npz", x=x, y=np.array(["dark", "bright"])[(x[:, 0, 0] > 0) * 1])
    np.save(folder / "table.npy", np.random.default_rng(0).normal(size=(90, 5)).astype(np.float32))
    few = {"epochs": 2, "quiet": True, "batch_size": 20}
    train(folder / "stripes.npz", model="ae(3)", backbone="mlp", out=folder / "ae", **few)
    train(folder / "stripes.npz", model="cvae(2)", backbone="mlp", out=folder / "cvae", **few)
    train(folder / "table.npy", model="vae(2)", out=folder / "table", **few)
    lines = ["one red house", "a blue door", "two green trees", "red and blue"] * 10
    (folder / "lines.txt").write_text("\n".join(lines) + "\n")
    train(f"lines('{folder / 'lines.txt'}')", model="vae(3)", out=folder / "lines", **few)
    return folder


@pytest.fixture(scope="module")
def model(runs):
    return hg.load(runs / "ae")


@pytest.fixture(scope="module")
def app(model):
    return make_app(model)


def ask(app, method: str, path: str, **given) -> httpx.Response:
    """One request, without a network."""
    async def go() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app),
                                     base_url="http://here") as client:
            return await client.request(method, path, **given)
    return asyncio.run(go())


def post(app, path: str, **given) -> httpx.Response:
    return ask(app, "POST", f"/v1/{path}", **given)


def png(image: np.ndarray, kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, kind)
    return buffer.getvalue()


def files(*contents: bytes) -> list:
    return [("images", (f"{i}.png", content, "image/png")) for i, content in enumerate(contents)]


def refused(answer: httpx.Response, code: int) -> str:
    """What is said of a request that is refused so: one sentence and nothing of the inside."""
    assert answer.status_code == code, answer.text
    assert list(answer.json()) == ["error"] and "Traceback" not in answer.text
    assert "/tmp" not in answer.text and "0x" not in answer.text
    return answer.json()["error"]


def pixels(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)))


def test_codes_and_scores_are_those_of_the_model(app, model, tmp_path):
    for i, image in enumerate(stripes(4)):
        (tmp_path / f"{i}.png").write_bytes(png(image))
    paths = [str(tmp_path / f"{i}.png") for i in range(4)]
    sent = files(*map(png, stripes(4)))
    answer = post(app, "encode", files=sent).json()
    assert answer["names"] == ["0.png", "1.png", "2.png", "3.png"]
    np.testing.assert_allclose(answer["codes"], model.encode(paths), atol=1e-5)
    answer, detector = post(app, "score", files=sent).json(), model.detector()
    np.testing.assert_allclose(answer["scores"], detector.score(paths), atol=1e-5)
    assert answer["abnormal"] == detector.verdict(np.array(answer["scores"])).tolist()


def test_images_come_back_as_png_zip_or_json_and_are_the_same(app, model):
    sent = files(*map(png, stripes(3)))
    packed = zipfile.ZipFile(io.BytesIO(post(app, "reconstruct", files=sent).content))
    assert packed.namelist() == ["0.png", "1.png", "2.png"]
    listed = post(app, "reconstruct?format=json", files=sent).json()["images"]
    again = (model.reconstruct(stripes(3))[..., 0] * 255).round().astype(int)
    for i, name in enumerate(packed.namelist()):
        one = post(app, "reconstruct", files=sent[i:i + 1])
        assert one.headers["content-type"] == "image/png"
        assert abs(pixels(one.content).astype(int) - again[i]).max() <= 1
        assert packed.read(name) == one.content == base64.b64decode(listed[i]["png"])
    sheet = post(app, "reconstruct?format=png", files=sent)
    assert pixels(sheet.content).shape == (24, 24, 3)
    accepted = post(app, "reconstruct", files=sent, headers={"Accept": "text/html;q=0.1, "
                                                             "application/json;q=0.9"})
    assert accepted.json()["images"] == listed


def test_decoding_what_was_encoded_is_reconstructing(app):
    sent = files(*map(png, stripes(2)))
    codes = post(app, "encode", files=sent).json()["codes"]
    assert post(app, "decode", json={"codes": codes}).status_code == 200
    got = post(app, "decode?format=json", json={"codes": codes}).json()["images"]
    want = post(app, "reconstruct?format=json", files=sent).json()["images"]
    assert [image["png"] for image in got] == [image["png"] for image in want]


def test_images_can_be_seen_as_the_model_takes_them(app):
    exact, larger = png(stripes(1)[0]), png(stripes(1)[0].repeat(2, 0).repeat(2, 1))
    for sent in (exact, larger):
        got = pixels(post(app, "prepare", files=files(sent)).content).astype(int)
        assert got.shape == stripes(1)[0].shape
    np.testing.assert_array_equal(pixels(post(app, "prepare", files=files(exact)).content),
                                  stripes(1)[0])


def test_samples_are_those_of_the_model_and_of_the_seed(app, model):
    wish = {"n": 3, "seed": 7, "temperature": 0.5, "class": "bright"}
    got = post(app, "generate?format=json", json=wish).json()["images"]
    want = model.sample(3, "bright", seed=7, temperature=0.5, prior="mixture")
    for image, x in zip(got, want, strict=True):
        assert abs(pixels(base64.b64decode(image["png"])) - x[..., 0] * 255).max() <= 1
    assert post(app, "generate", json={"n": 2.0}).status_code == 200   # JSON knows one kind
    told = refused(post(app, "generate", json={"prior": "flow"}), 422)   # not fitted on demand
    assert "'own' or 'mixture'" in told


def test_images_are_restored_at_their_own_size(app, model):
    large = np.random.default_rng(0).integers(0, 255, (23, 31), np.uint8)
    small = large[:4, :5]
    answer = post(app, "restore", files=files(png(large), png(small), png(large)))
    packed = zipfile.ZipFile(io.BytesIO(answer.content))
    want = model.restore(large[None])[0, ..., 0] * 255
    assert abs(pixels(packed.read("0.png")) - want).max() <= 1
    assert pixels(packed.read("1.png")).shape == (4, 5)
    assert packed.read("2.png") == packed.read("0.png")


def test_heat_maps_are_those_of_the_detector(app, model):
    sent = stripes(2)
    found = post(app, "heatmap?format=json", files=files(*map(png, sent))).json()["images"]
    detector = model.detector()
    drawn = beside_threshold(sent[..., None] / np.float32(255), detector.maps(sent),
                             detector.usual_heat)
    for image, want in zip(found, drawn, strict=True):
        got = pixels(base64.b64decode(image["png"])).astype(int)
        assert abs(got - (want * 255).round().astype(int)).max() <= 1


def test_a_compressed_file_is_that_of_the_model_and_its_size_and_errors_are_true(app, model):
    sent = files(*map(png, stripes(3)))
    found = post(app, "compress?quality=80", files=sent).json()
    content = base64.b64decode(found["file"])
    again = model.decompress(content)
    assert found["bytes"] == len(content) and not found["exact"]
    assert found["bits_per_pixel"] == pytest.approx(8 * len(content) / stripes(3).size)
    for image, want, psnr, true in zip(found["images"], again, found["psnr"], stripes(3),
                                       strict=True):
        np.testing.assert_array_equal(pixels(base64.b64decode(image["png"])), want[..., 0])
        error = np.square((want[..., 0] - true.astype(float)) / 255).mean()
        assert psnr == pytest.approx(-10 * np.log10(error), abs=1e-3)
    exact = post(app, "compress?lossless=true&format=file", files=sent)
    np.testing.assert_array_equal(model.decompress(exact.content)[..., 0], stripes(3))
    assert post(app, "compress?lossless=true", files=sent).json()["exact"]
    assert "quality" in refused(post(app, "compress?quality=100", files=sent), 422)


def test_near_training_samples_are_shown_only_if_the_server_may(app, model):
    """A training sample finds itself, and its picture."""
    assert "--show-training" in refused(post(app, "nearest", files=files(png(stripes(1)[0]))), 404)
    open_app = make_app(model, shows_training=True)
    train_split = model.source().splits["train"]
    image = (train_split.batch(torch.arange(4)).x[3, 0] * 255).round().byte().numpy()
    found = post(open_app, "nearest?n=3", files=files(png(image))).json()["nearest"][0]
    assert [sample["distance"] for sample in found] == sorted(each["distance"] for each in found)
    assert found[0]["distance"] == pytest.approx(0, abs=1e-4) and found[0]["class"]
    np.testing.assert_array_equal(pixels(base64.b64decode(found[0]["png"])), image)
    assert "nearest" in ask(open_app, "GET", "/v1/model").json()["operations"]


def test_lines_are_sent_as_texts(runs):
    model = hg.load(runs / "lines")
    app = make_app(model, shows_training=True)
    given = {"samples": ["red door", "two blue trees"]}
    codes = post(app, "encode", json=given).json()["codes"]
    np.testing.assert_allclose(codes, model.encode(given["samples"]), atol=1e-5)
    want = model.reconstruct(given["samples"])
    assert post(app, "reconstruct", json=given).json()["samples"] == want
    assert post(app, "decode", json={"codes": codes}).json()["samples"] == want
    np.testing.assert_allclose(post(app, "score", json=given).json()["scores"],
                               model.score(given["samples"]), atol=1e-4)
    near = post(app, "nearest?n=1", json={"samples": ["a blue door"]}).json()["nearest"][0][0]
    assert near["name"] == "a blue door" and near["png"] is None
    drawn = post(app, "generate", json={"n": 3, "temperature": 0.5, "top_k": 2, "seed": 1})
    assert drawn.json()["samples"] == model.sample(3, seed=1, temperature=0.5, top_k=2)
    assert "pattern" in refused(post(app, "encode", json={"samples": [" "]}), 422)
    assert "lines of text" in refused(post(app, "compress", json=given), 404)


def test_vectors_are_sent_as_json(runs):
    model, x = hg.load(runs / "table"), np.load(runs / "table.npy")[:6]
    app = make_app(model)
    body = {"samples": x.tolist()}
    np.testing.assert_allclose(post(app, "encode", json=body).json()["codes"], model.encode(x),
                               atol=1e-5)
    np.testing.assert_allclose(post(app, "reconstruct", json=body).json()["samples"],
                               model.reconstruct(x), atol=1e-5)
    assert len(post(app, "generate", json={"n": 4}).json()["samples"]) == 4
    for wrong in ([[1.0]], [], [[1, 2, 3, 4, "5"]], [[1, 2, 3, 4, None]], [[1, 2, 3, 4, 1e300]]):
        refused(post(app, "encode", json={"samples": wrong}), 422)


def test_a_conditional_model_wants_classes(runs):
    app = make_app(hg.load(runs / "cvae"))
    sent = files(*map(png, stripes(2)))
    refused(post(app, "encode", files=sent), 422)
    refused(post(app, "encode", files=sent, data={"classes": ["dark"] * 3}), 422)
    assert "bright" in refused(post(app, "encode", files=sent, data={"classes": "brigt"}), 422)
    one = post(app, "encode", files=sent, data={"classes": "dark"}).json()["codes"]
    each = post(app, "encode", files=sent, data={"classes": ["dark", "bright"]}).json()["codes"]
    np.testing.assert_allclose(one[0], each[0], atol=1e-5)
    assert not np.allclose(one[1], each[1])
    refused(post(app, "decode", json={"codes": one}), 422)
    assert post(app, "decode", json={"codes": one, "classes": ["dark"]}).status_code == 200


def test_what_is_served_is_told_without_paths(app, runs):
    told = ask(app, "GET", "/v1/model").json()
    assert (told["model"], told["shape"], told["code"]) == ("ae(3)", [1, 10, 10], [3])
    assert told["data"] == "stripes.npz" and str(runs) not in json.dumps(told)
    health = ask(app, "GET", "/health").json()
    assert health["status"] == "ready" and health["version"] == hg.__version__


def test_requests_are_counted_by_operation_with_their_times(app):
    def told() -> dict:
        listed = ask(app, "GET", "/v1/traffic").json()["operations"]
        return {each["operation"]: (each["answered"], each["refused"]) for each in listed}
    before = told()
    assert post(app, "generate", json={"n": 1}).status_code == 200
    refused(post(app, "generate", json={"n": 0}), 422)
    ask(app, "GET", "/health")
    for number in range(3):   # which clients invent
        ask(app, "GET", f"/v1/no_{number}x")
    after = told()
    good, bad = before.get("/v1/generate", (0, 0))
    assert after["/v1/generate"] == (good + 1, bad + 1)
    assert after["other"][1] == before.get("other", (0, 0))[1] + 3
    assert not {"/health", "/v1/traffic", "/v1/no_0x"} & set(after)


GOOD = png(stripes(1)[0])


def bomb(side: int) -> bytes:
    """A PNG of side x side pixels of 1 bit, by its header; of few bytes."""
    def chunk(kind: bytes, content: bytes) -> bytes:
        return (struct.pack(">I", len(content)) + kind + content
                + struct.pack(">I", zlib.crc32(kind + content)))
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(10**5)))


BROKEN = {
    "empty": (b"", 422), "text": (b"no image", 415), "short PNG": (GOOD[:60], 422),
    "shorter PNG": (GOOD[:30], 415), "short JPEG": (png(stripes(1)[0], "JPEG")[:300], 422),
    "short GIF": (b"GIF89a", 415), "short PPM": (b"P5 10 10 255\nabc", 422),
    "empty BMP": (b"BM" + bytes(60), 422), "TGA": (b"\x00\x00\x0a" + bytes(200), 415),
    "SVG": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415), "zip": (b"PK\3\4" + bytes(40), 415),
    "all bytes": (bytes(range(256)) * 9, 415), "bomb": (bomb(50_000), 413),
    "smaller bomb": (bomb(5000), 413), "PPM bomb": (b"P6 9999 9999 255 ", 413),
}


@pytest.mark.parametrize(("content", "code"), BROKEN.values(), ids=BROKEN)
def test_what_is_no_whole_image_is_refused(app, content, code):
    for path in ("encode", "restore"):
        assert refused(post(app, path, files=files(GOOD, content)), code)


FORM = {"content-type": "multipart/form-data; boundary=b"}
JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(("path", "headers", "content", "code"), [
    ("encode", {}, GOOD, 415), ("encode", {"content-type": "image/png"}, GOOD, 415),
    ("encode", {"content-type": "multipart/form-data"}, GOOD, 400),
    ("encode", {"content-type": "multipart/form-data; boundary=?"}, GOOD, 400),
    ("encode", FORM, b"", 400), ("encode", FORM, b"--b\r\n", 400),
    ("encode", FORM, b"\r\n" * 99, 400),
    ("encode", FORM, b"--b--\r\n", 422), ("encode", FORM, b"--b\r\nX: y\r\n\r\n1\r\n--b--", 422),
    ("encode", FORM, b'--b\r\nContent-Disposition: form-data; name="images"\r\n\r\nabc', 400),
    ("encode", FORM, b'--b\r\nContent-Disposition: form-data; name="img"\r\n\r\na\r\n--b--', 422),
    ("encode", FORM, b"--b\r\nX-Large: " + b"y" * 10**6 + b"\r\n\r\n1\r\n--b--", 400),
    ("generate", {}, b"{}", 415), ("generate", JSON, b"", 400), ("generate", JSON, b"{", 400),
    ("generate", JSON, b"[" * 10**6, 400), ("generate", JSON, b"[]", 422),
    ("generate", JSON, b'{"n": 0}', 422), ("generate", JSON, b'{"n": 257}', 422),
    ("generate", JSON, b'{"n": "3"}', 422), ("generate", JSON, b'{"n": true}', 422),
    ("generate", JSON, b'{"n": 1.5}', 422), ("generate", JSON, b'{"n": 1e999}', 422),
    ("generate", JSON, b'{"temperature": NaN}', 422), ("generate", JSON, b'{"seed": -1}', 422),
    ("generate", JSON, b'{"temperature": Infinity}', 422), ("generate", JSON, b'{"N": 1}', 422),
    ("generate", JSON, b'{"class": "\\ud800"}', 400), ("generate", JSON, b"\xff\xfe", 400),
    ("generate", JSON, b'{"class": "dark", "prior": "own"}', 422),
    ("generate", JSON, b'{"n": ' + b"9" * 9999 + b"}", 400),
    ("decode", JSON, b'{"codes": []}', 422), ("decode", JSON, b'{"codes": [[1, 2]]}', 422),
    ("decode", JSON, b'{"codes": [[1, 2, NaN]]}', 422),
    ("decode", JSON, b'{"codes": [[1, 2, 1e30]]}', 422),
    ("decode", JSON, b'{"codes": [[1, 2, null]]}', 422), ("decode", JSON, b'{"codes": 1}', 422),
    ("decode?format=tiff", JSON, b'{"codes": [[1, 2, 3]]}', 422),
    ("nothing", JSON, b"{}", 404), ("../../etc/passwd", JSON, b"{}", 404),
])
def test_malformed_requests_are_refused_in_a_sentence(app, path, headers, content, code):
    refused(ask(app, "POST", f"/v1/{path}", headers=headers, content=content), code)


def test_a_wrong_method_is_refused_and_a_wrong_field_says_what_is_right(app):
    assert ask(app, "GET", "/v1/encode").headers["allow"] == "POST"
    assert "images" in refused(post(app, "encode", files=[("image", GOOD)]), 422)
    assert "seed" in refused(post(app, "generate", json={"sed": 1}), 422)


@pytest.mark.parametrize(("name", "safe"), [
    ("a.png", "a.png"), ("../../etc/passwd", "passwd"), ("C:\\x\\y z.JPG", "y_z.JPG"),
    ("", "image"), ("...", "image"), ("\x00\n.gif", "gif"), ("é" * 300, "image"),
    ("a" * 500 + ".png", "a" * 76 + ".png"), (".htaccess", "htaccess"),
    ("a.tar.gz", "a.tar.gz")])
def test_names_of_clients_are_made_harmless(name, safe):
    assert safe_name(name) == safe


def test_images_of_one_name_stay_apart(app):
    sent = [("images", ("a.png", GOOD, "image/png"))] * 3
    found = post(app, "reconstruct?format=json", files=sent).json()["images"]
    assert [image["name"] for image in found] == ["a.png", "a-2.png", "a-3.png"]


def test_only_the_first_frame_counts(app):
    frames = [Image.fromarray(image) for image in stripes(40)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    got = post(app, "encode", files=files(buffer.getvalue())).json()["codes"]
    want = post(app, "encode", files=files(GOOD)).json()["codes"]
    np.testing.assert_allclose(got, want, atol=1e-4)


def test_limits_of_bytes_files_and_pixels_hold(model):
    app = make_app(model, Limits(body=5000, files=3, pixels=900, together=1000, restored=450))
    refused(post(app, "encode", files=files(bytes(6000))), 413)
    refused(post(app, "encode", files=files(*[GOOD] * 4)), 422)
    assert post(app, "encode", files=files(png(np.zeros((30, 30), np.uint8)))).status_code == 200
    refused(post(app, "encode", files=files(png(np.zeros((30, 31), np.uint8)))), 413)
    refused(post(app, "encode", files=files(*[png(np.zeros((25, 25), np.uint8))] * 2)), 413)
    refused(post(app, "restore", files=files(png(np.zeros((1, 46), np.uint8)))), 413)   # is padded


def raw(app, pieces, headers=()) -> tuple[int, list[bytes]]:
    """A POST to /v1/generate whose body comes in pieces; one that is a number is a pause. Returns
    the status and the pieces that were not asked for."""
    left = list(pieces)
    sent = []

    async def receive():
        while left and isinstance(left[0], float):
            await asyncio.sleep(left.pop(0))
        if not left:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": left.pop(0), "more_body": True}

    async def send(message):
        sent.append(message)
    scope = {"type": "http", "method": "POST", "path": "/v1/generate", "raw_path": b"",
             "query_string": b"", "headers": [(b"content-type", b"application/json"), *headers],
             "http_version": "1.1", "scheme": "http", "root_path": ""}
    asyncio.run(app(scope, receive, send))
    return sent[0]["status"] if sent else 0, left


def test_a_body_is_refused_while_it_arrives(model):
    app = make_app(model, Limits(body=100))
    status, left = raw(app, [b"a" * 60] * 9)
    assert status == 413 and len(left) == 7
    status, left = raw(app, [b"a"], [(b"content-length", b"9" * 30)])
    assert status == 413 and len(left) == 1   # not even begun


def test_a_slow_body_is_late_and_a_client_that_leaves_is_forgotten(model):
    app = make_app(model, Limits(seconds=0.2))
    assert raw(app, [b"{", 5.0])[0] == 408
    assert raw(app, [b"{"])[0] == 0
    assert app.state.desk.traffic.inside == 0


def busy(app) -> threading.Event:
    """Have the model busy until the event is set."""
    done = threading.Event()
    begun = threading.Event()

    def work() -> None:
        begun.set()
        done.wait(20)
    threading.Thread(target=lambda: asyncio.run(app.state.desk.batcher.alone(work))).start()
    begun.wait(20)
    return done


def test_a_busy_model_is_late_and_a_full_house_says_come_again(model):
    app = make_app(model, Limits(seconds=0.5, queue=2))

    async def three() -> list[httpx.Response]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app),
                                     base_url="http://here") as client:
            return await asyncio.gather(*(client.post("/v1/generate", json={}) for _ in range(3)))
    done = busy(app)
    answers = asyncio.run(three())
    assert sorted(answer.status_code for answer in answers) == [503, 504, 504]
    assert all("retry-after" in answer.headers for answer in answers)
    assert ask(app, "GET", "/health").status_code == 200
    passes = app.state.desk.batcher.passes
    done.set()
    assert post(app, "generate", json={}).status_code == 200
    assert app.state.desk.batcher.passes == passes + 1   # those given up were not worked on


def test_what_a_request_gets_does_not_depend_on_what_goes_through_with_it(model):
    app = make_app(model)
    images = stripes(60)
    alone = [post(app, "encode", files=files(png(image))).json()["codes"][0] for image in images]

    async def all_at_once() -> list[httpx.Response]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app),
                                     base_url="http://here") as client:
            return await asyncio.gather(*(
                client.post("/v1/encode", files=files(png(image))) for image in images))
    before = app.state.desk.batcher.passes
    done = busy(app)
    threading.Timer(1.0, done.set).start()
    found = [answer.json()["codes"][0] for answer in asyncio.run(all_at_once())]
    np.testing.assert_allclose(found, alone, atol=1e-5)
    assert app.state.desk.batcher.passes - before < 10


def test_nobody_pays_for_what_another_sent():
    def work(x: np.ndarray, y: list[str] | None) -> np.ndarray:
        if (x < 0).any():
            raise ValueError("no")
        return 2 * x

    async def ask_all() -> list:
        batcher = Batcher(100, 0.0)
        jobs = [batcher.together(work, np.full((2, 1), i)) for i in (1, -1, 2)]
        found = await asyncio.gather(*jobs, return_exceptions=True)
        batcher.close()
        return found
    one, bad, two = asyncio.run(ask_all())
    assert isinstance(bad, ValueError) and one.tolist() == [[2], [2]] and two.tolist() == [[4], [4]]


def test_a_token_is_wanted_everywhere_but_for_health(model):
    app = make_app(model, door=AccessControl(TOKEN))
    for path in ("/v1/model", "/openapi.json", "/nothing"):
        assert "Bearer" in refused(ask(app, "GET", path), 401)
    for wrong in ("", TOKEN, f"Bearer {TOKEN}x", f"bearer{TOKEN}", "Bearer é", f"Basic {TOKEN}"):
        headers = {"Authorization": wrong.encode()}
        refused(ask(app, "GET", "/v1/model", headers=headers), 401)
    assert ask(app, "GET", "/health").status_code == 200
    for right in (f"Bearer {TOKEN}", f"bearer {TOKEN}"):
        headers = {"Authorization": right}
        assert ask(app, "GET", "/v1/model", headers=headers).status_code == 200


def test_a_web_page_cannot_lead_a_browser_here_by_its_own_name(model):
    with listen(Address(port=0)) as listening:
        app = make_app(model, door=door_of(Address(), listening))
        assert door_of(Address(token=TOKEN), listening).hosts == ()
    for host in ("127.0.0.1:8000", "localhost", "LocalHost:1", "[::1]:8000"):
        assert ask(app, "GET", "/v1/model", headers={"Host": host}).status_code == 200
    for host in ("evil.example", "localhost.evil.example:8000", "", "127.0.0.1.nip.io"):
        assert "127.0.0.1" in refused(ask(app, "GET", "/v1/model", headers={"Host": host}), 400)


def test_a_token_comes_from_a_file_or_the_environment_and_is_no_short_one(tmp_path, monkeypatch):
    monkeypatch.delenv("HOURGLASS_TOKEN", raising=False)
    assert read_token(None) == ""
    monkeypatch.setenv("HOURGLASS_TOKEN", TOKEN)
    assert read_token(None) == TOKEN
    (tmp_path / "token").write_text(TOKEN * 2 + "\n")
    assert read_token(tmp_path / "token") == TOKEN * 2
    for wrong in ("", "short", "with spaces in it, and long", "é" * 20):
        monkeypatch.setenv("HOURGLASS_TOKEN", wrong)
        with pytest.raises(ValueError, match="openssl"):
            read_token(None)


@pytest.mark.parametrize(("place", "said"), [
    (Address("0.0.0.0"), "--open"), (Address(""), "--open"), (Address("::"), "--open"),
    (Address("no such host"), "no host"), (Address("a" * 300), "no host"),
    (Address("192.0.2.1", 0, TOKEN), "cannot listen")])
def test_a_place_that_is_open_or_not_there_is_refused(place, said):
    with pytest.raises(ValueError, match=said):
        listen(place).close()


def test_a_port_in_use_is_said_in_a_line(runs, hourglass):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, _, err = hourglass(f"serve {runs / 'ae'} --port {port}")
    assert code == 2 and "--port 0" in err and err.count("\n") <= 2
    assert hourglass("serve nowhere")[0] == 2


def test_limits_are_above_0():
    with pytest.raises(ValueError, match="queue"):
        Limits(queue=0)


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_told_to_end_it_finishes_what_it_accepted(runs):
    server = subprocess.Popen(
        [sys.executable, "-m", "hourglass", "serve", runs / "ae", "--port", "0"],
        stderr=subprocess.PIPE, text=True)
    try:
        for line in server.stderr:
            if found := re.search(r"http://127.0.0.1:(\d+)", line):
                break
        port = int(found[1])
        url = f"http://127.0.0.1:{port}"
        assert httpx.get(f"{url}/health").json()["status"] == "ready"
        with socket.create_connection(("127.0.0.1", port)) as slow:
            slow.sendall(b"POST /v1/generate HTTP/1.1\r\nHost: localhost\r\nContent-Length: 8\r\n"
                         b"Content-Type: application/json\r\nExpect: 100-continue\r\n\r\n")
            slow.settimeout(20)
            assert slow.recv(100).startswith(b"HTTP/1.1 100")   # it is accepted
            server.send_signal(signal.SIGTERM)
            while (health := httpx.get(f"{url}/health")).status_code == 200:
                time.sleep(0.05)
            assert (health.status_code, health.json()["status"]) == (503, "draining")
            assert httpx.post(f"{url}/v1/generate", json={}).status_code == 503
            slow.sendall(b'{"n": 1}')
            assert slow.recv(100).startswith(b"HTTP/1.1 200")
        assert server.wait(30) == 0
        assert "Traceback" not in server.stderr.read()
    finally:
        server.kill()


def a_png(size: int) -> bytes:
    return png(np.full((size, size), 3 * size, np.uint8))


@pytest.mark.parametrize("name", ["ae", "table", "lines"])
def test_the_openapi_page_tells_the_truth(runs, name):
    pictures = st.integers(4, 40).map(a_png)   # its own are random bytes, which are rightly refused
    schemathesis.openapi.format("binary", pictures)
    for kind in ("png", "jpeg", "webp", "gif", "bmp", "tiff", "avif", "jp2", "x-portable-anymap"):
        schemathesis.openapi.media_type(f"image/{kind}", pictures)
    config = schemathesis.Config(seed=0)
    config.projects.default.generation.update(max_examples=8)
    schema = schemathesis.openapi.from_asgi(
        "/openapi.json", make_app(hg.load(runs / name), shows_training=True), config=config)
    failed, asked = [], 0
    for event in engine.from_schema(schema).execute():
        assert not isinstance(event, events.FatalError | events.NonFatalError), event
        if isinstance(event, events.ScenarioFinished):
            asked += len(event.recorder.interactions)
            failed += [(event.recorder.label, check.name, recorded.request.body,
                        recorded.response.content[:200] if recorded.response else "")
                       for case, recorded in event.recorder.interactions.items()
                       for check in event.recorder.checks.get(case, ()) if check.failure_info]
            failed += [(event.recorder.label, check.name, str(check.failure_info.failure))
                       for checks in event.recorder.checks.values() for check in checks
                       if check.failure_info]
    assert failed == [] and asked > 50


# clumsy clients, and pages of others

@pytest.fixture(scope="module")
def port(runs):
    """Where a server of this process's own listens, that hangs up early."""
    import uvicorn

    from hourglass.serving import connections
    from hourglass.serving.server import Draining
    app = make_app(hg.load(runs / "ae"))
    listening = listen(Address(port=0))
    kept, connections.HEADERS = connections.HEADERS, 1.0
    server = Draining(app, app.state.desk.traffic, 5.0)
    connections.Connection.most = 20
    server.install_signal_handlers = lambda: None
    server.capture_signals = __import__("contextlib").nullcontext
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    assert isinstance(server, uvicorn.Server)
    yield listening.getsockname()[1]
    server.should_exit = True
    thread.join(20)
    listening.close()
    connections.HEADERS, connections.Connection.most = kept, connections.MOST


def test_a_client_that_sends_no_request_is_hung_up_on(port):
    for begun in (b"", b"GET /health HT"):
        with socket.create_connection(("127.0.0.1", port)) as idle:
            idle.sendall(begun)
            idle.settimeout(20)
            assert idle.recv(10) == b""


def test_health_answers_however_many_wait(port):
    idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(60)]
    try:
        assert httpx.get(f"http://127.0.0.1:{port}/health", timeout=20).status_code == 200
    finally:
        for one in idle:
            one.close()


def test_a_client_that_closes_its_half_gets_its_answer(port):
    with socket.create_connection(("127.0.0.1", port)) as half:
        half.sendall(b"POST /v1/generate HTTP/1.1\r\nHost: localhost\r\nContent-Length: 8\r\n"
                     b"Content-Type: application/json\r\n\r\n" + b'{"n": 1}')
        half.shutdown(socket.SHUT_WR)
        half.settimeout(30)
        assert half.recv(100).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("origin, code", [
    ("http://evil.example", 403), ("null", 403), ("http://localhost:1", 403),
    ("http://localhost", 200), (None, 200)])
def test_a_page_of_another_origin_cannot_ask(model, origin, code):
    with listen(Address(port=0)) as listening:
        app = make_app(model, door=door_of(Address(), listening))
    headers = {"Host": "localhost", **({"Origin": origin} if origin else {})}
    assert ask(app, "POST", "/v1/generate", headers=headers, json={"n": 1}).status_code == code
    assert ask(app, "GET", "/health", headers=headers).status_code == code
    assert ask(app, "GET", "/health", headers={"Host": "evil.example"}).status_code == 400


def test_a_message_that_repeats_is_counted_and_not_logged_each_time(monkeypatch):
    import logging

    from hourglass.serving import connections
    repeats, now = connections.RepeatFilter(), [0.0]
    monkeypatch.setattr(connections.time, "monotonic", lambda: now[0])

    def let_through() -> logging.LogRecord | None:
        record = logging.LogRecord("x", 30, "f", 1, "out of files", (), None)
        return record if repeats.filter(record) else None
    passed = [let_through() for _ in range(1000)]
    assert passed[0] and not any(passed[1:])
    now[0] = 11.0
    assert "and 999 more times" in let_through().getMessage()


def test_what_is_served_stays_the_same_when_the_run_is_trained_on_or_gone(runs, tmp_path):
    import shutil
    shutil.copytree(runs / "ae", tmp_path / "run")
    app = make_app(hg.load(tmp_path / "run"))
    asked = [("generate", {"json": {"n": 2, "prior": prior, "seed": 1},
                           "params": {"format": "json"}}) for prior in ("auto", "own")]
    before = [post(app, path, **given).json() for path, given in asked]
    hg.resume(tmp_path / "run", epochs=4, lr=0.1, quiet=True, report=False)
    assert [post(app, path, **given).json() for path, given in asked] == before
    shutil.rmtree(tmp_path / "run")
    assert [post(app, path, **given).json() for path, given in asked] == before
