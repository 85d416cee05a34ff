"""Prompted emoji: sixteen prompts, four draws each, how many are right, and whether they copy.

    python benchmarks/prompts.py RUN [--out FOLDER] [--guidance 4] [--steps 20]

RUN is latent diffusion on emoji with captions: see docs/how-to/prompts.md for the two commands that
train it. Draws are kept in FOLDER/draws.npz and used again, so a stopped benchmark goes on.

A draw is right if the training picture nearest to it, in features of EfficientNet, is among the
`--best` pictures whose names are nearest to the prompt, in features of MiniLM. Beside it: draws
without a prompt, and retrieval, which returns the training picture whose name is nearest to the
prompt, after a trip through the autoencoder. Copying: the mean squared error of a draw to the
nearest training picture, beside that of reconstructions of pictures that training has seen and has
not seen.
"""

import argparse
from pathlib import Path

import numpy as np
import torch

import hourglass as hg
from hourglass.analysis.figures.canvas import as_png, contact_sheet
from hourglass.core.features import as_images, features
from hourglass.inference.text_encoders.minilm import MiniLM
from hourglass.tasks.notebook_samples import Samples

KNOWN = ("grinning face", "red heart", "cat face", "dog face", "green apple", "blue circle",
         "house", "flag: Japan")
NEW = ("a happy yellow smiley", "a crimson love symbol", "an angry sad person",
       "a small orange kitten", "something sweet to eat", "a big green tree",
       "a fast red vehicle", "a banner with blue and white stripes")
EACH, BATCH, MOST = 4, 64, 300
RIGHT = "share of draws whose nearest training picture is among the {} nearest names"


def drawn(model: hg.Model, args: argparse.Namespace) -> dict[str, np.ndarray]:
    """The draws with prompts and without, (64, H, W, C) each; those that were kept before."""
    place = args.out / "draws.npz"
    if place.is_file():
        return dict(np.load(place))
    prompts, options = [*KNOWN, *NEW], {"steps": args.steps, "seed": args.seed}
    count = EACH * len(prompts)
    draws = {"prompted": model.generate(count, prompt=prompts, guidance=args.guidance,
                                        **options).array,
             "unguided": model.generate(count, prompt=prompts, guidance=1, **options).array,
             "guidance": np.array(args.guidance),
             "without": model.generate(count, **options).array}
    np.savez(place, **draws)
    return draws


@torch.inference_mode()
def looked(images: np.ndarray) -> np.ndarray:
    """Features (N, D) of images (N, H, W, C), standardised to length 1."""
    extractor = features("efficientnet_lite0")
    parts = [extractor.vector(as_images(images[i:i + BATCH].clip(0, 1)))
             for i in range(0, len(images), BATCH)]
    return torch.nn.functional.normalize(torch.cat(parts), dim=1).numpy()


def share_right(near: np.ndarray, good: list[set[int]]) -> tuple[float, float, float]:
    """The share of rows whose nearest picture is among the good ones of its prompt, and its 95 %
    interval over prompts, by the bootstrap."""
    right = np.array([int(i) in names for i, names in zip(near, good, strict=True)], float)
    each = right.reshape(-1, EACH).mean(1)
    some = np.random.default_rng(0).integers(0, len(each), (2000, len(each)))
    low, high = np.quantile(each[some].mean(1), [0.025, 0.975])
    return float(right.mean()), float(low), float(high)


def distances(images: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Mean squared error (N,) of each image to the nearest training picture."""
    a, b = images.reshape(len(images), -1), train.reshape(len(train), -1)
    squared = (a ** 2).sum(1)[:, None] - 2 * a @ b.T + (b ** 2).sum(1)
    return squared.min(1).clip(0) / a.shape[1]


def table(model: hg.Model, train: Samples, test: Samples, draws: dict[str, np.ndarray],
          best: int) -> tuple[list[str], np.ndarray]:
    """The lines of the table, and the nearest training picture (64,) of each prompted draw."""
    encoder, prompts = MiniLM(()), [*KNOWN, *NEW]
    names = torch.nn.functional.normalize(encoder.features([c[0] for c in train.captions]), dim=1)
    prompt_features = torch.nn.functional.normalize(encoder.features(prompts), dim=1)
    order = (prompt_features @ names.T).argsort(1, descending=True)
    good = [set(order[i, :best].tolist()) for i in range(len(prompts)) for _ in range(EACH)]
    known = looked(train.images)
    retrieved = train.images[order[:, 0].repeat_interleave(EACH)]
    rows = {f"prompts, guidance {float(draws['guidance']):g}": draws["prompted"],
            "prompts, guidance 1": draws["unguided"], "without a prompt": draws["without"],
            "retrieval by name, decoded": model.reconstruct(retrieved)}
    lines = ["| | " + RIGHT.format(best) + " | known names | new words |",
             "| --- | --- | --- | --- |"]
    nearest = {}
    for name, images in rows.items():
        near = nearest[name] = (looked(images) @ known.T).argmax(1)
        half = len(KNOWN) * EACH
        whole, first, second = (share_right(near[cut], good[cut]) for cut in (
            slice(None), slice(half), slice(half, None)))
        lines.append(f"| {name} | {whole[0]:.0%} ({whole[1]:.0%} to {whole[2]:.0%}) | "
                     f"{first[0]:.0%} | {second[0]:.0%} |")
    lines += ["", f"Chance of a right draw: {best / len(train):.1%}.", "",
              *copies(model, train, test, draws)]
    return lines, next(iter(nearest.values()))


def copies(
    model: hg.Model, train: Samples, test: Samples, draws: dict[str, np.ndarray]
) -> list[str]:
    """The lines of a table: how far draws are from the nearest training picture, and how many are
    as near as reconstructions of training pictures are (95 % of them)."""
    half = len(KNOWN) * EACH
    own = distances(model.reconstruct(train.images[:MOST]), train.images)
    edge = np.quantile(own, 0.95)
    rows = {"draws, known names": distances(draws["prompted"][:half], train.images),
            "draws, new words": distances(draws["prompted"][half:], train.images),
            "draws without a prompt": distances(draws["without"], train.images),
            "reconstructed unseen pictures": distances(model.reconstruct(test.images),
                                                       train.images),
            "reconstructed training pictures": own}
    return ["| | distance to the nearest training picture, median | as near as a reconstruction |",
            "| --- | --- | --- |", *(
                f"| {name} | {np.median(far):.4f} | {np.mean(far <= edge):.0%} |"
                for name, far in rows.items())]


def figure(draws: np.ndarray, near: np.ndarray, train: Samples) -> bytes:
    """A PNG: a row for each prompt, each draw with the nearest training picture beside it."""
    pairs = np.stack([draws.clip(0, 1), train.images[near]], 1)   # (64, 2, H, W, C)
    rows = list(pairs.reshape(len(draws) // EACH, 2 * EACH, *draws.shape[1:]))
    return as_png(contact_sheet(rows, [*KNOWN, *NEW], 0.6, 40), tight=True)


def main() -> None:
    """Draw, measure, and write table.md and prompts.png."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--out", type=Path, default=Path("prompts"))
    parser.add_argument("--guidance", type=float, default=4)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--best", type=int, default=20)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    model = hg.load(args.run)
    draws = drawn(model, args)
    train, test = model.splits["train"], model.splits["test"]
    lines, near = table(model, train, test, draws, args.best)
    (args.out / "table.md").write_text("\n".join(lines) + "\n")
    (args.out / "prompts.png").write_bytes(figure(draws["prompted"], near, train))
    print("\n".join(lines))


if __name__ == "__main__":
    main()
