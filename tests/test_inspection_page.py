"""The page of an inspection, in a real browser: scores, verdicts by threshold, and pictures."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
DETECTOR = "\"patch_knn('random', size=64, patches=100, strides=(8,), unit=False)\""


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """Normal images good/, and new ones of two kinds; a name with a mark of HTML."""
    monkeypatch.chdir(tmp_path)
    draw = np.random.default_rng(0)
    for folder, count in (("good", 20), ("new/good", 4), ("new/hole", 3)):
        (tmp_path / folder).mkdir(parents=True)
        for i in range(count):
            image = draw.integers(90, 130, (64, 64), np.uint8)
            if "hole" in folder:
                image[30:44, 30:44] = 0
            Image.fromarray(image).save(tmp_path / folder / f"{i}<b>.png")
    return tmp_path


@pytest.fixture
def written(folders, hourglass):
    code, said, err = hourglass(f"detect good new --detector {DETECTOR} --page page.html")
    assert code == 1 and "page.html" in said, err
    return folders / "page.html"


def test_the_threshold_moves_verdicts_and_the_page_asks_for_nothing(written):
    if not CHROMIUM.is_file():
        pytest.skip(f"needs a browser: {CHROMIUM}")
    asked, wrong = [], []
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        page.set_default_timeout(20_000)
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(written.as_uri())
        first = page.inner_text("#verdicts")
        rows = page.locator("#kinds tbody tr").all_inner_texts()
        figures = page.locator(".sheet figure").count()
        page.fill("#threshold", "1000")
        highest = page.inner_text("#verdicts")
        page.fill("#threshold", "0")
        lowest = page.inner_text("#verdicts")
        page.click("#reset")
        again = page.inner_text("#verdicts")
        browser.close()
    assert not wrong and all(url.startswith(("file:", "data:")) for url in asked)
    assert "recall 1.000" in first and again == first and figures == 7
    assert [row.split("\t")[:2] for row in rows] == [["good", "4"], ["hole", "3"]]
    assert highest.startswith("0 of 7") and lowest.startswith("6 of 7")   # all but the lowest


def test_the_page_has_the_detector_its_features_and_intervals(written):
    text = written.read_text()
    assert "random (" in text and "auroc" in text and "1.000</td>" in text
    assert "0&lt;b&gt;.png" in text and "0<b>.png" not in text
    assert text.count("data:image/webp;base64,") == 7


def test_images_without_classes_have_no_figures(folders, hourglass):
    code, _, err = hourglass(f"detect good new/hole --detector {DETECTOR} --page page.html")
    text = (folders / "page.html").read_text()
    assert code == 1 and "<h2>Figures</h2>" not in text, err


def test_another_suffix_is_refused_before_the_work(folders, hourglass):
    code, _, err = hourglass("detect good new --page page.pdf")
    assert code == 2 and ".html" in err
