"""The tutorials' networks in Keras on TensorFlow, as their pages print them: one line of JSON.

    python benchmarks/keras_side.py --epochs 3 [--policy mixed_bfloat16] [--until 0.1405]
    python benchmarks/keras_side.py --faces images.npy --epochs 3 [--policy mixed_bfloat16]
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
import tensorflow as tf
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


class FacesVAE(keras.Model):
    """96x96x3, filters 32-64-128-256, 256 factors; the loss as in Keras' own example."""

    def __init__(self):
        super().__init__()
        x = keras.Input((96, 96, 3))
        h = x
        for filters in (32, 64, 128, 256):
            h = layers.Conv2D(filters, 3, strides=2, padding="same", use_bias=False)(h)
            h = layers.LeakyReLU(0.2)(layers.BatchNormalization()(h))
        h = layers.Flatten()(h)
        self.encoder = keras.Model(x, [layers.Dense(256)(h), layers.Dense(256)(h)])
        z = keras.Input((256,))
        h = layers.LeakyReLU(0.2)(layers.Reshape((6, 6, 256))(layers.Dense(9216)(z)))
        for filters in (128, 64, 32):
            h = layers.Conv2DTranspose(filters, 3, strides=2, padding="same", use_bias=False)(h)
            h = layers.LeakyReLU(0.2)(layers.BatchNormalization()(h))
        h = layers.Conv2DTranspose(3, 3, strides=2, padding="same")(h)
        self.decoder = keras.Model(z, layers.Activation("sigmoid", dtype="float32")(h))
        self.total = keras.metrics.Mean(name="loss")

    @property
    def metrics(self):
        return [self.total]

    def train_step(self, data):
        with tf.GradientTape() as tape:
            mean, log_var = (tf.cast(t, tf.float32) for t in self.encoder(data, training=True))
            z = mean + tf.exp(0.5 * log_var) * tf.random.normal(tf.shape(mean))
            again = self.decoder(z, training=True)
            recon = tf.reduce_sum(keras.losses.binary_crossentropy(data, again), axis=(1, 2)) * 3
            kl = -0.5 * tf.reduce_sum(1 + log_var - mean**2 - tf.exp(log_var), axis=1)
            loss = tf.reduce_mean(recon + kl)
        weights = self.trainable_weights
        self.optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
        self.total.update_state(loss)
        return {"loss": self.total.result()}


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
        if len(self.epochs) <= epoch:   # there was no validation
            self.epochs.append(time.perf_counter() - self.begun)
        if self.reached is None and logs.get("val_loss", 9) <= self.until:
            self.reached = (epoch + 1, time.perf_counter() - self.started)
            self.model.stop_training = True


def faces(images: np.ndarray, epochs: int) -> dict:
    x = images.astype("float32") / 255
    model, clock = FacesVAE(), Clock(0.0)
    model.compile(keras.optimizers.Adam(5e-4))
    history = model.fit(x, batch_size=128, epochs=epochs, verbose=0, callbacks=[clock]).history
    parameters = sum(int(np.prod(w.shape)) for w in model.trainable_weights)
    return {"images_per_second": len(x) / min(clock.epochs[1:]), "loss": history["loss"][-1],
            "parameters": parameters}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--policy", default="float32")
    parser.add_argument("--until", type=float, default=0.0)
    parser.add_argument("--faces", help="a .npy file of 96x96x3 images")
    given = parser.parse_args()
    keras.utils.set_random_seed(0)
    keras.mixed_precision.set_global_policy(given.policy)
    if given.faces:
        print(json.dumps(faces(np.load(given.faces), given.epochs)))
        return
    x = mnist(Path(os.environ["HOURGLASS_DATA"]))
    train, val = x[:30000], x[30000:]
    clock = Clock(given.until)
    history = tutorial().fit(train, train, batch_size=128, epochs=given.epochs, verbose=0,
                             validation_data=(val, val), callbacks=[clock]).history
    print(json.dumps({"images_per_second": len(train) / min(clock.epochs[1:] or clock.epochs),
                      "best": min(history["val_loss"]), "reached": clock.reached}))


if __name__ == "__main__":
    main()
