"""Compressed files: they give the same images again, or are refused."""

import importlib.util
import json
import math
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import draw, run_code, stripes, train
from PIL import Image

import hourglass as hg
from hourglass.core.output_names import png_names
from hourglass.inference.compression.bilevel_pixels import code_tones
from hourglass.inference.compression.codec import compression_options
from hourglass.inference.compression.container import CHECKSUM, FRONT, MAGIC, Header, seal, unseal
from hourglass.inference.compression.entropy_coder import TOTAL, Coder, Tables, falling, frequencies
from hourglass.inference.compression.exact_decoder import ExactDecoder
from hourglass.inference.compression.latent_coding import code_factors, spreads_of
from hourglass.inference.compression.pixels import diagonals
from hourglass.inference.compression.predictive_pixels import code_differences, fit_weights
from hourglass.inference.compression.quantiser import grid_of
from hourglass.inference.latents import kept_codes

GREY = stripes(40)[..., None]
KINDS = ("upright", "lying")
COLOUR = np.stack([np.asarray(draw(kind, i, 12)) for i in range(20) for kind in KINDS])
CLASSES = np.arange(40) % 2
SMALL = {"epochs": 1, "quiet": True, "batch_size": 16}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Small models, trained for an epoch, by name, with the samples they are of."""
    out = tmp_path_factory.mktemp("runs")
    vectors = np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32)
    maps = {"backbone": "conv(filters=(8, 4))", "bottleneck": "identity"}
    return {
        "grey": (train(GREY, model="ae(4)", out=out / "grey", **SMALL), GREY),
        "colour": (train(COLOUR, model="vae(5)", out=out / "colour", **SMALL), COLOUR),
        "maps": (train(COLOUR, out=out / "maps", **maps, **SMALL), COLOUR),
        "told": (train(GREY, y=CLASSES, model="cvae(3)", out=out / "told", **SMALL), GREY),
        "vectors": (train(vectors, model="ae(2)", out=out / "vectors", **SMALL), vectors),
        "binary": (train(GREY // 200, model="ae(4)", out=out / "binary", **SMALL), GREY // 200)}


def classes_of(name, x):
    return [str(i) for i in CLASSES[:len(x)]] if name == "told" else None


IMAGES = ("grey", "colour", "maps", "told", "binary")


@pytest.mark.parametrize("name", [*IMAGES, "vectors"])
@pytest.mark.parametrize("manner", [{}, {"quality": 30}, {"step": 0.05}, {"step": 2}])
def test_what_comes_back_is_decoded_from_rounded_codes(models, name, manner):
    """Pitfall 20: both sides round the same codes."""
    model, x = models[name]
    y = classes_of(name, x)
    found = model.decompress(model.compress(x, y, **manner))
    z = model.encode(x, y)
    codec = model._codec()
    labels = model.number(y, len(x)) if y else None
    grid = codec._grid(x, z, labels, compression_options(manner.get("quality"), manner.get("step"),
                                                         False),
                       kept_codes(model.cache))
    again = model.decode(grid.place(grid.round(z)).reshape(z.shape), y)
    if name == "vectors":
        assert found.dtype == np.float32 and np.allclose(found, again, atol=1e-5)
    else:
        assert found.dtype == np.uint8 and found.shape == x.shape
        assert np.abs(found / 255 - again).max() < 0.51 / 255


@pytest.mark.parametrize("name", IMAGES)
@pytest.mark.parametrize("count", [1, 3, 40])
def test_without_loss_every_pixel_comes_back(models, name, count):
    model, x = models[name]
    y = classes_of(name, x[:count])
    assert np.array_equal(model.decompress(model.compress(x[:count], y, lossless=True)), x[:count])


@pytest.mark.parametrize("make", [
    lambda x: np.zeros_like(x), lambda x: np.full_like(x, 255), lambda x: np.repeat(x[:1], 40, 0),
    lambda x: np.random.default_rng(1).integers(0, 256, x.shape).astype(np.uint8)])
@pytest.mark.parametrize("name", ["grey", "colour", "maps"])
def test_odd_images_come_back_without_loss_too(models, name, make):
    model, x = models[name]
    x = make(x)
    if x.max() == 1:
        pytest.skip("that is binary")
    assert np.array_equal(model.decompress(model.compress(x, lossless=True)), x)


def test_a_wide_image_and_a_narrow_one_come_back():
    for shape in ((2, 1, 9, 1), (1, 7, 1, 3), (3, 2, 2, 4), (1, 1, 1, 1)):
        x, guess = np.random.default_rng(0).integers(0, 256, (2, *shape)).astype(np.uint8)
        for manner, extra in ((code_differences, (fit_weights(x, guess),)), (code_tones, ())):
            writer = Coder()
            manner(writer, guess, *extra, x)
            assert np.array_equal(manner(Coder(writer.words()), guess, *extra, None), x)


def test_finer_rounding_costs_more_and_errs_less(models):
    model, x = models["maps"]
    own = model.reconstruct(x)
    kept = [(len(c), np.square(model.decompress(c) / 255.0 - own).mean())
            for c in (model.compress(x, step=step) for step in (3, 0.5, 0.05))]
    assert kept[0][0] < kept[1][0] < kept[2][0] and kept[0][1] > kept[1][1] > kept[2][1]


def test_rounding_adds_no_more_than_quality_allows(models):
    model, x = models["colour"]
    own = np.square(model.reconstruct(x) - x / 255).mean()
    for quality in (50, 90):
        added = np.square(model.decompress(model.compress(x, quality=quality)) / 255 - x / 255
                          ).mean() - own
        assert added < own * (100 - quality) / 100 + 1e-5   # 8-bit values err as well


def test_the_length_is_near_the_entropy_of_the_codes():
    """Pitfall 20: the size is that of the whole file, with header and tables, not an estimate."""
    random = np.random.default_rng(0)
    q = np.rint(random.normal(size=(20_000, 3, 1)) * [[0.4], [3], [40]]).astype(np.int64)
    writer = Coder()
    code_factors(writer, spreads_of(q), q.shape, q)
    counts = [np.unique(q[:, d], return_counts=True)[1] for d in range(3)]
    ideal = sum(-(c * np.log2(c / c.sum())).sum() for c in counts)
    assert 32 * len(writer.words()) < 1.02 * ideal


@pytest.mark.parametrize("scale", [0.01, 1, 100, 1e5, 1e7])
def test_codes_of_any_width_come_back_with_what_lies_far_out(scale):
    random = np.random.default_rng(0)
    q = np.rint(random.standard_t(1.2, size=(300, 2, 3)) * scale).clip(-2**30, 2**30)
    q = q.astype(np.int64)
    writer = Coder()
    code_factors(writer, spreads_of(q), q.shape, q)
    reader = Coder(writer.words())
    assert np.array_equal(code_factors(reader, spreads_of(q), q.shape, None), q)
    reader.check_end()


def test_frequencies_are_whole_and_sum_to_a_power_of_two():
    for weights in (np.ones(6, np.int64), falling(256, 128, 3, 1 << 15), np.array([0, 0, 2**50])):
        found = frequencies(weights)
        assert found.sum() == TOTAL and found.min() >= 1 and found.dtype == np.int64


def test_tables_learn():
    symbols = np.full(1000, 5)
    writer, tables = Coder(), Tables(np.full((1, 256), 100))
    for part in np.split(symbols, 100):
        tables.code(writer, np.zeros(10, int), part)
    assert len(writer.words()) < 10    # of 250 words, were all as likely as before


def test_steps_lie_where_they_should():
    grid = grid_of(np.array([0.1, 3.0]), np.array([5.0, -0.4]))
    z = np.random.default_rng(0).normal(size=(100, 2))
    again = grid.place(grid.round(z))[..., 0]
    assert (np.abs(again - z).max(0) <= np.array([0.1, 3.0]) * 1.05 / 2).all()
    with pytest.raises(ValueError, match="fine"):
        grid.round(np.array([[1e12, 0]]))
    with pytest.raises(ValueError, match="fine"):
        grid.round(np.array([[np.nan, 0]]))


def test_a_diagonal_knows_its_neighbours():
    order = {}
    for step, place in enumerate(diagonals(5, 7)):
        order |= {(int(r), int(c)): step for r, c in zip(place.rows, place.columns, strict=True)}
    assert len(order) == 35
    for (row, column), step in order.items():
        for dy, dx in ((0, -1), (-1, 0), (-1, -1), (-1, 1), (0, -2), (-2, 0)):
            assert order.get((row + dy, column + dx), -1) < step


def test_the_exact_decoder_is_the_decoder_whatever_the_batch(models):
    model, x = models["maps"]
    z = model.encode(x)
    exact = ExactDecoder(model.model, model.shape, True)
    whole = exact(z, None)
    assert np.array_equal(whole, np.concatenate([exact(z[i:i + 3], None) for i in range(0, 40, 3)]))
    assert np.abs(whole / 255 - model.decode(z)).max() < 0.51 / 255
    assert next(model.model.parameters()).dtype == torch.float32    # left as it was


def test_another_process_with_other_threads_gets_the_same(models, tmp_path, monkeypatch):
    model, x = models["colour"]
    (tmp_path / "a.hg").write_bytes(model.compress(x, lossless=True))
    (tmp_path / "b.hg").write_bytes(model.compress(x))
    code = ("import sys, torch, numpy as np, hourglass as hg; torch.set_num_threads(2); "
            "m = hg.load(sys.argv[1]); r = lambda p: m.decompress(open(p, 'rb').read()); "
            "np.savez('x.npz', a=r('a.hg'), b=r('b.hg'))")
    run = model.folder.path.resolve()
    monkeypatch.chdir(tmp_path)
    code, _, err = run_code(code, str(run))
    assert code == 0, err
    held = np.load(tmp_path / "x.npz")
    assert np.array_equal(held["a"], x)
    assert np.array_equal(held["b"], model.decompress((tmp_path / "b.hg").read_bytes()))


def test_another_model_is_refused(models):
    grey, x = models["grey"]
    content = grey.compress(x)
    for name in ("colour", "told", "binary"):
        with pytest.raises(ValueError, match="another model"):
            models[name][0].decompress(content)


def test_a_file_cut_anywhere_is_refused(models):
    model, x = models["grey"]
    content = model.compress(x, lossless=True)
    length = FRONT.unpack_from(content)[-1]
    ends = {0, 1, 7, 8, 9, 10, 41, FRONT.size - 1, FRONT.size, FRONT.size + length,
            len(content) - CHECKSUM, len(content) - 1, *range(0, len(content), 97)}
    for end in ends:
        with pytest.raises(ValueError, match="cannot be decompressed"):
            model.decompress(content[:end])
    with pytest.raises(ValueError, match="cut short or altered"):
        model.decompress(content + b"\0")


def test_every_flipped_bit_is_noticed(models):
    model, x = models["grey"]
    content = model.compress(x[:2])
    codec = model._codec()
    for bit in range(8 * len(content)):
        wrong = bytearray(content)
        wrong[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ValueError):
            codec.decompress(bytes(wrong))


@pytest.mark.parametrize("content, why", [
    (b"", "empty"), (b"no such file at all, but long enough for one" * 3, "does not begin"),
    (b"\x89PNG\r\n\x1a\n", "does not begin"), (MAGIC, "cut short"),
    (MAGIC + b"\x07\x00" + b"\0" * 80, "version 7")])
def test_what_is_no_such_file_is_told(models, content, why):
    with pytest.raises(ValueError, match=why):
        models["grey"][0].decompress(content)


@pytest.mark.parametrize("change", [
    {"count": 2**31}, {"count": 2**40}, {"count": -1}, {"count": 39}, {"count": 2**24},
    {"shape": [1, 10, 11]}, {"shape": [2**24] * 9}, {"steps": [1]}, {"steps": [2**31] * 4},
    {"spreads": [0] * 4}, {"labels": [0] * 40}, {"names": ["a"]}, {"codes": ""}, {"codes": 3},
    {"rest": "exec"}, {"rest": "tones"}, {"rest": "differences", "weights": [[[1, 2]]]},
    {"rest": "differences", "weights": []}, {"another": 1}])
def test_a_forged_header_is_refused(models, change):
    model, x = models["grey"]
    content = model.compress(x)
    digest, header, words = unseal(content)
    fields = {**header.model_dump(exclude_defaults=True), **change}
    text = zlib.compress(json.dumps(fields).encode())
    front = FRONT.pack(MAGIC, 1, digest, len(text)) + text + words.tobytes()
    with pytest.raises(ValueError, match="cannot be decompressed"):
        model.decompress(resealed(front))


def resealed(content):
    import hashlib
    return content + hashlib.blake2b(content, digest_size=CHECKSUM).digest()


@pytest.mark.parametrize("make", [
    lambda: zlib.compress(b" " * 2**28), lambda: zlib.compress(b"[" * 100_000),
    lambda: zlib.compress(b"{}"), lambda: b"", lambda: b"junk", lambda: zlib.compress(b"\xff\xfe"),
    lambda: zlib.compress(b'{"count": 1' + b"0" * 5000 + b"}")])
def test_a_header_that_is_none_is_refused(models, make):
    (model, _), text = models["grey"], make()   # not while tests are collected: it takes seconds
    front = FRONT.pack(MAGIC, 1, model._codec().digest, len(text)) + text
    with pytest.raises(ValueError, match="header"):
        model.decompress(resealed(front))


def test_words_that_no_coder_wrote_are_refused(models):
    model, x = models["grey"]
    digest, header, words = unseal(model.compress(x, lossless=True))
    random = np.random.default_rng(0)
    for wrong in (words[:-1], words[:0], np.append(words, words), words[::-1],
                  random.integers(0, 2**32, len(words)).astype(np.uint32)):
        with pytest.raises(ValueError, match="cannot be decompressed"):
            model.decompress(seal(digest, header, wrong))


def test_damaged_files_are_never_decoded_to_something_else(models):
    path = Path(__file__).parent.parent / "benchmarks" / "damage.py"
    spec = importlib.util.spec_from_file_location("damage", path)
    damage = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(damage)
    model, x = models["grey"]
    codec, random = model._codec(), np.random.default_rng(0)
    files = [model.compress(x), model.compress(x, lossless=True)]
    truth = [codec.decompress(content).x for content in files]
    for number in range(500):
        kind = damage.DAMAGES[number % len(damage.DAMAGES)]
        data = kind(bytearray(files[number % 2]), random, files[1 - number % 2])
        forged = damage.forge(files[number % 2], random)
        for content, intent in ((data, False), (damage.reseal(data), True), (forged, True)):
            try:
                found = codec.decompress(content).x
            except ValueError:
                continue
            assert intent or any(np.array_equal(found, true) for true in truth)


def test_a_prediction_that_comes_out_otherwise_is_refused_not_used(models):
    model, x = models["grey"]
    content = model.compress(x, lossless=True)
    digest, header, words = unseal(content)
    other = Header(**{**header.model_dump(), "guess": "0" * 24})
    with pytest.raises(ValueError, match="this machine's decoder"):
        model.decompress(seal(digest, other, words))


def test_what_cannot_be_kept_is_told(models):
    grey, x = models["grey"]
    vectors, v = models["vectors"]
    for model, given, options, why in (
            (vectors, v, {"lossless": True}, "8-bit images"),
            (grey, x / 255, {"lossless": True}, "8-bit images"),
            (grey, x, {"quality": 100}, "below 100"), (grey, x, {"quality": 0}, "above 0"),
            (grey, x, {"quality": math.nan}, "above 0"), (grey, x, {"step": 0}, "step must"),
            (grey, x, {"step": 1, "quality": 50}, "one of them"),
            (models["told"][0], x, {}, "conditional"), (grey, x[:, :5] / 255, {}, "of shape")):
        with pytest.raises(ValueError, match=why):
            model.compress(given, **options)


@pytest.mark.parametrize("name", ["../x.png", "/etc/x.png", "a/../../x.png", "..", "", "a\\..\\x",
                                  "C:x.png", "a\0.png"])
def test_a_name_cannot_lead_out_of_the_folder(name):
    with pytest.raises(ValueError, match="outside the output folder"):
        png_names(("a.png", name))


def test_no_two_images_go_to_one_place():
    assert [str(p) for p in png_names(("a.jpg", "a.png", "A.bmp", "b/a.jpg", "a-2.png", "é 1.webp"))
            ] == ["a.png", "a-2.png", "A-3.png", "b/a.png", "a-2-2.png", "é 1.png"]


def test_files_come_back_under_their_names(here, hourglass):
    train("photos", size="16", model="ae(4)", out="run", **SMALL)
    (here / "photos" / "upright" / "000.png").rename(here / "photos" / "upright" / "ünï cödé.png")
    code, out, _ = hourglass("compress run photos -o kept/out.hg --lossless")
    size = (here / "kept" / "out.hg").stat().st_size
    assert code == 0 and f"{size:,} bytes, {8 * size / 40 / 256:.4g} bits per pixel" in out
    assert "without loss" in out
    given = sum(file.stat().st_size for file in (here / "photos").rglob("*.png"))
    assert f"the files given: {given:,} bytes" in out
    code, out, _ = hourglass("decompress run kept/out.hg -o again")
    assert code == 0 and out == "40 samples in again\n"
    for file in (here / "photos").rglob("*.png"):
        back = here / "again" / file.relative_to(here / "photos")
        assert np.array_equal(np.asarray(Image.open(back)), np.asarray(Image.open(file)))
    for command, why in (("decompress run kept/out.hg -o again", "not empty"),
                         ("decompress run kept -o more", "is a folder"),
                         ("decompress run none.hg -o more", "not there"),
                         ("compress run photos -o kept", "is a folder"),
                         ("compress run photos -o images.npy", "is there already"),
                         ("compress run photos --quality 101", "below 100")):
        code, _, said = hourglass(command)
        assert code == 2 and why in said and len(said.splitlines()) <= 2
    code, out, _ = hourglass("compress run photos.zip -o kept/out.hg --step 0.5")
    assert code == 0 and "PSNR" in out and "SSIM" in out
    code, _, _ = hourglass("decompress run kept/out.hg -o again.npy")
    assert code == 0 and np.load(here / "again.npy").shape == (40, 16, 16, 3)


def test_images_of_zeros_and_ones_come_back_as_black_and_white(models, tmp_path, hourglass):
    model, x = models["binary"]
    np.save(tmp_path / "x.npy", x)
    file, out = tmp_path / "x.hg", tmp_path / "out"
    assert hourglass(f"compress {model.folder.path} {tmp_path}/x.npy -o {file} --lossless")[0] == 0
    assert hourglass(f"decompress {model.folder.path} {file} -o {out}")[0] == 0
    assert np.array_equal(np.asarray(Image.open(out / "00000.png")), x[0, ..., 0] * 255)


def test_real_digits_take_less_than_png_without_loss(real, tmp_path):
    import io
    model = train("mnist", model="ae(8)", val=100, minutes=0.05, out=tmp_path / "run", quiet=True)
    test = model.source().splits["test"]
    x = test.x[test.index[:100]].numpy()
    png = 0
    for image in x:
        held = io.BytesIO()
        Image.fromarray(image[..., 0]).save(held, "PNG", optimize=True)
        png += held.tell()
    content = model.compress(x, lossless=True)
    assert np.array_equal(model.decompress(content), x) and len(content) < 0.6 * png
    assert len(hg.load(tmp_path / "run").compress(x)) < 0.1 * png
