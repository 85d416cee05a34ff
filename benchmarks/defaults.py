"""The reconstruction error of every named model with its defaults, and that of a simple baseline.

    .venv/bin/python benchmarks/defaults.py --folder runs/defaults
    .venv/bin/python benchmarks/defaults.py --models aae,wae_gan --backbone mlp --epochs 5

Models train on 10,000 images of MNIST; 2,000 others test them. The baseline is PCA with as many
components as a code of the model has numbers, fitted to the same images. For a masked autoencoder
it is the mean of the visible neighbours, on the hidden pixels. Each model's result is kept in the
folder, so that a run in pieces prints one table.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.decomposition import PCA

import hourglass as hg
from hourglass.core.channels import channels_first, channels_last
from hourglass.core.console import say
from hourglass.core.contracts import Collection
from hourglass.core.registry import models
from hourglass.data.collect import collect
from hourglass.data.image_options import Reading
from hourglass.inference.trained import Trained
from hourglass.run.folder import INTERRUPTED

MASKED = ("mae",)
ON = 0.1   # above which a unit of kl_sparse_ae is active


def images(count: int) -> tuple[Collection, Collection]:
    """`count` training images of MNIST, and 2,000 test images."""
    collection = collect("mnist", Reading())
    assert collection.y is not None
    parts = [np.sort(collection.parts[name])[:most] if name in collection.parts else np.arange(most)
             for name, most in (("train", count), ("test", 2000))]
    if "train" not in collection.parts:
        parts[0] = np.setdiff1d(np.arange(len(collection.x)), collection.parts["test"])[:count]
    x, y, classes = collection.x, collection.y, collection.classes
    return tuple(Collection(x[rows], y[rows], classes)   # type: ignore[return-value]
                 for rows in parts)


def principal(train: np.ndarray, test: np.ndarray, components: int) -> float:
    """The mean squared error of PCA with this number of components on the test images."""
    flat, other = (x.reshape(len(x), -1) / np.float32(255) for x in (train, test))
    pca = PCA(min(components, flat.shape[1]), svd_solver="covariance_eigh").fit(flat)
    return float(np.square(pca.inverse_transform(pca.transform(other)) - other).mean())


def names_of(found: Collection) -> np.ndarray:
    """The class of each image, (N,), by name."""
    return np.array(found.classes)[found.y]


def code_size(model: Trained, images: np.ndarray) -> int:
    """How many numbers a code is: tokens and categories count one each, and of sparse codes those
    that are not 0, on average; of units between 0 and 1 that are kept near 0, those above ON."""
    net = model.model
    if net.alphabet is not None:
        return int(np.prod(net.alphabet.places))
    if hasattr(net.bottleneck, "classes"):
        return int(net.bottleneck.dim) + len(net.bottleneck.classes)
    if net.condition is not None:
        return int(np.prod(net.sample_prior(1).shape[1:]))
    codes = model.encode(images).reshape(len(images), -1)
    least = ON if "sparsity" in model.description.texts["loss"] else 0
    return max(1, round(float((np.abs(codes) > least).sum(1).mean())))


def of_hidden(model: Trained, test: np.ndarray) -> tuple[float, float]:
    """The mean squared error of hidden pixels: of a masked autoencoder, and of the mean of the
    visible neighbours."""
    import torch

    from hourglass.analysis.restoration_baselines import neighbours
    from hourglass.model.corruptions import corrupted
    x = test.astype(np.float32) / 255
    seen = corrupted(model.model.corrupt, channels_first(torch.from_numpy(x)))
    assert seen.hidden is not None
    hidden = channels_last(seen.hidden).numpy()
    given = channels_last(seen.x).numpy()
    filled = np.stack([neighbours(image, holes) for image, holes in zip(
        given, hidden[..., 0], strict=True)])
    errors = [np.square(restored - x)[hidden].mean() for restored in (model.restore(given), filled)]
    return float(errors[0]), float(errors[1])


def measure(name: str, train: Collection, test: Collection, settings: dict[str, Any]
            ) -> dict[str, Any]:
    """Train the model and hold it against its baseline."""
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        model = hg.train(train.x, y=names_of(train), model=name, out=f"{folder}/run",
                         report=False, quiet=True, **settings)
        history = model.folder.read_history()
        if not history or model.folder.read_record()["ended"] == INTERRUPTED:
            raise SystemExit(f"{name} was interrupted, and is not kept; the same command goes on")
        code = code_size(model, test.x[:500])
        if name in MASKED:
            error, baseline = of_hidden(model, test.x)
        else:
            classes = None if model.model.condition is None else names_of(test)
            again = model.reconstruct(test.x, classes)
            error = float(np.square(again - test.x.reshape(again.shape) / np.float32(255)).mean())
            baseline = principal(train.x, test.x, code)
        epochs = history[-1]["epoch"]
    return {"model": name, "code": code, "epochs": round(epochs, 2), "mse": error,
            "baseline": baseline, "seconds": round(time.monotonic() - begun, 1)}


def table(rows: list[dict[str, Any]]) -> str:
    """The results as Markdown."""
    lines = ["| model | numbers in a code | epochs | squared error | baseline | |",
             "|---|---|---|---|---|---|"]
    for row in rows:
        verdict = "better" if row["mse"] < row["baseline"] else "**worse**"
        of = "neighbours" if row["model"] in MASKED else f"PCA({row['code']})"
        lines.append(f"| `{row['model']}` | {row['code']} | {row['epochs']:g} | {row['mse']:.4f} | "
                     f"{row['baseline']:.4f}, {of} | {verdict} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", default="", help="names with commas. Default: all")
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--minutes", type=float, default=3.0, help="at most, for each model")
    parser.add_argument("--backbone", default="", help="default: the usual one for images, conv")
    parser.add_argument("--folder", type=Path, default=Path("runs/defaults"))
    given = parser.parse_args()
    chosen = [name for name in given.models.split(",") if name] or list(models.parts)
    train, test = images(given.images)
    given.folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for name in chosen:
        kept = given.folder / f"{name}-{given.backbone or 'usual'}.json"
        if not kept.is_file():
            settings = {"epochs": given.epochs, "minutes": given.minutes, "device": "cpu",
                        **({"backbone": given.backbone} if given.backbone else {})}
            kept.write_text(json.dumps(measure(name, train, test, settings)))
        rows.append(json.loads(kept.read_text()))
        say(table(rows[-1:]).splitlines()[-1] + f" {rows[-1]['seconds']} s")
    print(table(rows))


if __name__ == "__main__":
    main()
