"""Do words such as "slanted" and "thick" steer what they name? Measured in draws of glyphs.

    python benchmarks/prompt_measures.py FIRST [--out FOLDER] [--minutes 5] [--each 20]

FIRST is an autoencoder of glyphs with classes; benchmarks/latent_priors.py leaves one in its
folder. A denoiser is trained on it with `captions="strokes"`, for `--minutes`, unless FOLDER has
one.

Each row is a prompt such as "a three, slanted", for every class, with `--each` draws. A measurement
is given in standard deviations from the mean of the training images of the class. Beside it: the
prompt without the word ("a three"), and training images that the word describes. `in its quarter`
is the share of draws in the quarter of the measurement that the word names, where chance is 25 %.
"""

import argparse
from pathlib import Path

import numpy as np
import torch

import hourglass as hg
from hourglass.analysis.feature_extractor import Judge, find_judge
from hourglass.data.measured_captions import WORDS, sentences
from hourglass.data.measures import MEASURED

STROKES = WORDS["strokes"]
TOGETHER = {"slanted, thick": ("slant", "brightness"), "upright, thin": ("slant", "brightness")}


def measured(name: str, images: np.ndarray) -> np.ndarray:
    """A measurement (N,) of images (N, H, W, C)."""
    x = torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2))).float()
    return MEASURED[name](x).numpy()


class Ruler:
    """Measurements relative to the training images of each class (N, H, W, C)."""

    def __init__(self, images: np.ndarray, y: np.ndarray, classes: int):
        self.values = {name: [measured(name, images[y == k]) for k in range(classes)]
                       for name in STROKES}

    def standard(self, name: str, images: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Standard deviations (N,) from the mean of the class."""
        values = measured(name, images)
        mean, std = (np.array([f(v) for v in self.values[name]])[y] for f in (np.mean, np.std))
        return (values - mean) / std

    def in_quarter(self, name: str, much: bool, images: np.ndarray, y: np.ndarray) -> float:
        """The share in the highest or lowest quarter of its class."""
        edge = np.array([np.quantile(v, 0.75 if much else 0.25) for v in self.values[name]])[y]
        values = measured(name, images)
        return float(np.mean(values > edge if much else values < edge))


def classes_of(judge: Judge, images: np.ndarray) -> np.ndarray:
    """The class (N,) that the classifier sees in images (N, H, W, C)."""
    x = torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2))).float()
    with torch.inference_mode():
        return judge.classify(x).numpy()


def drawn(model: hg.Model, words: str, args: argparse.Namespace) -> tuple[np.ndarray, np.ndarray]:
    """Draws (N, H, W, C) of every class with these words, and their classes (N,)."""
    prompts = [", ".join(filter(None, [sentences(name, ())[-1], words])) for name in model.classes]
    images = model.generate(args.each * len(prompts), prompt=prompts, guidance=args.guidance,
                            seed=args.seed).array
    return images, np.arange(len(prompts)).repeat(args.each)


def shown(values: np.ndarray) -> str:
    """The mean with its 95 % interval."""
    return f"{values.mean():+.2f} ± {1.96 * values.std() / len(values) ** 0.5:.2f}"


def main() -> None:
    """Train, draw, measure and write table.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("first", type=Path)
    parser.add_argument("--out", type=Path, default=Path("prompt_measures"))
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--each", type=int, default=20)
    parser.add_argument("--guidance", type=float, default=2)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    if not (args.out / "run").exists():
        hg.latent_diffusion(args.first, "mlp(width=512, depth=4)", out=args.out / "run",
                            minutes=args.minutes, text="words", captions="strokes",
                            batch_size=128, lr=1e-3, ema=0.998)
    model = hg.load(args.out / "run")
    train = model.splits["train"]
    labels = np.array([model.classes.index(str(name)) for name in train.labels])
    ruler, judge = Ruler(train.images, labels, len(model.classes)), find_judge(model.source())
    plain, y = drawn(model, "", args)
    lines = ["| words | measurement | with the words | without | training images so described | in "
             "its quarter, with | without | class as asked |", "|" + "---|" * 8]
    pairs = [(word, name) for name, words in STROKES.items() for word in words]
    pairs += [(words, name) for words, names in TOGETHER.items() for name in names]
    kept: dict[str, np.ndarray] = {}
    for words, name in pairs:
        if words not in kept:
            kept[words] = drawn(model, words, args)[0]
        images, much = kept[words], STROKES[name][1] in words.split(", ")
        edges = np.array([np.quantile(v, 0.75 if much else 0.25) for v in ruler.values[name]])
        own = measured(name, train.images)
        real = own > edges[labels] if much else own < edges[labels]
        lines.append(
            f"| {words} | {name} | {shown(ruler.standard(name, images, y))} | "
            f"{shown(ruler.standard(name, plain, y))} | "
            f"{shown(ruler.standard(name, train.images[real], labels[real]))} | "
            f"{ruler.in_quarter(name, much, images, y):.0%} | "
            f"{ruler.in_quarter(name, much, plain, y):.0%} | "
            f"{np.mean(classes_of(judge, images) == y):.0%} |")
        print(lines[-1], flush=True)
    lines += ["", judge.about]
    (args.out / "table.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
