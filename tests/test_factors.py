"""dSprites is what its definition says, and scores of disentanglement are right where the truth is
known: codes that are the factors, a rotation of them, noise, doubles."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import train
from sklearn.metrics import mutual_info_score

import hourglass.analysis.disentanglement as scores
from hourglass.core.contracts import Collection, Factors
from hourglass.data.collect import collect, split
from hourglass.data.read_image import Reading
from hourglass.data.sources.dsprites import PUBLISHED, TOTAL, kept
from hourglass.data.sprites import (
    ANGLES,
    ELLIPSE,
    HEART,
    SCALES,
    SHAPES,
    SIZES,
    SQUARE,
    draw,
    factors_of,
    sprite,
    sprites,
)
from hourglass.tasks.disentangle import disentangle, over_seeds, score

PATCH = np.arange(-16, 17)


def grid(*sizes: int, repeats: int = 4) -> np.ndarray:
    """Every combination of these numbers of values, (N, F), `repeats` times."""
    every = np.stack(np.unravel_index(np.arange(math.prod(sizes)), sizes), 1)
    return np.tile(every, (repeats, 1))


FACTORS = grid(3, 4, 5, 6)
RANDOM = np.random.default_rng(0)
NOISE = RANDOM.normal(size=(len(FACTORS), 4))
STANDARD = (FACTORS - FACTORS.mean(0)) / FACTORS.std(0)
ROTATION = np.linalg.qr(RANDOM.normal(size=(4, 4)))[0]


# dSprites: what there is, in which order, and what each factor does

def test_dsprites_has_every_combination_once_and_the_last_factor_varies_fastest():
    assert math.prod(SIZES) == TOTAL == 737_280 and len(sprites()) == 3 * 6 * 40
    v = factors_of(np.array([0, 1, 32, 32 * 32, 40 * 32 * 32, 6 * 40 * 32 * 32, TOTAL - 1]))
    assert v.tolist() == [[0, 0, 0, 0, 0], [0, 0, 0, 0, 1], [0, 0, 0, 1, 0], [0, 0, 1, 0, 0],
                          [0, 1, 0, 0, 0], [1, 0, 0, 0, 0], [2, 5, 39, 31, 31]]
    assert np.allclose(SCALES, [0.5, 0.6, 0.7, 0.8, 0.9, 1])
    assert ANGLES[0] == 0 and ANGLES[-1] == 2 * np.pi and len(ANGLES) == 40


def centroid(images: np.ndarray) -> np.ndarray:
    """(N, 2), x and y, of images (N, H, W)."""
    mass = images.astype(float).sum((1, 2))
    rows, columns = (images.sum(axis).astype(float) @ np.arange(images.shape[-1]) / mass
                     for axis in (2, 1))
    return np.stack([columns, rows], 1)


@pytest.mark.parametrize("shape", range(3))
def test_x_moves_a_sprite_right_and_y_down_a_pixel_a_step(shape):
    steps = np.arange(32)
    still = np.full(32, 7)
    along_x = centroid(draw(np.stack([still * 0 + shape, still * 0 + 3, still, steps, still], 1)))
    along_y = centroid(draw(np.stack([still * 0 + shape, still * 0 + 3, still, still, steps], 1)))
    assert np.allclose(np.diff(along_x, axis=0), [1, 0])
    assert np.allclose(np.diff(along_y, axis=0), [0, 1])
    middle = (along_x[0] + along_x[-1])[0] / 2   # between the two middle pixels, to a rounding
    assert middle == pytest.approx(31.5, abs=0.2)


AREAS = {"square": (2 * SQUARE)**2, "ellipse": np.pi * math.prod(ELLIPSE),
         "heart": HEART**2 * (1 + np.pi / 4)}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_sprites_area_grows_with_the_square_of_its_scale(shape):
    for scale in SCALES:
        areas = [sprite(shape, scale, angle).sum() for angle in ANGLES]
        assert np.mean(areas) == pytest.approx(scale**2 * AREAS[shape], rel=0.02)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_sprite_lies_around_its_centroid_and_inside_the_image_wherever_it_is(shape):
    for angle in ANGLES:
        image = sprite(shape, 1.0, angle)
        assert np.abs(centroid(image[None]) - 16).max() < 0.25
        assert not image[[0, -1]].any() and not image[:, [0, -1]].any()


@pytest.mark.parametrize("shape, turn", [("square", np.pi / 2), ("ellipse", np.pi),
                                         ("heart", 2 * np.pi)])
def test_a_shape_turned_by_its_symmetry_is_itself(shape, turn):
    for angle in (0, 0.3, 1.1, np.pi / 2):
        assert np.array_equal(sprite(shape, 0.8, angle), sprite(shape, 0.8, angle + turn))
    assert not np.array_equal(sprite(shape, 0.8, 0), sprite(shape, 0.8, turn / 2))


def test_orientation_turns_clockwise():
    ellipse, heart = sprite("ellipse", 1.0, np.pi / 4), sprite("heart", 1.0, np.pi / 2)
    across, down = np.meshgrid(PATCH, PATCH)
    assert (ellipse * across * down).sum() > 0        # from the upper left to the lower right
    assert np.array_equal(heart, np.rot90(sprite("heart", 1.0, 0), -1))
    tip = np.flatnonzero(heart.any(0))[0]             # which pointed down, and now left
    assert heart[:, tip].sum() <= 2


def test_every_square_of_an_upright_sprite_is_where_its_sides_are():
    side = 2 * int(SQUARE) + 1
    expected = np.zeros((33, 33), np.uint8)
    expected[16 - side // 2:17 + side // 2, 16 - side // 2:17 + side // 2] = 1
    assert np.array_equal(sprite("square", 1.0, 0.0), expected)


def test_white_is_as_frequent_as_in_the_published_images():
    share = sprites().sum((1, 2)).mean() / 64**2
    assert round(float(share), 3) == 0.043 and round(math.sqrt(share * (1 - share)), 3) == 0.202


def test_dsprites_is_the_same_every_time_and_its_factors_go_with_its_images():
    once, again = (collect("dsprites(images=300)", Reading()) for _ in range(2))
    assert np.array_equal(once.x, again.x) and once.identity == again.identity
    assert once.x.shape == (300, 64, 64, 1) and set(np.unique(once.x)) == {0, 255}
    assert np.array_equal(once.x[..., 0], draw(once.factors.values))
    assert once.factors.names == ("shape", "scale", "orientation", "x", "y")
    assert once.factors.unordered == ("shape",)
    assert np.array_equal(once.y, once.factors.values[:, 0]) and once.classes == SHAPES
    assert len(np.unique(np.ravel_multi_index(once.factors.values.T.astype(int), SIZES))) == 300


def test_some_of_dsprites_are_of_every_value_of_every_factor():
    found = collect("dsprites(images=3000)", Reading()).factors
    assert [len(np.unique(column)) for column in found.values.T] == list(SIZES)
    drawn = np.bincount(found.values[:, 2], minlength=40)
    assert drawn.min() > 40 and drawn.max() < 115   # 75 each, within what chance does


def test_dsprites_comes_in_another_size_too():
    found = collect("dsprites(images=20)", Reading(size="32"))
    assert found.x.shape == (20, 32, 32, 1) and found.x.max() > 200


@pytest.mark.parametrize("text, said", [
    ("dsprites(images=0)", "images must be a whole number from 1 up to 737,280"),
    ("dsprites(images=737281)", "from 1 up to"), ("dsprites('nowhere.npz')", "there is no file"),
    ("dsprites(image=5)", "did you mean 'images'")])
def test_dsprites_says_what_is_wrong(here, text, said):
    with pytest.raises(ValueError, match=said):
        collect(text, Reading())


def published(path, rows: np.ndarray, **others) -> None:
    """A file as the published one, of some images of it, with its pickle."""
    factors = factors_of(rows)
    held = {"imgs": draw(factors) // 255, "latents_values": factors.astype(float),
            "latents_classes": np.column_stack([np.zeros(len(rows), int), factors]),
            "metadata": np.array({"never": "read"}, dtype=object)}
    np.savez_compressed(path, **{k: v for k, v in (held | others).items() if v is not None})


def test_a_file_as_published_is_read_but_for_its_pickle(here):
    rows = np.arange(0, TOTAL, 3001)
    published("sprites.npz", rows)
    found = collect("dsprites('sprites.npz')", Reading())
    assert np.array_equal(found.x[..., 0], draw(factors_of(rows)))
    assert np.array_equal(found.factors.values, factors_of(rows))
    assert any("100.00% of the pixels are equal" in note for note in found.notes)
    assert any(f"not {PUBLISHED}" in note for note in found.notes)
    few = collect("dsprites('sprites.npz', images=50)", Reading())
    assert np.array_equal(few.x[..., 0], draw(few.factors.values)) and len(few.x) == 50


def test_how_far_a_file_agrees_with_ours_is_said(here):
    rows = np.arange(0, TOTAL, 9001)
    moved = np.roll(draw(factors_of(rows)) // 255, 3, axis=1)
    published("sprites.npz", rows, imgs=moved)
    note = collect("dsprites('sprites.npz')", Reading()).notes[0]
    equal = (moved == draw(factors_of(rows)) // 255).mean()
    assert f"{equal:.2%} of the pixels" in note and "100%" not in note


@pytest.mark.parametrize("others, said", [
    ({"imgs": None}, "it has no imgs"), ({"latents_classes": None}, "it has no latents_classes"),
    ({"imgs": np.zeros((3, 64, 64), np.uint8)}, r"its images are \(3, 64, 64\)"),
    ({"imgs": np.zeros((20, 64, 64))}, "its images are float64"),
    ({"latents_classes": np.full((20, 6), 99)}, "is not dSprites'"),
    ({"latents_classes": np.zeros((20, 3), int)}, r"its factors \(20, 2\)")])
def test_another_file_is_refused(here, others, said):
    published("other.npz", np.arange(20), **others)
    with pytest.raises(ValueError, match=said):
        collect("dsprites('other.npz')", Reading())


def test_a_file_that_was_cut_short_or_is_none_is_refused(here):
    published("sprites.npz", np.arange(200))
    for name, content in (("short.npz", (here / "sprites.npz").read_bytes()[:3000]),
                          ("text.npz", b"a text"), ("empty.npz", b"")):
        (here / name).write_bytes(content)
        with pytest.raises(ValueError, match=r"cannot be read as dSprites' \.npz file"):
            collect(f"dsprites('{name}')", Reading())


def test_images_are_kept_whole_or_not_at_all(here, monkeypatch):
    import hourglass.data.sources.dsprites as module
    monkeypatch.setattr(module, "TOTAL", 8)

    def blocks(fails: bool):
        yield np.ones((4, 64, 64), np.uint8)
        if fails:
            raise KeyboardInterrupt
        yield np.full((4, 64, 64), 2, np.uint8)
    path = here / "cache" / "all.npy"
    with pytest.raises(KeyboardInterrupt):
        kept(path, blocks(fails=True), "drawing")
    assert not path.exists()
    x = kept(path, blocks(fails=False), "drawing")
    assert isinstance(x, np.memmap) and x.shape == (8, 64, 64, 1)
    assert x[:, 0, 0, 0].tolist() == [1] * 4 + [2] * 4
    assert np.array_equal(kept(path, blocks(fails=True), "drawing"), x)   # no longer drawn


BETA_TC = (4096 * 1200 + 1200 + 1200 * 1200 + 1200 + 1200 * 20 + 20,
           10 * 1200 + 1200 + 2 * (1200 * 1200 + 1200) + 1200 * 4096 + 4096)
FACTOR_VAE = (16 * (32 + 32 * 32 + 32 * 64 + 64 * 64) + 32 + 32 + 64 + 64 + 1024 * 128 + 128
              + 128 * 20 + 20,
              10 * 1024 + 1024 + 16 * (64 * 64 + 64 * 32 + 32 * 32 + 32) + 64 + 32 + 32 + 1)


@pytest.mark.parametrize("recipe, counts", [
    ("beta_tc_dsprites", BETA_TC), ("factor_dsprites", FACTOR_VAE)])
def test_the_recipes_networks_are_those_that_the_papers_print(recipe, counts):
    from hourglass.model.summary import summarise
    from hourglass.run.settings import make_settings, read_recipe
    settings = make_settings(read_recipe(recipe) | {"loss": "recon + kl"})   # networks alone
    assert summarise(settings.parts(), (1, 64, 64)).parameters["whole"] == sum(counts)


# factors of other data

def test_an_array_may_bring_its_factors(here):
    np.savez("made.npz", x=np.arange(40.0).reshape(10, 4), unordered=["kind"],
             factors=np.tile([[0, 5], [1, 7]], (5, 1)), factor_names=["kind", "size"])
    source = split(collect("made.npz", Reading()), {"val": 0.2, "test": 0.2}, seed=0)
    assert source.factors.names == ("kind", "size") and source.factors.unordered == ("kind",)
    own = source.factors.of(source.splits["test"].index.numpy())
    stored = source.splits["test"].x.numpy()[source.splits["test"].index]
    assert np.array_equal(own.values[:, 0], stored[:, 0] / 4 % 2)
    assert split(collect("digits", Reading()), {}, seed=0).factors is None


@pytest.mark.parametrize("others, said", [
    ({"factors": np.zeros((9, 2), int)}, "do not fit 10 samples"),
    ({"factors": np.full((10, 2), 0.5)}, "integers"),
    ({"factors": np.full((10, 2), "a")}, "integers"),
    ({"factors": np.zeros((10, 2, 2), int)}, "do not fit"),
    ({"factors": np.zeros((10, 2), int), "factor_names": ["a"]}, "2 factors need"),
    ({"factors": np.zeros((10, 2), int), "factor_names": ["a", "a"]}, "different factor_names"),
    ({"factors": np.zeros((10, 2), int), "factor_names": ["a", "b"], "unordered": ["c"]},
     "names the factor 'c'")])
def test_factors_that_do_not_fit_are_refused(here, others, said):
    np.savez("made.npz", x=np.zeros((10, 4)), **others)
    with pytest.raises(ValueError, match=said):
        collect("made.npz", Reading())


# scores of codes whose score is known

def test_mutual_information_is_that_of_an_independent_implementation():
    z = NOISE @ RANDOM.normal(size=(4, 3)) + STANDARD[:, :3]
    found = scores.mutual_information(z, FACTORS, bins=7)
    for i, code in enumerate(z.T):
        edges = np.linspace(code.min(), code.max(), 8)
        binned = np.digitize(code, edges[1:-1])
        for j, factor in enumerate(FACTORS.T):
            assert found[i, j] == pytest.approx(mutual_info_score(binned, factor), abs=1e-9)


def test_entropies_of_factors_in_equal_parts_are_the_logarithms_of_their_values():
    assert np.allclose(scores.entropies(FACTORS), np.log([3, 4, 5, 6]))


def test_codes_that_are_the_factors_have_the_best_scores():
    assert scores.mig(FACTORS, FACTORS) == pytest.approx(1)
    assert scores.modularity(FACTORS, FACTORS) == pytest.approx(1)
    assert scores.sap(FACTORS, FACTORS) == pytest.approx(1)
    assert scores.sap(FACTORS, FACTORS, unordered=(0,)) > (2 / 3 + 3) / 4 - 0.05   # above chance
    assert scores.factor_vae_score(FACTORS, FACTORS) == 1
    assert scores.beta_vae_score(FACTORS, FACTORS) > 0.99
    found = scores.dci(FACTORS, FACTORS, unordered=(0,))
    assert min(found[:3]) > 0.99 and np.allclose(found.importance, np.eye(4), atol=0.01)


def test_a_rotation_of_the_factors_scores_low_where_noise_on_them_does_not():
    turned, noisy = STANDARD @ ROTATION, STANDARD + 0.05 * NOISE
    for name, low, high in (("mig", 0.3, 0.8), ("sap", 0.5, 0.9)):
        measure = getattr(scores, name)
        assert measure(turned, FACTORS) < low < high < measure(noisy, FACTORS), name
    mixed, kept_apart = scores.dci(turned, FACTORS), scores.dci(noisy, FACTORS)
    assert mixed.disentanglement < 0.6 < 0.95 < kept_apart.disentanglement
    assert mixed.completeness < 0.6 < 0.95 < kept_apart.completeness
    assert mixed.informativeness > 0.7   # it is all still there
    assert scores.modularity(turned, FACTORS) < 0.95 < scores.modularity(noisy, FACTORS)


def test_noise_scores_nothing_or_chance():
    assert scores.mig(NOISE, FACTORS) < 0.02 and scores.sap(NOISE, FACTORS, (0,)) < 0.05
    found = scores.dci(NOISE, FACTORS, unordered=(0,))
    assert found.informativeness < 0.05 and found.disentanglement < 0.1
    for name in ("factor_vae_score", "beta_vae_score"):
        assert getattr(scores, name)(NOISE, FACTORS) == pytest.approx(1 / 4, abs=0.1)


def test_a_factor_said_twice_has_no_gap_but_is_modular():
    doubled = np.concatenate([FACTORS, -2 * FACTORS], 1)
    assert scores.mig(doubled, FACTORS) == pytest.approx(0, abs=1e-9)
    assert scores.sap(doubled, FACTORS) == pytest.approx(0, abs=1e-9)
    assert scores.modularity(doubled, FACTORS) == pytest.approx(1)
    assert scores.factor_vae_score(doubled, FACTORS) == 1
    assert scores.dci(doubled, FACTORS).disentanglement > 0.99


def test_one_code_of_two_factors_is_complete_but_not_modular():
    both = np.column_stack([FACTORS[:, 0] * 4 + FACTORS[:, 1], FACTORS[:, 2:]])
    one = scores.mutual_information(both, FACTORS)[0]
    assert np.allclose(one[:2], np.log([3, 4])) and np.allclose(one[2:], 0)
    lost = (np.log(3) / np.log(4))**2 / 3   # of that code: three other factors, one of them in it
    assert scores.modularity(both, FACTORS) == pytest.approx((3 - lost) / 3)
    assert scores.mig(both, FACTORS) == pytest.approx(1)


@pytest.mark.parametrize("importance, disentanglement, completeness", [
    (np.eye(3), 1, 1), (np.ones((3, 3)) / 3, 0, 0),
    (np.array([[1, 1], [0, 0]]), 0, 1), (np.array([[1, 0], [1, 0], [0, 1]]) / 1.0, 1,
                                         1 - np.log(2) / np.log(3) / 2)])
def test_disentanglement_and_completeness_follow_from_importance(
        importance, disentanglement, completeness):
    found = scores.of_importance(importance.astype(float))
    assert found == pytest.approx((disentanglement, completeness), abs=1e-9)


CODES = STANDARD @ (np.eye(4) + 0.2 * RANDOM.normal(size=(4, 4))) + 0.3 * NOISE


@pytest.mark.parametrize("name, loose", [("mig", 0.005), ("sap", 0.005), ("modularity", 0.005),
                                         ("factor_vae_score", 0.005), ("beta_vae_score", 0.01)])
def test_order_sign_and_width_of_codes_do_not_matter(name, loose):
    measure = getattr(scores, name)
    other = CODES[:, [2, 0, 3, 1]] * [-1, 3, -0.5, 2] + 7
    assert measure(other, FACTORS) == pytest.approx(measure(CODES, FACTORS), abs=loose)


def test_order_and_sign_of_codes_hardly_matter_to_forests():
    one, other = scores.dci(CODES, FACTORS), scores.dci(-CODES[:, [2, 0, 3, 1]], FACTORS)
    assert np.allclose(one[:3], other[:3], atol=0.03)
    assert np.allclose(one.importance[[2, 0, 3, 1]], other.importance, atol=0.05)


@pytest.mark.parametrize("name", ["sap", "dci", "factor_vae_score", "beta_vae_score"])
def test_a_seed_gives_the_same_score(name):
    measure = getattr(scores, name)
    for one, other in zip(np.atleast_1d(np.array(measure(CODES, FACTORS, seed=3), object)),
                          np.atleast_1d(np.array(measure(CODES, FACTORS, seed=3), object)),
                          strict=True):
        assert np.array_equal(one, other)


def test_a_collapsed_code_has_no_vote():
    """Its variance is small whatever is fixed; divided by its own width it would be as good as any,
    and a constant one would win every vote."""
    constant = np.column_stack([FACTORS, np.zeros(len(FACTORS))])
    faint = np.column_stack([FACTORS, 1e-3 * NOISE[:, 0]])
    for codes in (constant, faint):
        assert scores.in_use(codes).tolist() == [True] * 4 + [False]
        assert scores.factor_vae_score(codes, FACTORS) == 1


@pytest.mark.parametrize("codes, factors, said", [
    (NOISE[:9], FACTORS, "do not go together"), (NOISE, FACTORS[:, 0], "do not go together"),
    (NOISE * np.nan, FACTORS, "not finite"), (NOISE, STANDARD, "whole numbers"),
    (NOISE, FACTORS * [1, 0, 1, 1], "factor 1 has one value")])
@pytest.mark.parametrize("name", ["mig", "sap", "dci", "modularity", "factor_vae_score",
                                  "beta_vae_score"])
def test_what_cannot_be_scored_is_refused(name, codes, factors, said):
    with pytest.raises(ValueError, match=said):
        getattr(scores, name)(codes, factors)


def test_one_factor_or_one_code_is_scored_where_that_makes_sense():
    one = FACTORS[:, :1]
    assert scores.mig(one, one) == pytest.approx(1) and scores.sap(one, one) == pytest.approx(1)
    for name in ("modularity", "dci", "factor_vae_score", "beta_vae_score"):
        with pytest.raises(ValueError, match="there is only one"):
            getattr(scores, name)(NOISE, one)
    constant = np.zeros((len(FACTORS), 2))
    assert scores.mig(constant, FACTORS) == scores.sap(constant, FACTORS) == 0
    assert scores.modularity(constant, FACTORS) == 0


# Pitfall 22

def test_bins_and_factors_that_count_change_a_gap_and_are_said_with_it():
    """Pitfall 22: with fewer bins than values, the factors themselves score below 1, and the mean
    changes when a factor is left out. So both are printed with the scores."""
    v = grid(3, 40, repeats=6)
    assert scores.mig(v, v, bins=20) == pytest.approx((1 + np.log(20) / np.log(40)) / 2, abs=1e-6)
    assert scores.mig(v, v, bins=40) == pytest.approx(1)
    assert scores.mig(v[:, :1], v[:, :1], bins=20) == pytest.approx(1)


class Halves:
    """Stands for a model whose means are the factors, and whose draws would be noise."""

    def encode(self, x, y, draw=False):
        assert not draw
        return SimpleNamespace(z=x[:, :3]), ()


def a_run(x: np.ndarray, factors: Factors | None):
    source = split(Collection(x.astype(np.float32), factors=factors), {"val": 0.1}, seed=0)
    return SimpleNamespace(model=Halves(), device="cpu", source=lambda: source)


V = grid(3, 4, 5, repeats=4)
KNOWN = Factors(V, ("shape", "size", "place"), ("shape",))


def test_a_run_is_scored_by_its_mean_codes_and_the_settings_are_said():
    """Pitfall 22: mean codes, bins, samples, draws, and which factors count."""
    found = disentangle(a_run(np.column_stack([V, V]), KNOWN), samples=200, seeds=3, bins=20)
    assert found.numbers["mig"].value > 0.9 and found.numbers["factor_vae_score"].value == 1
    assert set(found.numbers) == {
        "mig", "sap", "modularity", "factor_vae_score", "beta_vae_score", "dci_disentanglement",
        "dci_completeness", "dci_informativeness"}
    for said in ("of 3 mean codes (3 vary)", "shape (3, unordered), size (4), place (5)",
                 "left out: none", "3 draws of 200 of all 240 samples", "20 bins"):
        assert said in found.settings
    assert found.information.shape == (3, 3) and found.information.argmax(1).tolist() == [0, 1, 2]
    for mean in found.numbers.values():   # without an interval where all draws agree
        assert mean.low <= mean.value <= mean.high or math.isnan(mean.low)
    without = disentangle(a_run(np.column_stack([V, V]), KNOWN), 200, 1, leave_out=["shape"])
    assert "left out: shape" in without.settings and without.names == ("size", "place")
    assert without.information.shape == (3, 2)


def test_a_factor_that_does_not_vary_is_left_out_and_said():
    constant = Factors(np.column_stack([V, np.ones(len(V), int)]), (*KNOWN.names, "colour"))
    assert "left out: colour" in disentangle(a_run(V, constant), 100, 1).settings


@pytest.mark.parametrize("known, options, said", [
    (None, {}, "no known generative factors"), (KNOWN, {"leave_out": ["sise"]}, "mean 'size'"),
    (KNOWN, {"leave_out": KNOWN.names}, "no factor that varies is left"),
    (KNOWN, {"samples": 5}, "from 100"),
    (KNOWN, {"seeds": 0}, "from 1"), (KNOWN, {"bins": 1}, "bins must be")])
def test_what_a_run_cannot_be_scored_by_is_said(known, options, said):
    with pytest.raises(ValueError, match=said):
        disentangle(a_run(V, known), **{"samples": 100, "seeds": 1, **options})


def test_an_interval_over_seeds_is_students():
    from scipy.stats import t
    values = [0.1, 0.2, 0.4]
    found = over_seeds(values)
    error = np.std(values, ddof=1) / np.sqrt(3)
    assert (found.low, found.high) == pytest.approx(t.interval(0.95, 2, np.mean(values), error))
    assert np.isnan(over_seeds([0.3]).low) and over_seeds([0.3]).value == 0.3


def test_a_single_factor_or_code_gets_the_scores_that_there_are():
    v = Factors(V[:, :1], ("shape",))
    assert set(score(V[:, :2].astype(float), v, 20, 0)) == {"mig", "sap"}
    two = Factors(V[:, :2], ("shape", "size"))
    assert not any(name.startswith("dci") for name in score(V[:, :1].astype(float), two, 20, 0))


def test_a_trained_run_shows_what_its_codes_say_of_the_factors(here):
    from hourglass.analysis.analyse import snapshot_of
    from hourglass.analysis.figures import draw_all
    v = grid(3, 4, 5, repeats=3)
    x = draw(np.column_stack([v[:, 0], v[:, 1], 0 * v[:, :2], 6 * v[:, 2]]))[:, 8:24:2, 8:40:4]
    np.savez("made.npz", x=x, factors=v, factor_names=["shape", "size", "place"])
    model = train("made.npz", model="vae(4)", epochs=1, out="run", quiet=True, backbone="mlp(32)")
    s = snapshot_of(model.folder)
    assert s.truth.shape == (len(s.x), 3) and s.truth_names == ("shape", "size", "place")
    figures = dict(draw_all(s, ["information"]))
    assert "MIG" in figures["information"].axes[0].get_title()
    found = disentangle(model, samples=150, seeds=2)
    assert 0 <= found.numbers["mig"].value < 0.5 and "of all 180 samples" in found.settings


def test_a_run_on_other_data_has_no_such_figure(here):
    from hourglass.analysis.analyse import snapshot_of
    from hourglass.analysis.figures import draw_all
    model = train("images.npy", model="ae(4)", epochs=1, out="run", quiet=True)
    assert "information" not in dict(draw_all(snapshot_of(model.folder), ["information"]))
