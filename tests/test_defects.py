"""Defects in pictures: local scores, maps at the size of files, and figures of pixels by masks."""

import csv
import json
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from conftest import draw, train
from PIL import Image
from scipy.ndimage import label
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score

import hourglass as hg
from hourglass.analysis.metrics.regions import count, edges_of, pixel_separation
from hourglass.core.contracts import Seen
from hourglass.core.registry import detectors
from hourglass.data.read_image import Reading, shape_image
from hourglass.inference.anomaly import companion_of, look_for, usual_detector
from hourglass.inference.detectors.local import beside_others, in_blocks
from hourglass.inference.placement import placement_of
from hourglass.inference.sample_stats import see
from hourglass.tasks.masks import find_masks

random = np.random.default_rng


def errors_of(n: int = 40, side: int = 12, seed: int = 0) -> np.ndarray:
    return random(seed).exponential(size=(n, side, side)) * np.linspace(1, 5, side)


def with_maps(errors: np.ndarray) -> Seen:
    return Seen(errors.mean((1, 2)), np.ones(len(errors)), np.ones((len(errors), 2)), errors,
                errors[:, ::-1])


@pytest.mark.parametrize("name", ["local", "pca_local"])
def test_a_local_score_is_the_largest_mean_of_a_block(name):
    errors = errors_of()
    seen = with_maps(errors)
    found = detectors.make(f"{name}(3)").score(seen, {})
    mirrored = np.pad(seen.model if name == "local" else seen.pca, ((0, 0), (1, 1), (1, 1)),
                      mode="symmetric")
    blocks = np.lib.stride_tricks.sliding_window_view(mirrored, (3, 3), axis=(1, 2)).mean((3, 4))
    assert np.allclose(found, blocks.max((1, 2)))


def test_blocks_leave_out_what_is_not_known():
    errors = errors_of(2, 6)
    errors[0, :3] = np.nan
    errors[1] = np.nan
    found = in_blocks(errors, 3)
    assert np.isfinite(found).all() and found[1].max() == 0
    assert found[0, 3, 2] == pytest.approx(np.nanmean(errors[0, 2:5, 1:4]))


@pytest.mark.parametrize("name", ["relative", "pca_relative"])
def test_a_defect_counts_beside_what_is_normal_at_its_place(name):
    held, new = errors_of(200), errors_of(2, seed=1)
    new[0, 6, 0] += 4     # where little error is normal
    new[1, 6, 11] += 4    # where much is
    rule = detectors.make(f"{name}(1)")
    held, new = ((with_maps(e) if name == "relative" else with_maps(e[:, ::-1])) for e in (
        held, new))
    state = rule.fit(np.empty((0, 0)), held)
    places = rule.places(new, state)
    logs = np.log(held.model if name == "relative" else held.pca) * 0 + np.log(
        (held.model if name == "relative" else held.pca) + state["level"])
    assert np.allclose(state["mean"], logs.mean(0))
    assert places[0, 6, 0] > places[1, 6, 11]
    assert np.allclose(rule.score(new, state), places.max((1, 2)))


@pytest.mark.parametrize("count_of", [3, 20])
def test_a_normal_sample_is_not_among_those_that_say_what_is_normal(count_of):
    logs = np.log(errors_of(count_of))
    found = beside_others(logs)
    for i in range(count_of):
        rest = np.delete(logs, i, 0)
        spread = rest.std(0)
        truth = (logs[i] - rest.mean(0)) / (spread + 0.3 * max(spread.mean(), 0.1))
        assert np.allclose(found[i], truth)


@pytest.fixture(scope="module")
def inspected(tmp_path_factory):
    """A run on pictures of flawless lying bars, and where they are, with masks of the flaws."""
    root = tmp_path_factory.mktemp("parts")
    for name, number in {"train/good": 60, "test/good": 12, "test/spot": 12}.items():
        (root / "parts" / name).mkdir(parents=True)
        for i in range(number):
            noise = random(number + i).integers(-15, 16, (24, 24))
            pixels = np.asarray(draw("lying", i, 24, colour=False)) + noise
            pixels = pixels.clip(0, 255).astype(np.uint8)
            if "spot" in name:
                mask = np.zeros((24, 24), np.uint8)
                mask[4 + i:8 + i, 12:16] = 255
                pixels[mask > 0] = 255 - pixels[mask > 0] // 2
                place = root / "parts/ground_truth/spot"
                place.mkdir(parents=True, exist_ok=True)
                Image.fromarray(mask).save(place / f"{i:03}_mask.png")
            Image.fromarray(pixels).resize((48, 48)).save(root / "parts" / name / f"{i:03}.png")
    model = train(str(root / "parts"), model="ae(4)", backbone="mlp(16)", size="24", epochs=2,
                  quiet=True, out=root / "run", val=0.3)
    return model, root


def test_the_pca_detector_is_scikit_learns_on_the_training_samples(inspected):
    model, _ = inspected
    source = model.source()
    x = {name: source.splits[name].batch(source.splits[name].evenly(1000)).x.flatten(1).numpy()
         for name in ("train", "test")}
    count = len(model.pca().axes)
    assert count == min(len(x["train"]) - 1, 24 * 24 // 12)
    pca = PCA(count, svd_solver="full").fit(x["train"])
    again = pca.inverse_transform(pca.transform(x["test"]))
    found = model.detector("pca").score_split(source.splits["test"])
    assert np.allclose(found, np.square(again - x["test"]).mean(1), rtol=1e-2, atol=1e-6)
    again = hg.load(model.folder.path).detector("pca").score_split(source.splits["test"])
    assert np.allclose(found, again)


def test_a_model_that_brings_normal_images_back_worse_than_pca_is_not_the_judge(inspected):
    model, _ = inspected
    text, why = usual_detector(model)
    held = see(model.model, model.source().splits["val"], None,
               look=look_for(model, detectors.make("pca")))
    assert held.error.mean() > 1.5 * held.linear.mean()
    assert text == "pca_relative" and "worse than PCA of the same size" in why
    detector = model.detector()
    assert detector.text == text and detector.why == why
    assert model.detector("error").why == ""


@pytest.mark.parametrize("text, other", [
    ("error", "local"), ("knn(3)", "local"), ("pca", "pca_local"), ("local(4)", "local(4)"),
    ("pca_relative", "pca_relative"), ("combined(('knn', 'relative'))", "relative")])
def test_heat_maps_show_where_the_detector_in_use_looks(text, other):
    assert companion_of(text) == other


def test_a_map_is_1_where_its_largest_place_is_at_the_threshold(inspected):
    model, root = inspected
    detector = model.detector("pca_local")
    test = model.read(str(root / "parts/test"))
    maps = detector.maps(test)
    assert np.allclose(maps.max((1, 2)), detector.score(test) / detector.threshold)
    other = model.detector("error").maps(test)
    assert other.shape == maps.shape == (24, 24, 24)


@pytest.mark.parametrize("reading", [
    {"size": "24"}, {"size": "24x30"}, {"size": "24", "fit": "pad"},
    {"size": "24x40", "fit": "stretch"}, {"crop": "40", "size": "20"}, {"pad": "80"},
    {"crop": "40x30", "size": "20", "pad": "32"}, {"size": "120"}])
@pytest.mark.parametrize("size", [(60, 48), (48, 60), (50, 50)])
def test_a_map_lies_on_the_file_where_the_model_saw_it(reading, size):
    """A bright spot in a file, brought to the model's size and back, is where it was."""
    pixels = np.zeros(size, np.uint8)
    pixels[20:28, 22:30] = 255
    seen = shape_image(Image.fromarray(pixels), Reading(**reading))[..., 0] / 255
    place = placement_of(size, seen.shape, Reading(**reading))
    back = place.onto_file(seen, size)
    assert back.shape == size
    rows, columns = np.indices(size)
    centre = [float((axis * back).sum() / back.sum()) for axis in (rows, columns)]
    assert np.allclose(centre, [23.5, 25.5], atol=0.6)
    assert back[23:25, 25:27].min() > 0.6


def test_what_the_model_did_not_see_is_outside():
    place = placement_of((60, 40), (20, 20), Reading(size="20"))
    found = place.onto_file(np.ones((20, 20)), (60, 40), -1)
    assert (found[:9] == -1).all() and (found[-9:] == -1).all() and (found[11:49] == 1).all()


# figures of pixels


def brute_overlap(maps, masks, most=0.3):
    """The overlap with regions, threshold by threshold, in plain loops."""
    values = np.unique(np.concatenate([m.ravel() for m in maps]))[::-1]
    regions = []
    for scores, mask in zip(maps, masks, strict=True):
        numbers, total = label(mask, np.ones((3, 3)))
        regions += [scores[numbers == i] for i in range(1, total + 1)]
    clean = np.concatenate([m[~k] for m, k in zip(maps, masks, strict=True)])
    curve = [(0.0, 0.0)] + [((clean >= v).mean(), np.mean([(r >= v).mean() for r in regions]))
                            for v in values]
    area = 0.0
    for (x0, y0), (x1, y1) in pairwise(curve):
        if x0 >= most:
            break
        if x1 > most:
            y1 = y0 + (y1 - y0) * (most - x0) / (x1 - x0)
            x1 = most
        area += (x1 - x0) * (y0 + y1) / 2
    return area / most


@pytest.mark.parametrize("digits", [1, 6])
def test_figures_of_pixels_are_those_of_an_own_computation(digits):
    maps = [np.round(m, digits) for m in errors_of(8, 14)]
    masks = [np.zeros((14, 14), bool) for _ in maps]
    for i, mask in enumerate(masks[:5]):
        mask[i:i + 4, 2:5] = True
        mask[10:12, 10 - i:12] = True
        maps[i] = np.where(mask, maps[i] * 1.5, maps[i])
    found = pixel_separation(count(zip(maps, masks, strict=True),
                                   edges_of(np.concatenate([m.ravel() for m in maps]), 8)))
    flat = [np.concatenate([a.ravel() for a in part]) for part in (masks, maps)]
    assert found["pixel_auroc"].value == pytest.approx(roc_auc_score(*flat), abs=1e-9)
    assert found["region_overlap"].value == pytest.approx(brute_overlap(maps, masks), abs=1e-9)
    assert found["pixel_auroc"].low < found["pixel_auroc"].value < found["pixel_auroc"].high


def test_many_values_are_told_apart_well_enough():
    maps = errors_of(30, 100)
    masks = np.zeros(maps.shape, bool)
    masks[:20, 30:60, 20:40] = True
    maps[masks] *= 1.3
    found = pixel_separation(count(zip(maps, masks, strict=True), edges_of(maps.ravel(), 30)))
    assert found["pixel_auroc"].value == pytest.approx(
        roc_auc_score(masks.ravel(), maps.ravel()), abs=1e-4)


def test_perfect_maps_overlap_all_regions():
    masks = np.zeros((3, 9, 9), bool)
    masks[:, 2:5, 3:6] = True
    found = pixel_separation(count(((m.astype(float), m) for m in masks), np.array([0.0, 1.0])))
    assert found["pixel_auroc"].value == 1 and found["region_overlap"].value == pytest.approx(1)


# the command


def test_masks_of_the_data_are_found_and_scored_by(inspected, hourglass, here):
    _, root = inspected
    _, out, err = hourglass(f"score {root}/run -o s.json --heatmaps maps "
                            '--detector "pca_local(3)"')
    assert "pixel_auroc" in out and "region_overlap" in out, err
    held = json.loads(Path("s.json").read_text())
    assert held["pixel_auroc"]["value"] > 0.7 and held["auroc"]["value"] > 0.8
    with Image.open("maps/test/spot/003.png") as drawn:
        assert drawn.height == 5 * 48, "small files are enlarged by whole times"
        right = np.asarray(drawn.convert("RGB")).astype(int)[:, 240 + 8:480 + 8]
    colourful = np.ptp(right, axis=-1) > 60
    rows, columns = np.nonzero(colourful)
    assert abs(np.median(rows) - 5 * 2 * 9) < 40 and abs(np.median(columns) - 5 * 2 * 14) < 40
    (root / "run/detectors/chosen.json").unlink()


@pytest.mark.parametrize("how", ["beside", "named"])
def test_masks_lie_beside_the_samples_or_where_they_are_named(how, inspected, hourglass, here):
    _, root = inspected
    named = f"--masks {root}/parts/ground_truth" if how == "named" else ""
    out = hourglass(f"score {root}/run {root}/parts/test {named} -o s.csv")[1]
    assert "region_overlap" in out and len([*csv.DictReader(open("s.csv"))]) == 24


def test_a_place_without_masks_says_what_they_are_called(inspected, hourglass, here):
    _, root = inspected
    (here / "empty").mkdir()
    code, _, err = hourglass(f"score {root}/run {root}/parts/test --masks empty -o s.csv")
    assert code == 2 and "crack/000_mask.png" in err


def test_a_flat_folder_of_masks_is_not_of_the_normal_samples(inspected, hourglass, here):
    """Both test/good/003.png and test/spot/003.png are named as 003_mask.png is."""
    _, root = inspected
    (here / "flat").mkdir()
    for file in (root / "parts/ground_truth/spot").iterdir():
        (here / "flat" / file.name).write_bytes(file.read_bytes())
    found = []
    for masks in ("flat", f"{root}/parts/ground_truth"):
        hourglass(f"score {root}/run {root}/parts/test --masks {masks} -o s.json")
        found.append(json.loads(Path("s.json").read_text())["region_overlap"])
    assert found[0] == found[1]


def flat(root: Path, place: Path, form: str) -> Path:
    """The spotted pictures in one folder, with their masks under other names and places."""
    for i in range(8):
        sample, mask = (root / "parts" / name for name in (
            f"test/spot/{i:03}.png", f"ground_truth/spot/{i:03}_mask.png"))
        for to, content in ((form.partition("|")[0], sample), (form.partition("|")[2], mask)):
            path = place / to.format(i)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.read_bytes())
    return place


@pytest.mark.parametrize("form, scored", [
    ("s/{0}.png|s/{0}_mask.png", "s"), ("s/{0}.png|s/mask_{0}.png", "s"),
    ("s/{0}.png|s/masks/{0}.png", "s"), ("s/images/{0}.png|s/masks/{0}.png", "s"),
    ("s/images/{0}.png|s/masks/{0}_mask.png", "s/images"),
    ("s/spot/{0}.png|s/ground_truth/spot/{0}.png", "s"),
    ("s/{0}.png|ground_truth/{0}_mask.png", "s"), ("s/{0}_rgb.png|m/{0}_rgb.png", "s --masks m")])
def test_masks_of_every_layout_measure_pixels_and_are_no_samples(
    form, scored, inspected, hourglass, here
):
    _, root = inspected
    flat(root, here, form)
    _, out, err = hourglass(f"score {root}/run {scored} -o s.csv")
    assert "region_overlap" in out and "have no mask" not in err
    assert len([*csv.DictReader(open("s.csv"))]) == 8
    if scored == "s" and "ground_truth/{0}" not in form:
        assert "as masks of others" in err


def test_each_kind_in_a_mask_is_a_defect_and_grey_edges_are_halved(inspected, here):
    _, root = inspected
    flat(root, here, "s/{0}.png|s/{0}_mask.png")
    kinds = np.zeros((24, 24), np.uint8)
    kinds[2:4, 2:4], kinds[8:10, 8:10] = 1, 3
    Image.fromarray(kinds).save("s/0_mask.png")
    Image.fromarray(np.tile(np.arange(24, dtype=np.uint8) * 10, (24, 1))).save("s/1_mask.png")
    with ExitStack() as stack:
        masks = find_masks("s", "", stack)
        assert (masks.of("0.png") == (kinds > 0)).all()
        assert masks.of("1.png").any(0).tolist() == [False] * 12 + [True] * 12


def test_samples_without_masks_are_left_out_and_said(inspected, hourglass, here):
    _, root = inspected
    (here / "some/spot").mkdir(parents=True)
    for i in range(5):
        (here / f"some/spot/{i:03}.png").write_bytes(
            (root / f"parts/ground_truth/spot/{i:03}_mask.png").read_bytes())
    _, out, err = hourglass(f"score {root}/run {root}/parts/test --masks some -o s.csv")
    assert "pixel_auroc" in out and "7 samples have no mask" in err
