"""The studio in a browser: the first-time path, what goes on after a reload, and hostile names."""

import base64
import io
import os
import re
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from playwright.sync_api import Locator, Page, expect, sync_playwright

import hourglass as hg
from hourglass.analysis.explorer.runtime import runtime
from hourglass.analysis.snapshot import load_snapshot
from hourglass.studio.jobs import Jobs
from hourglass.studio.processes import stop

CHROMIUM = Path("/usr/bin/chromium")
TOKEN = "a-token-of-the-browser-tests"
AXE = Path(find_spec("axe_playwright_python").origin).with_name("axe.min.js")
HOSTILE = "<img src=x onerror=alert(1)>"
PATIENCE = 90_000   # ms for a training
expect.set_options(timeout=30_000)   # the machine may be busy


def start(home: Path, port: str = "0", **variables: str) -> tuple[subprocess.Popen[str], str]:
    """Start the command; returns its process and the address that it prints."""
    process = subprocess.Popen(
        [sys.executable, "-m", "hourglass", "studio", str(home), "--port", port, "--no-browser"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        env={**os.environ, "HOURGLASS_TOKEN": TOKEN, **variables})
    return process, process.stdout.readline().strip()


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """A folder with a run whose name, note and classes are no harmless texts."""
    folder = tmp_path_factory.mktemp("studio")
    np.savez(folder / "x.npz", x=np.random.default_rng(0).random((60, 8, 8), np.float32),
             y=np.array([HOSTILE, "normal"])[np.arange(60) % 2])
    model = hg.train(str(folder / "x.npz"), model="vae(2)", backbone="mlp(8)", epochs=3, test=20,
                     quiet=True, out=folder / "runs" / HOSTILE)
    assert model.metrics
    return folder


@contextmanager
def another(home: Path, name: str, **settings: str) -> Iterator[Path]:
    """A copy of that run, such as a shell could make meanwhile, with some other settings."""
    out = home / "runs" / name
    shutil.copytree(home / "runs" / HOSTILE, out)
    path = out / "settings.toml"
    for setting, value in settings.items():
        path.write_text(re.sub(f"(?m)^{setting} = .*", f"{setting} = {value}", path.read_text()))
    try:
        yield out
    finally:
        shutil.rmtree(out)


@pytest.fixture(scope="module")
def studio(home):
    """The address of a studio on that folder."""
    process, url = start(home)
    yield url
    process.terminate()
    process.wait(PATIENCE / 1000)   # for it ends what it imports


def end_all(home: Path) -> None:
    """End the processes that a studio of this folder has started."""
    jobs = Jobs(home)
    for job in jobs.read():
        if job.alive:
            stop(job.pid)


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
def page(browser, studio):
    """A page of the studio. A message on its console, and a foreign request, fail the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(30_000)
    wrong, asked = [], []
    opened = context.new_page()
    opened.on("console", lambda said: "GL Driver Message" in said.text or wrong.append(said.text))
    opened.on("response", lambda said: said.status < 400 or wrong.append(said.url))
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("dialog", lambda dialog: wrong.append(dialog.message))
    opened.on("request", lambda request: asked.append(request.url))
    opened.goto(studio)
    yield opened
    context.close()
    assert not wrong
    origin = studio.partition("/#")[0]
    assert [url for url in asked if not url.startswith((f"{origin}/", "blob:", "data:"))] == []


def go(page: Page, place: str) -> None:
    page.evaluate("place => { location.hash = place }", place)


def only_key(page: Page) -> str:
    link = page.get_by_role("link", name="vae(2) on").first.get_attribute("href")
    return re.search(r"/runs/(\w+)", link)[1]


def only_key_of(page: Page) -> str:
    """The run whose page is open."""
    return re.search(r"/runs/(\w+)", page.url)[1]


def taken(page: Page, button: str) -> Path:
    """The file that a button downloads."""
    with page.expect_download() as download:
        page.get_by_role("button", name=button).click()
    return Path(download.value.path())


def shade(value: int) -> bytes:
    buffer = io.BytesIO()
    image = np.full((8, 8), value, np.uint8)
    image[2:6, value % 5:value % 5 + 3] = 255 - value
    Image.fromarray(image).save(buffer, "png")
    return buffer.getvalue()


def test_the_token_leaves_the_address_and_survives_a_reload(page):
    expect(page.get_by_role("heading", name="Runs")).to_be_visible()
    assert "token" not in page.url
    page.reload()
    expect(page.get_by_role("heading", name="Runs")).to_be_visible()


def test_a_wrong_token_in_one_tab_leaves_the_others_as_they_are(page, studio):
    other = page.context.new_page()
    other.goto(f"{studio.partition('#')[0]}#token=a-wrong-token-of-a-mistaken-address")
    expect(other.get_by_role("heading", name="needs the studio's address")).to_be_visible()
    other.close()
    page.reload()
    expect(page.get_by_role("heading", name="Runs")).to_be_visible()


def test_a_page_without_the_token_shows_nothing(browser, studio):
    context = browser.new_context()
    page = context.new_page()
    page.goto(studio.partition("#")[0])
    expect(page.get_by_role("heading", name="needs the studio's address")).to_be_visible()
    assert page.get_by_text("vae(2)").count() == 0
    context.close()


def test_names_are_texts_and_never_markup(page):
    expect(page.get_by_text(f"runs/{HOSTILE}").first).to_be_visible()
    key = only_key(page)
    for tab in ("overview", "samples", "latent", "settings"):
        go(page, f"/runs/{key}/{tab}")
        expect(page.get_by_role("heading", name="vae(2) on").first).to_be_visible()
    go(page, f"/runs/{key}/latent")
    expect(page.get_by_role("listitem").filter(has_text=HOSTILE)).to_be_visible()
    assert page.locator("img[src=x]").count() == 0


# One look, as the page may change the element from the studio's picture to its own meanwhile.
PICTURE = "element => element.tagName == 'CANVAS' ? element.toDataURL() : element.src"


def picture_of(decoded: Locator) -> np.ndarray:
    """The pixels (H, W) of a grey picture in [0, 1], which the page or the studio decoded."""
    content = decoded.evaluate(PICTURE).partition(",")[2]
    image = Image.open(io.BytesIO(base64.b64decode(content))).convert("L")
    return np.asarray(image, np.float32) / 255


def until(holds: Callable[[], bool], what: str) -> None:
    """Wait until something holds, for half a minute at most."""
    for _ in range(300):
        if holds():
            return
        time.sleep(0.1)
    raise AssertionError(what)


def check_decoding(page: Page, run: Path) -> Locator:
    """Check that sliders at their right ends show what Python decodes, within a shade of grey."""
    decoded = page.get_by_role("img", name="What the code decodes to")
    before, z = picture_of(decoded), []
    for name in ("dimension 1", "dimension 2"):
        slider = page.get_by_role("slider", name=name)
        slider.press("End")
        z.append(slider.evaluate("slider => Number(slider.value)"))
    expected = hg.load(run).decode(np.array([z], np.float32))[0, ..., 0].clip(0, 1)

    def difference(picture: np.ndarray) -> float:
        return float(np.abs(picture - expected).max())
    assert difference(before) > 2 / 255
    until(lambda: difference(picture_of(decoded)) <= 1 / 255 + 1e-6, "Python decodes another")
    return decoded


def test_a_dragged_code_is_decoded_in_the_page_as_python_decodes_it(page, home):
    try:
        runtime()
    except ValueError as error:
        pytest.skip(f"needs the browsers' runtime: {error}")
    key = only_key(page)
    go(page, f"/runs/{key}/latent")
    expect(page.get_by_text("Decoded in the page.")).to_be_visible(timeout=PATIENCE)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    decoded = check_decoding(page, home / "runs" / HOSTILE)
    assert decoded.evaluate("element => element.tagName") == "CANVAS"
    before = picture_of(decoded)
    for _ in range(3):
        page.get_by_role("application").press("ArrowUp")
    until(lambda: not np.array_equal(picture_of(decoded), before), "the picture stays as it was")
    assert not [url for url in asked if "/decode" in url]   # by the studio
    assert (home / "runs" / HOSTILE / "decoder.safetensors").is_file()


def test_without_the_runtime_the_studio_decodes(browser, home, tmp_path):
    """And the page says why."""
    process, url = start(home, XDG_CACHE_HOME=str(tmp_path), HOURGLASS_DATA=str(tmp_path),
                         HTTPS_PROXY="http://127.0.0.1:9")
    context = browser.new_context()
    page = context.new_page()
    try:
        page.goto(url)
        go(page, f"/runs/{only_key(page)}/latent")
        expect(page.get_by_text("Decoded by the studio: onnxruntime-web")).to_contain_text(
            "could not be downloaded", timeout=PATIENCE)
        check_decoding(page, home / "runs" / HOSTILE)
    finally:
        context.close()
        process.terminate()
        process.wait(20)


def draw_around_all(page: Page, canvas: Locator) -> None:
    """Draw a lasso around all points."""
    box = {}
    while box != canvas.bounding_box():   # pictures above it may still come
        canvas.scroll_into_view_if_needed()
        box = canvas.bounding_box()
        page.wait_for_timeout(500)
    page.keyboard.down("Shift")
    corners = [(.01, .01), (.99, .01), (.99, .99), (.01, .99), (.01, .02)]
    for i, (x, y) in enumerate(corners):
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
        if not i:
            page.mouse.down()
    page.mouse.up()
    page.keyboard.up("Shift")


def serious(page: Page, rules: str = "") -> list[tuple[str, str]]:
    """What axe-core holds to be serious in the page, by its rules or one of them."""
    page.evaluate(AXE.read_text())
    found = page.evaluate(f"axe.run(document, {{ resultTypes: ['violations']{rules} }})")
    return [(each["id"], each["nodes"][0]["html"][:200]) for each in found["violations"]
            if each["impact"] in ("serious", "critical")]


FOCUSED = """() => { const e = document.activeElement; return e === document.body ? '' :
    (e.getAttribute('aria-label') || e.labels?.[0]?.textContent || e.textContent).trim(); }"""


def check_reach(page: Page, *names: str) -> None:
    """Check that axe finds nothing serious, and that Tab reaches what begins with these names."""
    assert not serious(page)
    page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    stops: list[str] = []
    for _ in range(200):
        page.keyboard.press("Tab")
        stops.append(page.evaluate(FOCUSED))
        if all(any(stop.startswith(name) for stop in stops) for name in names):
            return
    raise AssertionError(f"Tab does not reach all of {names}, but {stops}")


def test_points_can_be_listed_with_a_lasso(page, home):
    go(page, f"/runs/{only_key(page)}/latent")
    canvas = page.get_by_role("application")
    expect(canvas).to_be_visible()
    draw_around_all(page, canvas)
    expect(page.get_by_role("heading", name="20 points chosen")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Save their codes").click()
    found = pd.read_csv(download.value.path())
    s = load_snapshot(home / "runs" / HOSTILE / "snapshot.npz")
    np.testing.assert_allclose(found[["z_1", "z_2"]], s.z[found["sample"]], rtol=1e-6)
    assert list(found["class"]) == [s.classes[s.y[row]] for row in found["sample"]]
    page.get_by_label("Name of a class").fill("=odd ones")
    page.get_by_role("button", name="Make it a class").click()
    expect(page.get_by_text("=odd ones: 20 samples")).to_be_visible()
    expect(page.get_by_label("Command")).to_contain_text("hourglass finetune")
    check_reach(page, "Choose", "Latent space", "Fit", "Save the list", "Save their codes", "Clear",
                "Name of a class", "Samples, side by side")


def test_all_samples_of_a_split_are_placed_and_chosen(page, home):
    """In a process of its own, and by the keyboard alone."""
    go(page, f"/runs/{only_key(page)}/latent")
    model = hg.load(home / "runs" / HOSTILE)
    split = model.source().splits["train"]
    page.get_by_role("combobox", name="Samples").select_option("train")
    expect(page.get_by_text("The train samples are not placed yet")).to_be_visible()
    page.get_by_role("button", name=f"Place all {len(split)} samples").press("Enter")
    expect(page.get_by_text(f"{len(split)} of {len(split)} train samples are")).to_be_visible(
        timeout=PATIENCE)
    page.get_by_role("combobox", name="Show").select_option("normal")
    normal = int((split.y[split.index] == model.classes.index("normal")).sum())
    expect(page.get_by_text(f"{normal} of {len(split)} train samples are")).to_be_visible()
    page.get_by_role("combobox", name="Choose").press("a")   # all that are shown
    expect(page.get_by_role("heading", name=f"{normal} points chosen")).to_be_visible()
    found = pd.read_csv(taken(page, "Save their codes"))
    x = split.batch(torch.tensor(found["sample"].tolist())).x[:, 0].numpy()
    np.testing.assert_allclose(found[["z_1", "z_2"]], model.encode(x), atol=1e-5)
    assert set(found["class"]) == {"normal"}


def test_notes_are_kept_and_the_trash_can_be_undone(page, home):
    go(page, f"/runs/{only_key(page)}")
    page.get_by_label("Tags").fill("first, keep")
    page.get_by_label("Note", exact=True).fill("looks fine")
    page.get_by_role("heading", name="Notes").click()
    go(page, "/")
    expect(page.get_by_text("keep", exact=True)).to_be_visible()
    page.get_by_label("Filter runs").fill("mse<0.00001")
    expect(page.get_by_text("No run fits")).to_be_visible()
    page.get_by_label("Filter runs").fill("keep mse<9")
    page.get_by_role("button", name="Table").click()
    page.get_by_role("link", name="vae(2) on").click()
    expect(page.get_by_alt_text("Inputs, reconstructions and errors").first).to_be_visible()
    page.get_by_role("button", name="Trash").click()   # what it asked for is there
    expect(page.get_by_text("is in the trash")).to_be_visible()
    assert not (home / "runs" / HOSTILE).exists()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("The run is back")).to_be_visible()
    assert (home / "runs" / HOSTILE / "run.json").is_file()
    page.evaluate("localStorage.removeItem('hourglass-view')")


def test_a_killed_training_says_so(page, home):
    """And a page that could not read the samples says why, until it can."""
    with another(home, "killed") as run:
        (run / "run.json").unlink()
        card = page.get_by_role("listitem").filter(has_text="runs/killed")
        card.get_by_role("link").click()
        expect(page.get_by_text("its process was killed")).to_be_visible()
        expect(page.get_by_role("button", name="Resume")).to_be_visible()
        go(page, "/")
        expect(card.get_by_role("img")).to_be_visible()   # its frame is loaded by now
    expect(page.get_by_text("runs/killed")).to_have_count(0)


def test_the_first_time_path(page, home):
    """Drop 60 images, look at them, train, reload meanwhile, find the worst, generate."""
    go(page, "/data")
    images = [{"name": f"{i}.png", "mimeType": "image/png", "buffer": shade(2 * i)}
              for i in range(60)]
    page.get_by_label("Name for the new folder").fill("shades")
    page.locator("input[type=file]").first.set_input_files(images)
    expect(page.get_by_alt_text("Contact sheet")).to_be_visible()
    expect(page.get_by_text("60 samples of 1x8x8")).to_be_visible()
    page.get_by_role("link", name="Train on this").click()
    page.get_by_role("button", name=re.compile("^ae")).first.click()
    page.get_by_text("Training", exact=True).click()
    page.get_by_label("epochs", exact=True).fill("30")
    page.get_by_text("Model", exact=True).last.click()
    page.get_by_label("backbone", exact=True).fill("mlp(16)")
    page.get_by_label("bottleneck", exact=True).fill("plain(2")
    expect(page.get_by_role("alert")).to_be_visible()
    page.get_by_label("bottleneck", exact=True).fill("plain(2)")
    page.get_by_label("Name of the run").fill("mine")
    page.get_by_role("button", name="Start training").click()
    page.wait_for_url("**/#/runs/*")
    page.reload()   # which must lose nothing
    expect(page.get_by_text("finished")).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_role("heading", name="Worst reconstructions")).to_be_visible()
    expect(page.get_by_alt_text(re.compile("Inputs, reconstructions and errors"))).to_be_visible()
    assert (home / "runs/mine/report.html").is_file()
    page.get_by_role("link", name="Use").click()
    expect(page.get_by_alt_text(re.compile("Generated sample")).first).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    packed = zipfile.ZipFile(download.value.path())
    assert len(packed.namelist()) == 24
    assert Image.open(io.BytesIO(packed.read("00000.png"))).size == (8, 8)


def test_images_are_used_in_every_way_that_the_model_has(page, home):
    """Each result is what Python gives, and can be taken away."""
    model = hg.load(home / "runs" / HOSTILE)
    go(page, f"/runs/{only_key(page)}/use")
    images = [{"name": f"{i}.png", "mimeType": "image/png", "buffer": shade(9 * i)}
              for i in range(3)]
    page.locator("input[type=file]").first.set_input_files(images)
    expect(page.get_by_alt_text("Result of 2.png")).to_be_visible()
    page.get_by_role("button", name="Score").click()
    flagged = page.locator(".results .flagged")
    slider = page.get_by_role("slider", name=re.compile("Threshold"))
    expect(slider).to_be_visible()
    expect(page.get_by_alt_text("Result of 2.png")).to_be_visible()   # its heat map
    slider.press("Home")
    expect(flagged).to_have_count(3)
    slider.press("End")
    expect(flagged).to_have_count(0)
    page.get_by_role("button", name=re.compile("Back to")).click()
    expect(page.get_by_text("at the run's own threshold")).to_be_visible()
    x = np.stack([np.asarray(Image.open(io.BytesIO(image["buffer"]))) for image in images])
    scores = pd.read_csv(taken(page, "Download the scores"))
    np.testing.assert_allclose(scores["score"], model.score(x), rtol=1e-3)
    page.get_by_role("button", name="Compress").click()
    expect(page.get_by_text("Bits per pixel")).to_be_visible()
    size = page.locator("dt:text-is('Compressed') + dd")
    with page.expect_response(re.compile("quality=1&")):
        page.get_by_role("slider", name=re.compile("Quality")).press("Home")
    packed = taken(page, "Download the compressed file").read_bytes()
    expect(size).to_have_text(f"{len(packed)} B")
    shown = page.get_by_alt_text("Result of 2.png").get_attribute("src").partition(",")[2]
    again = model.decompress(packed)[2, ..., 0]
    again = again / 255 if again.dtype == np.uint8 else again
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(shown))), np.float32) / 255
    assert np.abs(picture - again).max() <= 1 / 255 + 1e-6
    page.get_by_role("button", name="Morph").click()
    expect(page.get_by_text(re.compile("Step 1 of 20"))).to_be_visible()
    page.get_by_role("button", name="Nearest").click()
    expect(page.get_by_alt_text("Input 2.png")).to_be_visible()
    codes = pd.read_csv(taken(page, "Download the codes"))
    np.testing.assert_allclose(codes[["z_1", "z_2"]], model.encode(x), atol=1e-4)


def test_a_row_of_samples_for_each_class(page):
    go(page, f"/runs/{only_key(page)}/use")
    page.get_by_label("Class").select_option("a row for each class")
    expect(page.get_by_role("heading", name="normal")).to_be_visible()
    expect(page.get_by_alt_text("Generated sample normal 00007.png")).to_be_visible()


def test_ways_through_the_latent_space_are_decoded(page, home):
    """The ends of a morph are the reconstructions of its samples; a sample has neighbours."""
    go(page, f"/runs/{only_key(page)}/walks")
    step = page.get_by_alt_text("Step 1 of 10")
    expect(step).to_be_visible()
    z = np.load(home / "runs" / HOSTILE / "snapshot.npz")["z"][:1]
    content = base64.b64decode(step.get_attribute("src").partition(",")[2])
    picture = np.asarray(Image.open(io.BytesIO(content)), np.float32) / 255
    expected = hg.load(home / "runs" / HOSTILE).decode(z)[0, ..., 0].clip(0, 1)
    assert np.abs(picture - expected).max() <= 1 / 255 + 1e-6
    expect(page.get_by_alt_text("dimension 2, step 9 of 9")).to_be_visible()
    go(page, f"/runs/{only_key_of(page)}/samples")
    page.get_by_role("button", name=re.compile("Samples near to sample")).first.click()
    expect(page.get_by_role("heading", name=re.compile("Nearest to sample"))).to_be_visible()


def test_rows_of_a_table_are_filled_in_and_taken_away(page, home):
    """As Python fills them in; a column that the model does not know is named."""
    z = np.random.default_rng(0).normal(size=60)
    rows = [f"{a:.3f},{2 * a:.3f}," + ("warm" if a > 0 else "cold") for a in z]
    (home / "rows.csv").write_text("\n".join(["first,second,kind", *rows]) + "\n")
    model = hg.train(str(home / "rows.csv"), model="ae(1)", epochs=1, quiet=True, report=False,
                     out=home / "runs/rows")
    gaps = [row if i % 2 else f",{row.partition(',')[2]}" for i, row in enumerate(rows[:6])]
    try:
        page.get_by_role("link", name="ae(1) on").click()
        page.get_by_role("link", name="Use").click()
        text = "\n".join(["first,second,kind,more", *(f"{row},7" for row in gaps)])
        page.locator("input[type=file]").set_input_files({
            "name": "gaps.csv", "mimeType": "text/csv", "buffer": text.encode()})
        expect(page.get_by_text("the model does not know them: more")).to_be_visible()
        page.get_by_role("button", name="Fill in").click()
        expect(page.locator("td.filled-in")).to_have_count(3)
        with page.expect_download() as download:
            page.get_by_role("button", name="Download as CSV").click()
        found = pd.read_csv(download.value.path())
        expected = model.impute(pd.read_csv(io.StringIO("\n".join(["first,second,kind", *gaps]))))
        np.testing.assert_allclose(found["first"], expected["first"], atol=1e-4)
        page.goto("about:blank")
    finally:
        shutil.rmtree(home / "runs/rows")


def use(page: Page, link: str, *names: str) -> None:
    """Open a run's page Use, and check what its box can do."""
    go(page, "/")
    page.get_by_role("link", name=link).click()
    page.get_by_role("link", name="Use").click()
    choices = page.get_by_role("group", name="What to do")
    for name in names:
        expect(choices.get_by_role("button", name=name, exact=True)).to_be_visible(
            timeout=PATIENCE)   # priors and thresholds are fitted


def test_rows_series_and_lines_are_used_as_python_uses_them(page, home):
    """Classes of rows, their nearest, forecasts, and codes of lines; with a keyboard."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"first": rng.normal(size=60).round(3), "kind": ["warm", "cold"] * 30})
    wave = pd.DataFrame({"flow": np.sin(np.arange(200) / 2).round(4)})
    table.to_csv(home / "kinds.csv", index=False)
    wave.to_csv(home / "waves.csv", index=False)
    (home / "lines.txt").write_text("one red house\na blue door\ntwo green trees\n" * 15)
    tiny = {"epochs": 1, "quiet": True, "report": False, "backbone": "mlp(8)"}
    kinds = hg.train(f"table('{home / 'kinds.csv'}', label='kind')", out=home / "runs/kinds",
                     model="semi_supervised_vae(1)", **tiny)
    waves = hg.train(f"series('{home / 'waves.csv'}', window=12)", model="ae(1)",
                     out=home / "runs/waves", **tiny)
    lines = hg.train(f"lines('{home / 'lines.txt'}')", model="vae(2)", epochs=1, quiet=True,
                     report=False, out=home / "runs/lines")
    try:
        use(page, "semi_supervised_vae(1) on", "Classify", "Nearest", "Codes")
        page.locator("input[type=file]").set_input_files(home / "kinds.csv")
        page.get_by_role("button", name="Classify").press("Enter")
        expect(page.get_by_role("columnheader", name="probability")).to_be_visible()
        check_reach(page, "Classify", "Download as CSV", "Results")
        found = pd.read_csv(taken(page, "Download as CSV"))
        assert list(found["class"]) == list(kinds.classify(table[["first"]]))
        page.get_by_role("button", name="Nearest").press("Enter")
        expect(page.get_by_role("columnheader", name="distance of codes")).to_be_visible()
        assert len(pd.read_csv(taken(page, "Download as CSV"))) == 5 * len(table)
        use(page, "ae(1) on waves.csv", "Forecast", "Score", "Fill in")
        page.locator("input[type=file]").set_input_files(home / "waves.csv")
        page.get_by_role("button", name="Forecast").press("Enter")
        page.get_by_label("Steps ahead").fill("8")
        page.get_by_label("Steps ahead").press("Tab")
        expect(page.get_by_role("heading", name="8 rows")).to_be_visible()
        check_reach(page, "Forecast", "Steps ahead", "Download as CSV", "Results")
        found = pd.read_csv(taken(page, "Download as CSV"))
        np.testing.assert_allclose(found["flow"], waves.forecast(wave, 8)["flow"], atol=1e-4)
        use(page, "vae(2) on lines", "Reconstruct", "Score", "Morph")
        page.get_by_label("One line of text each").fill("a red door\ntwo trees")
        page.get_by_role("button", name="Codes").press("Enter")
        expect(page.get_by_role("columnheader", name="z_2")).to_be_visible()
        check_reach(page, "One line of text", "Codes", "Download as CSV", "Results")
        found = pd.read_csv(taken(page, "Download as CSV"))
        z = lines.encode(["a red door", "two trees"])
        np.testing.assert_allclose(found[["z_1", "z_2"]], z, atol=1e-4)
        page.goto("about:blank")
    finally:
        for name in ("kinds", "waves", "lines"):
            shutil.rmtree(home / "runs" / name)


def test_runs_are_compared_side_by_side(page, home):
    """And what is marked in one latent space is marked in the others that show the same samples."""
    with another(home, "compared", seed="12345"), another(home, "unlike") as unlike:
        s = load_snapshot(unlike / "snapshot.npz")
        replace(s, x=s.x[::-1].copy()).save(unlike / "snapshot.npz")
        for name in (HOSTILE, "compared", "unlike"):
            page.get_by_role("checkbox", name=f"Choose runs/{name}").check()
        page.get_by_role("button", name="Compare 3").click()
        expect(page.get_by_role("heading", name="Settings that differ")).to_be_visible()
        expect(page.get_by_role("cell", name="12345", exact=True)).to_be_visible()
        expect(page.get_by_role("heading", name="The same inputs through all")).to_be_visible()
        draw_around_all(page, page.get_by_label("Latent space of runs/compared"))
        expect(page.get_by_role("heading", name="20 samples marked")).to_be_visible()
        page.get_by_label("Mark sample").select_option("7")
        expect(page.get_by_text("Not linked: its samples differ")).to_have_count(1)
        expect(page.get_by_text("by a digest of their values: runs/unlike")).to_be_visible()
        check_reach(page, "Add a run", "Colour", "Mark sample", "Latent space of runs/compared",
                    "Fit", "Clear")
        page.goto("about:blank")   # it would ask for pictures of a run that is gone


def test_a_search_is_started_watched_and_stopped(page, home):
    """And its trials are chosen by a range of an axis."""
    np.savez(home / "small.npz", x=np.random.default_rng(0).random((60, 6, 6), np.float32))
    go(page, "/search?data=small.npz")
    page.get_by_label("Named model").fill("ae({2..6}")
    expect(page.get_by_role("alert")).to_contain_text("cannot read")
    page.get_by_label("Named model").fill("ae({2..6})")
    expect(page.get_by_text("2 holes, infinitely many configurations")).to_be_visible()
    page.get_by_text("Model", exact=True).last.click()
    page.get_by_label("backbone", exact=True).fill("mlp(8)")
    page.get_by_label("Name of the search").fill("watched")
    page.get_by_label(re.compile("^trials")).fill("5000")   # so that it is not over too soon
    page.get_by_role("button", name="Start the search").click()
    page.wait_for_url("**/#/studies/*")
    try:
        expect(page.get_by_text(re.compile(r"^\d+ of 5000$"))).to_be_visible(timeout=PATIENCE)
        expect(page.get_by_role("region", name="Parallel coordinates")).to_be_visible()
        page.get_by_role("button", name="Stop").click()
        expect(page.get_by_role("button", name="Continue")).to_be_visible(timeout=PATIENCE)
    finally:
        end_all(home)
    page.get_by_text("Ranges by number").click()
    page.get_by_label("model.dim from").fill("7")
    page.get_by_label("model.dim from").blur()
    expect(page.get_by_text(re.compile("^0 of"))).to_be_visible()
    page.get_by_role("button", name="Show all trials").click()
    page.get_by_role("region", name="Table of trials").get_by_role("link").last.click()
    expect(page.get_by_role("heading", name=re.compile(r"^ae\(\d\) on"))).to_be_visible()
    assert page.get_by_role("button", name="Trash").count() == 0


def test_a_run_made_in_a_shell_appears_in_ten_tabs(browser, studio, home):
    context = browser.new_context()
    pages = [context.new_page() for _ in range(10)]
    for page in pages:
        page.goto(studio)
    expect(pages[9].get_by_role("heading", name="Runs")).to_be_visible()
    with another(home, "copied"):
        for page in pages:
            expect(page.get_by_text("runs/copied")).to_be_visible(timeout=20_000)
    context.close()


def test_a_studio_that_was_killed_goes_on_where_it_was(browser, home):
    process, url = start(home)
    context = browser.new_context()
    page = context.new_page()
    try:
        page.goto(url)
        expect(page.get_by_text(f"runs/{HOSTILE}")).to_be_visible()
    finally:
        process.kill()
        process.wait()
    with another(home, "meanwhile"):
        again, _ = start(home, url.partition("/#")[0].rpartition(":")[2])
        try:
            expect(page.get_by_text("runs/meanwhile")).to_be_visible(timeout=20_000)
        finally:
            context.close()
            again.terminate()
            again.wait(20)


def test_a_hostile_page_can_neither_start_nor_read_anything(browser, studio, home, tmp_path):
    context = browser.new_context()
    page = context.new_page()
    (tmp_path / "evil.html").write_text("<p>evil</p>")
    page.goto((tmp_path / "evil.html").as_uri())
    origin = studio.partition("/#")[0]
    before = sorted(path.name for path in (home / "runs").iterdir())
    found = page.evaluate("""async ([origin, token]) => {
        const tries = [
            fetch(origin + "/api/runs", { headers: { Authorization: "Bearer " + token } }),
            fetch(origin + "/api/train", { method: "POST", mode: "no-cors",
                body: JSON.stringify({ settings: { data: "digits" } }) }),
            fetch(origin + "/api/runs", { mode: "no-cors" })];
        return Promise.all(tries.map((each) => each.then((answer) => answer.text(), () => "")));
    }""", [origin, TOKEN])
    assert found == ["", "", ""]
    time.sleep(0.5)
    assert sorted(path.name for path in (home / "runs").iterdir()) == before
    context.close()


PLACES = {"/": "Runs", "/train?data=digits": "This run", "/data": "Your own",
          "/runs/KEY": "Metrics", "/runs/KEY/latent": "Decoded", "/runs/KEY/use": "Your images",
          "/runs/KEY/walks": "Along each direction",
          "/search?data=digits": "This search", "/runs/KEY/serve": "Files to take away",
          "/runs/KEY/settings": "Environment", "/compare?runs=KEY": "Curves"}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_serious_stands_in_the_way_of_a_screen_reader(browser, studio, scheme):
    """In the dark, only colours are another matter."""
    context = browser.new_context(color_scheme=scheme, bypass_csp=True)
    page = context.new_page()
    page.goto(studio)
    key = only_key(page)
    rules = "" if scheme == "light" else ", runOnly: ['color-contrast']"
    for place, heading in list(PLACES.items())[:None if scheme == "light" else 4]:
        go(page, place.replace("KEY", key))
        expect(page.get_by_role("heading", name=heading).first).to_be_visible()
        assert not serious(page, rules), place
    context.close()


def test_a_narrow_window_needs_no_sideways_scrolling(browser, studio):
    context = browser.new_context()
    page = context.new_page()
    page.goto(studio)
    key = only_key(page)
    for place, heading in PLACES.items():
        go(page, place.replace("KEY", key))
        expect(page.get_by_role("heading", name=heading).first).to_be_visible()
        for width in (800, 380):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (place, width)
    context.close()
