"""The peers' side of nab.py: pyod's detectors on windows of series, in their own interpreter.

    python benchmarks/peers_series.py in.npz out.npz

in.npz holds for each series i `train_i` and `all_i`, windows (N, W) on the same scale; out.npz gets
`METHOD_i` (N,), the score of the step that a window of `all_i` ends with.
"""

import sys

import numpy as np
from pyod.models.auto_encoder import AutoEncoder
from pyod.models.iforest import IForest


def main() -> None:
    windows, scores = np.load(sys.argv[1]), {}
    count = sum(name.startswith("train_") for name in windows.files)
    for i in range(count):
        detectors = {"iforest": IForest(random_state=0),
                     "autoencoder": AutoEncoder(random_state=0, verbose=0, preprocessing=False)}
        for name, detector in detectors.items():
            detector.fit(windows[f"train_{i}"])
            scores[f"{name}_{i}"] = detector.decision_function(windows[f"all_{i}"])
        print(f"{i + 1} of {count}", file=sys.stderr, flush=True)
    np.savez(sys.argv[2], **scores)


if __name__ == "__main__":
    main()
