"""Does generating help? A classifier trained on 10 images of each class, alone and with more that
were made from them in several ways. Prints a table; every row is from the same draws of images.

    python benchmarks/augmenting.py [--seeds 3] [--data mnist] [--quick]
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

import hourglass
from hourglass.core.channels import channels_first
from hourglass.data.augmentations import augmenter
from hourglass.data.collect import collect
from hourglass.data.image_options import Reading
from hourglass.inference.trained import Trained

PER_CLASS = 10
UNLABELLED = 10_000
MADE = 200          # images made of each class
STEPS = 300
MOVES = "rotate(10) + shift(2)"
QUIET = {"quiet": True, "report": False}


def classifier(x: Tensor, y: Tensor, classes: int, move: str, seed: int) -> nn.Module:
    """A small convolutional network, trained on images x (N, C, H, W) of classes y (N,)."""
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Conv2d(x.shape[1], 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Dropout(0.3), nn.LazyLinear(classes))
    model(x[:2])
    optimiser = torch.optim.AdamW(model.parameters(), 2e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=STEPS)
    vary = augmenter(move, 0.0, 1.0)
    for _ in range(STEPS):
        rows = torch.randint(len(x), (min(64, len(x)),))
        loss = functional.cross_entropy(model(vary(x[rows])), y[rows])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return model.eval()


@torch.inference_mode()
def accuracy(model: nn.Module, x: Tensor, y: Tensor) -> float:
    predicted = torch.cat([model(part).argmax(1) for part in x.split(1000)])
    return float((predicted == y).float().mean())


def made(model: Trained, count: int, classes: int, seed: int) -> tuple[Tensor, Tensor]:
    """Images (N, C, H, W) and their classes (N,), as `hourglass generate RUN --prior kde
    --temperature 0.5 -o more/` writes them, a folder a class."""
    x, _, kinds = model.draw(count * classes, None, seed, "kde", 0.5)
    return channels_first(torch.from_numpy(x)), torch.from_numpy(kinds)


def linear(model: Trained, few: np.ndarray, y: Tensor, x: np.ndarray, truth: Tensor) -> float:
    """Accuracy of a linear classifier on the codes instead, without any image made."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    learner = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000))
    return learner.fit(model.encode(few), y).score(model.encode(x), truth)


def trial(
    seed: int, x: np.ndarray, y: np.ndarray, test: tuple[np.ndarray, np.ndarray], pretrained: Path,
    folder: Path, epochs: int,
) -> dict[str, float]:
    """Accuracies by what the classifier was trained on, for one draw of labelled images."""
    generator, classes = np.random.default_rng(seed), int(y.max()) + 1
    rows = np.concatenate([generator.choice(np.flatnonzero(y == k), PER_CLASS, replace=False)
                           for k in range(classes)])
    few, of = x[rows], torch.from_numpy(y[rows])
    as_x, truth = channels_first(torch.from_numpy(test[0]).float() / 255), torch.from_numpy(test[1])
    real = channels_first(torch.from_numpy(few).float() / 255)
    alone = hourglass.train(few, y=y[rows], model="vae(8)", epochs=epochs, val=0, stop="none",
                            seed=seed, out=folder / f"alone_{seed}", **QUIET)
    tuned = hourglass.train(few, y=y[rows], begin=str(pretrained), epochs=20, lr=2e-4, val=0,
                            stop="none", seed=seed, out=folder / f"tuned_{seed}", **QUIET)
    sets = {"100 images": (real, of)}
    for name, model in (("a VAE of the 100", alone), ("a VAE that saw 10,000 without labels",
                                                      tuned)):
        images, kinds = made(model, MADE, classes, seed)
        sets[f"and {MADE} a class from {name}"] = (torch.cat([real.repeat(10, 1, 1, 1), images]),
                                                   torch.cat([of.repeat(10), kinds]))
    accuracies = {}
    for name, (images, kinds) in sets.items():
        for move in ("", MOVES):
            label = f"{name}, moved ({MOVES})" if move else name
            network = classifier(images, kinds, classes, move, seed)
            accuracies[label] = accuracy(network, as_x, truth)
    accuracies["no image made: a linear classifier on the codes of the latter"] = linear(
        tuned, few, of, test[0], truth)
    return accuracies


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--data", default="mnist")
    parser.add_argument("--quick", action="store_true", help="two seeds, few epochs: a smoke run")
    chosen = parser.parse_args()
    collection = collect(chosen.data, Reading())
    assert collection.y is not None, f"{chosen.data} has no labels"
    train, test = collection.parts["train"], collection.parts["test"]
    x, y = collection.x[train], collection.y[train]
    held_out = collection.x[test], collection.y[test]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        unlabelled = x[np.random.default_rng(0).choice(len(x), UNLABELLED, replace=False)]
        hourglass.train(unlabelled, model="vae(8)", epochs=2 if chosen.quick else 20, stop="none",
                        out=folder / "pretrained", **QUIET)
        results = []
        for seed in range(2 if chosen.quick else chosen.seeds):
            results.append(trial(seed, x, y, held_out, folder / "pretrained", folder,
                                 10 if chosen.quick else 300))
            print(f"seed {seed} is done", flush=True)
    print(f"\n{chosen.data}, {PER_CLASS} labelled images a class, {len(results)} draws of them; "
          f"accuracy on {len(held_out[0]):,} test images: mean, and the least and the best draw\n")
    print("| trained on | accuracy, % | difference from the 100 images alone |\n|---|---|---|")
    base = np.array([r["100 images"] for r in results])
    for name in results[0]:
        each = 100 * np.array([r[name] for r in results])
        gain = each - 100 * base
        print(f"| {name} | {each.mean():.1f} ({each.min():.1f} to {each.max():.1f}) | "
              f"{gain.mean():+.1f} ({gain.min():+.1f} to {gain.max():+.1f}) |")


if __name__ == "__main__":
    main()
