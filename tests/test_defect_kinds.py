"""How well each kind of defect is found: against scikit-learn, in the table and in the page."""

import json

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import roc_auc_score

import hourglass as hg
from hourglass.analysis.metrics.regions import count, edges_of
from hourglass.tasks.defect_kinds import PixelCounts, by_kind

DETECTOR = "patch_knn('random', size=64, patches=100, strides=(8,), unit=False)"


def test_each_kind_is_measured_against_all_normal_samples():
    draw = np.random.default_rng(0)
    of = np.repeat([0, 1, 2], 20)
    y, scores = (of > 0).astype(int), draw.normal(of, 1.5)
    kinds = by_kind(("good", "hole", "crack"), of, y, scores, scores > 1)
    for number, name in ((1, "hole"), (2, "crack")):
        keep = (of == 0) | (of == number)
        assert kinds[name].figures["auroc"].value == pytest.approx(
            roc_auc_score(y[keep], scores[keep]))
        assert kinds[name].found == (scores[of == number] > 1).sum() and kinds[name].count == 20
    assert by_kind(("good", "hole"), y, y, scores, scores > 1) == {}


def test_pixels_of_a_kind_are_those_of_its_images_and_the_normal_ones():
    draw = np.random.default_rng(1)
    of, rows = np.array([0, 0, 9, 1, 1, 2, 2]), [0, 1, 3, 4, 5]   # crack has no masks
    maps, masks = draw.random((5, 12, 12)), np.zeros((5, 12, 12), bool)
    masks[2:4, 3:7, 2:5] = True
    maps[masks] += 0.3
    pixels = PixelCounts(rows, count(zip(maps, masks, strict=True), edges_of(maps.ravel(), 5)))
    y = (of > 0).astype(int)
    kinds = by_kind(("good", "hole", "crack"), of, y, draw.random(7), np.ones(7, bool), pixels)
    assert kinds["hole"].figures["pixel_auroc"].value == pytest.approx(
        roc_auc_score(masks[:4].ravel(), maps[:4].ravel()))
    assert set(kinds["crack"].figures) == {"auroc"}


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """Normal images, new ones with holes and stripes, with masks; and one that cannot be read."""
    monkeypatch.chdir(tmp_path)
    draw = np.random.default_rng(0)
    for folder, number in (("good", 12), ("new/good", 4), ("new/hole", 3), ("new/stripe", 2)):
        for i in range(number):
            image, mask = draw.integers(90, 130, (64, 64), np.uint8), np.zeros((64, 64), np.uint8)
            area = {"hole": np.s_[30:44, 30:44], "stripe": np.s_[10:16]}.get(folder[4:])
            if area:
                image[area], mask[area] = 0, 255
            for place, pixels in ((folder, image), (f"masks/{folder[4:]}", mask)):
                (tmp_path / place).mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(tmp_path / place / f"{i}.png")
    (tmp_path / "new" / "good" / "0.png").write_bytes(b"not an image")
    return tmp_path


def test_the_lines_the_table_and_the_page_have_each_kind(folders, capsys):
    found = hg.detect("good", "new", detector=DETECTOR, masks="masks",
                      out=["scores.json", "page.html"])
    assert found.kinds["hole"].count == 3 and found.kinds["stripe"].count == 2
    assert all(kind.figures["pixel_auroc"].value > 0.8 for kind in found.kinds.values())
    assert "  stripe  2 of 2 found; auroc 1.000" in repr(found)
    written = json.loads((folders / "scores.json").read_text())["kinds"]
    assert written["hole"]["found"] == 3 and set(written["stripe"]["figures"]) == {
        "auroc", "pixel_auroc", "region_overlap"}
    page = (folders / "page.html").read_text()
    assert "<td>stripe</td>" in page and "<th>pixel_auroc</th>" in page
