"""pythae's side of against_pythae.py, in its own interpreter: a task as JSON -> one line of JSON.

Networks are pythae's own MLP of 512 units, and for words a small convolutional pair of ours, for
there pythae has none of that size.
"""

import contextlib
import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pythae.models
import torch
from pythae.data.datasets import BaseDataset, DatasetOutput
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseEncoder
from pythae.trainers import (
    AdversarialTrainer,
    AdversarialTrainerConfig,
    BaseTrainer,
    BaseTrainerConfig,
)
from pythae.trainers.training_callbacks import TrainingCallback
from pythae_measures import CHUNK, measure
from torch import nn

KINDS = {"vae": ("VAE", "VAEConfig"), "beta_vae": ("BetaVAE", "BetaVAEConfig"),
         "iwae": ("IWAE", "IWAEConfig"), "factor_vae": ("FactorVAE", "FactorVAEConfig"),
         "wae_mmd": ("WAE_MMD", "WAE_MMD_Config"), "vq_vae": ("VQVAE", "VQVAEConfig")}


class Down(BaseEncoder):
    """x (B, 1, 28, 28) -> maps (B, 16, 7, 7)."""

    def __init__(self, dim):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 32, 3, 2, 1), nn.ReLU(), nn.Conv2d(32, 64, 3, 2, 1), nn.ReLU(),
            nn.Conv2d(64, dim, 1))

    def forward(self, x):
        return ModelOutput(embedding=self.layers(x))


class Up(BaseDecoder):
    """Maps (B, 16, 7, 7) -> pixels (B, 1, 28, 28)."""

    def __init__(self, dim):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(dim, 64, 1), nn.ReLU(),
            nn.ConvTranspose2d(64, 64, 3, 2, 1, 1), nn.ReLU(),
            nn.ConvTranspose2d(64, 32, 3, 2, 1, 1), nn.ReLU(),
            nn.Conv2d(32, 1, 3, padding=1), nn.Sigmoid())

    def forward(self, z):
        return ModelOutput(reconstruction=self.layers(z))


class Clock(TrainingCallback):
    """Seconds of every epoch."""

    def __init__(self):
        self.epochs = []

    def on_epoch_begin(self, training_config, **_):
        self.begun = time.perf_counter()

    def on_epoch_end(self, training_config, **_):
        self.epochs.append(time.perf_counter() - self.begun)


def made(task):
    kind, config = (getattr(pythae.models, name) for name in KINDS[task["model"]])
    settings = config(input_dim=(1, 28, 28), latent_dim=task["dim"], **task["theirs"])
    if task["model"] == "vq_vae":
        return kind(settings, encoder=Down(task["dim"]), decoder=Up(task["dim"]))
    return kind(settings)


def trained(model, x, task, folder):
    clock, common = Clock(), {
        "output_dir": folder, "num_epochs": task["epochs"], "seed": task["seed"],
        "per_device_train_batch_size": task["batch"], "no_cuda": True}
    if task["model"] == "factor_vae":
        kind, config = AdversarialTrainer, AdversarialTrainerConfig(
            autoencoder_learning_rate=task["lr"], **common)
    else:
        kind, config = BaseTrainer, BaseTrainerConfig(learning_rate=task["lr"], **common)
    data = BaseDataset(x, torch.zeros(len(x)))
    trainer = kind(model, train_dataset=data, training_config=config, callbacks=[clock])
    trainer.train()
    return trainer._best_model.eval(), clock.epochs


def halves(model, name):
    """Its encoder and decoder as the measures need them."""
    def encode(x):
        out = model.encoder(x.unflatten(1, (1, 28, 28)))
        if name == "vq_vae":
            words = model.quantizer(out.embedding.permute(0, 2, 3, 1)).quantized_vector
            return words.flatten(1), None
        return out.embedding, (None if name == "wae_mmd" else out.log_covariance)

    def decode(z):
        z = z.unflatten(1, (-1, 7, 7)) if name == "vq_vae" else z
        return model.decoder(z)["reconstruction"].flatten(1)
    return encode, decode


@torch.no_grad()
def own_figures(model, x, task):
    """What its own methods say: the loss of the test set, and get_nll of a few images."""
    losses = [float(model(DatasetOutput(data=chunk)).loss)
              for chunk in x[:task["nll_images"]].split(task["batch"])]
    figures = {"own_loss": float(np.mean(losses))}
    again = torch.cat([model.reconstruct(chunk) for chunk in x.split(CHUNK)])
    figures["own_rows"] = len(again) / len(x)
    if len(again) == len(x):
        figures["own_mse"] = float((again - x).square().flatten(1).sum(1).mean())
    if hasattr(model, "get_nll") and task["model"] != "factor_vae":
        with contextlib.redirect_stdout(sys.stderr):
            nll = model.get_nll(x[:task["own_images"]], n_samples=task["draws"])
        figures["own_nll"] = float(nll)
    return figures


def main():
    task = json.loads(sys.argv[1])
    torch.set_num_threads(task["threads"])
    torch.manual_seed(task["seed"])
    train, test = (np.load(Path(task["folder"]) / f"{name}.npy") for name in ("train", "test"))
    x = torch.from_numpy(train).float()[:, None] / 255
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr):
        model = made(task)
        parts = [model.encoder, model.decoder, getattr(model, "quantizer", None)]
        network = sum(p.numel() for part in parts if part is not None for p in part.parameters())
        model, epochs = trained(model, x, task, folder)
    encode, decode = halves(model, task["model"])
    figures = measure(test, encode, decode, task)
    figures |= own_figures(model, torch.from_numpy(test).float()[:, None] / 255, task)
    print(json.dumps({**figures, "seconds": float(np.median(epochs)), "network": network}))


if __name__ == "__main__":
    main()
