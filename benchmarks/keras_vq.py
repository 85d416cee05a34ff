"""Keras' example of a vector-quantised autoencoder: its reconstruction error, and how well a prior
predicts its tokens, compared with the figures on that page.

    python benchmarks/keras_vq.py [--minutes 25] [--steps 3000] [--run FOLDER] [--quick]

trains the recipe keras_vq on MNIST (or takes a run of it) and a pixelcnn on the training images'
words, and prints a table as Markdown. Figures of words depend on how many of them are in use, so
their perplexity is there too; the page prints none. Its own validation images were a tenth of what
its prior was trained on, ours are MNIST's test images, which neither model saw.
"""

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

import hourglass
from hourglass.inference.fit_prior import fit_prior
from hourglass.inference.latents import find_codes

PUBLISHED = {"squared error / variance": 0.0444, "cross-entropy of a word, nats": 1.0336,
             "words guessed": 0.673}
STD = 0.21787   # the recipe's: its square is half the variance of the training images' pixels


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", help="a run of keras_vq, trained already")
    parser.add_argument("--minutes", type=float, default=None, help="of training, at most")
    parser.add_argument("--steps", type=int, default=3000, help="of the prior's training")
    parser.add_argument("--quick", action="store_true", help="a smoke run")
    return parser.parse_args()


def main() -> None:
    given = arguments()
    steps = 20 if given.quick else given.steps
    with tempfile.TemporaryDirectory() as folder:   # not needed after reading
        run = hourglass.load(given.run) if given.run else hourglass.train(
            "mnist", recipe="keras_vq", report=False, out=Path(folder) / "run",
            minutes=0.2 if given.quick else given.minutes)
        source, model = run.source(), run.model
        train = run.codes()
        test = find_codes(model, replace(source, splits={"train": source.splits["test"]}))
        epochs = len(run.folder.read_history())
    with torch.inference_mode():
        again = torch.cat([model.decode(z.to(next(model.parameters()))).mean.cpu()
                           for z in test.z.split(500)])
    x = source.splits["test"].batch(test.rows).x.cpu()
    error = float((again - x).square().mean())
    words = model.alphabet.read(test.z).flatten()
    share = words.bincount(minlength=model.alphabet.size) / len(words)
    perplexity = float(torch.special.entr(share).sum().exp())
    prior = fit_prior(f"pixelcnn(steps={steps})", train, len(source.classes), model)
    z = test.z.flatten(1)
    nats = -prior.log_prob(z.numpy(), test.y.numpy()) / np.prod(model.alphabet.places)
    half = 1.96 * nats.std() / np.sqrt(len(nats))
    figures = {"squared error / variance": f"{error / (2 * STD**2):.4f}",
               "cross-entropy of a word, nats": f"{nats.mean():.4f} ± {half:.4f}",
               "words guessed": f"{prior.part.accuracy(z, test.y):.3f}"}
    print(f"## Words of MNIST, after Keras' example\n\n{epochs} epochs of the recipe keras_vq, "
          f"{steps:,} steps of the prior; on the {len(x):,} test images. {int((share > 0).sum())} "
          f"of {len(share)} words in use, perplexity {perplexity:.1f}.\n")
    print("| | published | here |\n|---|---|---|")
    for name, value in figures.items():
        print(f"| {name} | {PUBLISHED[name]} | {value} |")


if __name__ == "__main__":
    main()
