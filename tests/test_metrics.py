"""Metrics agree with closed forms and with scikit-learn, scipy and scikit-image."""

import numpy as np
import pytest
import scipy.linalg
import torch
from scipy.stats import norm

from hourglass.analysis.feature_extractor import Classifier, find_judge
from hourglass.analysis.metrics import measure
from hourglass.analysis.metrics.bootstrap import of_mean, of_pair
from hourglass.analysis.metrics.latent import _marginal_kl, gaussian_kl
from hourglass.analysis.metrics.reconstruction import structural_similarity
from hourglass.analysis.metrics.set_distances import (
    frechet_distance,
    kernel_distance,
    overlap,
    squared_discrepancy,
)
from hourglass.analysis.snapshot import Drawn, Snapshot
from hourglass.data.collect import split
from hourglass.data.sources.arrays import from_array


def numbers(n: int, f: int, seed: int = 0) -> np.ndarray:
    mix = np.random.default_rng(9).standard_normal((f, f))
    return np.random.default_rng(seed).standard_normal((n, f)) @ mix + seed


def looked(n: int = 200, d: int = 3) -> Snapshot:
    """A snapshot whose two classes are apart in the first factor."""
    random = np.random.default_rng(0)
    y = np.arange(n) % 2
    z = random.standard_normal((n, d)).astype(np.float32)
    z[:, 0] += 6 * y
    x = random.random((n, 16, 16, 1)).astype(np.float32)
    none = np.zeros(0)
    return Snapshot(x, x.copy(), z, none, np.zeros(n), none, y, ("a", "b"), (), "test", n, True)


def test_the_frechet_distance_is_that_of_the_matrix_root():
    a, b = numbers(300, 6), numbers(400, 6, 1)
    ca, cb = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = scipy.linalg.sqrtm(ca @ cb).real
    truth = np.square(a.mean(0) - b.mean(0)).sum() + np.trace(ca + cb - 2 * root)
    assert frechet_distance(a, b) == pytest.approx(truth, rel=1e-6)
    assert abs(frechet_distance(a, a)) < 1e-6


def test_the_frechet_distance_of_two_known_gaussians():
    random = np.random.default_rng(0)
    a = random.standard_normal((200_000, 2)) * [1, 2]
    b = random.standard_normal((200_000, 2)) * [3, 2] + [4, 0]
    assert frechet_distance(a, b) == pytest.approx(16 + 1 + 9 - 2 * 3, rel=0.02)


def test_features_that_never_change_do_no_harm():
    assert frechet_distance(np.ones((30, 4)), np.ones((30, 4))) == 0


def test_the_kernel_distance_is_that_of_scikit_learns_kernel():
    from sklearn.metrics.pairwise import polynomial_kernel
    a, b = numbers(80, 5), numbers(80, 5, 1)
    kaa, kbb, kab = (polynomial_kernel(*pair, degree=3, gamma=1 / 5, coef0=1)
                     for pair in ((a, a), (b, b), (a, b)))
    off = ~np.eye(80, dtype=bool)
    truth = kaa[off].mean() + kbb[off].mean() - 2 * kab.mean()
    assert squared_discrepancy(a, b) == pytest.approx(truth, rel=1e-9)


def test_the_kernel_distance_of_two_halves_is_unbiased():
    found = [kernel_distance(numbers(200, 3, 0)[:100], numbers(200, 3, 0)[100:])]
    random = np.random.default_rng(1)
    for _ in range(60):
        v = random.standard_normal((200, 3))
        found.append(squared_discrepancy(v[:100], v[100:]))
    assert abs(np.mean(found)) < 3 * np.std(found) / np.sqrt(len(found)) + 1e-9


def test_precision_recall_density_coverage_by_scikit_learns_neighbours():
    from sklearn.neighbors import NearestNeighbors
    real, made, k = numbers(90, 3), numbers(70, 3) * 0.8 + 0.3, 4
    around = {name: NearestNeighbors(n_neighbors=k + 1).fit(v).kneighbors(v)[0][:, -1]
              for name, v in (("real", real), ("made", made))}
    apart = np.linalg.norm(real[:, None] - made[None], axis=2)
    found = overlap(real, made, k)
    inside = apart <= around["real"][:, None]
    assert found["precision"] == pytest.approx(inside.any(0).mean())
    assert found["recall"] == pytest.approx((apart <= around["made"][None]).any(1).mean())
    assert found["density"] == pytest.approx(inside.sum() / (k * len(made)))
    assert found["coverage"] == pytest.approx(inside.any(1).mean())


def test_collapsed_samples_are_precise_and_cover_little():
    real = numbers(300, 3)
    same = np.repeat(real[:1], 300, 0) + 1e-6 * numbers(300, 3, 1)
    found = overlap(real, same, 5)
    assert found["precision"] == 1 and found["coverage"] < 0.1 and found["recall"] < 0.1


def test_structural_similarity_agrees_with_scikit_image():
    metrics = pytest.importorskip("skimage.metrics")
    random = np.random.default_rng(0)
    x = random.random((4, 28, 31, 3))
    y = np.clip(x + 0.2 * random.standard_normal(x.shape), 0, 1)
    truth = [metrics.structural_similarity(a, b, gaussian_weights=True, sigma=1.5, data_range=1,
                                           use_sample_covariance=False, channel_axis=-1)
             for a, b in zip(x, y, strict=True)]
    np.testing.assert_allclose(structural_similarity(x, y), truth, atol=1e-5)


def test_the_aggregates_kl_of_a_gaussian_is_exact():
    # q(z|x) = N(x, 0.6^2), x from N(1, 2^2): together N(1, 2^2 + 0.6^2)
    assert gaussian_kl(np.array([1.0]), np.array([[4.36]])) == pytest.approx(
        (4.36 + 1 - 1 - np.log(4.36)) / 2)
    means = norm(1, 2).ppf((np.arange(500) + 0.5) / 500)
    found = _marginal_kl(means, np.full(500, 0.6))
    assert found == pytest.approx((4.36 + 1 - 1 - np.log(4.36)) / 2, rel=0.02)


def test_a_posterior_that_is_the_prior_has_no_kl():
    assert _marginal_kl(np.zeros(50), np.ones(50)) == pytest.approx(0, abs=1e-6)
    assert gaussian_kl(np.zeros(3), np.eye(3)) == pytest.approx(0, abs=1e-12)


def test_the_bootstrap_of_a_mean_is_about_its_standard_error():
    values = np.random.default_rng(0).standard_normal(2000)
    found = of_mean(values)
    assert found.low < found.value < found.high
    assert (found.high - found.low) / 2 == pytest.approx(1.96 / np.sqrt(2000), rel=0.15)


def test_an_interval_of_two_sets_lies_around_the_distance():
    found = of_pair(frechet_distance, numbers(300, 4), numbers(300, 4, 1))
    assert found.low < found.value < found.high


def test_codes_that_tell_the_class_are_found_to():
    found, between = measure(looked())
    assert found["knn_accuracy"] > 0.98 and found["linear_accuracy"] > 0.98
    low, high = between["knn_accuracy"]
    assert low <= found["knn_accuracy"] <= high
    assert found["mse"] == 0 and found["ssim"] == pytest.approx(1)


def test_a_blur_is_less_sharp():
    from scipy.ndimage import gaussian_filter
    s = looked()
    s.recon = gaussian_filter(s.x, (0, 1, 1, 0))
    assert measure(s)[0]["sharpness"] < 0.2
    s.recon = s.x
    assert measure(s)[0]["sharpness"] == pytest.approx(1)


def test_draws_are_measured_prior_by_prior():
    s = looked()
    s.features = numbers(200, 4)
    kinds = np.arange(200) % 2
    s.drawn = {"good": Drawn(s.x[:8], kinds, numbers(200, 4) + 0.01, kinds),
               "bad": Drawn(s.x[:8], kinds, numbers(200, 4) + 9, 1 - kinds)}
    found, between = measure(s)
    assert found["good/frechet"] < found["bad/frechet"]
    assert found["good/asked"] == 1 and found["bad/asked"] == 0
    assert found["bad/precision"] == 0 and "bad/frechet" in between


def two_kinds(n: int = 300) -> np.ndarray:
    x = np.random.default_rng(0).integers(0, 60, (n, 12, 12, 1), np.uint8)
    x[::2, :6] += 150
    return x


def test_the_judge_learns_the_classes_and_is_kept(tmp_path, monkeypatch):
    """Pitfall 13: a distance names its features, their size, and the samples they learnt from."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    y = np.where(np.arange(300) % 2, "dark", "bright")
    source = split(from_array(two_kinds(), y), {"test": 0.2}, 0)
    judge = find_judge(source)
    batch = source.splits["test"].batch(torch.arange(60))
    assert judge.name == "classifier" and "100.0%" in judge.about
    assert "up to 32x32" in judge.about and "training split" in judge.about
    assert (judge.classify(batch.x) == batch.y).all()
    again = find_judge(source)
    torch.testing.assert_close(again.features(batch.x), judge.features(batch.x))


def test_without_labels_the_judge_looks_at_principal_components():
    from sklearn.decomposition import PCA
    source = split(from_array(two_kinds(120)), {"test": 0.2}, 0)
    judge = find_judge(source)
    assert judge.name == "components" and judge.classify is None
    train = source.splits["train"].batch(torch.arange(len(source.splits["train"]))).x.flatten(1)
    theirs = PCA(2).fit(train.numpy())
    ours = judge.features(source.splits["train"].batch(torch.arange(5)).x)[:, :2]
    np.testing.assert_allclose(np.abs(ours.numpy()), np.abs(theirs.transform(train[:5].numpy())),
                               atol=2e-2)


def test_the_judge_takes_images_of_any_size():
    model = Classifier(3, 4)
    assert model(torch.rand(2, 3, 100, 40)).shape == (2, 4)
