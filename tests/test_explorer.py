"""The latent explorer opens without a network, and its pictures are those of the model."""

import re
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from conftest import draw, ratings_text, stripes
from playwright.sync_api import Page, sync_playwright

import hourglass as hg
from hourglass.analysis.explorer.runtime import runtime
from hourglass.analysis.explorer.walk import find_walk
from hourglass.inference.encoder_decoder import load_half
from hourglass.inference.onnx_export import export
from hourglass.run.titles import data_of
from hourglass.tasks.explore import MOST, colours, explore

CHROMIUM = Path("/usr/bin/chromium")
TITLES = "movieId,title\n" + "".join(f"film {i},The Film of {i}\n" for i in range(25))
MAP = "document.getElementById('item-map').toDataURL()"
FAST = {"epochs": 4, "batch_size": 16}
KINDS = {   # data and settings: grey and conditional; odd colour images; vectors; maps as codes
    "told": (None, {"model": "ae(3)", "condition": "label"}),
    "colour": (np.stack([np.asarray(draw("lying", i, size=31))[:17] for i in range(50)]),
               {"model": "ae(20)"}),
    "vectors": (np.random.default_rng(0).normal(size=(80, 6)).astype(np.float32),
                {"model": "ae(2)"}),
    "maps": (stripes(), {"model": "ae(16)", "backbone": "conv(filters=(4, 2))",
                         "bottleneck": "identity"}),
    "items": (ratings_text(60, 25), {"model": "mult_vae(3, 8)"}),
}
LINES = {   # which no ONNX decoder writes
    "molecules": ("".join(f"{'C' * (1 + i % 9)}{end}\n" for i in range(20)
                          for end in ("O", "N", "Cl")), {
        "model": "moses_vae(2, width=8, layers=1, embedding=4)"}),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Where this module's runs and pages are."""
    return tmp_path_factory.mktemp("explorer")


@pytest.fixture(scope="module")
def run(folder):
    """Trains a kind of model at its first use, and gives its folder."""
    def trained(kind: str) -> Path:
        data, settings = {**KINDS, **LINES}[kind]
        if not (folder / kind).is_dir():
            source = "digits" if data is None else str(folder / f"{kind}.npy")
            if kind == "molecules":
                source = f"molecules('{folder / 'few.smi'}')"
                (folder / "few.smi").write_text(str(data))
            elif isinstance(data, str):
                source = f"ratings('{folder / 'ratings.csv'}', fewest=2)"
                (folder / "ratings.csv").write_text(data)
                (folder / "movies.csv").write_text(TITLES)
            elif data is not None:
                np.save(source, data)
            hg.train(source, out=folder / kind, report=False, **settings, **FAST)
        return folder / kind
    return trained


@pytest.fixture(scope="module")
def written(folder, run):
    """Writes a kind of model's explorer at its first use, and gives the page's path."""
    try:
        runtime()
    except ValueError as error:
        pytest.skip(f"needs the browsers' runtime: {error}")

    def write(kind: str) -> Path:
        out = folder / f"{kind}.html"
        if not out.is_file():
            explore(run(kind), out)
        return out
    return write


@pytest.fixture(scope="module")
def browser():
    """A headless browser."""
    if not CHROMIUM.is_file():
        pytest.skip(f"needs a browser: {CHROMIUM}")
    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def visit(browser, written):
    """Opens a kind of model's explorer without a network; whatever goes wrong fails the test."""
    context = browser.new_context(viewport={"width": 1200, "height": 850})
    context.set_default_timeout(20_000)
    context.set_offline(True)
    wrong, asked = [], []

    def opened(kind: str) -> Page:
        page = context.new_page()
        page.on("console", lambda said: wrong.append(said.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(written(kind).as_uri())
        page.evaluate("hourglass.ready")
        return page
    yield opened
    pages = [page.url for page in context.pages]
    context.close()
    assert not wrong
    assert [url for url in asked if not re.match(r"blob:|data:", url)] == pages


def settle(page: Page) -> None:
    page.evaluate("hourglass.settled()")


def picture(page: Page) -> np.ndarray:
    """What the page decoded last, as the model orders it."""
    settle(page)
    return np.array(page.evaluate("Array.from(hourglass.picture())"), np.float32)


def code(page: Page) -> np.ndarray:
    return np.array(page.evaluate("Array.from(hourglass.code())"), np.float32)


def drawn(page: Page, canvas: str = "picture") -> np.ndarray:
    """The pixels of a canvas (H, W, 3), in [0, 1]."""
    settle(page)
    height, width, values = page.evaluate(f"""() => {{
        const canvas = document.getElementById("{canvas}");
        const {{ width, height }} = canvas;
        return [height, width, Array.from(
            canvas.getContext("2d").getImageData(0, 0, width, height).data)]; }}""")
    return np.array(values).reshape(height, width, 4)[..., :3] / 255


def expected(run: Path, z: np.ndarray, y: int = 0) -> np.ndarray:
    """What Python decodes of one code: (H, W, C) or (D,)."""
    model = hg.load(run)
    told = [model.classes[y]] if model.model.condition is not None else None
    return model.decode(z[None], told)[0]


def as_ordered(x: np.ndarray) -> np.ndarray:
    """Values (H, W, C) or (D,) in the order in which a model gives them."""
    return (np.moveaxis(x, -1, 0) if x.ndim == 3 else x).reshape(-1)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "items"])
def test_the_pages_picture_is_the_decoders(kind, run, visit):
    page = visit(kind)
    shape = page.evaluate("JSON.parse(document.getElementById('about').textContent).code")
    for number in range(3):
        z = np.random.default_rng(number).normal(size=shape).astype(np.float32)
        page.evaluate("([z, y]) => hourglass.show(z, y)", [z.reshape(-1).tolist(), number])
        right = expected(run(kind), z, number)
        assert np.abs(picture(page) - as_ordered(right)).max() < 1e-4
        if right.ndim == 3:
            assert np.abs(drawn(page) - right).max() <= 1 / 255


def test_a_click_on_a_point_shows_its_sample_and_a_drag_changes_the_picture(visit):
    page = visit("told")
    box = page.locator("#scatter").bounding_box()
    x, y = page.evaluate("hourglass.screen(hourglass.code())")
    before = drawn(page)
    page.mouse.move(box["x"] + x, box["y"] + y)
    page.mouse.down()
    page.mouse.move(box["x"] + x + 90, box["y"] + y - 60, steps=4)
    page.mouse.up()
    assert np.abs(drawn(page) - before).max() > 0.01
    assert page.evaluate("hourglass.screen(hourglass.code())") == pytest.approx(
        [x + 90, y - 60], abs=1.5)


def test_a_drag_leaves_what_is_not_in_the_plane(visit):
    page = visit("told")
    plane = np.array(page.evaluate("hourglass.plane.map((axis) => Array.from(axis))"))
    before = code(page)
    page.locator("#scatter").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowUp")
    moved = code(page) - before
    assert np.abs(moved).max() > 0.01
    assert moved == pytest.approx(plane.T @ (plane @ moved), abs=1e-5)


def test_a_point_under_the_pointer_shows_its_thumbnail_and_its_class(visit):
    page = visit("told")
    x, y = page.evaluate("hourglass.screen(hourglass.code())")
    page.locator("#scatter").hover(position={"x": x, "y": y})
    assert re.search(r"\d, sample \d+", page.locator("#hint").inner_text())
    assert page.locator("#hint .thumbnail").bounding_box()["width"] > 40


def test_a_touch_moves_the_point(browser, written):
    context = browser.new_context(viewport={"width": 390, "height": 800}, has_touch=True)
    page = context.new_page()
    page.goto(written("told").as_uri())
    page.evaluate("hourglass.ready")
    before = code(page)
    page.locator("#scatter").tap(position={"x": 40, "y": 60})
    assert np.abs(code(page) - before).max() > 0.01
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()


@pytest.mark.parametrize("kind", ["told", "colour", "vectors"])
def test_a_slider_changes_the_picture(kind, visit):
    page = visit(kind)
    before, place = picture(page), code(page)
    slider = page.locator("#sliders input").first
    slider.focus()
    page.keyboard.press("End")
    assert np.abs(picture(page) - before).max() > 1e-3
    assert np.abs(code(page) - place).max() > 1e-2
    page.get_by_role("button", name="Start over").click()
    assert picture(page) == pytest.approx(before)


def test_a_morph_goes_from_a_to_b(visit):
    page = visit("colour")
    page.get_by_role("button", name="Set A here").click()
    a = code(page)
    page.locator("#sliders input").first.focus()
    page.keyboard.press("Home")
    page.get_by_role("button", name="Set B here").click()
    b = code(page)
    page.locator("#morph").focus()
    page.keyboard.press("End")
    assert code(page) == pytest.approx(b)
    at_b = picture(page)
    page.keyboard.press("Home")
    assert code(page) == pytest.approx(a)
    assert np.abs(picture(page) - at_b).max() > 1e-3
    page.get_by_role("button", name="Show B").click()
    assert code(page) == pytest.approx(b)
    page.get_by_role("button", name="Play").click()
    page.wait_for_timeout(300)
    page.get_by_role("button", name="Pause").click()
    between = code(page)
    assert np.abs(between - a).max() > 1e-4 and np.abs(between - b).max() > 1e-4


def test_another_class_changes_the_picture_of_a_conditional_model(run, visit):
    page = visit("told")
    before, end = drawn(page), drawn(page, "picture-a")
    other = (int(page.locator("#class").input_value()) + 1) % 10
    page.locator("#class").select_option(str(other))
    after = drawn(page)
    assert np.abs(after - before).max() > 1e-3
    assert np.abs(after - expected(run("told"), code(page), other)).max() <= 1 / 255
    page.wait_for_timeout(100)
    assert np.abs(drawn(page, "picture-a") - end).max() > 1e-3
    assert not visit("colour").locator("#class").is_visible()


def test_classes_are_in_the_legend_and_one_is_picked_out(visit):
    page = visit("told")
    assert page.locator("#legend button").all_inner_texts() == list("0123456789")
    points = "document.getElementById('scatter').toDataURL()"
    before = page.evaluate(points)
    page.locator("#legend button").nth(3).click()
    assert page.evaluate(points) != before
    assert visit("colour").locator("#legend button").count() == 0


def test_many_factors_have_sliders_on_their_main_axes():
    codes = np.random.default_rng(0).normal(size=(300, 40)) * np.linspace(3, 0.1, 40)
    walk = find_walk(codes)
    assert len(walk.sliders) == 16 and "PCA" in walk.about and "40 latent dimensions" in walk.about
    assert np.allclose(walk.directions @ walk.directions.T, np.eye(16))
    along = ((codes - walk.origin) @ walk.directions.T).std(0)
    assert (np.diff(along) <= 1e-9).all() and np.allclose(walk.plane, walk.directions[:2])


def test_two_factors_are_the_plane_themselves_and_ranges_hold_the_codes():
    codes = np.random.default_rng(0).normal(size=(500, 2))
    walk = find_walk(codes)
    assert (walk.plane == np.eye(2)).all() and not walk.origin.any()
    low, high = np.percentile(codes, [1, 99], axis=0)
    for (name, start, end), least, most in zip(walk.sliders, low, high, strict=True):
        assert name.startswith("dimension") and start < least and end > most
    assert find_walk(codes[:1]).sliders and find_walk(codes[:, :1]).plane.shape == (2, 1)


def test_every_class_has_a_colour_of_its_own():
    for count in (0, 1, 10, 33, 200):
        assert len(set(colours(count))) == count


@pytest.mark.parametrize("half", ["encoder", "decoder"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_half_as_onnx_gives_what_torch_gives_for_any_batch(kind, half, run):
    session = onnxruntime.InferenceSession(export(run(kind), half))
    module = load_half(run(kind), half)
    first, *told = session.get_inputs()
    for count in (1, 5):
        t, y = torch.rand(count, *first.shape[1:]), torch.arange(count)
        given = {first.name: t.numpy()} | ({"y": y.numpy()} if told else {})
        with torch.no_grad():
            right = module(t, y if told else None).numpy()
        assert np.abs(session.run(None, given)[0] - right).max() < 1e-5


def test_the_command_writes_a_page_and_says_what_is_wrong(here, hourglass, run, written):
    code, out, _ = hourglass(f"explore {run('vectors')} -o new/page.html")
    assert code == 0 and out == "8 samples in new/page.html\n"
    assert Path("new/page.html").stat().st_size < 8e6
    code, _, err = hourglass(f"explore {run('vectors')} -o page.png")
    assert code == 2 and "-o page.html" in err
    code, _, err = hourglass("explore photos")
    assert code == 2 and "not a run folder" in err


def test_a_run_without_a_report_is_looked_at_first(here, hourglass, written):
    assert hourglass("train photos/ --no-report --out run --epochs 1 --model 'ae(2)'")[0] == 0
    assert not Path("run/snapshot.npz").exists()
    assert hourglass("explore run -o page.html")[0] == 0
    assert Path("run/snapshot.npz").is_file() and Path("page.html").is_file()


def test_without_a_network_it_is_said_which_file_goes_where(here, hourglass, run, monkeypatch):
    source = run("vectors")
    monkeypatch.setenv("XDG_CACHE_HOME", str(here / "cache"))
    monkeypatch.delenv("HOURGLASS_DATA", raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    code, _, err = hourglass(f"explore {source} -o page.html")
    assert code == 2 and "put onnxruntime-web-1.30.0.tgz into" in err and "cache/hourglass" in err
    assert not Path("page.html").exists()


def test_without_the_packages_that_write_onnx_it_is_said_which(here, hourglass, run, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxscript", None)   # as if it were not installed
    (run("vectors") / "decoder.safetensors").unlink(missing_ok=True)   # of another test
    code, _, err = hourglass(f"explore {run('vectors')}")
    assert code == 2 and "pip install 'hourglass[export]'" in err


def test_no_more_points_than_a_page_can_hold(folder, written):
    images = np.zeros((MOST + 600, 4, 4), np.uint8)
    images[:, 0, 0] = np.arange(len(images)) % 256
    np.save(folder / "large.npy", images)
    hg.train(str(folder / "large.npy"), model="ae(2)", out=folder / "large", report=False, val=0.0,
             test=0.0, epochs=1, batch_size=500)
    assert explore(folder / "large", folder / "large.html") == MOST


def test_the_map_of_items_names_them_and_shows_those_that_the_point_ranks_first(visit):
    page = visit("items")
    assert page.locator("h1").text_content() == "mult_vae(3, 8) on ratings.csv"
    assert "test users" in page.locator("#count").text_content()
    listed = page.evaluate("hourglass.itemMap.listed()")
    assert listed == np.argsort(-picture(page), kind="stable")[:20].tolist()
    at = page.evaluate(f"hourglass.itemMap.screen({listed[0]})")
    page.locator("#item-map").hover(position={"x": at[0], "y": at[1]})
    said = page.locator("#item-hint").text_content()
    assert re.fullmatch(r"The Film of \d+: \d+ users, place \d+ of the list", said)
    before = page.evaluate(MAP)
    page.evaluate("hourglass.show(hourglass.code().map((value) => value + 3))")
    settle(page)
    assert page.evaluate(MAP) != before


def test_models_of_samples_have_no_map_of_items(visit):
    page = visit("vectors")
    assert page.locator("#item-map").count() == 0 and page.evaluate("hourglass.itemMap") is None


@pytest.mark.parametrize("data, called", [
    ("ratings('films/u.data', split='last')", "u.data"), ("folder/faces", "faces"),
    ("shards('https://a/b/{000..009}.tar')", "{000..009}.tar"), ("digits", "digits"),
    ('ratings(path="my films.csv")', "my films.csv"), ("/", "/")])
def test_a_page_is_titled_by_the_last_part_of_the_path(data, called):
    assert data_of({"data": data}) == called


def test_molecules_have_their_pictures_and_the_nearest_stands_for_the_decoder(run, visit, written):
    page = visit("molecules")
    text = written("molecules").read_text()
    assert "does not run in this page" in text and 'id="runtime-binary"' not in text
    model = hg.load(run("molecules"))
    about = page.evaluate("JSON.parse(document.getElementById('about').textContent)")
    z = model.encode(about["names"])
    for row in (0, len(z) - 1):
        page.evaluate("([z]) => hourglass.show(z)", [z[row].tolist()])
        assert np.linalg.norm(z[int(picture(page)[0])] - z[row]) < 1e-4
    shown = page.locator("#nearest .thumbnail")
    assert shown.is_visible() and shown.bounding_box()["width"] == 120
    assert about["names"][int(picture(page)[0])] in page.locator("#nearest span").inner_text()
