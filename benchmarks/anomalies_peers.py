"""pyod's side of anomalies.py, in its own interpreter: given.npz -> scores.npz in a folder."""

import sys
from pathlib import Path

import numpy as np
import torch
from pyod.models.auto_encoder import AutoEncoder
from pyod.models.iforest import IForest
from pyod.models.vae import VAE


def main() -> None:
    folder, seed, quick = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "1"
    torch.set_num_threads(1)
    given = np.load(folder / "given.npz")
    train, test = (given[name].reshape(len(given[name]), -1).astype(np.float32) / 255
                   for name in ("train", "test"))
    short = {"epoch_num": 1} if quick else {}
    models = {"AutoEncoder": AutoEncoder(random_state=seed, verbose=0, **short),
              "VAE": VAE(random_state=seed, verbose=0, **short),
              "IForest": IForest(random_state=seed)}
    scores = {}
    for name, model in models.items():
        model.fit(train)
        scores[name] = model.decision_function(test)
    np.savez(folder / "scores.npz", **scores)


if __name__ == "__main__":
    main()
