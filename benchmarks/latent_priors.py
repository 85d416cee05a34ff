"""Latent diffusion on maps against the priors that are fitted, on one autoencoder of glyphs.

    python benchmarks/latent_priors.py DATA [--out FOLDER] [--train 10000] [--test 2000]
        [--first 3] [--minutes 4] [-n 1000] [--priors NAME ...] [--denoisers NAME ...]
        [--curve N]

DATA is what `hourglass train` takes, such as mnist. Of its images, `--train` are for training and
`--test` for measuring. The autoencoder trains for `--first` minutes and each denoiser for
`--minutes`; a folder that has them is used again.

Each prior draws `-n` samples, as many of each class. Their Fréchet distance to the test images is
in the features of a classifier that was trained on the training images, and the same classifier
says whether a draw is of the class that was asked for. Rows for comparison: training images, which
no prior can beat, and reconstructed test images, which are what the decoder allows.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

import hourglass as hg
from hourglass.analysis.feature_extractor import Judge, find_judge
from hourglass.analysis.metrics.set_distances import frechet_distance
from hourglass.run.denoiser_file import denoiser_folder

FIRST = {"backbone": "conv(filters=(32, 64), norm='batch')", "bottleneck": "gaussian_map(4)",
         "likelihood": "normal('optimal')", "loss": "recon + kl", "batch_size": 128, "lr": 2e-3}
DENOISERS = {"unet": "unet(widths=(32, 64), blocks=1)", "mlp": "mlp(width=512, depth=4)"}
PRIORS = ("own", "per_class", "kde", "mixture", "two_stage", "flow", "diffusion",
          "diffusion(guidance=2)")
CALLS = (1, 2, 4, 8, 20, 50)   # of the denoiser, for a draw
SAMPLERS = {"dpm": 1, "heun": 2, "euler": 1}   # with their calls a step
TOGETHER = 500


def data_of(text: str, out: Path, train: int, test: int) -> Path:
    """The images and classes as one file, in an order that a seed determines."""
    place = out / "data.npz"
    if not place.is_file():
        samples = hg.read(text)
        order = np.random.default_rng(0).permutation(len(samples.images))[:train + test]
        x, y = samples.images[order], np.asarray(samples.labels)[order]
        np.savez(place, x_train=x[:train], y_train=y[:train], x_test=x[train:], y_test=y[train:])
    return place


def trained(
    data: Path, out: Path, first: float, minutes: float, denoisers: Sequence[str]
) -> dict[str, hg.Model]:
    """Latent diffusion on the data by denoiser; those that are there, if they are."""
    if not (out / "first").exists():
        hg.train(str(data), out=out / "first", minutes=first, epochs=400, report=False, **FIRST)
    for name in denoisers:
        if not (out / name).exists():
            hg.latent_diffusion(out / "first", DENOISERS[name], out=out / name, minutes=minutes,
                                text="none", batch_size=128, lr=1e-3, ema=0.998, epochs=2000)
    return {name: hg.load(out / name) for name in denoisers}


@torch.inference_mode()
def looked(judge: Judge, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Features (N, F) and classes (N,) of images (N, H, W, C)."""
    x = torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2))).float()
    parts = [(judge.features(some), judge.classify(some)) for some in x.split(TOGETHER)]
    return tuple(torch.cat(each).numpy() for each in zip(*parts, strict=True))


def measured(
    model: hg.Model, judge: Judge, real: np.ndarray, draws: Callable[[list[str]], np.ndarray],
    n: int, fitting: float | None = None,
) -> str:
    """The cells of a row: Fréchet distance, share in the class asked for, seconds of fitting and
    of drawing."""
    labels = np.arange(n) % len(model.classes)
    begun = time.monotonic()
    images = draws([model.classes[i] for i in labels])
    took = time.monotonic() - begun
    features, kinds = looked(judge, images)
    right = float((kinds == labels).mean())
    half = 1.96 * (right * (1 - right) / n) ** 0.5
    return (f"{frechet_distance(real, features):.2f} | {right:.1%} ± {half:.1%} | "
            f"{'' if fitting is None else f'{fitting:.0f}'} | {took:.1f}")


def rows(
    models: dict[str, hg.Model], judge: Judge, n: int, priors: Sequence[str]
) -> list[str]:
    """The lines of the table."""
    model = next(iter(models.values()))
    train, test = model.splits["train"], model.splits["test"]
    real, kinds = looked(judge, test.images)
    lines = []
    for name, images, y in (("training images", train.images[:len(test)], train.labels),
                            ("reconstructed test images", model.reconstruct(test.images),
                             test.labels)):
        features, kinds = looked(judge, images)
        right = np.mean([model.classes[k] == str(own) for k, own in zip(kinds, y, strict=False)])
        lines.append(f"| {name} | {frechet_distance(real, features):.2f} | {right:.1%} | | |")
    for prior in priors:
        begun = time.monotonic()
        if prior != "own":
            model.prior(prior)   # fitted now
        took = time.monotonic() - begun
        knows = prior != "own"
        lines.append(f"| `{prior}` | " + measured(model, judge, real, lambda names: model.draw(
            n, names if knows else None, prior=prior, seed=1)[0], n, took) + " |")   # noqa: B023
        print(lines[-1], flush=True)
    for name, own in models.items():
        spent = float(denoiser_folder(own.folder).read_record()["seconds"])
        for guidance in (1, 2):
            lines.append(f"| latent diffusion, `{name}`, guidance {guidance} | " + measured(
                own, judge, real, lambda names: own.generate(   # noqa: B023
                    n, label=names, guidance=guidance, seed=1).array, n, spent) + " |")   # noqa: B023
            print(lines[-1], flush=True)
    return lines


def curve(model: hg.Model, judge: Judge, n: int) -> list[str]:
    """The lines of a table: how good draws of the last denoiser are after few steps. The samplers
    have as many calls of the guided network in a row; Heun's method takes two a step."""
    real, _ = looked(judge, model.splits["test"].images)
    lines = ["", "| calls, guidance 2 | " + " | ".join(f"`{name}`" for name in SAMPLERS) + " |",
             "|---|" + "---|" * len(SAMPLERS)]
    for calls in CALLS:
        cells = []
        for sampler, each in SAMPLERS.items():
            steps = calls // each
            cells.append("" if not steps else " | ".join(measured(
                model, judge, real, lambda names: model.generate(
                    n, label=names, steps=steps, sampler=sampler, guidance=2,   # noqa: B023
                    seed=1).array, n).split(" | ")[:2]).replace(" | ", ", "))
        lines.append(f"| {calls} | {' | '.join(cells)} |")
        print(lines[-1], flush=True)
    return lines


def main() -> None:
    """Train, draw, measure and write table.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data")
    parser.add_argument("--out", type=Path, default=Path("latent_priors"))
    parser.add_argument("--train", type=int, default=10_000)
    parser.add_argument("--test", type=int, default=2_000)
    parser.add_argument("--first", type=float, default=3)
    parser.add_argument("--minutes", type=float, default=4)
    parser.add_argument("-n", type=int, default=1_000)
    parser.add_argument("--priors", nargs="+", default=list(PRIORS))
    parser.add_argument("--denoisers", nargs="+", default=list(DENOISERS), choices=DENOISERS)
    parser.add_argument("--curve", type=int, default=0, metavar="N",
                        help="also measure N draws after few steps")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    data = data_of(args.data, args.out, args.train, args.test)
    models = trained(data, args.out, args.first, args.minutes, args.denoisers)
    judge = find_judge(next(iter(models.values())).source())
    lines = ["| | Fréchet distance | in the class asked for | seconds: fitting | drawing |",
             "|---|---|---|---|---|", *rows(models, judge, args.n, args.priors), "", judge.about]
    if args.curve:
        lines += curve(list(models.values())[-1], judge, args.curve)
    (args.out / "table.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
