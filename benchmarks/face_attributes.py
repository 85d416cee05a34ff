"""Prompted faces: how often does a classifier find the attribute that a prompt asks for?

    python benchmarks/face_attributes.py RUN [--out FOLDER] [--each 64] [--guidance 4]

RUN is latent diffusion on celeba with its captions: docs/how-to/prompts.md has the two commands
that train it. The classifier is a small network, trained on the true attributes of the training
faces; its balanced accuracy is measured on test faces, which neither it nor the generator saw.
Each prompt, such as "a smiling woman", is drawn `--each` times, half of them men. Beside it: the
same without the attribute ("a woman"), draws without a prompt, and test faces. No picture is
written, because faces of CelebA must not be published; --look writes one to look at.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

import hourglass as hg
from hourglass.analysis.figures.canvas import as_png, contact_sheet
from hourglass.data.attribute_sentences import sentence
from hourglass.data.fetch import places
from hourglass.inference.features.classifier import Classifier

ASKED = ("Male", "Smiling", "Eyeglasses", "Wearing_Hat", "Blond_Hair", "Black_Hair", "Gray_Hair",
         "Bangs", "Heavy_Makeup", "Mouth_Slightly_Open")
ATTRIBUTES = "list_attr_celeba.txt"
EPOCHS, BATCH = 8, 64


def attributes(names: list[str]) -> np.ndarray:
    """Bool (N, 10): which of the attributes the faces with these file names have."""
    folder = next(place for kind in ("celeba", "celeba10k") for place in places(kind)
                  if (place / ATTRIBUTES).is_file())
    _, head, *lines = (folder / ATTRIBUTES).read_text().splitlines()
    columns = [head.split().index(name) + 1 for name in ASKED]
    rows = {line.split()[0]: line.split() for line in lines}
    return np.array([[rows[Path(name).name][i] == "1" for i in columns] for name in names])


def as_maps(images: np.ndarray) -> torch.Tensor:
    """Images (N, H, W, C) as (N, C, H, W)."""
    return torch.from_numpy(np.ascontiguousarray(images.clip(0, 1).transpose(0, 3, 1, 2))).float()


def trained(images: np.ndarray, y: np.ndarray) -> Classifier:
    """A classifier of all attributes at once, by images (N, H, W, C) and bool y (N, 10)."""
    torch.manual_seed(0)
    x, target = as_maps(images), torch.from_numpy(y).float()
    model = Classifier(3, len(ASKED))
    model(x[:2])   # the lazy layer learns its size
    optimiser = torch.optim.AdamW(model.parameters(), 1e-3, weight_decay=1e-2)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, EPOCHS * -(-len(x) // BATCH))
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(x)).split(BATCH):
            some = x[rows]
            some = some.flip(3) if torch.rand(()) < 0.5 else some
            loss = functional.binary_cross_entropy_with_logits(model(some), target[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            rate.step()
    return model.eval()


@torch.inference_mode()
def scores(model: Classifier, images: np.ndarray) -> np.ndarray:
    """Scores (N, 10) of images (N, H, W, C)."""
    return torch.cat([model(x) for x in as_maps(images).split(500)]).numpy()


def prompt(attribute: str, man: bool) -> str:
    """A caption of the grammar that training saw, with one attribute or, by "", with none."""
    present = {"No_Beard", *(("Male",) if man else ()), *((attribute,) if attribute else ())}
    return sentence(present, {"Male", "No_Beard", *ASKED})


def balanced(found: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The balanced accuracy (10,) of what was found, bool (N, 10): the mean of the shares that are
    right among those that have an attribute and among the others."""
    return np.array([(f[t].mean() + (~f[~t]).mean()) / 2 for f, t in zip(found.T, y.T,
                                                                         strict=True)])


def drawn(model: hg.Model, attribute: str, args: argparse.Namespace) -> np.ndarray:
    """Draws (N, H, W, C): half women, half men, except of Male."""
    several = ["a man"] if attribute == "Male" else [prompt(attribute, man)
                                                     for man in (False, True)]
    return model.generate(args.each, prompt=several, guidance=args.guidance, steps=args.steps,
                          seed=args.seed).array


def share(found: np.ndarray) -> str:
    """A share with its 95 % interval."""
    p, n = float(found.mean()), len(found)
    return f"{p:.0%} ± {1.96 * (p * (1 - p) / n) ** 0.5:.0%}"


def main() -> None:
    """Train the classifier, draw, measure and write table.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--out", type=Path, default=Path("face_attributes"))
    parser.add_argument("--each", type=int, default=64)
    parser.add_argument("--guidance", type=float, default=4)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--look", action="store_true", help="write faces.png, not to be published")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    model = hg.load(args.run)
    train, test = model.splits["train"], model.splits["test"]
    y, known = attributes(list(test.names)), attributes(list(train.names))
    judge = trained(train.images, known)
    # a threshold each, so that as many training faces are said to have an attribute as have it
    edges = np.array([np.quantile(column, 1 - share_) for column, share_ in zip(
        scores(judge, train.images).T, known.mean(0), strict=True)])
    real = scores(judge, test.images) > edges
    right = balanced(real, y)
    plain, free = drawn(model, "", args), model.generate(
        2 * args.each, guidance=1, steps=args.steps, seed=args.seed).array
    base, alone = (scores(judge, x) > edges for x in (plain, free))
    kept = balanced(scores(judge, model.reconstruct(test.images)) > edges, y)
    lines = ["| asked for | prompt | found | without the attribute | without a prompt | test "
             "faces | their labels | classifier, balanced | of reconstructions |", "|" + "---|" * 9]
    rows = []
    for i, name in enumerate(ASKED):
        images = drawn(model, name, args)
        rows.append(images[:8])
        seen = (scores(judge, images) > edges)[:, i]
        lines.append(f"| {name} | {'a man' if name == 'Male' else prompt(name, False)} | "
                     f"{share(seen)} | {share(base[:, i])} | {share(alone[:, i])} | "
                     f"{real[:, i].mean():.0%} | {y[:, i].mean():.0%} | {right[i]:.0%} | "
                     f"{kept[i]:.0%} |")
        print(lines[-1], flush=True)
    (args.out / "table.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))
    if args.look:
        sheet = contact_sheet([x.clip(0, 1) for x in rows], list(ASKED), 0.6, 40)
        (args.out / "faces.png").write_bytes(as_png(sheet, tight=True))


if __name__ == "__main__":
    main()
