"""Few labels on MNIST: classifiers on an encoder that saw all images without labels, compared with
the same network from scratch and with nearest neighbours of codes and of pixels.

    python benchmarks/finetune.py RUN [--labels 100,1000,3000] [--seeds 3] [--augment "shift(2)"]

RUN is a run on a set with labels, such as that of: hourglass train mnist --recipe fast_cae.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from sklearn.neighbors import KNeighborsClassifier

from hourglass.data.augmentations import augmenter
from hourglass.data.split_data import Source
from hourglass.inference.classifier import (
    STEPS,
    ClassifierTraining,
    as_classifier,
    fit_classifier,
    guesses,
)
from hourglass.inference.trained import Trained, load
from hourglass.model.autoencoder import Autoencoder
from hourglass.tasks.finetune import NEIGHBOURS, FinetuneOptions, labelled_rows

WAYS = ("finetuned", "frozen", "from scratch", "k-NN of codes", "k-NN of pixels")


def accuracies(
    model: Trained, source: Source, count: int, seed: int, asked: argparse.Namespace
) -> list[float]:
    """The accuracy of each method on the test samples, with `count` labels."""
    source, rows = labelled_rows(source, FinetuneOptions(count, seed=seed))
    train, test = source.splits["train"], source.splits[source.unseen]
    every = torch.arange(len(test))
    truth = test.batch(every).y
    parts = model.description.parts
    torch.manual_seed(seed)
    fresh = Autoencoder(parts, model.shape)
    vary = augmenter(asked.augment, source.low, source.high) if asked.augment else None
    shares = []
    for network, frozen in ((model.model, False), (model.model, True), (fresh, False)):
        classifier = as_classifier(network, parts, len(source.classes), "")
        fit_classifier(classifier, train, rows, ClassifierTraining(frozen, asked.steps, seed, vary))
        shares.append(float((guesses(classifier, test, every) == truth).float().mean()))
    labels = train.batch(rows).y
    for seen in (lambda split, at: model.model.encode(split.batch(at).seen)[0].z,
                 lambda split, at: split.batch(at).x):
        with torch.inference_mode():
            known, asked = (torch.cat([seen(*part).flatten(1) for part in (
                (split, at) for at in some.split(500))]).numpy()
                for split, some in ((train, rows), (test, every)))
        neighbours = KNeighborsClassifier(min(NEIGHBOURS, count // len(source.classes)))
        shares.append(float(np.mean(neighbours.fit(known, labels).predict(asked) == truth.numpy())))
    return shares


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--labels", default="100,1000,3000")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--augment", default="")
    parser.add_argument("--steps", type=int, default=STEPS, help="batches of each training")
    options = parser.parse_args()
    model = load(options.run)
    source = model.source()
    print(f"| labels | {' | '.join(WAYS)} |\n|---|{'---|' * len(WAYS)}", flush=True)
    for count in map(int, options.labels.split(",")):
        each = np.array([accuracies(model, source, count, seed, options)
                         for seed in range(options.seeds)])
        cells = [f"{100 * mean:.1f} ± {100 * std:.1f}" for mean, std in
                 zip(each.mean(0), each.std(0, ddof=1 if len(each) > 1 else 0), strict=True)]
        print(f"| {count:,} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
