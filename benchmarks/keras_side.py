"""The tutorial's autoencoder in Keras on TensorFlow, as its pages print it: one line of JSON.

    python benchmarks/keras_side.py --epochs 3 [--policy mixed_bfloat16] [--until 0.1405]
"""

import argparse
import gzip
import json
import os
import time
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras
import numpy as np
from keras import layers


def mnist(folder: Path) -> np.ndarray:
    raw = gzip.decompress((folder / "mnist" / "train-images-idx3-ubyte.gz").read_bytes())
    return np.frombuffer(raw, np.uint8, offset=16).reshape(-1, 28, 28, 1).astype("float32") / 255


def tutorial() -> keras.Model:
    x = keras.Input((28, 28, 1))
    h = x
    for filters in (16, 8, 4):
        h = layers.Conv2D(filters, 3, strides=2, padding="same", activation="relu")(h)
    z = layers.Dense(10)(layers.Flatten()(h))
    h = layers.Reshape((4, 4, 4))(layers.Dense(64)(z))
    for filters in (4, 8, 16):
        h = layers.Conv2DTranspose(filters, 3, strides=2, padding="same", activation="relu")(h)
    h = layers.Conv2D(1, 3, activation="sigmoid")(h)
    model = keras.Model(x, layers.Resizing(28, 28, dtype="float32")(h))
    model.compile("adam", "binary_crossentropy")
    assert model.count_params() == 4723
    return model


class Clock(keras.callbacks.Callback):
    """Seconds of every epoch's training part, and when validation reached the goal."""

    def __init__(self, until: float):
        super().__init__()
        self.until, self.epochs, self.reached = until, [], None

    def on_train_begin(self, logs=None):
        self.started = time.perf_counter()

    def on_epoch_begin(self, epoch, logs=None):
        self.begun = time.perf_counter()

    def on_test_begin(self, logs=None):
        self.epochs.append(time.perf_counter() - self.begun)

    def on_epoch_end(self, epoch, logs=None):
        if self.reached is None and logs["val_loss"] <= self.until:
            self.reached = (epoch + 1, time.perf_counter() - self.started)
            self.model.stop_training = True


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--policy", default="float32")
    parser.add_argument("--until", type=float, default=0.0)
    given = parser.parse_args()
    keras.utils.set_random_seed(0)
    keras.mixed_precision.set_global_policy(given.policy)
    x = mnist(Path(os.environ["HOURGLASS_DATA"]))
    train, val = x[:30000], x[30000:]
    clock = Clock(given.until)
    history = tutorial().fit(train, train, batch_size=128, epochs=given.epochs, verbose=0,
                             validation_data=(val, val), callbacks=[clock]).history
    print(json.dumps({"images_per_second": len(train) / min(clock.epochs[1:] or clock.epochs),
                      "best": min(history["val_loss"]), "reached": clock.reached}))


if __name__ == "__main__":
    main()
