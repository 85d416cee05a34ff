"""How far samples from the priors of a VAE and of a plain autoencoder are from real images.

    .venv/bin/python benchmarks/contrast.py runs/vae runs/ae

Both trained on the same images. The distance is Frechet's, between Gaussians fitted to 64 principal
components of the images at 24x24 (no trained network's features: it compares these runs with one
another, not with published numbers). Beside it, what unseen real images get, and what each model
makes of codes drawn from a Gaussian fitted to its own codes, mean and covariance.
"""

import sys

import numpy as np
from PIL import Image
from sklearn.decomposition import PCA

import hourglass as hg
from hourglass.analysis.metrics.set_distances import frechet_distance as frechet

DRAWN = 2000


def small(images: np.ndarray) -> np.ndarray:
    """(N, H, W, C) in [0, 1] -> (N, values) at 24x24."""
    eight = np.rint(images.clip(0, 1) * 255).astype(np.uint8)
    if eight.shape[-1] == 1:
        eight = eight.repeat(3, -1)
    return np.stack([np.asarray(Image.fromarray(image).resize((24, 24), Image.Resampling.BOX))
                     for image in eight]).reshape(len(images), -1) / 255


def real_images(run: str) -> dict[str, np.ndarray]:
    source = hg.load(run).source()
    images = {}
    for name in ("train", "test"):
        batches = [batch.x.numpy() for batch in source.splits[name].batches(500)]
        images[name] = np.concatenate(batches).transpose(0, 2, 3, 1)
    return images


def main() -> None:
    real = real_images(sys.argv[1])
    components = PCA(64, random_state=0).fit(small(real["train"]))

    def features(images: np.ndarray) -> np.ndarray:
        return components.transform(small(images))
    train, generator = features(real["train"]), np.random.default_rng(0)
    print(f"unseen real images: {frechet(features(real['test']), train):.3f}")
    for run in sys.argv[1:]:
        model = hg.load(run)
        codes = model.encode(real["train"][:DRAWN])
        fitted = generator.multivariate_normal(codes.mean(0), np.cov(codes.T), DRAWN)
        again = frechet(features(model.reconstruct(real["test"])), train)
        prior = frechet(features(model.sample(DRAWN, prior="own")), train)
        own = frechet(features(model.decode(fitted)), train)
        print(f"{run}: reconstructions {again:.3f}, draws from N(0, 1) {prior:.3f}, from a "
              f"Gaussian fitted to its codes {own:.3f}; codes' standard deviation "
              f"{codes.std(0).mean():.3g}")


if __name__ == "__main__":
    main()
