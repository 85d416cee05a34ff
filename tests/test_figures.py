"""Figures of the codes show what is there, whatever the codes are."""

import io
import warnings
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.patches import Rectangle
from matplotlib.path import Path as PathOf
from PIL import Image
from scipy.stats import gaussian_kde
from sklearn.datasets import make_blobs
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

from hourglass.analysis.figures.canvas import as_png
from hourglass.analysis.figures.classes import PALETTE, groups, short_names
from hourglass.analysis.figures.corner import held_by
from hourglass.analysis.figures.correlation import correlations
from hourglass.analysis.figures.densities import chi_shares, density, span
from hourglass.analysis.figures.maps import kernel_pca
from hourglass.analysis.figures.neighbours import nearest
from hourglass.analysis.figures.panels import texts_of, ticks_within
from hourglass.analysis.figures.selection import main_axes, some, widest
from hourglass.analysis.snapshot import Lacking, Snapshot
from hourglass.core import registry

NAMES = ["codes", "maps", "kernel_pca_3d", "corner", "densities", "histograms", "radius",
         "correlation", "neighbours"]


def snapshot(z: np.ndarray, y: np.ndarray | None = None, classes: int = 3, **more) -> Snapshot:
    """Random images with these codes and labels."""
    x = np.random.default_rng(0).random((len(z), 6, 6, 1)).astype(np.float32)
    labels = np.empty(0, np.int64) if y is None else y
    names = tuple(f"kind {i}" for i in range(classes))
    none = np.empty(0)
    whole = Snapshot(x, x, z, none, np.zeros(len(z)), none, labels, names, (), "test", len(z), True)
    return replace(whole, **more)


def blobs(classes: int, samples: int = 240, factors: int = 4) -> Snapshot:
    z, y = make_blobs(samples, factors, centers=classes, random_state=0)
    return snapshot(z.astype(np.float32), y, classes)


def draw(name: str, s: Snapshot):
    """The figure, drawn; nothing may warn."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = registry.figures.parts[name](s)
        figure.draw_without_rendering()
    return figure


normal = np.random.default_rng(1).normal
CODES = {
    "constant": np.ones((30, 4)), "one factor": normal(size=(30, 1)),
    "one constant factor": np.ones((30, 1)),
    "a constant factor": normal(size=(30, 3)) * [1, 0, 1] + 5,
    "one that varies": normal(size=(30, 3)) * [1, 0, 0] + 1,
    "three samples": normal(size=(3, 4)), "one sample": normal(size=(1, 4)),
    "two values": np.repeat([[0.0, 1, 2], [1, 1, 0]], 15, axis=0),
    "huge": normal(size=(30, 3)) * 1e30, "tiny": normal(size=(30, 3)) * 1e-30,
    "a hair's breadth": 5 + normal(size=(30, 3)) * 1e-6,
    "one far out": np.vstack([normal(size=(2000, 3)), [[1e8, 0, 0]]]),
    "mostly zero": np.where(np.arange(3000)[:, None] % 2999 == 7, 1.0, 0) * np.ones(3),
    "many alike": np.where(np.arange(900)[:, None] % 5 > 0, 1.0, normal(size=(900, 3))),
    "the same twice": np.repeat(normal(size=(30, 1)), 2, axis=1),
    "maps of factors": normal(size=(30, 2, 3, 3)), "more factors than samples": normal(
        size=(20, 70)),
    "not a number": np.where(np.eye(30, 3) > 0, np.nan, 1), "infinite": np.where(
        np.eye(30, 3) > 0, np.inf, 1),
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("codes", CODES)
def test_odd_codes_give_a_picture_or_what_is_lacking(name, codes):
    z = CODES[codes].astype(np.float32)
    try:
        draw(name, snapshot(z, np.arange(len(z)) % 3))
    except Lacking as lacking:
        assert str(lacking)


LABELS = {"one class": np.zeros(60, int), "beyond the names": np.arange(60) % 5 + 2,
          "below zero": np.arange(60) % 3 - 1, "one sample each": np.arange(60),
          "33": np.arange(60) % 33, "none": None}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("labels", LABELS)
def test_odd_labels_give_a_picture(name, labels):
    draw(name, snapshot(normal(size=(60, 3)).astype(np.float32), LABELS[labels]))


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_is_the_same_every_time(name):
    s = blobs(3)
    assert as_png(registry.figures.parts[name](s)) == as_png(registry.figures.parts[name](s))


def test_a_sample_is_spread_over_a_sorted_set_and_in_order():
    s = snapshot(np.zeros((9000, 1)), np.repeat(np.arange(3), 3000))
    rows = some(s, 600)
    assert len(set(rows)) == 600 and (np.diff(rows) > 0).all()
    assert np.bincount(s.y[rows]).min() > 150


def test_two_factors_are_drawn_as_they_are_and_more_on_their_main_axes():
    two, four = blobs(3, factors=2), blobs(3)
    ax = draw("codes", two).axes[0]
    assert np.allclose(ax.collections[0].get_offsets(), two.z)
    assert ax.get_xlabel() == "latent dimension 1"
    flat = np.asarray(draw("codes", four).axes[0].collections[0].get_offsets())
    assert np.allclose(np.abs(flat), np.abs(PCA(2).fit_transform(four.z)), atol=1e-3)


@pytest.mark.parametrize("shape", [(200, 6), (8, 30)], ids=str)
def test_main_axes_are_those_of_pca(shape):
    z = normal(size=shape) * np.linspace(0.3, 2, shape[1])
    shares, placed = main_axes(z)
    pca = PCA().fit(z)
    assert np.allclose(shares, pca.explained_variance_ratio_, atol=1e-9)
    assert np.allclose(np.abs(placed[:, :3]), np.abs(pca.transform(z)[:, :3]))


def test_correlations_are_pearsons_and_nan_where_nothing_varies():
    z = normal(size=(50, 4)) + normal(size=(50, 1))
    assert np.allclose(correlations(z), np.corrcoef(z.T))
    z[:, 2] = 7
    found = correlations(z)
    assert np.isnan(found[2]).all() and np.isfinite(np.delete(np.delete(found, 2, 0), 2, 1)).all()


def test_the_correlation_figure_counts_active_factors_and_axes():
    z = normal(size=(500, 5)) * [1, 1, 1, 0.05, 0]
    figure = draw("correlation", snapshot(z.astype(np.float32)))
    assert "3 of 5 latent dimensions are active" in figure.get_suptitle()
    needed = np.searchsorted(np.cumsum(PCA().fit(z).explained_variance_ratio_), [0.9, 0.99]) + 1
    assert figure.axes[1].get_title() == (
        f"90 % of the variance in {needed[0]} components, 99 % in {needed[1]}")


def test_the_radius_curve_is_the_chi_law():
    draws = np.linalg.norm(normal(size=(200_000, 6)), axis=1)
    x, shares = chi_shares(6, 6.0, 0.25)
    for at in (1.0, 2.5, 4.0):
        within = (np.abs(draws - at) < 0.125).mean()
        assert np.interp(at, x, shares) == pytest.approx(within, abs=0.004)


def test_codes_from_the_prior_follow_its_radius():
    near, far = (draw("radius", snapshot(normal(size=(10_000, 6)) + shift)).axes[0].get_title()
                 for shift in (0, 9))
    assert "1 % shorter and 1 % longer than 99 %" in near and "100 % longer" in far


def test_a_density_is_that_of_gaussian_kernels():
    values = np.concatenate([normal(size=2000), 4 + 0.7 * normal(size=1000)])
    grid = span(values)
    ours = density(values, grid)
    theirs = gaussian_kde(values)(grid)
    assert np.trapezoid(ours, grid) == pytest.approx(1, abs=0.01)
    assert np.abs(ours - theirs).max() < 0.03 * theirs.max()


def test_the_factors_that_vary_most_are_shown_first_and_constant_ones_never():
    z = normal(size=(400, 5)) * [1, 3, 0, 2, 0.1]
    assert widest(z, 3).tolist() == [1, 3, 0] and widest(z, 9).tolist() == [1, 3, 0, 4]
    (ax,) = draw("histograms", snapshot(z.astype(np.float32))).axes
    titles = [text.get_text().split(":")[0] for text in ax.texts if ":" in text.get_text()]
    assert titles == [f"dimension {i}" for i in (2, 4, 1, 5)]


def test_neighbours_are_the_nearest():
    z = normal(size=(300, 5))
    asked = np.array([0, 7, 299])
    found, distances = nearest(z, asked, 8)
    far, near = NearestNeighbors(n_neighbors=9).fit(z).kneighbors(z[asked])
    assert (found == near[:, 1:]).all() and np.allclose(distances, far[:, 1:])


def test_neighbours_of_another_class_have_a_red_frame():
    z = np.arange(40, dtype=np.float32)[:, None]
    for y, wrong in ((np.zeros(40, int), 0), (np.arange(40) % 2, 32), (np.arange(40), 64)):
        (ax,) = draw("neighbours", snapshot(z, y)).axes
        frames = [p for p in ax.patches if isinstance(p, Rectangle)]
        red = [p for p in frames if p.get_edgecolor()[:3] == to_rgb("#d62728")]
        # those at an end have the even ones on one side, the others as many on both
        assert len(frames) - len(red) == 8 and len(red) == wrong


def test_kernel_pca_is_what_its_definition_says():
    z = normal(size=(40, 3))
    squared = np.square(z[:, None] - z[None]).sum(-1)
    middle = np.median(np.sqrt(squared[np.triu_indices(40, 1)]))
    kernel, centre = np.exp(-squared / middle**2), np.eye(40) - 1 / 40
    values, vectors = np.linalg.eigh(centre @ kernel @ centre)
    expected = (vectors * np.sqrt(values.clip(0)))[:, ::-1][:, :3]
    assert np.allclose(np.abs(kernel_pca(z, 3)), np.abs(expected), atol=1e-8)


def cielab(colour: str) -> np.ndarray:
    rgb = np.array(to_rgb(colour))
    linear = np.where(rgb > 0.04045, ((rgb + 0.055) / 1.055) ** 2.4, rgb / 12.92)
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722],
                    [0.0193, 0.1192, 0.9505]]) @ linear / [0.9505, 1, 1.089]
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def test_class_colours_differ_from_one_another_and_from_white():
    colours = np.array([cielab(colour) for colour in (*PALETTE, "white")])
    apart = np.linalg.norm(colours[:, None] - colours[None], axis=-1) + 1e3 * np.eye(len(colours))
    assert apart.min() > 15


@pytest.mark.parametrize("count", [2, 33])
def test_every_class_has_a_colour_and_is_in_the_legend(count):
    s = blobs(count)
    assert len({group.colour for group in groups(s, some(s, 9999))}) == count
    for name in ("codes", "maps", "kernel_pca_3d", "corner", "densities"):
        (legend,) = draw(name, s).legends
        assert [text.get_text().strip() for text in legend.get_texts()] == list(s.classes)


@pytest.mark.parametrize("name", ["codes", "corner", "neighbours", "class_errors"])
def test_class_names_are_no_formulas(name):
    s = replace(blobs(12), classes=("$x_$", "_hidden", "$", "a" * 99, *"bcdefghi"))
    figure = draw(name, s)
    for legend in figure.legends:
        assert len(legend.get_texts()) == 12


@pytest.mark.parametrize("name", ["codes", "maps", "kernel_pca_3d", "corner", "densities"])
def test_the_legend_of_many_classes_covers_nothing_and_lies_within_the_figure(name):
    figure = draw(name, blobs(33, 660))
    (legend,) = figure.legends
    box = legend.get_window_extent()
    assert figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1 and box.y0 >= figure.bbox.y0
    left, bottom, right, top = (round(edge) for edge in box.extents)
    legend.set_visible(False)
    pixels = np.asarray(Image.open(io.BytesIO(as_png(figure))))
    assert (pixels[len(pixels) - top:len(pixels) - bottom, left:right] == 255).all()


def test_names_among_the_points_do_not_touch():
    figure = draw("codes", blobs(33, 660, factors=2))
    names = [text.get_window_extent() for text in figure.axes[0].texts]
    assert len(names) > 5
    assert not any(a.overlaps(b) for i, a in enumerate(names) for b in names[:i])


@pytest.mark.parametrize("name", ["histograms", "kernel_pca_3d"])
def test_a_picture_is_the_one_that_matplotlib_would_save(name):
    whole = snapshot(make_blobs(60, 3, random_state=0)[0], np.arange(60) % 3)
    saved = io.BytesIO()
    registry.figures.parts[name](whole).savefig(saved, format="png")
    drawn = io.BytesIO(as_png(registry.figures.parts[name](whole)))
    assert np.array_equal(*(np.asarray(Image.open(png).convert("RGB")) for png in (saved, drawn)))


@pytest.mark.parametrize("dimensions, shown", [(3, 3), (10, 10), (12, 10)])
def test_the_corner_names_up_to_ten_latent_dimensions_at_its_edges(dimensions, shown):
    (ax,) = draw("corner", blobs(3, 300, factors=dimensions)).axes
    names = [text for text in ax.texts if text.get_text().startswith("dimension")]
    below = [text for text in names if not text.get_rotation()]
    assert len(below) == shown and len(names) == 2 * shown - 1   # none beside the first density
    assert (np.diff([text.get_position()[0] for text in below]) > 0).all()


def test_a_panel_of_the_corner_shows_its_dimensions_where_its_ticks_say():
    """Points and ticks of the panel at the lower left, read off the picture in inches."""
    whole = snapshot(normal(size=(50, 2)).astype(np.float32) * (1, 30) + (0, 7))
    (ax,) = draw("corner", whole).axes
    points = np.concatenate([line.get_xydata() for line in ax.lines])
    for axis, values in enumerate(whole.z.T):
        ticks = [(text.get_position()[axis], float(text.get_text().replace("\u2212", "-")))
                 for text in ax.texts if not text.get_text().startswith("dimension")
                 and (text.get_va() == "center") == bool(axis)]
        where, said = np.array(ticks[:2]).T   # the first panel's
        read = said[0] + (points[:, axis] - where[0]) * np.diff(said) / np.diff(where)
        read = np.sort(read[np.isfinite(read)])
        assert 46 <= len(read) <= 50   # its ends leave out a thousandth at each side
        assert all(np.abs(values - one).min() < 1e-3 * np.ptp(values) for one in read)


@pytest.mark.parametrize("kinds, colours", [(3, 3), (1, 1), (33, 0)])
def test_contours_are_of_each_class_or_of_all(kinds, colours):
    (ax,) = draw("corner", blobs(kinds, 900, factors=2)).axes
    lines = [c for c in ax.collections if c.get_gid() == "contours"]
    found = {tuple(c) for held in lines for c in held.get_colors()} if lines else set()
    assert len(found) == colours


@pytest.mark.parametrize("low, high", [(0, 1), (-0.3, 0.3), (5 - 1e-6, 5 + 1e-6), (-1e30, 2e30)])
def test_ticks_are_round_numbers_within_that_texts_tell_apart(low, high):
    values = ticks_within(low, high, 4)
    texts = texts_of(values)
    assert 2 <= len(values) <= 5 and len(set(texts)) == len(values)
    assert low <= values.min() and values.max() <= high
    for value, text in zip(values, texts, strict=True):
        assert float(text.replace("\u2212", "-")) == pytest.approx(value, abs=(high - low) * 1e-3)


def test_a_contour_holds_the_share_that_it_says():
    points = np.random.default_rng(0).standard_normal((20_000, 2))
    ends = np.array([[-4.0, 4.0], [-4.0, 4.0]])
    for share in (0.5, 0.9):
        (line,) = held_by(points, ends, (share,))
        inside = PathOf(line).contains_points(points).mean()
        assert abs(inside - share) < 0.07   # for the histogram is smoothed


@pytest.mark.parametrize("names", [
    [f"hiragana letter {i}" for i in range(33)],
    [f"{i} of a long list of classes" for i in range(33)],
    [f"the same beginning {i} and the same end of all" for i in range(12)],
    ["a", "b"], ["long name that is alone", "b"]], ids=lambda names: names[0])
@pytest.mark.parametrize("longest", [10, 16])
def test_classes_keep_names_of_their_own_when_they_are_cut(names, longest):
    short = short_names(tuple(names), longest)
    assert len(set(short)) == len(names) and max(map(len, short)) <= longest
    assert all(cut == name for cut, name in zip(short, names, strict=True) if len(name) <= longest)


def test_the_axes_of_two_far_classes_stay_within_the_picture():
    """Their ticks depend on the size of the panel, for both axes have one scale."""
    z = np.random.default_rng(0).normal(0, 0.15, (66, 4)).astype(np.float32)
    z[:33, 0] += 2.5
    figure = registry.figures.parts["codes"](snapshot(z, np.repeat([0, 1], 33)))   # not drawn yet
    pixels = np.asarray(Image.open(io.BytesIO(as_png(figure))).convert("L"))
    assert (pixels[:, :3] > 200).all()


def test_many_classes_differ_by_marker_too():
    s = blobs(33, 660, factors=2)
    looks = {(group.colour, group.marker, group.dashes) for group in groups(s, some(s, 9999))}
    assert len(looks) == 33 and len({marker for _, marker, _ in looks}) == 4
    assert len(draw("codes", s).axes[0].collections) == 4


def test_the_curve_of_one_epoch_has_ticks_to_read():
    row = {"epoch": 1.0, "train_loss": 140.2, "val_loss": 141.0}
    for history in ((row,), (row, {**row, "epoch": 2.0, "train_loss": 139.0})):
        ax = draw("curves", replace(blobs(2), history=history, best_epoch=1)).axes[0]
        low, high = ax.get_ylim()
        shown = [t.get_text() for t in ax.get_yticklabels()
                 if t.get_text() and low <= t.get_position()[1] <= high]
        assert 2 <= len(shown) <= 8 and len(set(shown)) == len(shown)
        assert [int(tick) for tick in ax.get_xticks() if 1 <= tick <= len(history)] == list(
            range(1, len(history) + 1))


@pytest.mark.parametrize("columns, shown", [
    (("age", "sex=f", "sex=m"), ("age", "sex=f", "sex=m")),
    (("age", *(f"town={i}" for i in range(45)), "fare"), ("age", "town", "fare")),
    (tuple(f"c{i}" for i in range(70)), ())])
def test_a_tables_columns_are_named_at_its_axes(columns, shown):
    x = np.random.default_rng(0).random((12, len(columns))).astype(np.float32)
    axes = draw("lines", replace(blobs(2), x=x, recon=x, columns=columns)).axes
    names = [t.get_text() for t in axes[-1].get_xticklabels()]
    assert names == list(shown) if shown else axes[-1].get_xlabel() == "value, of 70"
    assert axes[0].get_ylabel() == "scaled value" and len(axes) == 8
