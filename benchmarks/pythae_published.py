"""The VAE that pythae publishes on static binarised MNIST (89.78 nats), by pythae's own code.

    .venv-pythae/bin/python benchmarks/pythae_published.py binarized_mnist.npz --epochs 500

Network, rate, schedule, selection and number of codes are those of its script; the trained weights
are then measured by pythae_measures.py and by its own get_nll.
"""

import argparse
import contextlib
import sys
import tempfile

import numpy as np
import torch
from pythae.data.datasets import BaseDataset
from pythae.models import VAE, VAEConfig
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseEncoder
from pythae.trainers import BaseTrainer, BaseTrainerConfig
from pythae_measures import log_mean, log_weights
from torch import nn

HIDDEN, DIM, CODES = 400, 40, 200
OWN = 500   # images for get_nll, which goes one by one


class Encoder(BaseEncoder):
    """x (B, 1, 28, 28) -> mean and log variance (B, 40)."""

    def __init__(self):
        super().__init__()
        self.hidden = nn.Sequential(nn.Flatten(), nn.Linear(784, HIDDEN), nn.ReLU())
        self.mean, self.log_var = nn.Linear(HIDDEN, DIM), nn.Linear(HIDDEN, DIM)

    def forward(self, x):
        h = self.hidden(x)
        return ModelOutput(embedding=self.mean(h), log_covariance=self.log_var(h))


class Decoder(BaseDecoder):
    """Codes (B, 40) -> probabilities (B, 1, 28, 28)."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(DIM, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 784),
                                    nn.Sigmoid())

    def forward(self, z):
        return ModelOutput(reconstruction=self.layers(z).unflatten(1, (1, 28, 28)))


def trained(train, valid, epochs):
    """The weights of least validation loss."""
    model = VAE(VAEConfig(input_dim=(1, 28, 28), latent_dim=DIM, reconstruction_loss="bce"),
                encoder=Encoder(), decoder=Decoder())
    with tempfile.TemporaryDirectory() as folder:
        config = BaseTrainerConfig(
            output_dir=folder, num_epochs=epochs, learning_rate=1e-4, no_cuda=True, seed=8,
            per_device_train_batch_size=100, per_device_eval_batch_size=100,
            scheduler_cls="MultiStepLR",
            scheduler_params={"milestones": [200, 350, 500, 750, 1000], "gamma": 10 ** (-1 / 5)})
        sets = [BaseDataset(x, torch.zeros(len(x))) for x in (train, valid)]
        trainer = BaseTrainer(model, train_dataset=sets[0], eval_dataset=sets[1],
                              training_config=config)
        trainer.train()
    return trainer._best_model.eval()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", help="an .npz of three arrays: train, valid, test")
    parser.add_argument("--epochs", type=int, default=500)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    parts = np.load(given.data, allow_pickle=False)
    train, valid, test = (torch.from_numpy(parts[name]).float().view(-1, 1, 28, 28)
                          for name in ("train", "valid", "test"))
    with contextlib.redirect_stdout(sys.stderr):
        model = trained(train, valid, given.epochs)

        def encode(x):
            out = model.encoder(x)
            return out.embedding, out.log_covariance

        def decode(z):
            return model.decoder(z).reconstruction.flatten(1)
        with torch.no_grad():
            ours = torch.cat([-log_mean(log_weights(x, encode, decode, CODES))
                              for x in test.flatten(1).split(500)])
            own = float(model.get_nll(test[:OWN], n_samples=CODES))
    error = float(ours.std() / len(ours) ** 0.5)
    print(f"test, {len(ours):,} images: -log p(x) {ours.mean():.2f} +- {error:.2f} nats by {CODES} "
          f"codes; of the first {OWN}: {ours[:OWN].mean():.2f}, by its own get_nll {-own:.2f}")


if __name__ == "__main__":
    main()
