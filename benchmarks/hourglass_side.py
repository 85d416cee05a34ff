"""Our side of against_pythae.py: a task as JSON -> one line of JSON."""

import json
import statistics
import sys
import tempfile
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from pythae_measures import measure

from hourglass.model.autoencoder import Autoencoder
from hourglass.run.settings import make_settings
from hourglass.training.setup import prepare
from hourglass.training.train import run


def halves(model: Autoencoder):
    """Its encoder and decoder as the measures need them; codes are rows of numbers."""
    shape = model.sample_prior(1).shape[1:]

    def encode(x):
        latent = model.encode(x.unflatten(1, (1, 28, 28)))[0]
        spread = None if latent.q is None else 2 * latent.q.stddev.log()
        return latent.z.flatten(1), spread

    def decode(z):
        return model.decode(z.unflatten(1, shape)).mean.flatten(1)
    return encode, decode


def main() -> None:
    task = json.loads(sys.argv[1])
    torch.set_num_threads(task["threads"])
    train, test = (np.load(Path(task["folder"]) / f"{name}.npy") for name in ("train", "test"))
    settings = make_settings({"val": 0, "test": 0, "epochs": task["epochs"], "seed": task["seed"],
                              "batch_size": task["batch"], "stop": "none(restore_best=False)",
                              "device": "cpu", **task["ours"]})
    with tempfile.TemporaryDirectory() as folder:
        training = prepare(settings, train, out=Path(folder) / "run")
        for _ in run(training):
            pass
    model = training.step.model.eval().to(memory_format=torch.contiguous_format)
    ends = [0.0, *(row["seconds"] for row in training.state.history)]
    rows = [*model.encoder.parameters(), *model.decoder.parameters(),
            *model.bottleneck.parameters()]
    figures = measure(test, *halves(model), task)
    print(json.dumps({**figures, "seconds": statistics.median(b - a for a, b in pairwise(ends)),
                      "network": sum(p.numel() for p in rows),
                      "precision": training.settings.precision, "loss": training.parts.loss}))


if __name__ == "__main__":
    main()
